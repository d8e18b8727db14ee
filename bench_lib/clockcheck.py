"""Whether our clock is right: the same built engine, timed by our loop and by others' in turn, in one process."""

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from bench_lib import apart, engines, loadgen, machine
from bench_lib.cases import Case, Grid, InputError, Limits
from bench_lib.checks import (
    EVENTS,
    LEAST_ROUNDS,
    LOADGEN,
    OURS,
    TIMER,
    Absent,
    CaseClock,
    Clock,
    goal,
    rows,
    write_check,
)
from bench_lib.engines import Engine, Unavailable
from bench_lib.records import write_text
from bench_lib.statistics import median
from bench_lib.sweep import now
from bench_lib.timing import time_engine

NO_OP = Limits(warmup_min_s=0.001, warmup_max_s=0.1, min_count=20, min_s=0.02, max_s=0.02)


@dataclass
class Subject:
    """What is timed: an engine, about how long a call takes (ms), and LoadGen's summaries of it."""

    engine: Engine
    limits: Limits
    call_ms: float
    log: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many calls a clock makes for a figure."""
        return max(self.limits.min_count, math.ceil(1e3 * self.limits.min_s / self.call_ms))

    @property
    def seconds(self) -> float:
        """About how long they take."""
        return self.calls * self.call_ms / 1e3


def ours(subject: Subject) -> dict[str, float]:
    """Milliseconds per batch by our loop, by figure."""
    return figures(subject.engine, subject.limits)


def figures(engine: Engine, limits: Limits, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Milliseconds per batch by our loop: the median latency, and the median of windows of calls back to back."""
    timing = time_engine(engine, limits, clock)
    return {
        "latency": median(timing.latency_ms),
        "throughput": median([1e3 * window.seconds / window.calls for window in timing.throughput]),
    }


def torch_timer(subject: Subject) -> dict[str, float]:
    """The same by `torch.utils.benchmark.Timer`, which itself waits for the GPU before and after each block."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where there is no GPU
    from torch.utils import benchmark

    def timer(statement: str) -> benchmark.Timer:
        return benchmark.Timer(statement, globals={"engine": subject.engine}, num_threads=torch.get_num_threads())

    latency = timer("engine.run(); engine.synchronize()").blocked_autorange(min_run_time=subject.seconds)
    return {"latency": 1e3 * latency.median, "throughput": 1e3 * timer("engine.run()").timeit(subject.calls).median}


def cuda_events(subject: Subject) -> dict[str, float]:
    """The same by the GPU's own clock: events around each call, and around all calls sent back to back."""
    single = [between_events(subject.engine, 1) for _ in range(subject.calls)]
    return {"latency": median(single), "throughput": between_events(subject.engine, subject.calls) / subject.calls}


def between_events(engine: Engine, calls: int) -> float:
    """Milliseconds on the current stream from before the first of the calls until after the last."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        engine.run()
    end.record()
    engine.synchronize()
    return begin.elapsed_time(end)


def mlperf(subject: Subject) -> dict[str, float]:
    """The same by MLPerf's LoadGen: SingleStream and Offline."""
    latency, single_stream = loadgen.single_stream(subject.engine, subject.calls, subject.call_ms)
    throughput, offline = loadgen.offline(subject.engine, subject.calls)
    subject.log += [single_stream, offline]
    return {"latency": latency, "throughput": throughput}


def check_gpu() -> None:
    """Raise `Unavailable` without a GPU."""
    if engines.device().type != "cuda":
        raise Unavailable("CUDA events need an NVIDIA GPU, and there is none here",
                          "события CUDA есть только у GPU NVIDIA, а здесь расчёт идёт на процессоре")  # fmt: skip


CLOCKS = {OURS: ours, TIMER: torch_timer, EVENTS: cuda_events, LOADGEN: mlperf}
NEEDS = {EVENTS: check_gpu, LOADGEN: loadgen.check}


