"""Many cases → papermill, one fresh process each."""

import contextlib
import multiprocessing
import os
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from tqdm import tqdm

from bench_lib.core.case import Case
from bench_lib.core.grid import Grid
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Record, now, write_record
from bench_lib.measure import system
from bench_lib.results.run_folder import Run
from bench_lib.sweep import fork_server
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook


def measure_grid(grid: Grid, run: Run, plain: bool = False, retry_failed: bool = False) -> list[Record]:
    """Measure every case of the grid that has no record in the run yet, and return all records in the grid's order.

    Cases are measured in the order of `shuffled`. Each gets a fresh process: forked from one that has imported
    PyTorch already, or, if `plain` or where forking is not safe, started from nothing. `retry_failed` measures those
    that failed again. Raise `InputError` if the run's folder holds another grid's or machine's run, or another sweep
    works in it. A case that fails is a record with its reason; an interrupt leaves what is measured, and the same call
    goes on from there.
    """
    run.start(grid, system.describe())
    with run.lock():
        if retry_failed:
            run.set_aside_failed()
        measure = partial(read_or_measure, grid=grid, run=run, fork=not plain and check_fork())
        with worker_map() as parallel:
            cases = shuffled_cases(grid)
            show_progress(cases, parallel(measure, cases))
    return run.records()


def read_or_measure(case: Case, grid: Grid, run: Run, fork: bool) -> Record:
    """The case's record: the one that is there already, or else measured now."""
    return run.measured(case) or run_notebook(case, grid, run, fork)


def show_progress(cases: list[Case], records: Iterable[Record]) -> None:
    """Show which case is measured, how many failed, the rate and the time left, until all records have come."""
    failures, coming = 0, iter(records)
    with tqdm(cases, unit="case", dynamic_ncols=True) as progress:
        for case in progress:
            progress.set_description_str(case.id)
            failures += next(coming).status == "failed"
            progress.set_postfix(failed=failures)


@contextlib.contextmanager
def worker_map() -> Iterator[Callable[..., Iterable[Record]]]:
    """A `map` that measures in this process or, where there are several GPUs, in one process for each of them."""
    uuids = system.gpus()
    if len(uuids) < 2:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    free = context.SimpleQueue()
    for uuid in uuids:
        free.put(uuid)
    with ProcessPoolExecutor(len(uuids), context, initializer=take_gpu, initargs=(free,)) as pool:
        yield pool.map


def take_gpu(free: Any) -> None:
    """In a worker: take a GPU of its own; all that it starts sees no other."""
    os.environ["CUDA_VISIBLE_DEVICES"] = free.get()


def shuffled_cases(grid: Grid) -> list[Case]:
    """The grid's cases in an order drawn from its seed, so that a drift of the machine hits all engines alike.

    One repeat after the other: a round holds each case once.
    """
    draw, cases = random.Random(grid.seed), grid.cases()
    each = len(cases) // grid.repeats
    rounds = (cases[start : start + each] for start in range(0, len(cases), each))
    return [case for one in rounds for case in draw.sample(one, each)]


def check_fork() -> bool:
    """Whether kernels can be forked here; if not, say why."""
    if reason := fork_server.why_not():
        tqdm.write(f"Each case starts a process from nothing, which is slower: {reason}.")
    return not reason


def run_notebook(case: Case, grid: Grid, run: Run, fork: bool = False) -> Record:
    """Run `measure.ipynb` for the case in a fresh process; return its record, written here if the process could not.

    Raise `OSError` where the system lets nothing be started or written: that is no property of the case.
    """
    path = run.record_path(case).absolute()
    notebook = run.notebook_path(case)
    notebook.parent.mkdir(parents=True, exist_ok=True)
    parameters = case.model_dump() | {"limits": grid.limits.model_dump(), "seed": grid.seed, "record_path": str(path)}
    started_at = now()
    try:
        execute_notebook(NOTEBOOKS / "measure.ipynb", notebook, parameters, grid.limits.case_timeout_s, fork=fork)
        detail, reason = "", because("no_record")
    except Exception as error:  # what the process died of; success is judged by the record alone
        if isinstance(error, OSError) and not isinstance(error, CellTimeoutError):
            raise  # a full disk, no process to be had: the system's fault, not the case's
        detail, reason = str(error), process_death(error, grid.limits.case_timeout_s)
    if record := run.measured(case):
        return record
    return write_failure(case, grid, run, reason, detail, system.describe(), started_at)


def write_failure(
    case: Case, grid: Grid, run: Run, reason: Reason, detail: str, on: dict[str, Any], started_at: str
) -> Record:
    """Write and return the record of a case whose process left none; `on` is the machine it was to run on."""
    record = Record(
        case=case, limits=grid.limits, seed=grid.seed, started_at=started_at, status="failed", reason=reason,
        detail=detail, machine=on,
    )  # fmt: skip
    write_record(record, run.record_path(case))
    return record


def process_death(error: Exception, timeout_s: float) -> Reason:
    """How a measuring process ended without a record."""
    if isinstance(error, CellTimeoutError):
        return because("timed_out", seconds=timeout_s)
    if isinstance(error, DeadKernelError):
        return because("process_killed")
    return because("stopped_by_error", kind=type(error).__name__)
