"""Dynamic batching: requests of one image each wait in a queue, and engines of several batch sizes answer them.

The rule is that of NVIDIA Triton's dynamic batcher with a maximum queue delay: a batch is sent when it is full or when
its oldest request has waited for the maximum delay, whichever comes first. Requests that wait while the device is busy
go together into the next batch. A batch that is smaller than its engine's batch size is padded, because engines have
fixed shapes.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench_lib.core.engine import Engine
from bench_lib.core.timing import Clock
from bench_lib.results.serving import P99_COUNT, Point, Tally
from bench_lib.scenarios import loadgen

END = None  # in the queue: no request comes after it


@dataclass(frozen=True)
class Request:
    """One request: the number that LoadGen gave it, and the clock's time (seconds) when it came into the queue."""

    number: int
    came_s: float


def gather(requests: queue.SimpleQueue, most: int, max_wait_s: float, clock: Clock) -> list[Request]:
    """Take the next batch out of the queue: at most `most` requests, the oldest first.

    Wait for the first one as long as it takes, then for others until the first has waited for `max_wait_s`. An empty
    list means that no more requests come.
    """
    first = requests.get()
    if first is END:
        return []
    batch, until = [first], first.came_s + max_wait_s
    while len(batch) < most:
        left = until - clock()
        try:
            request = requests.get(timeout=left) if left > 0 else requests.get_nowait()
        except queue.Empty:
            break
        if request is END:
            requests.put(END)  # for the next call
            break
        batch.append(request)
    return batch


def serve(
    requests: queue.SimpleQueue,
    engines: Mapping[int, Engine],
    max_wait_s: float,
    complete: Callable[[list[int]], float],
    clock: Clock = time.perf_counter,
) -> list[tuple[list[Request], float]]:
    """Answer all requests until the queue ends; return each batch with the clock's time (seconds) when it was done.

    `engines` are by batch size, and the smallest that holds a batch runs it. `complete` gets the numbers of a batch's
    requests when it is done, and returns the time. If an engine raises, the requests that are left are completed
    without running anything, since LoadGen waits for them, and the exception is raised after that.
    """
    sizes, done, faults = sorted(engines), [], []
    while batch := gather(requests, sizes[-1], max_wait_s, clock):
        engine = engines[next(size for size in sizes if size >= len(batch))]
        try:
            if not faults:
                engine.run()
                engine.synchronize()
        except Exception as error:
            faults.append(error)
        done.append((batch, complete([request.number for request in batch])))
    if faults:
        raise faults[0]
    return done


def under_load(
    engines: Mapping[int, Engine], rate_ips: float, requests: int, max_wait_s: float, p99_ms: float
) -> tuple[Point, str]:
    """Run LoadGen's Server scenario, on average `rate_ips` requests (images) a second; return the point, the summary.

    `engines` are keyed by batch size. They run in this thread, which built them, as streams, CUDA graphs and thread
    pools belong to a thread; LoadGen sends from another. Exceptions are raised after LoadGen has ended.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    found, faults, due_s = [], [], loadgen.due_s(1.0, requests)
    asked_ips = rate_ips * due_s[-1] / (requests - 1)  # LoadGen's intervals do not have exactly the mean asked for

    def issue(samples: list) -> None:
        now = time.perf_counter()
        for sample in samples:
            waiting.put(Request(sample.id, now))

    def load(_samples: list) -> None:
        """Load nothing: the images are there."""

    def send() -> None:
        try:
            found.append(loadgen.run_loadgen(issue, load, "Server", server_settings(asked_ips, requests, p99_ms)))
        except BaseException as error:  # raised below, in the calling thread
            faults.append(error)
        finally:
            waiting.put(END)

    issue([])  # the first call of a function takes longer
    sender = threading.Thread(target=send)
    sender.start()
    try:
        done = serve(waiting, engines, max_wait_s, loadgen.complete_queries)
    finally:
        sender.join()
    if faults:
        raise faults[0]
    ((results, summary),) = found
    theirs, ours = loadgen_tally(results), tally(done, due_s / asked_ips)
    return Point(offered_ips=rate_ips, requests=requests, calls=len(done), loadgen=theirs, ours=ours), summary


def server_settings(rate_ips: float, requests: int, p99_ms: float) -> dict[str, float]:
    """LoadGen's settings: `requests` requests at `rate_ips` a second, 99 % of which should be answered in `p99_ms`."""
    return {
        "server_target_qps": rate_ips, "server_target_latency_ns": round(1e6 * p99_ms),
        "server_target_latency_percentile": 0.99, "min_duration_ms": 0, "min_query_count": requests,
        "max_query_count": requests,
    }  # fmt: skip


def loadgen_tally(results: Mapping[str, float]) -> Tally:
    """What LoadGen counted, from its results by key; without a p99 if there were fewer than `P99_COUNT` requests."""
    p50, p90, p99 = (results[f"result_{share}.00_percentile_latency_ns"] / 1e6 for share in (50, 90, 99))
    enough, ips = results["result_query_count"] >= P99_COUNT, results["result_completed_samples_per_sec"]
    return Tally(p50_ms=p50, p90_ms=p90, p99_ms=p99 if enough else None, ips=ips)


def tally(done: list[tuple[list[Request], float]], due_s: Sequence[float]) -> Tally:
    """Our own count of what was served, to compare with LoadGen's (`loadgen_tally`).

    `done` is what `serve` returned, `due_s` when each request was due, in seconds after LoadGen began. Latency counts
    from when a request was due, however late it was sent. LoadGen does not report when it began; the time is inferred
    from the request that was sent with the least delay. Percentiles are taken as in `ProcessLatencies` of LoadGen's
    loadgen.cc: always one of the values, without interpolation. The rate counts the n − 1 intervals between n answers.
    """
    came_s = [request.came_s for batch, _ in done for request in batch]
    end_s = [end for batch, end in done for _ in batch]
    began_s = min(came - due for came, due in zip(came_s, due_s, strict=True))
    latency_ms = sorted(1e3 * (end - began_s - due) for end, due in zip(end_s, due_s, strict=True))
    count = len(latency_ms)
    p50, p90, p99 = (latency_ms[int(share * count)] for share in (0.5, 0.9, 0.99))
    enough = count >= P99_COUNT
    return Tally(p50_ms=p50, p90_ms=p90, p99_ms=p99 if enough else None, ips=(count - 1) / (end_s[-1] - began_s))
