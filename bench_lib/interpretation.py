"""Tables → Russian sentences: what the figures mean."""

import pandas as pd
from IPython.display import Markdown

from bench_lib import findings, roofline
from bench_lib.narrative import bullets, few, leadership
from bench_lib.russian import NBSP, between, counted, listed, number, percent, plural, scientific, span, times
from bench_lib.statistics import ALIKE_WITHIN, alike
from bench_lib.summary import BASELINE_NAME, Summary

NOTHING = Markdown("Сказать нечего: ни одна конфигурация не измерена.")
BATCHES = "params/batches.yaml"


def engines(report: Summary) -> Markdown:
    """Which approach is faster, and by how much."""
    cases = report.measured
    if cases.empty:
        return NOTHING
    lines = [leadership(findings.blocks(cases))]
    for name, rows in cases.groupby("name", sort=False):
        if name != BASELINE_NAME and rows.speedup.notna().any():
            lines.append(f"**{name}:** {against_baseline(rows.dropna(subset='speedup'))}")
    if cases.speedup.isna().all():
        lines.append(f"{BASELINE_NAME} не измерен, поэтому ускорение не посчитано.")
    return bullets(lines + roofline.nearest(report))


def against_baseline(rows: pd.DataFrame) -> str:
    """How one engine and precision compares with PyTorch fp32: range, where it is slower, how the batch matters."""
    faster, slower = (rows.speedup > 1 / (1 - ALIKE_WITHIN)).sum(), (rows.speedup < 1 - ALIKE_WITHIN).sum()
    among = f"из {len(rows)}{NBSP}{plural(len(rows), 'сочетания', 'сочетаний', 'сочетаний')}"
    counts = {"быстрее": faster, "медленнее": slower, "наравне": len(rows) - faster - slower}
    words = [f"{word} в {count}" for word, count in counts.items() if count]
    text = f"относительно {BASELINE_NAME} {listed(words)} {among}; "
    text += f"ускорение {span(rows.speedup.min(), rows.speedup.max(), '×')}."
    medians = rows.groupby("batch_size").speedup.median()
    if len(medians) > 1 and not alike(medians.iloc[0], medians.iloc[-1]):
        trend = "больше" if medians.iloc[-1] > medians.iloc[0] else "меньше"
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
        "Точность распознавания от размера изображения здесь не измерялась (веса случайные), поэтому «оптимальный "
        "баланс скорости и точности» из этих данных не следует."
    )
    return bullets(lines)


def falling(falls: pd.DataFrame, small: int, large: int) -> str:
    """Whether and how much FPS falls from the smallest image to the largest."""
    rising = sorted(set(falls[falls.ratio > 1 / (1 - ALIKE_WITHIN)].name))
    text = (
        f"От {small} до {large} пикселей площадь изображения растёт {times((large / small) ** 2)}, "
        f"а FPS {change(falls.ratio)}."
    )
    return f"{text} Растёт он у {listed(rising)}." if rising else text


def change(ratios: pd.Series) -> str:
    """«падает в 4,1–5,6 раза», «растёт в 1,2 раза», «почти не меняется», or those that hold."""
    falls, grows = ratios < 1 - ALIKE_WITHIN, ratios > 1 / (1 - ALIKE_WITHIN)
    parts = []
    if falls.any():
        parts.append(f"падает {between(1 / ratios[falls].max(), 1 / ratios[falls].min())}")
    if grows.any():
        parts.append(f"растёт {between(ratios[grows].min(), ratios[grows].max())}")
    if (~falls & ~grows).any():
        parts.append("почти не меняется")
    return ", ".join(parts[:1] + [f"местами {part}" for part in parts[1:]])


def pixel_rates(cases: pd.DataFrame) -> list[str]:
    """At which image size the most pixels pass in a second, for each batch."""
    cases = cases.assign(rate=findings.megapixels_per_s(cases))
    lines = []
    for batch, rows in cases.groupby("batch_size"):
        rates = rows.groupby("image_size").rate.max()
        good = [str(size) for size, rate in rates.items() if alike(rate, rates.max())]
        if 1 < len(good) == len(rates):
            lines.append(
                f"При батче {batch} лучший способ пропускает пикселей в секунду поровну при всех размерах (до "
                f"{number(rates.max())}{NBSP}Мпикс/с): его FPS обратно пропорционален площади."
            )
        elif len(rates) > 1:
            lines.append(
                f"При батче {batch} лучший способ пропускает больше всего пикселей в секунду при размере "
                f"{listed(good)}: {number(rates.max())}{NBSP}Мпикс/с "
                f"(при {rates.idxmin()} — {number(rates.min())}{NBSP}Мпикс/с)."
            )
    return lines


def fp16_falls(falls: pd.DataFrame) -> list[str]:
    """Whether FPS falls less in fp16 than in fp32, for each engine with both."""
    lines = []
    for label, rows in falls.groupby("label", sort=False):
        pairs = rows.pivot(index="batch_size", columns="precision_label", values="ratio")
        if not {"fp16", "fp32"} <= set(pairs.columns):
            continue
        for batch, pair in pairs.dropna(subset=["fp16", "fp32"]).iterrows():
            half, full = 1 / pair["fp16"], 1 / pair["fp32"]
            verdict = "столько же" if alike(half, full) else "меньше" if half < full else "больше"
            lines.append(
                f"{label}, батч {batch}: в fp16 FPS {change(pair[['fp16']])}, в fp32 {change(pair[['fp32']])}: "
                f"fp16 теряет {verdict}."
            )
    return lines


def batch_sizes(report: Summary) -> Markdown:
    """How FPS follows the batch size, and where it saturates."""
    cases = report.measured
    growth = findings.ends(cases, "batch_size")
    if growth.empty:
        return Markdown(f"Измерен один батч: о его влиянии данных нет. Их даст `bench sweep {BATCHES}`.")
    small, large = cases.batch_size.min(), cases.batch_size.max()
    lines = []
    for name, rows in growth.groupby("name", sort=False):
        lines.append(f"**{name}:** с ростом батча от {small} до {large} FPS {change(rows.ratio)}.")
    found = findings.saturations(cases)
    lines += few([saturated(point) for point in found])
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
    for name, rows in cases.groupby("name", sort=False):
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
    for name, rows in cases.groupby("name", sort=False):
        same = rows.top1.min() == 1
        agreement = "у всех изображений" if same else f"не меньше чем у {percent(rows.top1.min())} изображений"
        lines.append(
            f"**{name}:** наибольшая относительная ошибка {scientific(rows.error.max())}, первый класс совпадает с "
            f"эталонным {agreement}."
        )
    relabelled = cases[cases.precision_label != cases.precision]
    for (label, asked, shown), rows in relabelled.groupby(["label", "precision", "precision_label"], sort=False):
        count = counted(len(rows), "конфигурации", "конфигурациях", "конфигурациях")
        lines.append(
            f"{label} в {count} считал не в {asked}, как просили: судя по ошибке, это {shown.split()[-1].rstrip(')')}. "
            "Так эти строки и названы в таблице, а ускорение для них не показано."
        )
    inexact = report.cases[(report.cases.status == "failed") & report.cases.reason.str.startswith("выход")]
    if len(inexact):
        count = counted(len(inexact), "конфигурация", "конфигурации", "конфигураций")
        lines.append(f"{count} — вне допуска; скорость для них не показана: {listed(sorted(set(inexact.name)))}.")
    return bullets(lines)
