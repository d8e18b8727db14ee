"""A run's records → a table with one row a case, the speedups over PyTorch fp32 and tf32, and who is fastest."""

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench_lib.analysis import roofline
from bench_lib.analysis.case_row import case_row, in_one_precision
from bench_lib.analysis.spread import WEAKEST_FIRST, Checked, Source, spreads
from bench_lib.core import intervals
from bench_lib.core.case import AUTO, LABELS, network_label
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import Record
from bench_lib.results import verdicts
from bench_lib.results.company import company
from bench_lib.results.result_file import read_result
from bench_lib.results.run_folder import Run
from bench_lib.text.language import mark, tr

STATUS = {"ok": mark("measured"), "skipped": mark("skipped"), "failed": mark("failed")}
VERDICTS = {"faster": mark("FASTER"), "slower": mark("SLOWER"), "same": mark("SAME"), "undecided": mark("UNDECIDED")}
BASELINE_NAME, TF32_NAME = f"{LABELS['pytorch']} fp32", f"{LABELS['pytorch']} tf32"
APPROACH = ["engine", "variant", "precision", "actual_precision"]  # the columns that tell approaches apart
PLACE = ["model", "image_size", "batch_size"]  # the columns that tell apart what approaches are compared at
MOST_NAMES = 12  # more cannot be told apart in a figure or a list


@dataclass(frozen=True)
class CaseTable:
    """One run, read: its grid, machine, records, and `cases`, a table with one row a case, over all its repeats.

    `bench_lib.analysis.columns` tells what each column of `cases` holds; `lost` holds records here. Unknown figures are
    NaN. `roofline` compares throughput, not latency, with the ceiling: a ceiling is a rate, and a latency contains
    waiting as well.

    `check` is what `bench selfcheck` found in the run's folder, None if it did not run. It measured how much processes
    differ in one case; `checked` says for which cases of this run that value is used as `extra_sd`: all, only those
    whose pace the host sets, only those whose pace the device sets (see `bench_lib.results.verdicts.host_paced`), or
    none. `bench_lib.analysis.spread` says what the other cases take.
    """

    grid: Grid
    machine: dict[str, Any]
    records: list[Record]
    cases: pd.DataFrame
    check: verdicts.SelfCheck | None = None
    checked: Checked = "none"

    @staticmethod
    def read(folder: str | Path) -> "CaseTable":
        """Read a run's folder; raise `InputError` if it holds none or a broken record."""
        run = Run(folder)
        check = read_result(verdicts.SelfCheck, folder)
        return tabulate(run.grid(), run.records(), check)

    @property
    def measured(self) -> pd.DataFrame:
        """The rows of the cases that were measured."""
        return self.cases[self.cases.status == "ok"]

    @property
    def several_networks(self) -> bool:
        """Whether the run has more than one network; its report then is that of `notebooks/networks.ipynb`."""
        return len(self.grid.networks) > 1


def tabulate(grid: Grid, records: list[Record], check: verdicts.SelfCheck | None = None) -> CaseTable:
    """The table of a run's records, at least one, each judged by `roofline.judged`.

    Raise `InputError` if they do not say which machine they are from.
    """
    if not records[0].machine:
        raise InputError("the records do not tell what machine they are from; measure again with `bench sweep`")
    records = [roofline.judged(record) for record in records]
    beside = dict(zip((record.case.id for record in records), company(records), strict=True))
    by_case = {name: in_one_precision(own) for name, own in records_by_case(records).items()}
    companies = {name: max(beside[record.case.id] for record in own) for name, own in by_case.items()}
    measured = {name: [record for record in own if record.status == "ok"] for name, own in by_case.items()}
    checked, known = spreads(check, measured, companies)
    rows = [case_row(own, known[name], companies[name]) for name, own in by_case.items()]
    blocks: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        row["network"] = network_label(row["model"]) if len(grid.networks) > 1 else ""
        blocks.setdefault(tuple(row[column] for column in PLACE), []).append(row)
    for block in blocks.values():
        place_in_block(block)
    return CaseTable(grid, records[0].machine, records, pd.DataFrame(rows), check, checked)


class Approach(NamedTuple):
    """One way to run inference: plots have a line for each. `name` is what the report calls it."""

    engine: str
    variant: str
    precision: str
    actual_precision: str
    name: str


def approach_of(row: Mapping[str, Any] | pd.Series) -> Approach:
    """The approach of a row of `cases`."""
    return Approach(*(row[column] for column in (*APPROACH, "name")))


def by_approach(cases: pd.DataFrame) -> Iterator[tuple[Approach, pd.DataFrame]]:
    """Each approach with its rows, in the order in which they first appear."""
    for _, rows in cases.groupby(APPROACH, sort=False):
        yield approach_of(rows.iloc[0]), rows


def is_of(rows: Mapping[str, Any] | pd.Series | pd.DataFrame, approach: Approach) -> Any:
    """Whether a row of `cases` is of the approach; for a table, a truth value for each of its rows."""
    return functools.reduce(operator.and_, (rows[column] == getattr(approach, column) for column in APPROACH))


