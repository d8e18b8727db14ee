"""Dynamic batching: a queue of requests of one image, and engines built for several batch sizes that answer them.

The rule is that of NVIDIA Triton's dynamic batcher with a maximum queue delay: a batch is sent when it is full or when
its oldest request has waited for so long, whichever comes first; what waits while the device is busy goes together into
the next one. A batch smaller than any engine's is padded to the next size, as engines of fixed shapes must be.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench_lib.core.engine import Engine
from bench_lib.core.timing import Clock
from bench_lib.results.serving import Point, Tally
from bench_lib.scenarios import loadgen

END = None  # in the queue: no request comes after it


@dataclass(frozen=True)
class Request:
    """A request: LoadGen's number of it, and when it came into the queue (seconds)."""

    number: int
    came_s: float


def gather(requests: queue.SimpleQueue, most: int, max_wait_s: float, clock: Clock) -> list[Request]:
    """The next batch, of at most `most` requests, the oldest first; empty when no more come. Waits for the first."""
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
    """Answer all requests until the end of the queue; return each batch, and when it was done (seconds).

    `engines` are by batch size; `complete` is told the numbers of a batch that is done, and tells when. What an engine
    raises is raised at the end: every request is completed first.
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
    """LoadGen's Server scenario at a rate, one image a query, and LoadGen's own summary of it.

    The intervals that LoadGen draws have a mean that is not quite the one asked for, so it is asked for the rate at
    which these requests come at `rate_ips` in the mean.
    LoadGen sends from a thread of its own, and the engines run in this one, which has built them: streams, CUDA graphs
    and pools of threads belong to a thread. What the engines raise is raised here, after LoadGen has ended its test.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    found, faults, due_s = [], [], loadgen.due_s(1.0, requests)
    asked_ips = rate_ips * due_s[-1] / (requests - 1)

    def issue(samples: list) -> None:
        now = time.perf_counter()
        for sample in samples:
            waiting.put(Request(sample.id, now))

    settings = {
        "server_target_qps": asked_ips, "server_target_latency_ns": round(1e6 * p99_ms),
        "server_target_latency_percentile": 0.99, "min_duration_ms": 0, "min_query_count": requests,
        "max_query_count": requests,
    }  # fmt: skip

    def send() -> None:
        try:
            found.append(loadgen.run_loadgen(issue, lambda _: None, "Server", settings))
        except BaseException as error:  # raised below, where it is seen
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
    theirs = Tally(p50_ms=results["result_50.00_percentile_latency_ns"] / 1e6,
                   p99_ms=results["result_99.00_percentile_latency_ns"] / 1e6,
                   ips=results["result_completed_samples_per_sec"])  # fmt: skip
    ours = tally(done, due_s / asked_ips)
    return Point(offered_ips=rate_ips, requests=requests, calls=len(done), loadgen=theirs, ours=ours), summary


def tally(done: list[tuple[list[Request], float]], due_s: Sequence[float]) -> Tally:
    """Our own count of what was served, from when each request was due: percentiles and rate as LoadGen takes them.

    A request that is sent late has waited from when it was due. The first is due at once, so the one that came least
    late tells when LoadGen began. LoadGen's percentile is the value that the share of all lies below, none in between
    (`ProcessLatencies` in its loadgen.cc); n answers span n − 1 intervals.
    """
    came_s = [request.came_s for batch, _ in done for request in batch]
    end_s = [end for batch, end in done for _ in batch]
    began_s = min(came - due for came, due in zip(came_s, due_s, strict=True))
    latency_ms = sorted(1e3 * (end - began_s - due) for end, due in zip(end_s, due_s, strict=True))
    count = len(latency_ms)
    return Tally(p50_ms=latency_ms[int(0.5 * count)], p99_ms=latency_ms[int(0.99 * count)],
                 ips=(count - 1) / (end_s[-1] - began_s))  # fmt: skip
