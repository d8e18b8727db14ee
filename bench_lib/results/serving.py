"""`serving.json`, which `bench serve` writes: latency under load, and the highest rate that keeps a limit."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench_lib.core.case import Case, Images
from bench_lib.core.quantities import Bytes, Count, Milliseconds
from bench_lib.core.reason import Reason
from bench_lib.results.load_grid import P99_COUNT, LoadGrid, PerSecond
from bench_lib.results.result_file import ResultFile, check_complete

HELD_LIMITS = 20
SEARCH_REQUESTS = 200  # as many are slower than their p90
QUEUE_P99_MS = 10.0  # the limit for the queue alone, in front of an engine that does nothing
WITHIN = 0.02  # the share by which LoadGen's figures and ours may differ


class ServingGrid(LoadGrid):
    """A grid of engines that answer requests from a queue, and the load on them.

    Each engine is built for all `batch_sizes`, and the queue chooses among them. `p99_ms` is the limit that 99 % of
    requests must keep, `max_wait_ms` how long the oldest request may wait for a batch to fill. A rate is held for
    `point_s` seconds; where its p99 decides, for at least `least_requests` requests (`bench serve` refuses fewer than
    `P99_COUNT`). The search ends when the highest rate that keeps the limit and the lowest that breaks it differ by
    at most the share `closeness`.
    """

    p99_ms: float = Field(10.0, gt=0, le=1e6)
    max_wait_ms: float = Field(1.0, ge=0, le=1e6)
    point_s: float = Field(2.0, gt=0, le=1e5)
    least_requests: int = Field(P99_COUNT, ge=100, le=10**8)  # older files hold as few as 100
    closeness: float = Field(0.05, gt=0, le=1)

    @property
    def held_s(self) -> float:
        """How many seconds a rate is held: `point_s`, or `HELD_LIMITS` times the limit of p99 if that is longer.

        A rate that is too high by the share x lets the queue grow: after t seconds, requests wait for x · t seconds. So
        an overload by 1/`HELD_LIMITS` breaks the limit within that time.
        """
        return max(self.point_s, HELD_LIMITS * self.p99_ms / 1e3)

    def groups(self) -> list[list[Case]]:
        """The cases of each queue: one engine, precision and image size at all batch sizes, the smallest first."""
        found: dict[str, list[Case]] = {}
        for case in sorted(self.cases(), key=lambda case: case.batch_size):
            found.setdefault(case.model_copy(update={"batch_size": 1}).id, []).append(case)
        return [found[case.model_copy(update={"batch_size": 1}).id] for case in self.cases()[:: len(self.batch_sizes)]]


class Tally(BaseModel):
    """What one clock counted at one rate: percentiles of latency (ms), and answers a second (`ips`).

    `p99_ms` is None where fewer than `P99_COUNT` requests came. Older files have it of fewer, and no `p90_ms`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    p50_ms: Milliseconds
    p90_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None
    ips: PerSecond

    def breaks(self, limit_ms: float) -> bool:
        """Whether more than 1 % of answers took longer than the limit, as far as these percentiles tell."""
        return any(ms is not None and ms > limit_ms for ms in (self.p90_ms, self.p99_ms))


class Point(BaseModel):
    """One rate: `requests` requests of one image each arrived at random (Poisson), on average `offered_ips` a second.

    The engines answered them in `calls` calls. Both clocks count latency from when a request was due, so the delay of a
    request that LoadGen sent late is included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    offered_ips: PerSecond
    requests: Count
    calls: Count
    loadgen: Tally
    ours: Tally

    @property
    def apart(self) -> float:
        """The largest relative difference between our count and LoadGen's, over the figures that both have."""
        pairs = ((getattr(self.ours, name), getattr(self.loadgen, name)) for name in Tally.model_fields)
        return max(abs(ours / theirs - 1) for ours, theirs in pairs if ours and theirs)

    @property
    def sure(self) -> bool:
        """Whether the requests are enough for a p99; a p99 of fewer, in older files, is about the slowest of them."""
        return self.requests >= P99_COUNT

    @property
    def batch(self) -> float:
        """The mean number of requests that one call answered."""
        return self.requests / self.calls


