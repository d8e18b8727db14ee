"""Several GPUs of one host: a worker process for each, and no figure of a case whose pace the shared host sets.

What the GPU computes is not slowed down by another GPU's work, so such cases run at once, each worker on cores of its
own. Where the host sets the pace (at a batch of 1, most often), they would slow each other down. Whether it does is
known only once a case was measured, so those cases are measured again, one at a time.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from bench_lib.core.case import Case
from bench_lib.core.lifetime import end_with_parent, interrupts_blocked, use_command_folder
from bench_lib.core.record import Record
from bench_lib.measure import system
from bench_lib.results.company import company
from bench_lib.results.run_folder import Run
from bench_lib.results.verdicts import host_paced

VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextlib.contextmanager
def worker_map() -> Iterator[Callable[..., Iterable[Record]]]:
    """A function like `map` that measures in this process or, with several GPUs, in one process for each GPU.

    Raise `ChildProcessError` if one of these processes dies, which says nothing about a case.
    """
    uuids = system.gpus()
    if len(uuids) < 2:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    free = context.SimpleQueue()
    for place in zip(uuids, divide_cores(len(uuids)), strict=True):
        free.put(place)
    with ProcessPoolExecutor(len(uuids), context, initializer=take_place, initargs=(free,)) as pool:

        def parallel(function: Callable, cases: Iterable[Case]) -> Iterable[Record]:
            with interrupts_blocked():  # it starts the processes
                return pool.map(function, cases)

        try:
            yield parallel
        except BrokenProcessPool:
            raise ChildProcessError("a process that measures on one of the GPUs has died") from None


def divide_cores(parts: int) -> list[list[int]]:
    """The cores that this process may use, divided into so many parts without a common core, as equal as possible.

    With fewer cores than parts, each part is all of them.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < parts:
        return [cores] * parts
    return [cores[len(cores) * part // parts : len(cores) * (part + 1) // parts] for part in range(parts)]


def take_place(free: Any) -> None:
    """In a worker process: take one GPU and its cores from the queue `free`; its children get no others either."""
    end_with_parent()
    use_command_folder()
    uuid, cores = free.get()
    os.environ[VISIBLE] = uuid
    os.sched_setaffinity(0, cores)


def set_aside_disturbed(run: Run, cases: Iterable[Case]) -> list[Case]:
    """Set aside the records whose pace the host set, or may have set, while others ran on it; return their cases.

    The cases are returned in the order of `cases`.
    """
    records = run.records()
    disturbed = [
        record.case.id for record, others in zip(records, company(records), strict=True)
        if others and record.status == "ok" and host_paced([record]) is not False
    ]  # fmt: skip
    again = [case for case in cases if case.id in disturbed]
    for case in again:
        run.set_aside(case)
    return again


@contextlib.contextmanager
def one_gpu() -> Iterator[None]:
    """Let this process and its children see only the first of the GPUs that a sweep may use."""
    before, uuids = os.environ.get(VISIBLE), system.gpus()
    if len(uuids) > 1:
        os.environ[VISIBLE] = uuids[0]
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before
