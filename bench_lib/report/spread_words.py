"""Sentences on the spread between processes: whether it was measured, is from the check, is assumed, or not known."""

import pandas as pd

from bench_lib.analysis.case_table import CaseTable
from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.report.phrases import appendix
from bench_lib.text.language import mark, tr
from bench_lib.text.numbers import percent

SOURCES = {  # by the values of the column `spread_from`
    "processes": mark("measured by its processes"),
    "check": mark("from the check: {sd}"),
    "assumed": mark("assumed: {sd}"),
    "unknown": mark("not known"),
    "crowded": mark("not known: other processes computed"),
}
NOTES = {  # on `tables.SPREAD_MARKS`
    "assumed": mark(
        "**†:** the interval of the ratio, and so the verdict, allows for a spread between processes that was not "
        "measured but assumed to be {sd}."
    ),
    "unknown": mark(
        "**‡:** nothing is decided, as it is not known how much this row, or the one that it is compared with, differs "
        "from process to process: the host sets its pace, or may do so, and one process measured it, or others ran "
        "beside it."
    ),
    "crowded": mark(
        "**‡:** nothing is decided, as other processes computed on the same cores, or were on the same GPU, while this "
        "row, or the one that it is compared with, was measured. How much that slowed it down is not known."
    ),
}
CHECKED = {  # by the values of `CaseTable.checked`
    "all": mark("The spread between processes is taken from the check of the verdicts ({where}): {sd}."),
    "host": mark(
        "In rows where the host sets the pace (enqueueing takes at least half of the latency), as in the one checked, "
        "the spread between processes is taken from the check of the verdicts ({where}): {sd}."
    ),
    "device": mark(
        "In rows where the GPU sets the pace, as in the one checked, the spread between processes is taken from the "
        "check of the verdicts ({where}): {sd}."
    ),
}
WHY_UNKNOWN = {  # by what is true of the rows
    "lone": mark(
        "In {count} of {total} rows the host sets the pace (enqueueing takes at least half of the latency), and one "
        "process measured each of them. How much such rows differ from process to process is not known, and nothing "
        "may be assumed about it: they have no intervals, and their verdict is not decided."
    ),
    "unpaced": mark(
        "In {count} of {total} rows the host may set the pace, as the records do not hold how long enqueueing takes, "
        "and one process measured each of them. How much such rows differ from process to process is not known: they "
        "have no intervals, and their verdict is not decided."
    ),
    "beside": mark(
        "In {count} of {total} rows the host sets the pace, or may, and others were measured on that host at the same "
        "time. What that changed is not known: they have no intervals, and their verdict is not decided."
    ),
}


def spread_sentences(report: CaseTable) -> list[str]:
    """Which rows take the spread between processes from the check or an assumption, and for which it is not known."""
    rows, sentences = report.measured, []
    sources = rows.spread_from
    if (sources == "check").any():
        sentences.append(tr(CHECKED[report.checked], where=appendix("validation"), sd=percent(report.check.process_sd)))
    if count := (sources == "assumed").sum():
        sentences.append(
            tr(
                "In {count} of {total} rows the spread between processes was not measured: it is assumed to be {sd}, "
                "and the intervals and verdicts rest on that.",
                count=count, total=len(rows), sd=percent(ASSUMED_SD),
            )
        )  # fmt: skip
    if count := (sources == "crowded").sum():
        sentences.append(
            tr(
                "In {count} of {total} rows other processes computed on the same cores, or were on the same GPU, while "
                "they were measured: they have no intervals, and their verdict is not decided. Measure them again when "
                "nothing else runs.",
                count=count, total=len(rows),
            )
        )  # fmt: skip
    why = [why_unknown(row) for _, row in rows[sources == "unknown"].iterrows()]
    told = [tr(words, count=why.count(name), total=len(rows)) for name, words in WHY_UNKNOWN.items() if name in why]
    return sentences + told


def why_unknown(row: pd.Series) -> str:
    """Why a row's spread between processes is not known: a key of `WHY_UNKNOWN`."""
    if row.company:
        return "beside"
    return "lone" if row.host_paced else "unpaced"


def source_text(source: str, sd: float) -> str:
    """Where a row's spread between processes is from, with its relative sd where that was not the row's own."""
    return tr(SOURCES[source], sd=percent(sd) if source in ("check", "assumed") else "")


def mark_notes(sources: pd.Series) -> list[str]:
    """What the marks beside verdicts mean, those that are there; `sources` are values of `verdict_from`."""
    return [tr(words, sd=percent(ASSUMED_SD)) for source, words in NOTES.items() if (sources == source).any()]


def assumed_words(source: str) -> str:
    """Words to add to a ratio that rests on an assumed spread; empty for one that does not."""
    return tr(", with an assumed spread between processes") if source == "assumed" else ""
