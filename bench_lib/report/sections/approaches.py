"""The section on approaches: which is faster than PyTorch fp32, by how much, and how near to the ceiling."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.analysis import findings, roofline
from bench_lib.analysis.case_table import BASELINE, BASELINE_NAME, by_approach, main_names
from bench_lib.analysis.spread import NOT_KNOWN
from bench_lib.report.marks import marked_title, with_marks
from bench_lib.report.phrases import bullets, heading, leadership, nothing_text
from bench_lib.report.report import Report
from bench_lib.report.spread_words import assumed_words
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import percent, span


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Which variants are faster?"), approaches_text(report))


def approaches_text(report: Report) -> Markdown:
    """Which approach is faster, and by how much."""
    cases = report.measured
    if cases.empty:
        return nothing_text()
    lines = [leadership(findings.blocks(cases))]
    for approach, rows in by_approach(main_names(cases)):
        if approach != BASELINE and rows.speedup.notna().any():
            trend = findings.speedup_trend(cases, approach)
            lines.append(f"**{approach.name}:** {against_baseline(rows.dropna(subset='speedup'), trend)}")
    lines += left_out_sentences(cases)
    if cases.speedup.isna().all():
        lines.append(tr("{baseline} was not measured, so no speedup was computed.", baseline=BASELINE_NAME))
    return bullets(with_marks(lines, cases) + nearest_sentences(report))


def left_out_sentences(cases: pd.DataFrame) -> list[str]:
    """A sentence that only the best of many variants are named; nothing if all are."""
    shown, every = main_names(cases)["name"].nunique(), cases["name"].nunique()
    if shown == every:
        return []
    named = tr(
        "{shown} of {every} are named, here and in the rest of this section: the defaults, and the best variant of "
        "each runtime and precision; the others are in the tables.",
        shown=shown, every=every,
    )  # fmt: skip
    return [named]


SHARES = {
    "faster": mark("faster in {count}"),
    "slower": mark("slower in {count}"),
    "same": mark("the same in {count}"),
    "undecided": mark("not decided in {count}"),
}
TRENDS = {
    "higher": mark("At batch {large} it is higher than at batch {small}: medians {last}× and {first}×."),
    "lower": mark("At batch {large} it is lower than at batch {small}: medians {last}× and {first}×."),
}


def against_baseline(rows: pd.DataFrame, trend: str) -> str:
    """How an approach compares with PyTorch fp32: verdicts, speedups, and their `trend` (a key of `TRENDS`, or "")."""
    counts = {verdict: (rows.verdict == verdict).sum() for verdict in SHARES}
    text = tr_n(
        "compared with {baseline}, {verdicts} of {n}{nbsp}combination.",
        "compared with {baseline}, {verdicts} of {n}{nbsp}combinations.",
        len(rows), baseline=BASELINE_NAME,
        verdicts=listed([tr(SHARES[verdict], count=count) for verdict, count in counts.items() if count]),
    )  # fmt: skip
    text = " ".join([text, *speedup_sentences(rows)])
    if not trend:
        return text
    medians = rows.groupby("batch_size").speedup.median()
    more = tr(
        TRENDS[trend], large=medians.index[-1], small=medians.index[0],
        last=number(medians.iloc[-1], 2), first=number(medians.iloc[0], 2),
    )  # fmt: skip
    return f"{text} {more}"


def speedup_sentences(rows: pd.DataFrame) -> list[str]:
    """The range of the rows' speedups; where some are left out, as their spread is not known, the sentence says so."""
    known = rows[~rows.verdict_from.isin(NOT_KNOWN)]
    if known.empty:
        return []
    words = {
        True: mark("The speedup is {speedups}{assumed}."),
        False: mark("The speedup, where the spread between processes is known, is {speedups}{assumed}."),
    }[len(known) == len(rows)]
    source = "assumed" if (known.verdict_from == "assumed").any() else ""
    low_to_high = span(known.speedup.min(), known.speedup.max(), "×")
    return [tr(words, speedups=low_to_high, assumed=assumed_words(source))]


NEAREST = {
    "compute": mark(
        "Nearest to the ceiling is {place}: {share}; this is the compute ceiling. Half of the rows reach no more "
        "than {half}."
    ),
    "memory": mark(
        "Nearest to the ceiling is {place}: {share}; this is the ceiling of memory traffic. Half of the rows reach no "
        "more than {half}."
    ),
}


def nearest_sentences(report: Report) -> list[str]:
    """Which row comes nearest to its ceiling, and which cases failed because they were faster than is possible."""
    cases, lines = report.measured.dropna(subset="roofline"), []
    if len(cases):
        best = cases.loc[cases.roofline.idxmax()]
        share, half = percent(best.roofline), percent(cases.roofline.median())
        lines.append(tr(NEAREST[best.bound], place=marked_title(best), share=share, half=half))
    above = findings.failed_cases(report, roofline.is_impossible)
    if len(above):
        lines.append(tr_n(
            "{n}{nbsp}configuration is faster than possible; its speed is not shown: {names}.",
            "{n}{nbsp}configurations are faster than possible; their speed is not shown: {names}.",
            len(above), names=listed(sorted(set(above.name))),
        ))  # fmt: skip
    return lines
