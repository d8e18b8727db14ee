"""The original report's claims, each held against the data: confirmed, refuted, or not tested."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from bench_lib import findings, inputs
from bench_lib.findings import against, pick
from bench_lib.interpretation import change, span
from bench_lib.summary import LABELS, Summary
from bench_lib.tables import styled
from bench_lib.words import counted, listed, number

YES, NO, PARTLY, UNTESTED = "подтверждается", "не подтверждается", "подтверждается частично", "не проверено"
UNDECIDED = "не решено"
SEED = Path(__file__).parents[1] / "outputs" / "seed" / "results.csv"  # as the original report printed them
MANIFOLD = 2  # «кратное ускорение»: at least twice as fast


@dataclass(frozen=True)
class Claim:
    """What the original report says (shortened), what the data say, and the verdict."""

    text: str
    data: str
    verdict: str


def absent(report: Summary, engine: str, precision: str) -> str:
    """Say that there are no figures of an engine at a precision."""
    asked = engine in report.grid.engines and precision in report.grid.precisions
    return f"{LABELS[engine]} {precision} здесь не {'измерен' if asked else 'запускался'}."


def share(holds: Sequence[bool | None]) -> str:
    """The verdict on what holds in all, some or no combinations; None is a combination that the data do not decide."""
    if all(holds):
        return YES
    if any(holds):
        return PARTLY
    return UNDECIDED if None in holds else NO


def holding(verdicts: Sequence[str], wanted: str) -> list[bool | None]:
    """For `share`: which verdicts are the wanted one, None where undecided."""
    return [None if verdict == "undecided" else verdict == wanted for verdict in verdicts]


def combinations(holds: Sequence[bool | None]) -> str:
    """«в 3 из 8 сочетаний размера и батча (в 2 не решено)»."""
    open_ones = f" (в {list(holds).count(None)} не решено)" if None in holds else ""
    among = counted(len(holds), "сочетания", "сочетаний", "сочетаний")
    return f"в {list(holds).count(True)} из {among} размера и батча{open_ones}"


def as_it_comes(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases without a variant's options: the original report had none."""
    return cases[cases.variant == ""]


def tensorrt_speedup(report: Summary) -> Claim:
    """Several times faster in fp16 than PyTorch and ONNX Runtime."""
    text = "Torch-TensorRT fp16 показывает кратное ускорение (около 11× при 224, батч 33)"
    rows = pick(report.measured, "torch_tensorrt", "fp16").dropna(subset="speedup")
    if rows.empty:
        return Claim(text, absent(report, "torch_tensorrt", "fp16"), UNTESTED)
    same = f" При 224, батч 33 — {number(rows.speedup[224, 33], 2)}×." if (224, 33) in rows.index else ""
    data = f"Ускорение относительно PyTorch fp32 — {span(rows.speedup.min(), rows.speedup.max(), '×')}.{same}"
    ends = zip(rows.speedup_low, rows.speedup_high, strict=True)
    return Claim(
        text, data, share([True if low >= MANIFOLD else None if high >= MANIFOLD else False for low, high in ends])
    )


def tensorrt_best(report: Summary) -> Claim:
    """The best choice for performance."""
    text = "Torch-TensorRT fp16 — лучший выбор, когда важна производительность"
    rows = pick(report.measured, "torch_tensorrt", "fp16")
    if rows.empty:
        return Claim(text, absent(report, "torch_tensorrt", "fp16"), UNTESTED)
    led = {(block.image_size, block.batch_size): block.leaders for block in findings.blocks(report.measured)}
    ours = rows.name.iloc[0]
    holds = [led[place] == (ours,) or (None if ours in led[place] else False) for place in rows.index]
    others = sorted({names[0] for names in led.values()} - {ours})
    instead = f" Быстрее бывают: {listed(others)}." if others else ""
    return Claim(text, f"Быстрее всех {combinations(holds)}.{instead}", share(holds))


