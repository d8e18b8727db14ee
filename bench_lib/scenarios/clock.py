"""`bench selfcheck --clock`: one built engine is timed by our loop and by other clocks in turn, in one process."""

import logging
import math
import random
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm import tqdm

from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Engine, Unavailable, compute_device
from bench_lib.core.errors import InputError
from bench_lib.core.files import write_text
from bench_lib.core.grid import Grid
from bench_lib.core.intervals import median
from bench_lib.core.reason import Reason
from bench_lib.core.record import now
from bench_lib.core.timing import batch_times_ms, overhead_ns
from bench_lib.measure import system
from bench_lib.measure.threads import threads
from bench_lib.results.clock import EVENTS, LEAST_ROUNDS, LOADGEN, OURS, TIMER, CaseClock, Clock
from bench_lib.results.result_file import write_result
from bench_lib.scenarios import loadgen
from bench_lib.scenarios.worker import build_for_thread, run_in_process


@dataclass
class Subject:
    """What the clocks time: an engine, the grid's limits, and about how long a call takes (ms).

    `log` collects the summaries that LoadGen writes about it.
    """

    engine: Engine
    limits: Limits
    call_ms: float
    log: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many calls each clock makes for one figure: `min_count` or more, and `min_s` seconds or more."""
        return max(self.limits.min_count, math.ceil(1e3 * self.limits.min_s / self.call_ms))

    @property
    def seconds(self) -> float:
        """About how many seconds these calls take."""
        return self.calls * self.call_ms / 1e3


def time_ours(subject: Subject) -> dict[str, float]:
    """Milliseconds per batch by our loop, by figure."""
    return batch_times_ms(subject.engine, subject.limits)


def time_torch_timer(subject: Subject) -> dict[str, float]:
    """Milliseconds per batch by `torch.utils.benchmark.Timer`, which waits for the GPU before and after each block."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where there is no GPU
    from torch.utils import benchmark

    def timer(statement: str) -> benchmark.Timer:
        return benchmark.Timer(statement, globals={"engine": subject.engine}, num_threads=torch.get_num_threads())

    latency = timer("engine.run(); engine.synchronize()").blocked_autorange(min_run_time=subject.seconds)
    return {"latency": 1e3 * latency.median, "throughput": 1e3 * timer("engine.run()").timeit(subject.calls).median}


def time_cuda_events(subject: Subject) -> dict[str, float]:
    """Milliseconds per batch by the GPU's own clock: events around each call, and around all calls back to back."""
    single = [between_events(subject.engine, 1) for _ in range(subject.calls)]
    return {"latency": median(single), "throughput": between_events(subject.engine, subject.calls) / subject.calls}


def between_events(engine: Engine, calls: int) -> float:
    """Send `calls` calls, wait for them, and return the milliseconds between a CUDA event before and one after them.

    The events are on the current CUDA stream.
    """
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        engine.run()
    end.record()
    engine.synchronize()
    return begin.elapsed_time(end)


def time_mlperf(subject: Subject) -> dict[str, float]:
    """Milliseconds per batch by MLPerf's LoadGen: latency from SingleStream, throughput from Offline."""
    latency, single_stream = loadgen.single_stream(subject.engine, subject.calls, subject.call_ms)
    throughput, offline = loadgen.offline(subject.engine, subject.calls)
    subject.log += [single_stream, offline]
    return {"latency": latency, "throughput": throughput}


def check_gpu() -> None:
    """Raise `Unavailable` without a GPU."""
    if compute_device().type != "cuda":
        raise Unavailable("events_need_gpu")


CLOCKS = {OURS: time_ours, TIMER: time_torch_timer, EVENTS: time_cuda_events, LOADGEN: time_mlperf}
NEEDS = {EVENTS: check_gpu, LOADGEN: loadgen.check_loadgen}


def check_clock(grid: Grid, folder: Path, rounds: int = 12) -> Clock:
    """Time each case of the grid `rounds` times by every clock; write `clock.json` into the folder, and return it.

    LoadGen's summaries are written beside it, into `loadgen.txt`. Raise `InputError` if there are too few rounds for an
    interval.
    """
    if rounds < LEAST_ROUNDS:
        raise InputError(f"rounds is {rounds}; a 95 % interval needs at least {LEAST_ROUNDS}")
    started_at, on = now(), system.describe()
    cases, summaries = zip(*(clock_case(case, grid, rounds) for case in grid.cases()), strict=True)
    versions = {"torch": torch.__version__}
    if any(summaries):
        write_text(folder / "loadgen.txt", "\n".join(summaries))
        versions[LOADGEN] = loadgen.version()
    found = Clock(schema_version=2, started_at=started_at, machine=on, rounds=rounds, versions=versions, cases=cases)
    write_result(found, folder)
    return found


def clock_case(case: Case, grid: Grid, rounds: int) -> tuple[CaseClock, str]:
    """Time the case by every clock in a fresh process; return the figures, and LoadGen's own summaries as text.

    An error of the case is not raised: it is kept as the reason in `failed`, and the text is empty.
    """
    found = run_in_process(case.engine, time_case, case, grid.limits, grid.seed, rounds)
    return (CaseClock(case=case, failed=found), "") if isinstance(found, Reason) else found


def time_case(case: Case, limits: Limits, seed: int, rounds: int) -> tuple[CaseClock, str]:
    """Build the engine and time it `rounds` times by every clock; each round draws the order of the clocks anew.

    On a CPU the engine leaves one core free. LoadGen has a thread that wakes a hundred times a second to write its log;
    if all cores computed, that thread would slow the engine by a percent or two, which is no error of a clock.
    """
    engine = build_for_thread(case, seed, max(1, threads() - 1))
    subject = Subject(engine, limits, batch_times_ms(engine, limits)["latency"])
    absent = absent_clocks()
    present = [name for name in CLOCKS if name not in absent]
    ms: dict[str, dict[str, list[float]]] = {}
    order = random.Random(seed)
    for _ in tqdm(range(rounds), desc=case.id, unit="round", dynamic_ncols=True):
        for name in order.sample(present, len(present)):
            for figure, value in CLOCKS[name](subject).items():
                ms.setdefault(figure, {}).setdefault(name, []).append(value)
    timed = CaseClock(case=case, ms=ms, absent=absent, overhead_ns=overhead_ns())
    return timed, "\n".join(f"{case.id}\n{summary}" for summary in subject.log)


def absent_clocks() -> dict[str, Reason]:
    """Why a clock cannot be used on this machine, by the clock's name; a clock that can be used is not in it."""
    absent = {}
    for name, check in NEEDS.items():
        try:
            check()
        except Unavailable as error:
            absent[name] = error.reason
    return absent
