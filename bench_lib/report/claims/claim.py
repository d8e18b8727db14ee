"""A claim of the original report with its verdict, and what the claims share."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench_lib.core.case import LABELS
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n

YES, NO, PARTLY = mark("confirmed"), mark("not confirmed"), mark("partly confirmed")
UNTESTED, UNDECIDED = mark("not tested"), mark("not decided")


@dataclass(frozen=True)
class Claim:
    """What the original report says (shortened), what this run's data say, and the verdict: `YES`, `NO` and so on."""

    text: str
    data: str
    verdict: str


def not_measured_sentence(report: Report, engine: str, precision: str) -> str:
    """Say that there are no figures of an engine at a precision."""
    asked = engine in report.grid.engines and precision in report.grid.precisions
    name = f"{LABELS[engine]} {precision}"
    return tr("{name} was not measured here.", name=name) if asked else tr("{name} was not run here.", name=name)


def share_verdict(holds: Sequence[bool | None]) -> str:
    """The verdict on a claim from whether it holds in each combination; None where the data do not decide that."""
    if all(holds):
        return YES
    if any(holds):
        return PARTLY
    return UNDECIDED if None in holds else NO


def holding(verdicts: Sequence[str], wanted: str) -> list[bool | None]:
    """For `share_verdict`: whether each verdict is the wanted one, None where the data do not decide."""
    return [None if verdict == "undecided" else verdict == wanted for verdict in verdicts]


def combinations(holds: Sequence[bool | None]) -> str:
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


def with_defaults(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases with default options: the original report knew no others."""
    return cases[cases.variant == ""]
