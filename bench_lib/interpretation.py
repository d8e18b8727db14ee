"""Tables → Russian sentences: what the figures mean."""

import pandas as pd
from IPython.display import Markdown

from bench_lib import findings, inputs, roofline
from bench_lib.cases import AUTO
from bench_lib.narrative import bullets, few, leadership
from bench_lib.summary import BASELINE_NAME, VERDICTS, Summary, main_names
from bench_lib.words import NBSP, between, counted, listed, number, percent, plural, scientific, span, times

NOTHING = Markdown("Сказать нечего: ни одна конфигурация не измерена.")
BATCHES = "params/batches.yaml"


def engines(report: Summary) -> Markdown:
    """Which approach is faster, and by how much."""
    cases = report.measured
    if cases.empty:
        return NOTHING
    lines = [leadership(findings.blocks(cases))]
    for name, rows in main_names(cases).groupby("name", sort=False):
        if name != BASELINE_NAME and rows.speedup.notna().any():
            trend = findings.speedup_trend(cases, name)
            lines.append(f"**{name}:** {against_baseline(rows.dropna(subset='speedup'), trend)}")
    lines += left_out(cases)
    if cases.speedup.isna().all():
        lines.append(f"{BASELINE_NAME} не измерен, поэтому ускорение не посчитано.")
    return bullets(lines + roofline.nearest(report))


def left_out(cases: pd.DataFrame) -> list[str]:
    """That sections like this one name only the best of the variants, where there are many."""
    shown, every = main_names(cases)["name"].nunique(), cases["name"].nunique()
    if shown == every:
        return []
    return [
        f"Названы {shown} из {every}: настройки по умолчанию и лучший вариант каждого рантайма и точности, здесь и "
        "дальше в этом разделе; остальные — в таблицах."
    ]


def against_baseline(rows: pd.DataFrame, trend: str) -> str:
    """How one engine and precision compares with PyTorch fp32: verdicts, range, how the batch matters."""
    among = f"из {len(rows)}{NBSP}{plural(len(rows), 'сочетания', 'сочетаний', 'сочетаний')}"
    counts = {words.lower(): (rows.verdict == verdict).sum() for verdict, words in VERDICTS.items()}
    words = [f"{word} в {count}" for word, count in counts.items() if count]
    text = f"относительно {BASELINE_NAME} {listed(words)} {among}; "
    text += f"ускорение {span(rows.speedup.min(), rows.speedup.max(), '×')}."
    if trend:
        medians = rows.groupby("batch_size").speedup.median()
        text += (
            f" При батче {medians.index[-1]} оно {trend}, чем при батче {medians.index[0]}: медианы "
            f"{number(medians.iloc[-1], 2)}× и {number(medians.iloc[0], 2)}×."
        )
    return text


def image_sizes(report: Summary) -> Markdown:
    """How FPS follows the image size."""
    cases = report.measured
    falls = findings.ends(cases, "image_size")
    if falls.empty:
        return Markdown("Ни одна линия не измерена хотя бы при двух размерах: о влиянии размера данных нет.")
    small, large = cases.image_size.min(), cases.image_size.max()
    lines = [falling(falls, small, large), *few(pixel_rates(cases)), *few(fp16_falls(falls))]
    lines.append(
        f"Точность распознавания от размера изображения здесь не измерялась ({inputs.unknown(report.grid)[0]}), "
        "поэтому «оптимальный баланс скорости и точности» из этих данных не следует."
    )
    return bullets(lines)


def falling(falls: pd.DataFrame, small: int, large: int) -> str:
    """Whether and how much FPS falls from the smallest image to the largest."""
    rising = sorted(set(falls[falls.verdict == "faster"].name))
    text = (
        f"От {small} до {large} пикселей площадь изображения растёт {times((large / small) ** 2)}, "
        f"а FPS {change(falls)}."
    )
    return f"{text} Растёт он у {listed(rising)}." if rising else text


def change(lines: pd.DataFrame) -> str:
    """«падает в 4,1–5,6 раза», «растёт в 1,2 раза» and the like, those that hold for `findings.ends`."""
    falls, grows = (lines[lines.verdict == verdict].ratio for verdict in ("slower", "faster"))
    parts = []
    if len(falls):
        parts.append(f"падает {between(1 / falls.max(), 1 / falls.min())}")
    if len(grows):
        parts.append(f"растёт {between(grows.min(), grows.max())}")
    if (lines.verdict == "same").any():
        parts.append("не меняется")
    if (lines.verdict == "undecided").any():
        parts.append("возможно, не меняется (не решено)")
    return ", ".join(parts[:1] + [f"местами {part}" for part in parts[1:]])


def pixel_rates(cases: pd.DataFrame) -> list[str]:
    """At which image size the most pixels pass in a second, for each batch."""
    lines = []
    for batch, rows in cases.groupby("batch_size"):
        best = findings.pixel_rates(rows)
        good = best[best.tied].image_size.tolist()
        most = f"{number(best.rate.max())}{NBSP}Мпикс/с"
        if 1 < len(good) == len(best):
            lines.append(
                f"При батче {batch} лучший способ при всех размерах пропускает пикселей в секунду столько, что данные "
                f"их не различают (до {most}): его FPS обратно пропорционален площади."
            )
        elif len(best) > 1:
            least = best.loc[best.rate.idxmin()]
            lines.append(
                f"При батче {batch} лучший способ пропускает больше всего пикселей в секунду при размере "
                f"{listed(list(map(str, good)))}: {most} (при {least.image_size} — {number(least.rate)}{NBSP}Мпикс/с)."
            )
    return lines