class Served(BaseModel):
    """One engine at one precision and image size behind a queue, with a point for each rate that was tried.

    `call_ms` is the time of a call, back to back, for each batch size that the engine is built for. `queued` are those
    that the queue chose among (None in older files: all of them). `device_bytes` is what all these builds together
    added to the GPU's memory. `failed` tells why there are no points.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case  # of the largest batch
    call_ms: dict[Images, Milliseconds] = {}
    queued: list[Images] | None = None
    device_bytes: Bytes | None = None
    points: list[Point] = []
    failed: Reason | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Served":
        check_complete(self, "call_ms", "points")
        return self

    @property
    def ceiling_ips(self) -> float:
        """Images a second without a queue: those of the best batch size, calls back to back."""
        return best_throughput(self.call_ms)

    @property
    def batches(self) -> list[int]:
        """The batch sizes that the queue chose among, the smallest first."""
        return sorted(self.call_ms if self.queued is None else self.queued)


class Serving(ResultFile):
    """`serving.json`: each engine and precision under load. `queue` is the queue with an engine that does nothing."""

    file, command = "serving.json", "bench serve params/load/serving.yaml"
    grid: ServingGrid
    loadgen: str  # its version
    queue: list[Point]
    cases: list[Served]

    @property
    def kept(self) -> list[tuple[Point, Served]]:
        """For each case that kept the limit at some rate: the point of the highest such rate, and the case."""
        return [(point, one) for one in self.cases if (point := best_point(one.points, self.grid.p99_ms))]

    @property
    def queue_ips(self) -> float:
        """The highest rate known to get through the queue in time: before an engine that does nothing, or a real one.

        0 if there is none.
        """
        alone = best_point(self.queue, QUEUE_P99_MS)
        return max([alone.offered_ips if alone else 0.0, *(point.offered_ips for point, _ in self.kept)])

    def near_queue(self, rate_ips: float) -> bool:
        """Whether a rate is above half of what the queue carries, so that the queue may be what limits it."""
        return rate_ips > self.queue_ips / 2


def unhurried(call_ms: Mapping[int, float], p99_ms: float) -> list[int]:
    """The batch sizes whose own time is at most half the limit, the smallest first; `call_ms` is by batch size.

    A request that just misses a batch waits for the whole of it, and then needs its own: twice the time of the larger.
    """
    return sorted(size for size, ms in call_ms.items() if 2 * ms <= p99_ms)


def best_throughput(call_ms: dict[int, float]) -> float:
    """The highest throughput of any batch size (images/s); `call_ms` holds the time of a call (ms) by batch size."""
    return max(1e3 * size / ms for size, ms in call_ms.items())


def best_point(points: Sequence[Point], p99_ms: float) -> Point | None:
    """The point of the highest rate whose p99, as LoadGen counted it, is at most `p99_ms`; None if there is none.

    A point without a p99 keeps no limit.
    """
    kept = (p for p in points if p.loadgen.p99_ms is not None and not p.loadgen.breaks(p99_ms))
    return max(kept, key=lambda p: p.offered_ips, default=None)


def first_broken(points: Sequence[Point], p99_ms: float) -> Point | None:
    """The point of the lowest rate that broke the limit and is above the `best_point`; None if there is none."""
    kept = best_point(points, p99_ms)
    above = [p for p in points if p.loadgen.breaks(p99_ms) and (kept is None or p.offered_ips > kept.offered_ips)]
    return min(above, key=lambda p: p.offered_ips, default=None)


def least_p99(points: Sequence[Point]) -> Point | None:
    """The point of the lowest p99; None if no point has one."""
    return min((p for p in points if p.loadgen.p99_ms is not None), key=lambda p: p.loadgen.p99_ms, default=None)


def knee_point(points: Sequence[Point]) -> Point:
    """The point of the largest power (Kleinrock); beyond it, more load costs more latency than it gains answers.

    Power is throughput over response time (L. Kleinrock, "Power and deterministic rules of thumb for probabilistic
    problems in computer communications", ICC 1979); the response time is taken at its median.
    """
    return max(points, key=lambda point: point.loadgen.ips / point.loadgen.p50_ms)
