"""`bench scale`: a case runs several times at once on one device, in as many processes or in threads of one process."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from bench_lib.core import intervals
from bench_lib.core.case import Case
from bench_lib.core.engine import Engine
from bench_lib.core.errors import error_text
from bench_lib.core.reason import Reason, because
from bench_lib.core.timing import call_ms, warm_up
from bench_lib.measure import memory, system
from bench_lib.measure.measure_case import failure_reason
from bench_lib.measure.processor import most_threads
from bench_lib.results.load_grid import P99_COUNT
from bench_lib.results.scaling import Crowd, Scaled, Scaling, ScalingGrid, Way
from bench_lib.scenarios.resume import measure_left
from bench_lib.scenarios.worker import build_for_thread, check_answers, ended_reason, start_process
from bench_lib.sweep.deaths import oom_kills


@dataclass(frozen=True)
class WorkerTimes:
    """The times of one process: for each of its threads, the latencies (ms) and how many seconds it inferred.

    `cpu_s` is the CPU time (seconds) of all its threads together.
    """

    latency_ms: list[list[float]]
    seconds: list[float]
    cpu_s: float


def measure_scaling(grid: ScalingGrid, folder: Path) -> Scaling:
    """Measure each case alone and several at once; write `scaling.json` into the folder after each measurement.

    What the file holds already, of the same grid on this machine, is kept.
    """
    machine, order = system.describe(), [case.id for case in grid.cases()]

    def add_crowd(kept: list[Scaled], point: tuple[Case, Way, int]) -> list[Scaled]:
        case, way, workers = point
        found = {scaled.case.id: scaled for scaled in kept}
        crowds = found[case.id].crowds if case.id in found else []
        crowd = measure_crowd(case, way, workers, grid, machine["cores"])
        found[case.id] = Scaled(case=case, crowds=[*crowds, crowd])
        return sorted(found.values(), key=lambda scaled: order.index(scaled.case.id))

    points = [(case, way, workers) for case in grid.cases() for way in grid.ways for workers in grid.workers]
    parts = {(case.id, way, workers): (case, way, workers) for case, way, workers in points}
    return measure_left(Scaling, grid, machine, folder, parts, add_crowd, measured=measured_crowds, unit="crowd")


def measured_crowds(cases: list[Scaled]) -> set[tuple[str, Way, int]]:
    """The key of each crowd that a file holds: its case's id, its way and its number of workers."""
    return {(scaled.case.id, crowd.way, crowd.workers) for scaled in cases for crowd in scaled.crowds}


