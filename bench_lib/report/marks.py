"""The marks of rows that deserve caution, in words: beside every figure, record and range that is taken from them."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from bench_lib.analysis.marks import Row, marks_of
from bench_lib.report.phrases import row_title
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed


class Meaning(NamedTuple):
    """What a mark says, and the section of the report that tells more."""

    words: str
    section: int


MEANINGS = {
    "cold": Meaning(mark("warm-up did not settle"), 2),
    "noisy": Meaning(mark("sampling ran out of time"), 2),
    "drift": Meaning(mark("drift"), 3),
    "modes": Meaning(mark("two modes"), 3),
    "outliers": Meaning(mark("outliers"), 3),
    "sw_power_cap": Meaning(mark("power limit"), 3),
    "hw_slowdown": Meaning(mark("hardware slowdown"), 3),
    "sw_thermal_slowdown": Meaning(mark("overheating"), 3),
    "hw_thermal_slowdown": Meaning(mark("hardware's guard against overheating"), 3),
    "hw_power_brake_slowdown": Meaning(mark("power limited from outside"), 3),
    "other_processes": Meaning(mark("other processes on the GPU"), 3),
}
UNKNOWN = Meaning(mark("another cause"), 3)


def mark_words(key: str) -> str:
    """What a mark says; a reason for throttling that has no words here is another cause."""
    return tr(MEANINGS.get(key, UNKNOWN).words)


def marks_text(keys: Iterable[str]) -> str:
    """The marks with the sections that tell more: “⚑ drift, power limit: section 3”; empty without any."""
    keys = list(dict.fromkeys(keys))
    if not keys:
        return ""
    sections = sorted({MEANINGS.get(key, UNKNOWN).section for key in keys})
    words = ", ".join(dict.fromkeys(map(mark_words, keys)))
    where = tr_n("section {sections}", "sections {sections}", len(sections), sections=listed(list(map(str, sections))))
    return f"⚑ {words}: {where}"


def in_brackets(keys: Iterable[str]) -> str:
    """As `marks_text`, to put after a figure: with a space before it and in brackets."""
    text = marks_text(keys)
    return f" ({text})" if text else ""


def marked_title(row: Row) -> str:
    """What a row of `cases` stands for, as `row_title`, and its marks."""
    return f"{row_title(row)}{in_brackets(marks_of(row))}"


def marks_among(rows: pd.DataFrame) -> str:
    """How many of the rows that a range or a count is taken from are marked, and with what; empty if none is.

    It begins with a space, to follow a sentence.
    """
    found = [keys for _, row in rows.iterrows() if (keys := marks_of(row))]
    if not found:
        return ""
    text = tr_n(
        "Of these, {count} of {n}{nbsp}row is marked ({marks}).",
        "Of these, {count} of {n}{nbsp}rows are marked ({marks}).",
        len(rows), count=len(found), marks=marks_text(key for keys in found for key in keys),
    )  # fmt: skip
    return f" {text}"
