"""What an engine's options gain: its defaults beside its best variant, and step by step from PyTorch fp32 on."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench_lib.analysis.case_table import PLACE, CaseTable, compare_rows, is_baseline, weakest_source
from bench_lib.core.case import options_text


@dataclass(frozen=True)
class Pair:
    """Two rows of `cases` of one network, engine, precision, image and batch size: with default and the best options.

    `default` is None where only variants were measured; `best` is the default itself where no variant is faster.
    """

    default: Any
    best: Any

    @property
    def gain(self) -> float:
        """The default's latency over the best's; NaN without a default."""
        return float("nan") if self.default is None else self.default.latency_ms / self.best.latency_ms

    @property
    def outcome(self) -> str:
        """The verdict on the best against the default (a key of `VERDICTS`); empty if these are not two rows."""
        return "" if self.default is None or self.best.variant == "" else compare_rows(self.best, self.default)

    @property
    def outcome_from(self) -> str:
        """What the outcome rests on, see `weakest_source`; empty if there is none."""
        return weakest_source(self.best, self.default) if self.outcome else ""


def has_variants(report: CaseTable) -> bool:
    """Whether any engine was measured with options of a variant."""
    return bool((report.measured.variant != "").any())


def default_and_best(cases: pd.DataFrame) -> list[Pair]:
    """A pair for each network, engine, precision, image and batch size, in the order of the sizes, fastest first."""
    found = []
    for _, rows in cases.groupby(["engine", "precision", "actual_precision", *PLACE], sort=False):
        plain = rows[rows.variant == ""]
        default = plain.iloc[0] if len(plain) else None
        found.append(Pair(default, rows.loc[rows.latency_ms.idxmin()]))
    return sorted(found, key=lambda pair: (pair.best.image_size, pair.best.batch_size, pair.best.latency_ms))


@dataclass(frozen=True)
class Step:
    """One step towards the fastest: the options that it adds, as text, and the row of `cases` with them."""

    added: str
    row: Any


def ladder(report: CaseTable, best: Any) -> list[Step]:
    """The steps from PyTorch fp32 to a row of `cases`, of the same network at the same image size and batch size.

    The steps between are measured variants of its engine and precision, each with all options of the step before and
    more. Of all such chains, the longest is taken.
    """
    cases, kind = report.measured, ["engine", "precision", "actual_precision"]
    here = cases[(cases[PLACE] == best[PLACE]).all(axis=1)]
    same = here[(here[kind] == best[kind]).all(axis=1)]
    options = {record.case.first.id: set(record.case.options.items()) for record in report.records}
    below = [row for _, row in same.iterrows() if options[row.case] <= options[best.case]]
    chains: dict[str, list[Any]] = {}
    for row in sorted(below, key=lambda row: len(options[row.case])):
        shorter = [chain for case, chain in chains.items() if options[case] < options[row.case]]
        chains[row.case] = [*max(shorter, key=len, default=[]), row]
    start = here[is_baseline(here)]
    rows = [*(row for _, row in start.iterrows() if row.case != chains[best.case][0].case), *chains[best.case]]
    steps, had = [], set()
    for row in rows:
        new = options[row.case] - had
        words = options_text(dict(new))
        steps.append(Step(f"+ {words}" if words else row["name"], row))
        had |= new
    return steps
