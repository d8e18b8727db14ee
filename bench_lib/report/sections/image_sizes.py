"""The section on the image size: how throughput follows it."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import computed_in
from bench_lib.report.marks import with_marks
from bench_lib.report.phrases import bullets, change_words, few, heading, unknown_accuracy
from bench_lib.report.report import Report
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed
from bench_lib.text.numbers import times


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Effect of the image size"), image_sizes_text(report))


def image_sizes_text(report: Report) -> Markdown:
    """How FPS follows the image size."""
    cases = report.measured
    falls = findings.axis_ends(cases, "image_size")
    if falls.empty:
        return Markdown(
            tr("No line of the plots was measured at two or more sizes: there are no data on the effect of the size.")
        )
    small, large = cases.image_size.min(), cases.image_size.max()
    lines = [fall_sentence(falls, small, large), *few(pixel_sentences(cases)), *few(fp16_sentences(falls))]
    unknown = [
        tr(
            "How recognition accuracy depends on the image size was not measured here ({why}), so no “optimal balance "
            "of speed and accuracy” follows from these data.",
            why=why,
        )
        for why in unknown_accuracy(report.grid)[:1]
    ]
    return bullets([*with_marks(lines, cases), *unknown])


def fall_sentence(falls: pd.DataFrame, small: int, large: int) -> str:
    """How FPS changes from the smallest image to the largest, and which approaches it rises for.

    `falls` is what `findings.axis_ends` makes over the image size.
    """
    rising = sorted(set(falls[falls.verdict == "faster"].name))
    text = tr(
        "From {small} to {large} pixels the image area becomes {area} larger, and FPS {change}.",
        small=small, large=large, area=times((large / small) ** 2), change=change_words(falls),
    )  # fmt: skip
    return f"{text} {tr('It rises for {names}.', names=listed(rising))}" if rising else text


def pixel_sentences(cases: pd.DataFrame) -> list[str]:
    """At which image size the most pixels are processed in a second, a sentence for each batch size."""
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


def fp16_sentences(falls: pd.DataFrame) -> list[str]:
    """Whether FPS falls less in fp16 than in fp32, for each engine, variant and batch size that has both."""
    lines = []
    for (_, _, label, batch), rows in falls.groupby(["engine", "variant", "label", "batch_size"], sort=False):
        half, full = computed_in(rows, "fp16"), computed_in(rows, "fp32")
        if len(half) and len(full):
            verdict = findings.compare_changes(half.rows.iloc[0], full.rows.iloc[0])
            lines.append(tr(FALLS[verdict], label=label, batch=batch, half=change_words(half), full=change_words(full)))
    return lines
