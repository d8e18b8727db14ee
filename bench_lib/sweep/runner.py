"""Measure many cases: papermill runs `measure.ipynb` for each, in a fresh process."""

import random
from collections.abc import Iterable
from functools import partial
from typing import Any

from nbclient.exceptions import CellTimeoutError
from tqdm import tqdm

from bench_lib.core.case import Case
from bench_lib.core.grid import Grid
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Record, now, write_record
from bench_lib.measure import system
from bench_lib.results.crowding import is_crowded
from bench_lib.results.run_folder import Run
from bench_lib.sweep import fork_server, workers
from bench_lib.sweep.deaths import KernelDied, death, oom_kills
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook


def measure_grid(grid: Grid, run: Run, plain: bool = False, retry_failed: bool = False) -> list[Record]:
    """Measure every case of the grid that has no record in the run yet, and return all records in the grid's order.

    Cases are measured in the order of `shuffled_cases`, several at once with several GPUs (see
    `bench_lib.sweep.workers`). Each gets a fresh process: forked from one that has imported PyTorch already, or a new
    interpreter if `plain` is set or forking is not safe. `retry_failed` measures the failed cases again. A case that
    fails gives a record with its reason. After an interrupt the records stay, and the same call goes on from there.
    Raise `InputError` if the folder holds a run of another grid or machine, or if another sweep is writing to it.
    """
    run.start(grid, system.describe())
    with run.lock():
        if retry_failed:
            run.set_aside_failed()
        measure = partial(read_or_measure, grid=grid, run=run, fork=not plain and check_fork())
        cases = shuffled_cases(grid)
        with workers.worker_map() as parallel:
            show_progress(cases, parallel(measure, cases))
        if len(system.gpus()) > 1 and (again := workers.set_aside_disturbed(run, cases)):
            with workers.one_gpu():
                show_progress(again, map(measure, again))
    return run.records()


def read_or_measure(case: Case, grid: Grid, run: Run, fork: bool) -> Record:
    """The case's record: read if the run has one, otherwise measured now.

    Where the case's first repeat was skipped, this one is skipped for the same reason, without a process.
    """
    if record := run.measured(case):
        return record
    first = run.measured(case.first) if case.repeat > 1 else None
    if first is None or first.status != "skipped":
        return run_notebook(case, grid, run, fork)
    skipped = first.model_copy(update={"case": case, "started_at": now(), "ended_at": now()})
    write_record(skipped, run.record_path(case))
    return skipped


def show_progress(cases: list[Case], records: Iterable[Record]) -> None:
    """Show which case is measured, how many failed or were crowded, the rate and the time left, until all have come."""
    failures, beside, coming = 0, 0, iter(records)
    with tqdm(cases, unit="case", dynamic_ncols=True) as progress:
        for case in progress:
            progress.set_description_str(case.id)
            record = next(coming)
            failures += record.status == "failed"
            beside += is_crowded(record)
            progress.set_postfix(failed=failures, crowded=beside)


def shuffled_cases(grid: Grid) -> list[Case]:
    """The grid's cases in an order drawn from its seed, so that a drift of the machine's speed favours no engine.

    Repeats follow each other: in each round every case is measured once.
    """
    draw, cases = random.Random(grid.seed), grid.cases()
    each = len(cases) // grid.repeats
    rounds = (cases[start : start + each] for start in range(0, len(cases), each))
    return [case for one in rounds for case in draw.sample(one, each)]


def check_fork() -> bool:
    """Whether kernels can be forked on this machine; if not, print why."""
    if reason := fork_server.why_not():
        tqdm.write(f"Each case starts a process from nothing, which is slower: {reason}.")
    return not reason


def run_notebook(case: Case, grid: Grid, run: Run, fork: bool = False) -> Record:
    """Run `measure.ipynb` for the case in a fresh process and return its record.

    If the process ends without a record, write a failed one; but where the fork server died, which says nothing about
    the case, it is measured once more. Raise `OSError` if the system cannot start a process or write a file: that says
    nothing about the case either.
    """
    started_at = now()
    reason, detail = attempt_case(case, grid, run, fork)
    if reason.name == "process_lost" and run.measured(case) is None:
        reason, detail = attempt_case(case, grid, run, fork)
    if record := run.measured(case):
        return record
    return write_failure(case, grid, run, reason, detail, system.describe(), started_at)


def attempt_case(case: Case, grid: Grid, run: Run, fork: bool) -> tuple[Reason, str]:
    """Run `measure.ipynb` for the case, which writes its record; return why there is none, should there be none.

    The text beside the reason is the error's own.
    """
    path = run.record_path(case).absolute()
    notebook = run.notebook_path(case)
    notebook.parent.mkdir(parents=True, exist_ok=True)
    parameters = case.model_dump() | {"limits": grid.limits.model_dump(), "seed": grid.seed, "record_path": str(path)}
    before = oom_kills()
    try:
        execute_notebook(NOTEBOOKS / "measure.ipynb", notebook, parameters, grid.limits.case_timeout_s, fork=fork)
        return because("no_record"), ""
    except KernelDied as error:
        return death(error.exit_code, case.engine, before), str(error)
    except CellTimeoutError as error:
        return because("timed_out", seconds=grid.limits.case_timeout_s), str(error)
    except OSError:
        raise  # a full disk, no process to be had: the system's fault, not the case's
    except Exception as error:  # what the notebook ended with; success is judged by the record alone
        return because("stopped_by_error", kind=type(error).__name__), str(error)


def write_failure(
    case: Case, grid: Grid, run: Run, reason: Reason, detail: str, on: dict[str, Any], started_at: str
) -> Record:
    """Write and return a failed record for a case whose process left none; `on` describes the machine."""
    record = Record(
        case=case, limits=grid.limits, seed=grid.seed, started_at=started_at, status="failed", reason=reason,
        detail=detail, machine=on,
    )  # fmt: skip
    write_record(record, run.record_path(case))
    return record
