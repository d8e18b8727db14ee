"""Measure a case several times at once on one device: as processes, and as threads of one process."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from bench_lib.core import intervals
from bench_lib.core.case import Case
from bench_lib.core.engine import Engine
from bench_lib.core.errors import error_text
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import now
from bench_lib.core.timing import call_ms, warm_up
from bench_lib.measure import memory, system
from bench_lib.measure.measure_case import failure_reason
from bench_lib.results.result_file import read_begun, write_result
from bench_lib.results.scaling import Crowd, Scaled, Scaling, ScalingGrid, Way
from bench_lib.scenarios.worker import build_for_thread, check_answers


@dataclass(frozen=True)
class WorkerTimes:
    """What one process did in the window: the latencies (ms) of each of its threads, their seconds, and CPU seconds."""

    latency_ms: list[list[float]]
    seconds: list[float]
    cpu_s: float


def measure_scaling(grid: ScalingGrid, folder: Path) -> Scaling:
    """Measure each case alone and in company; write `scaling.json` after each crowd.

    What the file holds already of the same grid on this machine is kept.
    """
    on, cases = system.describe(), grid.cases()
    found = read_begun(Scaling, grid, on, folder)
    crowds = {scaled.case.id: list(scaled.crowds) for scaled in found.cases} if found else {}
    points = [(case, way, count) for case in cases for way in grid.ways for count in grid.workers]
    done = {(case, one.way, one.workers) for case, members in crowds.items() for one in members}
    left = [(case, way, count) for case, way, count in points if (case.id, way, count) not in done]
    for case, way, count in tqdm(left, unit="crowd", dynamic_ncols=True):
        crowds.setdefault(case.id, []).append(measure_crowd(case, way, count, grid, on["cores"]))
        scaled = [Scaled(case=one, crowds=crowds[one.id]) for one in cases if one.id in crowds]
        found = Scaling(schema_version=2, started_at=now(), machine=on, grid=grid, cases=scaled)
        write_result(found, folder)
    return found


def measure_crowd(case: Case, way: Way, workers: int, grid: ScalingGrid, cores: int) -> Crowd:
    """The case so many times at once, in fresh processes; what goes wrong is kept in it.

    On a CPU the workers share the cores evenly; none has less than one.
    """
    idle, each = memory.device_bytes(), max(1, cores // workers)
    processes, threads = (workers, 1) if way == "processes" else (1, workers)
    started, links = [], []
    context = multiprocessing.get_context("spawn")

    def answers() -> list[Any]:
        return [hear_worker(link, grid.limits.case_timeout_s) for link in links]

    try:
        for _ in range(processes):
            link, theirs = context.Pipe()
            started.append(context.Process(target=run_worker, args=(theirs, case, grid, threads, each)))
            started[-1].start()
            theirs.close()  # the worker's end: so that its death is seen here
            links.append(link)
        gathered = answers()
        if not (failed := first_absent(gathered)):
            tell_workers(links, "go")
            shares = system.watch_gpu(grid.window_s)
            gathered = answers()
            used = memory.device_bytes()
            host = sum(psutil.Process(process.pid).memory_full_info().uss for process in started)
            failed = first_absent(gathered)
        if not failed:
            tell_workers(links, "check")
            failed = first_absent(answers())
        if failed:
            return Crowd(way=way, workers=workers, cores=each, failed=failed)
    except (OSError, psutil.Error) as error:  # a worker that has died, or one that the system did not start
        failed = because("process_crashed_with", error=error_text(error))
        return Crowd(way=way, workers=workers, cores=each, failed=failed)
    finally:
        for process in started:
            process.kill()
            process.join()
    return Crowd(way=way, workers=workers, cores=each, **crowd_figures(gathered, case.batch_size, shares, cores),
                 device_bytes=None if used is None else max(0, used - idle), host_bytes=host)  # fmt: skip


def first_absent(answers: list[Any]) -> Reason | None:
    """The first of the answers that says why there are no figures."""
    return next((answer for answer in answers if isinstance(answer, Reason)), None)


def crowd_figures(works: list[WorkerTimes], batch_size: int, shares: list[float] | None, cores: int) -> dict[str, Any]:
    """A crowd's figures from what its processes did, and from what `machine.watch_gpu` saw: its later half counts."""
    latencies = [ms for work in works for ms in work.latency_ms]
    seconds = [s for work in works for s in work.seconds]
    tail = intervals.percentiles([ms for one in latencies for ms in one])
    if shares is None:
        busy = sum(work.cpu_s for work in works) / max(seconds) / cores
    else:
        later = shares[len(shares) // 2 :]
        busy = sum(later) / len(later) if later else None
    each = [batch_size * len(ms) / s for ms, s in zip(latencies, seconds, strict=True)]
    return {"each_ips": each, "p50_ms": tail.p50, "p99_ms": tail.p99, "busy": busy}


def tell_workers(links: list[Connection], word: str) -> None:
    """Send all workers a word."""
    for link in links:
        link.send(word)


def hear_worker(link: Connection, timeout_s: float) -> Any:
    """What a worker sends; a `Reason` if it says nothing in time or has died."""
    try:
        if link.poll(timeout_s):
            return link.recv()
    except EOFError:
        return because("process_crashed")
    return because("timed_out", seconds=timeout_s)


def run_worker(link: Connection, case: Case, grid: ScalingGrid, threads: int, cores: int) -> None:
    """In a fresh process: build in each thread and say that it is ready; when told, infer and send what was done.

    When told again, since the parent looks at the memory first, check each engine's output and send None. Where
    something goes wrong, a `Reason` is sent instead, and nothing after it.
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
        """Once all threads have come a step further, send the answer, or what went wrong; then wait for a word."""
        for _ in running:
            step.acquire()
        link.send(failure_reason(faults[0]) if faults else answer())
        link.recv()
        return not faults

    running = [threading.Thread(target=worker, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    if told(lambda: "ready"):
        before_s = cpu_s()
        go.set()
        if told(lambda: WorkerTimes([ms for ms, _ in works], [seconds for _, seconds in works], cpu_s() - before_s)):
            check.set()
            told(lambda: None)


def cpu_s() -> float:
    """CPU seconds of this process so far, over all threads."""
    used = os.times()
    return used.user + used.system


def infer(engine: Engine, seconds: float) -> tuple[list[float], float]:
    """Latencies (ms) of calls, each waited for, until so many seconds have passed; and the seconds that passed."""
    samples, start = [], time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        samples.append(call_ms(engine, time.perf_counter)[0])
    return samples, elapsed