def onnx_batches(report: Summary) -> Claim:
    """ONNX Runtime wins only at large batches."""
    text = "Преимущество ONNX Runtime достигается лишь при больших батчах"
    rows = pick(report.measured, "onnx_runtime", "fp32").dropna(subset="speedup")
    by_batch = rows.groupby("batch_size")
    medians = by_batch.speedup.median()
    if len(medians) < 2:
        return Claim(text, "ONNX Runtime fp32 не измерен при двух и более батчах.", UNTESTED)
    (small, low), (large, high) = (medians.index[0], medians.iloc[0]), (medians.index[-1], medians.iloc[-1])
    data = f"Медиана ускорения ONNX Runtime fp32: {number(low, 2)}× при батче {small}, {number(high, 2)}× при {large}."
    gains = [share(holding(by_batch.get_group(batch).verdict, "faster")) for batch in (small, large)]
    return Claim(text, data, UNDECIDED if UNDECIDED in gains else YES if gains == [NO, YES] else NO)


def size_lowers_fps(report: Summary) -> Claim:
    """FPS falls as the resolution grows."""
    text = "FPS закономерно снижается при увеличении разрешения"
    falls = findings.ends(report.measured, "image_size")
    if falls.empty:
        return Claim(text, "Измерен один размер.", UNTESTED)
    data = f"От наименьшего размера к наибольшему FPS {change(falls)}."
    return Claim(text, data, share(holding(falls.verdict, "slower")))


def fp16_falls_less(report: Summary) -> Claim:
    """In fp16 the fall is less severe."""
    text = "В режиме fp16 снижение FPS с размером менее критично"
    falls = findings.ends(report.measured, "image_size")
    half, full = (falls[falls.precision_label == name].set_index(["label", "batch_size"]) for name in ("fp16", "fp32"))
    both = half.join(full.rows.rename("rows_full"), how="inner")
    if both.empty:
        return Claim(text, "Нет способа, измеренного и в fp16, и в fp32 при двух размерах.", UNTESTED)
    verdicts = [findings.steeper(*pair) for pair in zip(both.rows, both.rows_full, strict=True)]
    holds = holding(verdicts, "faster")
    open_ones = f" (в {holds.count(None)} не решено)" if None in holds else ""
    pairs = counted(len(holds), "пары", "пар", "пар")
    return Claim(
        text, f"Снижение в fp16 меньше в {holds.count(True)} из {pairs} «способ — батч»{open_ones}.", share(holds)
    )


def best_size(report: Summary) -> Claim:
    """256 (or 256–384) is the best balance of speed and accuracy."""
    text = "Оптимальный размер по балансу скорости и точности — 256 (в выводах — 256–384)"
    why = ", ".join(inputs.unknown(report.grid))
    return Claim(text, f"Точность распознавания от размера не измерялась: {why}.", UNTESTED)


def batch_saturates(report: Summary) -> Claim:
    """FPS grows up to a batch of about 33, then saturates; batches of 8–33 are the best."""
    text = "FPS растёт до батча около 33, далее насыщение; батчи 8–33 дают максимум производительности"
    points = findings.saturations(as_it_comes(report.measured))
    largest = report.measured.batch_size.max()
    if not points or largest <= 33:
        return Claim(text, "Батчей для этого мало: нужны и меньше, и больше 33 (params/batches.yaml).", UNTESTED)
    parts = [f"{p.name} — {'не достигнуто' if p.batch_size is None else f'с батча {p.batch_size}'}" for p in points]
    holds = [p.batch_size is not None and 8 <= p.batch_size <= 33 for p in points]
    return Claim(text, f"Насыщение: {'; '.join(parts)} (измерено до батча {largest}).", share(holds))


