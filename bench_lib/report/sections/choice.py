"""The section on what to choose here: the fastest by throughput, and by time at each batch size."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.analysis.case_table import compare_rows
from bench_lib.report.marks import marked_title, with_marks
from bench_lib.report.phrases import MOST_SENTENCES, bullets, few, heading, row_title
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed, listed_few, spread_out


def show(report: Report) -> None:
    """Display the section, the first of its chapter: its headings and sentences."""
    display(
        heading("## 5. Conclusions and recommendations"),
        heading("### What to choose on this machine"),
        choice_text(report),
    )


def choice_text(report: Report) -> Markdown:
    """What to choose on this machine, for throughput and for latency."""
    cases = report.measured
    if cases.empty:
        return Markdown(tr("There is nothing to choose from: no configuration was measured."))
    lines = [throughput_sentence(cases)]
    lines += few(list(cases.groupby("batch_size")), latency_sentence)
    return bullets(with_marks(lines, cases[cases.leads]))


def throughput_sentence(cases: pd.DataFrame) -> str:
    """The case with the highest FPS, and those that the data do not distinguish from it."""
    best = cases.loc[cases.fps.idxmax()]
    ordered = cases.drop(best.name).sort_values("fps", ascending=False)
    rows = ordered[["network", "name", "image_size", "batch_size", "fps", "fps_values", "extra_sd"]].to_dict("records")
    others = [row for row in rows if compare_rows(row, best, "fps") != "slower"]
    text = tr(
        "**Throughput:** the most images per second, {fps}, come from {place}.",
        fps=number(best.fps),
        place=marked_title(best),
    )
    if not others:
        return text
    return f"{text} {tr('The data do not tell it from: {others}.', others=listed_few(list(map(row_title, others))))}"


def latency_sentence(at_batch: tuple[int, pd.DataFrame]) -> str:
    """Who is fastest at a batch size, for each image size; `at_batch` is the batch size with its cases."""
    (batch, rows), parts = at_batch, []
    for size, block in rows.groupby("image_size"):
        names = block[block.leads].sort_values("latency_ms")["name"].tolist()
        least = number(block.latency_ms.min())
        parts.append(tr("{size}: {names} ({least}{nbsp}ms)", size=size, names=listed(names), least=least))
    shown = spread_out(parts, MOST_SENTENCES)
    named = "; ".join(shown)
    if len(shown) == len(parts):
        return tr("**Batch {batch}, shortest time by size:** {named}.", batch=batch, named=named)
    return tr(
        "**Batch {batch}, shortest time by size ({shown} of {all}):** {named}.",
        batch=batch, shown=len(shown), all=len(parts), named=named,
    )  # fmt: skip
