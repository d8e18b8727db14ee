"""A run's records → a table with one row a case, the speedups over PyTorch fp32, and who is fastest."""

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from bench_lib.analysis import roofline
from bench_lib.analysis.case_row import case_row
from bench_lib.core import intervals
from bench_lib.core.case import AUTO, LABELS
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.core.record import Record
from bench_lib.results import verdicts
from bench_lib.results.result_file import read_result
from bench_lib.results.run_folder import Run
from bench_lib.text.language import mark, tr

STATUS = {"ok": mark("measured"), "skipped": mark("skipped"), "failed": mark("failed")}
VERDICTS = {"faster": mark("FASTER"), "slower": mark("SLOWER"), "same": mark("SAME"), "undecided": mark("UNDECIDED")}
BASELINE_NAME = f"{LABELS['pytorch']} fp32"
APPROACH = ["engine", "variant", "precision", "actual_precision"]  # the columns that tell approaches apart
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
    none. The other cases take `ASSUMED_SD`.
    """

    grid: Grid
    machine: dict[str, Any]
    records: list[Record]
    cases: pd.DataFrame
    check: verdicts.SelfCheck | None = None
    checked: Literal["none", "all", "host", "device"] = "none"

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


def tabulate(grid: Grid, records: list[Record], check: verdicts.SelfCheck | None = None) -> CaseTable:
    """The table of a run's records, at least one, each judged by `roofline.judged`.

    Raise `InputError` if they do not say which machine they are from.
    """
    if not records[0].machine:
        raise InputError("the records do not tell what machine they are from; measure again with `bench sweep`")
    records = [roofline.judged(record) for record in records]
    by_case = records_by_case(records)
    paces = {name: check is not None and verdicts.host_paced(processes) for name, processes in by_case.items()}
    checked = checked_paces(check, paces)
    alike = {"none": (), "all": (True, False), "host": (True,), "device": (False,)}[checked]
    sds = {name: check.process_sd if pace in alike else ASSUMED_SD for name, pace in paces.items()}
    rows = [case_row(processes, sds[name]) for name, processes in by_case.items()]
    blocks: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        blocks.setdefault((row["image_size"], row["batch_size"]), []).append(row)
    for block in blocks.values():
        place_in_block(block)
    return CaseTable(grid, records[0].machine, records, pd.DataFrame(rows), check, checked)


def checked_paces(check: verdicts.SelfCheck | None, paces: Mapping[str, bool]) -> str:
    """For which cases the check's spread between processes can be used: a value of `CaseTable.checked`.

    `paces` says for each case, by id, whether the host sets its pace.
    """
    if check is None:
        return "none"
    pace = check.host_paced
    if pace is None:
        pace = paces.get(check.case.id, None if check.machine["gpu"] else False)
    if pace not in paces.values():  # also if unknown: an old file lacks it, and its case is not in this run
        return "none"
    return "all" if set(paces.values()) == {pace} else "host" if pace else "device"


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
    """Add `speedup` with its interval, `verdict` and `leads` to the rows of one image size and batch size."""
    measured = [row for row in rows if row["status"] == "ok"]
    baseline = next((row for row in measured if is_baseline(row)), None)
    best = min(measured, key=lambda row: row["latency_ms"], default=None)
    for row in rows:
        is_measured = row["status"] == "ok"
        as_asked = is_measured and row["precision"] in (row["actual_precision"], AUTO)
        row["leads"] = is_measured and (row is best or compare_rows(row, best) != "slower")
        row |= dict.fromkeys(("speedup", "speedup_low", "speedup_high"), float("nan")) | {"verdict": ""}
        if baseline and as_asked:
            row |= speedup_figures(row, baseline)


def speedup_figures(row: dict[str, Any], baseline: dict[str, Any]) -> dict[str, Any]:
    """The columns on the speedup of a row over the baseline's; for the baseline itself, the speedup alone."""
    value = baseline["latency_ms"] / row["latency_ms"]
    if row is baseline:
        return {"speedup": value}
    sd = max(row["extra_sd"], baseline["extra_sd"])
    values = intervals.within_rounds(baseline["latency_values"], row["latency_values"], sd)
    interval = intervals.ratio(*values, extra_sd=sd)
    scale = value / interval.value
    low, high = interval.low * scale, interval.high * scale
    return {"speedup": value, "speedup_low": low, "speedup_high": high, "verdict": compare_rows(row, baseline)}


def compare_rows(row, other, figure: str = "latency") -> intervals.Verdict:
    """The verdict on the first row of `cases` against the second, by `latency` or by `fps`: whether it is faster."""
    ours, theirs = row[f"{figure}_values"], other[f"{figure}_values"]
    pair, sd = (ours, theirs) if figure == "latency" else (theirs, ours), max(row["extra_sd"], other["extra_sd"])
    return intervals.verdict(*intervals.within_rounds(*pair, sd), extra_sd=sd)


def main_names(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that a figure or a list has room for: all, where there are at most `MOST_NAMES` approaches.

    If there are more: the cases without a variant and, of each engine and precision, the variant that is most often its
    fastest.
    """
    if cases["name"].nunique() <= MOST_NAMES:
        return cases
    tuned, kind = cases[cases.variant != ""], ["engine", "precision", "actual_precision"]
    fastest = tuned.loc[tuned.groupby([*kind, "image_size", "batch_size"]).fps.idxmax()]
    most_often = fastest.groupby(kind).variant.agg(lambda variants: variants.value_counts().index[0])
    of_kind = pd.MultiIndex.from_frame(cases[[*kind, "variant"]])
    return cases[(cases.variant == "") | of_kind.isin([(*key, variant) for key, variant in most_often.items()])]


def status_counts(report: CaseTable) -> str:
    """How many cases are measured, skipped and failed, for example “measured 16, skipped 32”."""
    counts = report.cases.status.value_counts()
    return ", ".join(f"{tr(STATUS[status])} {counts[status]}" for status in STATUS if status in counts)
