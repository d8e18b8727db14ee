"""The marks of rows that deserve caution, in words: beside every figure, record and range that is taken from them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from bench_lib.analysis.findings import AXES
from bench_lib.analysis.marks import FLAGS, Row, is_steady, marks_of
from bench_lib.report.phrases import appendix_letter, row_title
from bench_lib.text.language import NBSP, mark, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted

MOST_NAMED = 6  # rows named in a sentence


class Meaning(NamedTuple):
    """What a mark says, and the appendix that tells more, a key of `phrases.APPENDICES`."""

    words: str
    appendix: str


MEANINGS = {
    "cold": Meaning(mark("warm-up did not settle"), "validation"),
    "noisy": Meaning(mark("sampling ran out of time"), "validation"),
    "drift": Meaning(mark("drift"), "rows"),
    "modes": Meaning(mark("two modes"), "rows"),
    "outliers": Meaning(mark("outliers"), "rows"),
    "apart": Meaning(mark("time/batch and FPS disagree"), "validation"),
    "sw_power_cap": Meaning(mark("power limit"), "rows"),
    "hw_slowdown": Meaning(mark("hardware slowdown"), "rows"),
    "sw_thermal_slowdown": Meaning(mark("overheating"), "rows"),
    "hw_thermal_slowdown": Meaning(mark("hardware's guard against overheating"), "rows"),
    "hw_power_brake_slowdown": Meaning(mark("power limited from outside"), "rows"),
    "other_processes": Meaning(mark("other processes on the GPU"), "rows"),
    "busy_cores": Meaning(mark("other processes on the processor"), "rows"),
    "cpu_quota": Meaning(mark("stopped by the CPU quota"), "rows"),
}
UNKNOWN = Meaning(mark("another cause"), "rows")


def mark_words(key: str) -> str:
    """What a mark says; a reason for throttling that has no words here is another cause."""
    return tr(MEANINGS.get(key, UNKNOWN).words)


def mark_list(keys: Iterable[str]) -> str:
    """The marks alone: “⚑ drift, power limit”; empty without any."""
    words = ", ".join(dict.fromkeys(map(mark_words, keys)))
    return f"⚑ {words}" if words else ""


def marks_text(keys: Iterable[str]) -> str:
    """The marks with the appendices that tell more: “⚑ drift, power limit: appendix B”; empty without any."""
    keys = list(keys)
    return f"{mark_list(keys)}: {appendices_of(keys)}" if keys else ""


def appendices_of(keys: Iterable[str]) -> str:
    """The appendices that tell of these marks: “appendices A and B”."""
    found = sorted(appendix_letter(name) for name in {MEANINGS.get(key, UNKNOWN).appendix for key in keys})
    return tr_n("appendix {letters}", "appendices {letters}", len(found), letters=listed(found))


def in_brackets(text: str) -> str:
    """A text, such as that of marks, to put after a figure: with a space before it and in brackets."""
    return f" ({text})" if text else ""


def marked_title(row: Row) -> str:
    """What a row of `cases` stands for, as `row_title`, and its marks."""
    return f"{row_title(row)}{in_brackets(marks_text(marks_of(row)))}"


def marked_name(row: Row) -> str:
    """The name of a row's approach, safe in Markdown and HTML, and the row's marks."""
    return f"{quoted(row['name'])}{in_brackets(marks_text(marks_of(row)))}"


def mark_sign(row: Row) -> str:
    """The sign ⚑, after a space, for a marked row; otherwise nothing. For tables and figures, which have no room."""
    return f"{NBSP}⚑" if marks_of(row) else ""


def flags_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """What marks and titles are made from: whole rows would be slow to go through in a table of ten thousand."""
    return rows[["network", "name", *AXES, *FLAGS]].to_dict("records")


def sign_meaning(rows: pd.DataFrame) -> str:
    """What the sign ⚑ says, for a caption: “; ⚑: drift, two modes (appendix B)”; empty where no row has it."""
    keys = [key for row in flags_of(rows) for key in marks_of(row)]
    if not keys:
        return ""
    words = ", ".join(dict.fromkeys(map(mark_words, keys)))
    return f"; ⚑: {words} ({appendices_of(keys)})"


def marks_among(rows: pd.DataFrame) -> str:
    """How many of the rows that a range or a count is taken from are marked, and with what; empty if none is.

    Those that are not steady are named.
    """
    flags = flags_of(rows)
    keys = [marks_of(row) for row in flags]
    counts = Counter(key for found in keys for key in found)
    if not counts:
        return ""
    words = ", ".join(f"{mark_words(key)} — {count}" for key, count in counts.most_common())
    text = tr_n(
        "Of the {n}{nbsp}row behind this, {count} is marked (⚑ {words}: {appendices}).",
        "Of the {n}{nbsp}rows behind this, {count} are marked (⚑ {words}: {appendices}).",
        len(rows), count=sum(map(bool, keys)), words=words, appendices=appendices_of(counts),
    )  # fmt: skip
    restless = [row_title(row) for row in flags if not is_steady(row)]
    if not restless:
        return text
    return f"{text} {tr('Not settled: {names}.', names=listed_few(restless, MOST_NAMED))}"


def with_marks(lines: list[str], rows: pd.DataFrame) -> list[str]:
    """The sentences, and one on the marks of the rows that they are taken from, where there are any."""
    return [*lines, *filter(None, [marks_among(rows)])]


def unsettled_sentences(cases: pd.DataFrame) -> list[str]:
    """Which measured rows did not settle, ran out of time or, on a processor, disagree with themselves."""
    words = {
        "cold": mark("Warm-up did not settle in the time allowed, so these figures are unreliable: {names}."),
        "noisy": mark("Sampling ran out of time in {count} of {total} rows, so their intervals are wider: {names}."),
        "apart": mark(
            "Time/batch and FPS differ by more than their intervals allow, so the machine's speed changed between the "
            "two measurements: {names}."
        ),
    }
    lines = []
    for key, message in words.items():
        names = [row_title(row) for row in flags_of(cases) if key in marks_of(row)]
        if names:
            shown = listed_few(names, MOST_NAMED)
            lines.append(tr(message, names=shown, count=len(names), total=len(cases)))
    return lines
