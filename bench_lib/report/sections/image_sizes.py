"""The report's section on image size: how throughput follows it."""

import pandas as pd
from IPython.display import Markdown

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import CaseTable
from bench_lib.report.phrases import bullets, change_words, few, unknown_accuracy
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed
from bench_lib.text.numbers import times


def image_sizes_text(report: CaseTable) -> Markdown:
    """How FPS follows the image size."""
    cases = report.measured
    falls = findings.axis_ends(cases, "image_size")
    if falls.empty:
        return Markdown(
            tr("No line of the plots was measured at two or more sizes: there are no data on the effect of the size.")
        )
    small, large = cases.image_size.min(), cases.image_size.max()
    lines = [falling(falls, small, large), *few(pixel_rates(cases)), *few(fp16_falls(falls))]
    unknown = tr(
        "How recognition accuracy depends on the image size was not measured here ({why}), so no “optimal balance of "
        "speed and accuracy” follows from these data.",
        why=unknown_accuracy(report.grid)[0],
    )
    return bullets([*lines, unknown])


def falling(falls: pd.DataFrame, small: int, large: int) -> str:
    """Whether and how much FPS falls from the smallest image to the largest."""
    rising = sorted(set(falls[falls.verdict == "faster"].name))
    text = tr(
        "From {small} to {large} pixels the image area becomes {area} larger, and FPS {change}.",
        small=small, large=large, area=times((large / small) ** 2), change=change_words(falls),
    )  # fmt: skip
    return f"{text} {tr('It rises for {names}.', names=listed(rising))}" if rising else text


def pixel_rates(cases: pd.DataFrame) -> list[str]:
    """At which image size the most pixels pass in a second, for each batch."""
    lines = []
    for batch, rows in cases.groupby("batch_size"):
        best = findings.pixel_rates(rows)
        good = best[best.tied].image_size.tolist()
        most = number(best.rate.max())
        if 1 < len(good) == len(best):
            lines.append(tr(
                "At batch {batch} the data do not tell the sizes apart by the pixels per second of the best approach "
                "(up to {most}{nbsp}Mpixel/s): its FPS is inversely proportional to the area.",
                batch=batch, most=most,
            ))  # fmt: skip
        elif len(best) > 1:
            least = best.loc[best.rate.idxmin()]
            lines.append(tr(
                "At batch {batch} the best approach processes the most pixels per second at size {sizes}: "
                "{most}{nbsp}Mpixel/s (at {worst} it is {least}{nbsp}Mpixel/s).",
                batch=batch, sizes=listed(list(map(str, good))), most=most, worst=least.image_size,
                least=number(least.rate),
            ))  # fmt: skip
    return lines


FALLS = {
    "faster": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses less."),
    "slower": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses more."),
    "same": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses as much."),
    "undecided": mark(
        "{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: which loses more is not decided."
    ),
}


def fp16_falls(falls: pd.DataFrame) -> list[str]:
    """Whether FPS falls less in fp16 than in fp32, for each engine with both."""
    lines = []
    for (label, batch), rows in falls.groupby(["label", "batch_size"], sort=False):
        by_precision = {precision: rows[rows.precision_label == precision] for precision in ("fp16", "fp32")}
        if all(map(len, by_precision.values())):
            half, full = by_precision["fp16"], by_precision["fp32"]
            verdict = findings.compare_changes(half.rows.iloc[0], full.rows.iloc[0])
            lines.append(tr(FALLS[verdict], label=label, batch=batch, half=change_words(half), full=change_words(full)))
    return lines