def tensorrt_memory(report: Summary) -> Claim:
    """Torch-TensorRT fp16 takes the least memory."""
    text = "Torch-TensorRT эффективнее всех по памяти при fp16"
    ours = pick(report.measured, "torch_tensorrt", "fp16").memory_mib
    plain = as_it_comes(report.measured)
    rest = plain[(plain.precision_label == "fp16") & (plain.engine != "torch_tensorrt")]
    least = rest.groupby(findings.AXES).memory_mib.min()
    ratio = (ours / least).dropna()
    if ratio.empty:
        return Claim(text, absent(report, "torch_tensorrt", "fp16"), UNTESTED)
    holds = (ratio < 1).tolist()
    return Claim(text, f"Среди способов в fp16 занимает меньше всех {combinations(holds)}.", share(holds))


def onnx_memory(report: Summary) -> Claim:
    """ONNX Runtime needs more memory."""
    text = "ONNX Runtime требует больше памяти"
    ratio = against(
        pick(report.measured, "onnx_runtime", "fp32"), pick(report.measured, "pytorch", "fp32"), "memory_mib"
    )
    if ratio.empty:
        return Claim(text, "ONNX Runtime и PyTorch не измерены в fp32 при одних условиях.", UNTESTED)
    holds = (ratio > 1).tolist()
    data = f"К памяти PyTorch fp32 — {span(ratio.min(), ratio.max(), '×')}; больше {combinations(holds)}."
    if not report.machine.get("gpu"):
        data += " В этой памяти и экспорт модели, который идёт в том же процессе."
    return Claim(text, data, share(holds))


def onnx_compromise(report: Summary) -> Claim:
    """ONNX Runtime is a compromise, above all without NVIDIA."""
    text = "ONNX Runtime — компромисс между удобством и скоростью, особенно без NVIDIA"
    if report.machine.get("gpu"):
        return Claim(text, "Этот запуск — на GPU NVIDIA; без него нужен отдельный запуск.", UNTESTED)
    rows = pick(report.measured, "onnx_runtime", "fp32").dropna(subset="speedup")
    if rows.empty:
        return Claim(text, absent(report, "onnx_runtime", "fp32"), UNTESTED)
    holds = holding(rows.verdict, "faster")
    data = f"GPU NVIDIA здесь нет; ONNX Runtime быстрее PyTorch {combinations(holds)}. Удобство не измеряется."
    return Claim(text, data, share(holds))


CLAIMS: tuple[Callable[[Summary], Claim], ...] = (
    tensorrt_speedup, tensorrt_best, onnx_batches, onnx_compromise, size_lowers_fps, fp16_falls_less, best_size,
    batch_saturates, tensorrt_memory, onnx_memory,
)  # fmt: skip


def claims_table(report: Summary) -> Styler:
    """Every claim of the original report, what these data say, and the verdict."""
    rows = [claim(report) for claim in CLAIMS]
    table = pd.DataFrame([(row.text, row.data, row.verdict) for row in rows])
    table.columns = ["Утверждение исходного отчёта", "Что показали эти данные", "Вердикт"]
    return styled(table, "Утверждения исходного отчёта на этих данных")


def seed_rows(report: Summary) -> Styler:
    """The original report's three rows beside the same cases here; its machine is not known."""
    seed = pd.read_csv(SEED, dtype=str)
    rows = []
    for _, row in seed.iterrows():
        here = pick(report.measured, row.engine, row.precision)
        place = (int(row.image_size), int(row.batch_size))
        known = place in here.index
        rows.append([
            LABELS[row.engine], row.precision, *place, row.latency_ms.replace(".", ","), row.fps, row.speedup,
            *(here.loc[place, name] if known else float("nan") for name in ("latency_ms", "fps", "speedup")),
        ])  # fmt: skip
    table = pd.DataFrame(rows)
    then, now = "исходный отчёт", "здесь"
    table.columns = ["Оптимизация", "Точность", "Размер", "Батч", f"Время/батч (мс): {then}", f"FPS: {then}",
                     f"Ускорение: {then}", f"Время/батч (мс): {now}", f"FPS: {now}", f"Ускорение: {now}"]  # fmt: skip
    caption = "Примеры исходного отчёта и те же конфигурации здесь. На какой машине получены исходные, неизвестно"
    return styled(table, caption)
