"""The section of interpretation in the main part: a paragraph each on runtimes, size, batch, memory and deviation."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import BASELINE, BASELINE_NAME, by_approach, main_names
from bench_lib.analysis.spread import NOT_KNOWN
from bench_lib.report.exactness import exactness_words, worst
from bench_lib.report.marks import marked_title, marks_among
from bench_lib.report.phrases import appendix, change_words, leadership, nothing_text, unknown_accuracy
from bench_lib.report.report import Report
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.numbers import percent, span, times

MOST_VARIANTS = 4  # named with their speedups


def show(report: Report) -> None:
    """Display the section's paragraphs."""
    display(interpretation_text(report))


def interpretation_text(report: Report) -> Markdown:
    """The paragraphs; each that has data."""
    if report.measured.empty:
        return nothing_text()
    paragraphs = [runtimes(report), sizes(report), batches(report), memory(report), deviation(report)]
    more = tr("Details by variant: {where}.", where=appendix("details"))
    return Markdown("\n\n".join(filter(None, [*paragraphs, marks_among(main_names(report.measured)), more])))


def runtimes(report: Report) -> str:
    """Who leads, by how much the best variants are faster than PyTorch fp32, and how near to the ceiling that is."""
    cases = report.measured
    sentences = [leadership(findings.blocks(cases)), gains_sentence(cases), undecided_sentence(cases)]
    known = cases.dropna(subset="roofline")
    if len(known):
        best = known.loc[known.roofline.idxmax()]
        sentences.append(tr(
            "{place} comes nearest to the roofline: {share} of it; the median row reaches {half}.",
            place=marked_title(best), share=percent(best.roofline), half=percent(known.roofline.median()),
        ))  # fmt: skip
    return tr("**Runtimes.** {sentences}", sentences=" ".join(filter(None, sentences)))


GAINS = {  # by whether the spread between processes is known for all rows
    True: mark("Speedups over {baseline}: {ranges}."),
    False: mark("Speedups over {baseline}, where the spread between processes is known: {ranges}."),
}


def gains_sentence(cases: pd.DataFrame) -> str:
    """The speedups of the variants with the largest ones, where their spread between processes is known."""
    known = cases[~cases.verdict_from.isin(NOT_KNOWN) & cases.speedup.notna()]
    ranges = [
        (rows.speedup.max(), f"{approach.name} — {span(rows.speedup.min(), rows.speedup.max(), '×', 2)}")
        for approach, rows in by_approach(main_names(known)) if approach != BASELINE
    ]  # fmt: skip
    if not ranges:
        return ""
    largest = [words for _, words in sorted(ranges, reverse=True)]
    words = GAINS[len(known) == cases.speedup.notna().sum()]
    return tr(words, baseline=BASELINE_NAME, ranges="; ".join(largest[:MOST_VARIANTS]))


def undecided_sentence(cases: pd.DataFrame) -> str:
    """How many rows are slower than PyTorch fp32, and how many are not decided; nothing where all are faster."""
    counts = {verdict: int((cases.verdict == verdict).sum()) for verdict in ("slower", "undecided")}
    judged = int((cases.verdict != "").sum())
    if not any(counts.values()):
        return ""
    return tr_n(
        "Of {n}{nbsp}row {slower} are slower than {baseline}, and {undecided} are not decided.",
        "Of {n}{nbsp}rows {slower} are slower than {baseline}, and {undecided} are not decided.",
        judged, baseline=BASELINE_NAME, **counts,
    )  # fmt: skip


def sizes(report: Report) -> str:
    """How throughput follows the image size."""
    falls = findings.axis_ends(report.measured, "image_size")
    if falls.empty:
        return tr("**Image size.** Only one size was measured.")
    small, large = report.measured.image_size.min(), report.measured.image_size.max()
    text = tr(
        "**Image size.** From {small} to {large} pixels the area becomes {area} larger, and throughput {change}.",
        small=small, large=large, area=times((large / small) ** 2), change=change_words(falls),
    )  # fmt: skip
    unknown = unknown_accuracy(report.grid)
    if not unknown:
        return text
    blind = tr("How recognition accuracy depends on the size was not measured ({why}).", why=unknown[0])
    return f"{text} {blind}"


def batches(report: Report) -> str:
    """How throughput follows the batch, and from which batch on it hardly grows."""
    cases = main_names(report.measured)
    growth = findings.axis_ends(cases, "batch_size")
    if growth.empty:
        return tr("**Batch.** Only one batch size was measured.")
    small, large = cases.batch_size.min(), cases.batch_size.max()
    text = tr(
        "**Batch.** From {small} to {large} images in a batch throughput {change}.",
        small=small, large=large, change=change_words(growth),
    )  # fmt: skip
    return f"{text} {saturation_sentence(findings.saturations(cases), cases.batch_size.nunique())}"


def saturation_sentence(found: list[findings.Saturation], measured: int) -> str:
    """In how many lines throughput stays within 5 % of its best, and from which batch on."""
    if not found:
        return tr_n(
            "{n}{nbsp}batch size does not show where it saturates.",
            "{n}{nbsp}batch sizes do not show where it saturates.", measured,
        )  # fmt: skip
    reached = sorted(point.batch_size for point in found if point.batch_size is not None)
    if not reached:
        return tr_n(
            "It saturates in none of {n}{nbsp}line.",
            "It saturates in none of {n}{nbsp}lines.", len(found),
        )  # fmt: skip
    return tr_n(
        "In {count} of {n}{nbsp}line it saturates (stays within 5% of its best), from batch {batches} on.",
        "In {count} of {n}{nbsp}lines it saturates (stays within 5% of its best), from batch {batches} on.",
        len(found), count=len(reached), batches=span(reached[0], reached[-1], digits=0),
    )  # fmt: skip


MEMORY = {
    True: mark("**Memory.** From {low} to {high}{nbsp}MiB of GPU memory; the least is taken by {name}."),
    False: mark("**Memory.** From {low} to {high}{nbsp}MiB of the process's memory; the least is taken by {name}."),
}


def memory(report: Report) -> str:
    """The range of memory, and what takes the least."""
    cases = report.measured.dropna(subset="memory_mib")
    if cases.empty:
        return ""
    least = cases.loc[cases.memory_mib.idxmin()]
    return tr(
        MEMORY[bool(report.machine.get("gpu"))], low=number(max(0.0, least.memory_mib), 0),
        high=number(cases.memory_mib.max(), 0), name=marked_title(least),
    )  # fmt: skip


def deviation(report: Report) -> str:
    """The largest deviation from the reference in each precision, and where other precisions really ran."""
    found: dict[str, list[str]] = {}
    for precision, rows in report.measured.groupby("precision", sort=False):
        found.setdefault(exactness_words(worst(rows)), []).append(precision)
    parts = [f"{listed(precisions)} — {words}" for words, precisions in found.items()]
    other = report.measured[
        (report.measured.actual_precision != report.measured.precision) & (report.measured.actual_precision != "")
    ]
    text = tr("**Deviation from the reference,** the largest: {parts}.", parts="; ".join(parts))
    if other.empty:
        return text
    names = listed_few(sorted(set(other["name"])), MOST_VARIANTS)
    return f"{text} {tr('Computed in another precision than asked for: {names}.', names=names)}"
