"""Records → a tidy table: one row a case, the seed report's figures, and a few more."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
from bench_lib.results.run_folder import Run
from bench_lib.text.language import mark, tr

STATUS = {"ok": mark("measured"), "skipped": mark("skipped"), "failed": mark("failed")}
VERDICTS = {"faster": mark("FASTER"), "slower": mark("SLOWER"), "same": mark("SAME"), "undecided": mark("UNDECIDED")}
BASELINE_NAME = f"{LABELS['pytorch']} fp32"
MOST_NAMES = 12  # more cannot be told apart in a figure or a list


@dataclass(frozen=True)
class CaseTable:
    """One run, read: its grid, machine, records, and `cases`, a table with one row a case, over all its repeats.

    `bench_lib.analysis.columns` tells what each column of `cases` holds; `lost` holds records here. Unknown figures are
    NaN. A ceiling is a rate, and a latency holds waiting as well, so `roofline` is of throughput.

    `check` is what `bench selfcheck` found there, if it ran. The relative sd from process to process that `extra_sd` is
    taken from is the one that it measured, in cases like the one it measured it in, else `ASSUMED_SD`: `checked` says
    whether those are all, only those that the host paces or that the device does
    (see `bench_lib.results.verdicts.host_paced`), or none.
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
        check = verdicts.read_selfcheck(folder)
        return tabulate(run.grid(), run.records(), check)

    @property
    def measured(self) -> pd.DataFrame:
        """The cases with figures."""
        return self.cases[self.cases.status == "ok"]


def tabulate(grid: Grid, records: list[Record], check: verdicts.SelfCheck | None = None) -> CaseTable:
    """Tables of the records, judged by `roofline.judged`; all are from one machine.

    Raise `InputError` if they do not tell which.
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
    """Of which cases the check tells, where `paces` are whether the host paces each; one as `Summary.checked` has."""
    if check is None:
        return "none"
    pace = check.host_paced
    if pace is None:
        pace = paces.get(check.case.id, None if check.machine["gpu"] else False)
    if pace not in paces.values():  # unknown too: a file from before the check told it, of a case that is not here
        return "none"
    return "all" if set(paces.values()) == {pace} else "host" if pace else "device"


def records_by_case(records: list[Record]) -> dict[str, list[Record]]:
    """The records of each case, over its repeats, by the id that `cases` has for it."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.case.first.id, []).append(record)
    return found


def place_in_block(rows: list[dict[str, Any]]) -> None:
    """Add to the rows of one image size and batch size: their speedups over PyTorch fp32, verdicts, and who leads."""
    measured = [row for row in rows if row["status"] == "ok"]
    baseline = next((row for row in measured if row["name"] == BASELINE_NAME), None)
    best = min(measured, key=lambda row: row["latency_ms"], default=None)
    for row in rows:
        is_measured = row["status"] == "ok"
        as_asked = is_measured and row["precision"] in (row["precision_label"], AUTO)
        row["leads"] = is_measured and (row is best or compare_rows(row, best) != "slower")
        row |= dict.fromkeys(("speedup", "speedup_low", "speedup_high"), float("nan")) | {"verdict": ""}
        if baseline and as_asked:
            row |= speedup_figures(row, baseline)


def speedup_figures(row: dict[str, Any], baseline: dict[str, Any]) -> dict[str, Any]:
    """The speedup over the baseline, the ends of its interval, and the verdict."""
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
    """Whether a row of `cases` is faster than another by `latency` or by `fps`."""
    ours, theirs = row[f"{figure}_values"], other[f"{figure}_values"]
    pair, sd = (ours, theirs) if figure == "latency" else (theirs, ours), max(row["extra_sd"], other["extra_sd"])
    return intervals.verdict(*intervals.within_rounds(*pair, sd), extra_sd=sd)


def main_names(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that a reader can keep apart: all, if they have at most `MOST_NAMES` names.

    Of more, those without a variant, and of each engine and precision the variant that is most often its fastest.
    """
    if cases["name"].nunique() <= MOST_NAMES:
        return cases
    tuned = cases[cases.variant != ""]
    fastest = tuned.loc[tuned.groupby(["engine", "precision_label", "image_size", "batch_size"]).fps.idxmax()]
    most_often = fastest.groupby(["engine", "precision_label"])["name"].agg(lambda names: names.value_counts().index[0])
    return cases[(cases.variant == "") | cases["name"].isin(most_often)]


def status_counts(report: CaseTable) -> str:
    """How many cases are measured, skipped and failed, for example “measured 16, skipped 32”."""
    counts = report.cases.status.value_counts()
    return ", ".join(f"{tr(STATUS[status])} {counts[status]}" for status in STATUS if status in counts)
