"""A claim of the original report with its verdict, and what the claims share.

A claim says one thing, so that its verdict does too: what the original says in one sentence may be several claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench_lib.analysis.case_table import speedup_figures
from bench_lib.analysis.findings import pick_engine
from bench_lib.analysis.marks import Row, is_steady
from bench_lib.core.case import LABELS
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n

YES, NO, PARTLY = mark("confirmed"), mark("not confirmed"), mark("partly confirmed")
UNTESTED, UNDECIDED = mark("not tested"), mark("not decided")
Holds = bool | None  # whether a claim holds somewhere; None where the data do not decide it


@dataclass(frozen=True)
class Claim:
    """What the original report says (shortened), what this run's data say, and the verdict: `YES`, `NO` and so on."""

    text: str
    data: str
    verdict: str


def named(engine: str, precision: str) -> str:
    """An engine with default options at a precision, as the report calls it."""
    return f"{LABELS[engine]} {precision}"


def not_measured_sentence(report: Report, engine: str, precision: str) -> str:
    """Say that there are no figures of an engine at a precision, or that it computed in another one."""
    name = named(engine, precision)
    if engine not in report.grid.engines or precision not in report.grid.precisions:
        return tr("{name} was not run here.", name=name)
    cases = with_defaults(report.measured)
    rows = cases[(cases.engine == engine) & (cases.precision == precision)]
    if rows.empty:
        return tr("{name} was not measured here.", name=name)
    really = ", ".join(actual.upper() for actual in rows.actual_precision.unique())
    return tr("{name} really computed in {precision} here.", name=name, precision=really)


def share_verdict(holds: Sequence[Holds]) -> str:
    """The verdict on a claim from whether it holds in each combination; not tested where there is none."""
    if not holds:
        return UNTESTED
    if any(holds):
        return YES if all(holds) else PARTLY
    return NO if False in holds else UNDECIDED


def holding(verdict: str, wanted: str) -> Holds:
    """Whether a verdict is the wanted one."""
    return None if verdict == "undecided" else verdict == wanted


def if_steady(holds: Holds, *rows: Row) -> Holds:
    """Whether a claim holds for these rows: None if one of them is not steady, as such a row decides nothing."""
    return holds if all(map(is_steady, rows)) else None


def at_least(low: float, high: float, limit: float) -> Holds:
    """Whether a figure reaches the limit, from the ends of its interval."""
    return True if low >= limit else False if high < limit else None


def within(low: float, high: float, least: float, most: float) -> Holds:
    """Whether a figure lies between two limits, from the ends of its interval."""
    if high < least or low > most:
        return False
    return True if least <= low and high <= most else None


def combinations(holds: Sequence[Holds]) -> str:
    """In how many combinations it holds, such as “in 3 of 8 combinations of size and batch (2 not decided)”."""
    held, undecided = list(holds).count(True), list(holds).count(None)
    if undecided:
        return tr_n(
            "in {held} of {n}{nbsp}combination of size and batch ({undecided} not decided)",
            "in {held} of {n}{nbsp}combinations of size and batch ({undecided} not decided)",
            len(holds), held=held, undecided=undecided,
        )  # fmt: skip
    return tr_n(
        "in {held} of {n}{nbsp}combination of size and batch",
        "in {held} of {n}{nbsp}combinations of size and batch",
        len(holds), held=held,
    )  # fmt: skip


def comparisons(holds: Sequence[Holds]) -> str:
    """In how many comparisons it holds, such as “in 3 of 8 comparisons (2 not decided)”."""
    held, undecided = list(holds).count(True), list(holds).count(None)
    if undecided:
        return tr_n(
            "in {held} of {n}{nbsp}comparison ({undecided} not decided)",
            "in {held} of {n}{nbsp}comparisons ({undecided} not decided)",
            len(holds), held=held, undecided=undecided,
        )  # fmt: skip
    return tr_n(
        "in {held} of {n}{nbsp}comparison", "in {held} of {n}{nbsp}comparisons", len(holds), held=held
    )  # fmt: skip


def with_defaults(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases with default options: the original report knew no others."""
    return cases[cases.variant == ""]


def speedups(report: Report, ours: tuple[str, str], theirs: tuple[str, str]) -> pd.DataFrame:
    """How many times faster one engine is than another; each is an engine and a precision, with default options.

    The rows are the image and batch sizes that both were measured at, and computed in that precision. The columns:
    `speedup` with its interval and `verdict`, as in the table of cases, and `rows`, the two rows it is taken from.
    """
    fast, slow = pick_engine(report.measured, *ours), pick_engine(report.measured, *theirs)
    places = fast.index.intersection(slow.index)
    fast_rows, slow_rows = (rows.loc[places].to_dict("records") for rows in (fast, slow))
    pairs = list(zip(fast_rows, slow_rows, strict=True))
    columns = ["speedup", "speedup_low", "speedup_high", "verdict", "rows"]
    return pd.DataFrame(
        [speedup_figures(*pair, "speedup") | {"rows": pair} for pair in pairs], index=places, columns=columns
    )


def neither_measured(report: Report, ours: tuple[str, str], theirs: tuple[str, str]) -> str:
    """Why two engines, given as for `speedups`, cannot be compared."""
    lacking = [pair for pair in (ours, theirs) if pick_engine(report.measured, *pair).empty]
    if lacking:
        return " ".join(not_measured_sentence(report, *pair) for pair in lacking)
    return tr("They were not measured at the same sizes.")


def unsteady_sentence(pairs: Sequence[Sequence[Row]]) -> str:
    """How many comparisons decide nothing because a row of theirs is not steady; empty where there is none."""
    count = sum(not all(map(is_steady, rows)) for rows in pairs)
    if not count:
        return ""
    text = tr_n(
        "In {count} of {n}{nbsp}comparison a row did not settle (warm-up or drift), and decides nothing.",
        "In {count} of {n}{nbsp}comparisons a row did not settle (warm-up or drift), and decides nothing.",
        len(pairs), count=count,
    )  # fmt: skip
    return f" {text}"
