"""Each runtime's default beside its best options, and the ladder of options from the baseline to the fastest."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench_lib.analysis.case_table import BASELINE_NAME, VERDICTS, CaseTable, compare_rows
from bench_lib.analysis.findings import AXES
from bench_lib.text.language import tr


@dataclass(frozen=True)
class Pair:
    """An engine at one precision, image size and batch size, as it comes and with its best options: rows of `cases`.

    `default` is None where only variants were measured; `best` is the default itself where no variant is faster.
    """

    default: Any
    best: Any

    @property
    def gain(self) -> float:
        """How many times less the best's latency is; NaN without a default."""
        return float("nan") if self.default is None else self.default.latency_ms / self.best.latency_ms

    @property
    def outcome(self) -> str:
        """Whether the best is faster than the default: a key of `VERDICTS`, or nothing where there is no such pair."""
        return "" if self.default is None or self.best.variant == "" else compare_rows(self.best, self.default)

    @property
    def verdict(self) -> str:
        """The same in the report's words."""
        return tr(VERDICTS[self.outcome]) if self.outcome else "—"


def has_variants(report: CaseTable) -> bool:
    """Whether any engine was measured with options of a variant."""
    return bool((report.measured.variant != "").any())


def default_and_best(cases: pd.DataFrame) -> list[Pair]:
    """A pair for each engine, precision, image size and batch size, the fastest of a place first."""
    found = []
    for _, rows in cases.groupby(["engine", "precision_label", *AXES], sort=False):
        plain = rows[rows.variant == ""]
        default = plain.iloc[0] if len(plain) else None
        found.append(Pair(default, rows.loc[rows.latency_ms.idxmin()]))
    return sorted(found, key=lambda pair: (pair.best.image_size, pair.best.batch_size, pair.best.latency_ms))


@dataclass(frozen=True)
class Step:
    """A rung of the ladder: what it adds (words), and the row of `cases` that has it."""

    added: str
    row: Any


def ladder(report: CaseTable, best: Any) -> list[Step]:
    """From PyTorch fp32 to a row, by the longest chain of measured variants whose options each hold the last one's."""
    cases = report.measured
    here = cases[(cases[AXES] == best[AXES]).all(axis=1)]
    same = here[(here.engine == best.engine) & (here.precision_label == best.precision_label)]
    options = {row.case: set(report.grid.variant(row.variant).options.items()) if row.variant else set()
               for row in same.itertuples()}  # fmt: skip
    below = [row for _, row in same.iterrows() if options[row.case] <= options[best.case]]
    chains: dict[str, list[Any]] = {}
    for row in sorted(below, key=lambda row: len(options[row.case])):
        shorter = [chain for case, chain in chains.items() if options[case] < options[row.case]]
        chains[row.case] = [*max(shorter, key=len, default=[]), row]
    start = here[here["name"] == BASELINE_NAME]
    rows = [*(row for _, row in start.iterrows() if row.case != chains[best.case][0].case), *chains[best.case]]
    steps, had = [], set()
    for row in rows:
        new = options.get(row.case, set()) - had
        words = ", ".join(key if value is True else f"{key}={value}" for key, value in sorted(new, key=str))
        steps.append(Step(f"+ {words}" if words else row["name"], row))
        had |= new
    return steps