def check_clock(grid: Grid, folder: Path, rounds: int = 12) -> Clock:
    """Time each case of the grid by every clock; write `clock.json`, and LoadGen's summaries beside it.

    Raise `InputError` if the rounds are too few for an interval.
    """
    if rounds < LEAST_ROUNDS:
        raise InputError(f"rounds is {rounds}; a 95 % interval needs at least {LEAST_ROUNDS}")
    started_at, on = now(), machine.describe()
    cases, summaries = zip(*(check_case(case, grid, rounds) for case in grid.cases()), strict=True)
    versions = {"torch": torch.__version__}
    if any(summaries):
        write_text(folder / "loadgen.txt", "\n".join(summaries))
        versions[LOADGEN] = loadgen.version()
    found = Clock(schema_version=1, started_at=started_at, machine=on, rounds=rounds, versions=versions, cases=cases)
    write_check(found, folder)
    return found


def printed(found: Clock) -> list[str]:
    """Lines for the terminal: each clock beside ours, and what our loop adds to a call."""
    lines = [f"{'case':34}{'figure':11}{'clock':24}{'ms/batch':>10}{'to ours':>9}  95 % interval   within   verdict"]
    for row in rows(found):
        start = f"{row.case.id:34}{row.figure or '':11}{row.clock:24}"
        if row.ms is None:
            lines.append(f"{start}  {row.absent.detail}")
        elif row.ratio is None:
            lines.append(f"{start}{row.ms:10.4g}")
        else:
            interval = f"{row.ratio.low:.4f}–{row.ratio.high:.4f}"
            lines.append(
                f"{start}{row.ms:10.4g}{row.ratio.value:9.4f}  {interval:16}{goal(row.case):.0%}       {row.agreement}"
            )
    for timed in found.cases:
        lines += [f"{timed.case.id:34}{figure:11}our loop adds {ns:.0f} ns" for figure, ns in timed.overhead_ns.items()]
    return lines


def check_case(case: Case, grid: Grid, rounds: int) -> tuple[CaseClock, str]:
    """Time the case by every clock in a fresh process; return what they say, and LoadGen's own summaries.

    What goes wrong with the case is kept in it.
    """
    found = apart.called(time_case, case, grid.limits, grid.seed, rounds)
    return (CaseClock(case=case, failed=found), "") if isinstance(found, Absent) else found


def time_case(case: Case, limits: Limits, seed: int, rounds: int) -> tuple[CaseClock, str]:
    """Build the engine, and time it by every clock in each round, in an order drawn anew.

    On a CPU the engine leaves a core free: LoadGen writes its log in a thread that wakes a hundred times a second, and
    where every core computes this slows the engine by a percent or two, which is no fault of either clock.
    """
    engine = apart.built(case, seed, max(1, torch.get_num_threads() - 1))
    subject = Subject(engine, limits, figures(engine, limits)["latency"])
    absent = why_absent()
    present = [name for name in CLOCKS if name not in absent]
    ms: dict[str, dict[str, list[float]]] = {}
    order = random.Random(seed)
    for _ in tqdm(range(rounds), desc=case.id, unit="round", dynamic_ncols=True):
        for name in order.sample(present, len(present)):
            for figure, value in CLOCKS[name](subject).items():
                ms.setdefault(figure, {}).setdefault(name, []).append(value)
    timed = CaseClock(case=case, ms=ms, absent=absent, overhead_ns=overhead_ns())
    return timed, "\n".join(f"{case.id}\n{summary}" for summary in subject.log)


def why_absent() -> dict[str, Absent]:
    """The clocks that cannot be used here, and why."""
    absent = {}
    for name, check in NEEDS.items():
        try:
            check()
        except Unavailable as error:
            command = f"; {error.command}" if error.command else ""
            absent[name] = Absent(reason=error.reason + command, detail=str(error) + command)
    return absent


class NoOp:
    """An engine that does nothing at all."""

    def __init__(self) -> None:
        self.ran: dict[str, Any] = {}

    def run(self) -> None:
        """Do nothing."""

    def synchronize(self) -> None:
        """Do nothing."""

    def output(self) -> torch.Tensor:
        """Nothing."""
        return torch.empty(0)


def overhead_ns(clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """What our loop adds to a call, nanoseconds: what it reads, by figure, for an engine that does nothing."""
    return {figure: 1e6 * ms for figure, ms in figures(NoOp(), NO_OP, clock).items()}