BASELINE = Approach("pytorch", "", "fp32", "fp32", BASELINE_NAME)
TF32 = Approach("pytorch", "", "tf32", "tf32", TF32_NAME)  # what PyTorch does by default: TF32 in convolutions
BASELINES = {"speedup": BASELINE, "speedup_tf32": TF32}  # by the columns of the speedups over them
NO_SPEEDUP = {f"{figure}{end}": float("nan") for figure in BASELINES for end in ("", "_low", "_high")} | {
    "verdict": "", "verdict_from": "",
}  # fmt: skip


def is_baseline(rows: Mapping[str, Any] | pd.Series | pd.DataFrame) -> Any:
    """As `is_of`, for PyTorch fp32 with its default options, which speedups are relative to."""
    return is_of(rows, BASELINE)


def computed_in(cases: pd.DataFrame, precision: str) -> pd.DataFrame:
    """The cases that were asked to compute in this precision, and did."""
    return cases[(cases.precision == precision) & (cases.actual_precision == precision)]


def records_by_case(records: list[Record]) -> dict[str, list[Record]]:
    """The records of each case, all its repeats, by the id that the column `case` holds."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.case.first.id, []).append(record)
    return found


def place_in_block(rows: list[dict[str, Any]]) -> None:
    """Add the columns on speedups and verdicts, and `leads`, to the rows of one network, image and batch size."""
    measured = [row for row in rows if row["status"] == "ok"]
    best = min(measured, key=lambda row: row["latency_ms"], default=None)
    for row in rows:
        row |= NO_SPEEDUP
        row["leads"] = row["status"] == "ok" and (row is best or compare_rows(row, best) != "slower")
    for figure, approach in BASELINES.items():
        baseline = next((row for row in measured if is_of(row, approach)), None)
        for row in measured:
            if baseline and row["precision"] in (row["actual_precision"], AUTO):
                row |= speedup_figures(row, baseline, figure)


def speedup_figures(row: dict[str, Any], baseline: dict[str, Any], figure: str) -> dict[str, Any]:
    """The columns on a row's speedup over a baseline's: `figure` is its key in `BASELINES`.

    Those of `speedup` include the verdict. The baseline itself has the speedup alone.
    """
    if row is baseline:
        return {figure: 1.0}
    ratio = time_ratio(row, baseline)
    gain = ratio.inverse
    found = {figure: gain.value, f"{figure}_low": gain.low, f"{figure}_high": gain.high}
    if figure == "speedup":
        found |= {"verdict": intervals.judge(ratio), "verdict_from": weakest_source(row, baseline)}
    return found


def time_ratio(row, other, figure: str = "latency", same_run: bool = True) -> intervals.Interval:
    """The time of the first row of `cases` over that of the second, by `latency` or by `fps`, and its 99 % interval.

    The interval lies around the ratio of the two rows' own figures. Rows of the `same_run` share its rounds.
    """
    over, under = (row, other) if figure == "latency" else (other, row)
    values, sd = (over[f"{figure}_values"], under[f"{figure}_values"]), max(over["extra_sd"], under["extra_sd"])
    found = intervals.ratio(*(intervals.within_rounds(*values, sd) if same_run else values), extra_sd=sd)
    name = "latency_ms" if figure == "latency" else figure
    value = over[name] / under[name]
    scale = value / found.value
    return intervals.Interval(value, found.low * scale, found.high * scale)


def compare_rows(row, other, figure: str = "latency") -> intervals.Verdict:
    """The verdict on the first row of `cases` against the second, by `latency` or by `fps`: whether it is faster."""
    return intervals.judge(time_ratio(row, other, figure))


def weakest_source(*rows) -> Source:
    """Where the spread is from that what is said of these rows of `cases` together rests on: the weakest of them."""
    return min((row["spread_from"] for row in rows), key=WEAKEST_FIRST.index)


def main_names(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that a figure or a list has room for: all, where there are at most `MOST_NAMES` approaches.

    If there are more: the cases without a variant and, of each engine and precision, the variant that is most often its
    fastest.
    """
    if cases["name"].nunique() <= MOST_NAMES:
        return cases
    tuned, kind = cases[cases.variant != ""], ["engine", "precision", "actual_precision"]
    fastest = tuned.loc[tuned.groupby([*kind, *PLACE]).fps.idxmax()]
    most_often = fastest.groupby(kind).variant.agg(lambda variants: variants.value_counts().index[0])
    of_kind = pd.MultiIndex.from_frame(cases[[*kind, "variant"]])
    return cases[(cases.variant == "") | of_kind.isin([(*key, variant) for key, variant in most_often.items()])]


def status_counts(report: CaseTable) -> str:
    """How many cases are measured, skipped and failed, for example “measured 16, skipped 32”."""
    counts = report.cases.status.value_counts()
    return ", ".join(f"{tr(STATUS[status])} {counts[status]}" for status in STATUS if status in counts)