def measure_crowd(case: Case, way: Way, workers: int, grid: ScalingGrid, cores: int) -> Crowd:
    """Run the case `workers` times at once, in fresh processes or in threads of one, and return what they did together.

    On a CPU the workers share the `cores` evenly, as far as a quota allows, and each has at least one. What goes wrong
    is kept as the crowd's `failed`, never raised.
    """
    idle, kills = memory.device_bytes(), oom_kills()
    each = min(max(1, cores // workers), most_threads(workers))
    processes, threads = (workers, 1) if way == "processes" else (1, workers)
    started: list[tuple[BaseProcess, Connection]] = []

    def answers() -> list[Any]:
        return [hear_worker(*worker, grid.limits.case_timeout_s, case.engine, kills) for worker in started]

    try:
        for _ in range(processes):
            started.append(start_process(run_worker, case, grid, threads, each))
        gathered = answers()
        if not (failed := first_absent(gathered)):
            tell_workers(started, "go")
            shares = system.watch_gpu(grid.window_s)
            gathered = answers()
            used = memory.device_bytes()
            host = sum(psutil.Process(process.pid).memory_full_info().uss for process, _ in started)
            failed = first_absent(gathered)
        if not failed:
            tell_workers(started, "check")
            failed = first_absent(answers())
        if failed:
            return Crowd(way=way, workers=workers, cores=each, failed=failed)
    except (OSError, psutil.Error) as error:  # a worker that has died, or one that the system did not start
        failed = because("process_crashed_with", error=error_text(error))
        return Crowd(way=way, workers=workers, cores=each, failed=failed)
    finally:
        for process, _ in started:
            process.kill()
            process.join()
    return Crowd(way=way, workers=workers, cores=each, **crowd_figures(gathered, case.batch_size, shares, cores),
                 device_bytes=None if used is None else max(0, used - idle), host_bytes=host)  # fmt: skip


def first_absent(answers: list[Any]) -> Reason | None:
    """The first answer that is a reason why there are no figures; None if every worker answered with figures."""
    return next((answer for answer in answers if isinstance(answer, Reason)), None)


def crowd_figures(works: list[WorkerTimes], batch_size: int, shares: list[float] | None, cores: int) -> dict[str, Any]:
    """The figures of a `Crowd`, by name, from what its processes did.

    `shares` are samples of the GPU's utilisation from `system.watch_gpu` (None without a GPU). `busy` is the mean of
    their later half, when all workers were busy; without a GPU, the share of the time of all `cores` that the processes
    used.
    """
    latencies = [ms for work in works for ms in work.latency_ms]
    seconds = [s for work in works for s in work.seconds]
    calls = [ms for one in latencies for ms in one]
    tail = intervals.percentiles(calls)
    p99_ms = tail.p99 if len(calls) >= P99_COUNT else None
    if shares is None:
        busy = sum(work.cpu_s for work in works) / max(seconds) / cores
    else:
        later = shares[len(shares) // 2 :]
        busy = sum(later) / len(later) if later else None
    each = [batch_size * len(ms) / s for ms, s in zip(latencies, seconds, strict=True)]
    return {"each_ips": each, "p50_ms": tail.p50, "p99_ms": p99_ms, "calls": len(calls), "busy": busy}


def tell_workers(started: list[tuple[BaseProcess, Connection]], word: str) -> None:
    """Send all workers a word."""
    for _, link in started:
        link.send(word)


def hear_worker(process: BaseProcess, link: Connection, timeout_s: float, engine: str, oom_kills_before: int) -> Any:
    """What a worker sends next; a `Reason` if it sends nothing within `timeout_s` seconds, or has died."""
    try:
        if link.poll(timeout_s):
            return link.recv()
    except (EOFError, ConnectionError):
        return ended_reason(process, engine, oom_kills_before)
    return because("timed_out", seconds=timeout_s)


def run_worker(link: Connection, case: Case, grid: ScalingGrid, threads: int, cores: int) -> None:
    """What a fresh process does: it builds an engine in each of its threads, and talks to its parent in three steps.

    It sends "ready". At a word it infers for `grid.window_s` seconds and sends `WorkerTimes`; the parent then reads
    memory. At the next word it checks the outputs and sends None. On failure it sends a `Reason` and ends.
    """
    step, go, check = threading.Semaphore(0), threading.Event(), threading.Event()
    one_at_a_time, works, faults = threading.Lock(), [], []

    def worker() -> None:
        try:
            with one_at_a_time:
                engine = build_for_thread(case, grid.seed, cores)
                warm_up(engine, grid.limits, time.perf_counter)
            step.release()
            go.wait()
            works.append(infer(engine, grid.window_s))
            step.release()
            check.wait()
            with one_at_a_time:
                check_answers(engine, case, grid.seed)
        except Exception as error:  # a runtime may raise anything, in any thread
            faults.append(error)
        step.release()

    def told(answer: Callable[[], Any]) -> bool:
        """Wait for all threads, send the answer or the failure, wait for the parent's word; return whether to go on."""
        for _ in range(threads):
            step.acquire()
        link.send(failure_reason(faults[0]) if faults else answer())
        link.recv()
        return not faults

    start_threads(worker, threads)
    if told(lambda: "ready"):
        before_s = cpu_s()
        go.set()
        if told(lambda: WorkerTimes([ms for ms, _ in works], [seconds for _, seconds in works], cpu_s() - before_s)):
            check.set()
            told(lambda: None)


def start_threads(function: Callable[[], None], count: int) -> None:
    """Start `count` threads that run the function; they end with this process."""
    for _ in range(count):
        threading.Thread(target=function, daemon=True).start()


def cpu_s() -> float:
    """CPU seconds of this process so far, over all threads."""
    used = os.times()
    return used.user + used.system


def infer(engine: Engine, seconds: float) -> tuple[list[float], float]:
    """Call the engine for `seconds` seconds, waiting for each call; return latencies (ms) and the seconds passed."""
    samples, start = [], time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        samples.append(call_ms(engine, time.perf_counter)[0])
    return samples, elapsed
