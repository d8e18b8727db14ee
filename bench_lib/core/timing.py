"""The one clock and loop that times every engine.

Latency: one call, synchronized, again and again. Throughput: many calls back to back, synchronized at the end of a
window. Enqueue time: what the host spent on sending a call. Device time: what the GPU spent on it. They are different
figures and are never mixed.
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from bench_lib.core.case import Limits
from bench_lib.core.engine import Engine
from bench_lib.core.intervals import half_width, median
from bench_lib.core.record import StoppedBy, Timing, Window

Clock = Callable[[], float]
Sample = TypeVar("Sample")
STABLE_WITHIN = 0.05  # warm: the medians of the last two groups of calls differ by at most this share
LOOK_AGAIN = 1.1  # the noise is looked at whenever there are so many times more samples
DEVICE_SAMPLES = 20  # of device time: it hardly varies
HIDES = 2  # times the enqueue time: for how long the GPU is kept waiting while a call is sent to it
CYCLES_PER_MS = 3e6  # of a GPU faster than any: on a slower one the wait is longer, which does no harm


def time_engine(engine: Engine, limits: Limits, clock: Clock = time.perf_counter, on_gpu: bool = False) -> Timing:
    """Warm up, then sample latency, throughput and, on a GPU, device time; every raw sample is in the result."""
    warmup_ms, warm = warm_up(engine, limits, clock)
    calls, latency_stopped_by = sample_latency(engine, limits, clock)
    latency_ms, enqueue_ms = map(list, zip(*calls, strict=True))
    windows, throughput_stopped_by = sample_throughput(engine, limits, statistics.median(latency_ms) / 1e3, clock)
    return Timing(
        warmup_ms=warmup_ms, warm=warm, latency_ms=latency_ms, latency_stopped_by=latency_stopped_by,
        throughput=windows, throughput_stopped_by=throughput_stopped_by,
        enqueue_ms=enqueue_ms if on_gpu else None,
        device_ms=sample_device(engine, statistics.median(enqueue_ms)) if on_gpu else None,
    )  # fmt: skip


def call_ms(engine: Engine, clock: Clock) -> tuple[float, float]:
    """Milliseconds from sending one batch until its output is ready, and until it was sent."""
    start = clock()
    engine.run()
    sent = clock()
    engine.synchronize()
    return (clock() - start) * 1e3, (sent - start) * 1e3


def warm_up(engine: Engine, limits: Limits, clock: Clock) -> tuple[list[float], bool]:
    """Call until the latency is stable, within the limits; return the samples (ms) and whether it became stable."""
    samples: list[float] = []
    start = clock()
    engine.synchronize()
    while True:
        samples.append(call_ms(engine, clock)[0])
        elapsed = clock() - start
        stable = is_stable(samples, limits.warmup_min_count)
        if stable and elapsed >= limits.warmup_min_s:
            return samples, True
        if elapsed >= limits.warmup_max_s and len(samples) >= limits.warmup_min_count:
            return samples, False


def is_stable(samples: list[float], group: int) -> bool:
    """Whether the medians of the last two groups of `group` samples agree within `STABLE_WITHIN`."""
    if len(samples) < 2 * group:
        return False
    last, before = statistics.median(samples[-group:]), statistics.median(samples[-2 * group : -group])
    return abs(last - before) <= STABLE_WITHIN * before


def sample_until(
    sample: Callable[[], Sample], figure: Callable[[Sample], float], limits: Limits, clock: Clock
) -> tuple[list[Sample], StoppedBy]:
    """Samples until `min_count` and `min_s` are reached, and either `max_noise` or `max_s` too; and which of the two.

    `figure` is what of a sample must settle.
    """
    samples: list[Sample] = []
    start, look_at = clock(), limits.min_count
    while True:
        samples.append(sample())
        elapsed = clock() - start
        if len(samples) < limits.min_count or elapsed < limits.min_s:
            continue
        if len(samples) >= look_at:
            if half_width([figure(sample) for sample in samples]) <= limits.max_noise:
                return samples, "noise"
            look_at = math.ceil(len(samples) * LOOK_AGAIN)
        if elapsed >= limits.longest_s:
            return samples, "time"


def sample_latency(engine: Engine, limits: Limits, clock: Clock) -> tuple[list[tuple[float, float]], StoppedBy]:
    """Calls, each waited for, until their latency settles: its ms and those of sending it; and what ended them."""
    return sample_until(lambda: call_ms(engine, clock), lambda call: call[0], limits, clock)


def sample_throughput(engine: Engine, limits: Limits, latency_s: float, clock: Clock) -> tuple[list[Window], StoppedBy]:
    """Windows of back-to-back calls until their rate settles, and what ended them.

    A window is long enough that `min_count` of them fill `min_s`, judged by the latency.
    """
    calls = max(1, round(limits.min_s / limits.min_count / max(latency_s, 1e-9)))

    def window() -> Window:
        start = clock()
        for _ in range(calls):
            engine.run()
        engine.synchronize()
        return Window(calls=calls, seconds=clock() - start)

    return sample_until(window, lambda window: window.seconds, limits, clock)


def sample_device(engine: Engine, enqueue_ms: float) -> list[float]:
    """Milliseconds that the GPU spends on a call, by CUDA events around it on the current stream.

    The GPU is kept busy while the call is sent, as NVIDIA's nvbench does, so that it never waits for the host in
    between; what an engine copies or waits for by itself within a call stays in the figure.
    """
    cycles = round(HIDES * enqueue_ms * CYCLES_PER_MS)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    samples = []
    for _ in range(DEVICE_SAMPLES):
        torch.cuda._sleep(cycles)
        begin.record()
        engine.run()
        end.record()
        engine.synchronize()
        samples.append(begin.elapsed_time(end))
    return samples


NO_OP_LIMITS = Limits(warmup_min_s=0.001, warmup_max_s=0.1, min_count=20, min_s=0.02, max_s=0.02)


def batch_times_ms(engine: Engine, limits: Limits, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Milliseconds per batch by our loop: the median latency, and the median of windows of calls back to back."""
    timing = time_engine(engine, limits, clock)
    return {
        "latency": median(timing.latency_ms),
        "throughput": median([1e3 * window.seconds / window.calls for window in timing.throughput]),
    }


class NoOpEngine:
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
    return {figure: 1e6 * ms for figure, ms in batch_times_ms(NoOpEngine(), NO_OP_LIMITS, clock).items()}