FALLS = {
    "faster": "fp16 теряет меньше",
    "slower": "fp16 теряет больше",
    "same": "fp16 теряет столько же",
    "undecided": "чья потеря больше, не решено",
}


def fp16_falls(falls: pd.DataFrame) -> list[str]:
    """Whether FPS falls less in fp16 than in fp32, for each engine with both."""
    lines = []
    for (label, batch), rows in falls.groupby(["label", "batch_size"], sort=False):
        by_precision = {precision: rows[rows.precision_label == precision] for precision in ("fp16", "fp32")}
        if all(map(len, by_precision.values())):
            half, full = by_precision["fp16"], by_precision["fp32"]
            verdict = findings.steeper(half.rows.iloc[0], full.rows.iloc[0])
            lines.append(f"{label}, батч {batch}: в fp16 FPS {change(half)}, в fp32 {change(full)}: {FALLS[verdict]}.")
    return lines


def batch_sizes(report: Summary) -> Markdown:
    """How FPS follows the batch size, and where it saturates."""
    cases = report.measured
    growth = findings.ends(main_names(cases), "batch_size")
    if growth.empty:
        return Markdown(f"Измерен один батч: о его влиянии данных нет. Их даст `bench sweep {BATCHES}`.")
    small, large = cases.batch_size.min(), cases.batch_size.max()
    lines = []
    for name, rows in growth.groupby("name", sort=False):
        lines.append(f"**{name}:** с ростом батча от {small} до {large} FPS {change(rows)}.")
    found = findings.saturations(main_names(cases))
    lines += few(found, saturated)
    if not found:
        lines.append(
            f"По {counted(cases.batch_size.nunique(), 'размеру', 'размерам', 'размерам')} батча нельзя сказать, где "
            f"наступает насыщение. Чтобы это узнать, запустите `bench sweep {BATCHES}`."
        )
    return bullets(lines)


def saturated(point: findings.Saturation) -> str:
    """One line's saturation point, or that it is not reached."""
    head = (
        f"{point.name}, {point.image_size}×{point.image_size}: наибольший FPS — {number(point.best_fps)} "
        f"при батче {point.best_batch}"
    )
    if point.batch_size is None:
        return f"{head}; FPS растёт до наибольшего измеренного батча, насыщение не достигнуто."
    return f"{head}; в пределах 5{NBSP}% от него FPS держится начиная с батча {point.batch_size}: дальше — насыщение."


def memory(report: Summary) -> Markdown:
    """How much memory each approach takes."""
    cases = report.measured
    if cases.empty:
        return NOTHING
    what = "памяти GPU" if report.machine.get("gpu") else "памяти процесса (вместе со сборкой)"
    lines = []
    for name, rows in main_names(cases).groupby("name", sort=False):
        lines.append(f"**{name}:** {span(rows.memory_mib.min(), rows.memory_mib.max(), f'{NBSP}МиБ', 0)} {what}.")
    least = cases.loc[cases.groupby(findings.AXES).memory_mib.idxmin()]
    counts = least.name.value_counts()
    if cases.name.nunique() > 1:
        among = f"{len(least)}{NBSP}{plural(len(least), 'сочетания', 'сочетаний', 'сочетаний')}"
        lines.append("Меньше всех занимает: " + "; ".join(f"{n} — в {c} из {among}" for n, c in counts.items()) + ".")
    return bullets(lines)


def accuracy(report: Summary) -> Markdown:
    """How far the outputs are from the reference, and which precision really ran."""
    cases = report.measured
    if cases.empty:
        return NOTHING
    lines = []
    for name, rows in main_names(cases).groupby("name", sort=False):
        same = rows.top1.min() == 1
        agreement = "у всех изображений" if same else f"не меньше чем у {percent(rows.top1.min())} изображений"
        lines.append(
            f"**{name}:** наибольшая относительная ошибка {scientific(rows.error.max())}, первый класс совпадает с "
            f"эталонным {agreement}."
        )
    lines += inputs.compared(report) + inputs.quantization(report)
    relabelled = cases[(cases.precision_label != cases.precision) & (cases.precision != AUTO)]
    for (label, asked, shown), rows in relabelled.groupby(["label", "precision", "precision_label"], sort=False):
        count = counted(len(rows), "конфигурации", "конфигурациях", "конфигурациях")
        lines.append(
            f"{label} в {count} считал не в {asked}, как просили: на деле это {shown.split()[-1].rstrip(')')}. "
            "Так эти строки и названы в таблице, а ускорение для них не показано."
        )
    inexact = report.cases[(report.cases.status == "failed") & report.cases.reason.str.startswith("выход")]
    if len(inexact):
        count = counted(len(inexact), "конфигурация", "конфигурации", "конфигураций")
        lines.append(f"{count} — вне допуска; скорость для них не показана: {listed(sorted(set(inexact.name)))}.")
    return bullets(lines)
