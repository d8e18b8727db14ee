"""The one clock and the one loop that time every engine.

Four different figures are measured and never mixed:

- latency: the time of one call that is waited for, measured again and again;
- throughput: many calls sent back to back and waited for once, at the end of a window;
- enqueue time: how long the host takes to send a call;
- device time: how long the GPU works on a call.
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
LOOK_AGAIN = 1.1  # the noise is estimated again each time the number of samples has grown by this factor
DEVICE_SAMPLES = 20  # a few samples of device time are enough: it hardly varies
HIDES = 2  # while a call is sent, the GPU is kept busy for this many times the enqueue time
CYCLES_PER_MS = 3e6  # 3 GHz, faster than any GPU: on a slower one the wait is longer, which does no harm


def time_engine(engine: Engine, limits: Limits, clock: Clock = time.perf_counter, on_gpu: bool = False) -> Timing:
    """Warm up, then sample latency and throughput and, on a GPU, enqueue and device time; return every raw sample."""
    warmup_ms, warm = warm_up(engine, limits, clock)
    calls, latency_stopped_by = sample_latency(engine, limits, clock)
    latency_ms = [latency for latency, _ in calls]
    enqueue_ms = [enqueue for _, enqueue in calls]
    windows, throughput_stopped_by = sample_throughput(engine, limits, statistics.median(latency_ms) / 1e3, clock)
    return Timing(
        warmup_ms=warmup_ms, warm=warm, latency_ms=latency_ms, latency_stopped_by=latency_stopped_by,
        throughput=windows, throughput_stopped_by=throughput_stopped_by,
        enqueue_ms=enqueue_ms if on_gpu else None,
        device_ms=sample_device(engine, statistics.median(enqueue_ms)) if on_gpu else None,
    )  # fmt: skip


def call_ms(engine: Engine, clock: Clock) -> tuple[float, float]:
    """Run one batch; return its latency and its enqueue time, both in milliseconds from the start of sending."""
    start = clock()
    engine.run()
    sent = clock()
    engine.synchronize()
    return (clock() - start) * 1e3, (sent - start) * 1e3


def warm_up(engine: Engine, limits: Limits, clock: Clock) -> tuple[list[float], bool]:
    """Run calls until the latency is stable or the limits end the warm-up.

    The limits count from the end of the first call, in which many runtimes compile or choose kernels, however long that
    takes. Return the latencies (ms) of all calls, and whether they became stable.
    """
    engine.synchronize()
    samples = [call_ms(engine, clock)[0]]
    start = clock()
    while True:
        samples.append(call_ms(engine, clock)[0])
        elapsed = clock() - start
        stable = is_stable(samples, limits.warmup_min_count)
        if stable and elapsed >= limits.warmup_min_s:
            return samples, True
        if elapsed >= limits.warmup_max_s and len(samples) >= limits.warmup_min_count:
            return samples, False


def is_stable(samples: list[float], group: int) -> bool:
    """Whether the medians of the last two groups, of `group` samples each, agree within `STABLE_WITHIN`."""
    if len(samples) < 2 * group:
        return False
    last, before = statistics.median(samples[-group:]), statistics.median(samples[-2 * group : -group])
    return abs(last - before) <= STABLE_WITHIN * before


def sample_until(
    sample: Callable[[], Sample], figure: Callable[[Sample], float], limits: Limits, clock: Clock
) -> tuple[list[Sample], StoppedBy]:
    """Take samples until there are `min_count` of them, `min_s` have passed, and the noise or the time ends sampling.

    The noise is the `half_width` of `figure` over the samples. Return the samples and what ended the sampling: `noise`
    if that fell to `max_noise`, `time` if `longest_s` passed first.
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
    """Run calls one at a time until the latency settles.

    Return the latency and the enqueue time (ms) of each call, and what ended the sampling, see `sample_until`.
    """
    return sample_until(lambda: call_ms(engine, clock), lambda call: call[0], limits, clock)


def sample_throughput(engine: Engine, limits: Limits, latency_s: float, clock: Clock) -> tuple[list[Window], StoppedBy]:
    """Run windows of back-to-back calls until their length settles.

    Return the windows, and what ended the sampling, see `sample_until`. `latency_s` is the latency in seconds: from it
    follows how many calls a window needs for `min_count` windows to fill `min_s`.
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
    """Milliseconds that the GPU spends on each of some calls, from CUDA events around the call on the current stream.

    While a call is sent, the GPU is kept busy, as in NVIDIA's nvbench, so that it does not wait for the host during
    the call. Copies and waits that the engine itself makes within a call are included. `enqueue_ms` is how long
    sending one call takes.
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
    """Milliseconds per batch as our loop measures them, by figure.

    `latency` is the median of single calls, `throughput` the median over windows of calls sent back to back.
    """
    timing = time_engine(engine, limits, clock)
    return {
        "latency": median(timing.latency_ms),
        "throughput": median([1e3 * window.seconds / window.calls for window in timing.throughput]),
    }


class NoOpEngine:
    """An engine that computes nothing: timing it shows what the loop itself costs."""

    def __init__(self) -> None:
        self.ran: dict[str, Any] = {}

    def run(self) -> None:
        """Do nothing."""

    def synchronize(self) -> None:
        """Do nothing."""

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """Nothing."""
        return ()


def overhead_ns(clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Nanoseconds that our loop adds to a call: its `latency` and its `throughput` time for `NoOpEngine`."""
    return {figure: 1e6 * ms for figure, ms in batch_times_ms(NoOpEngine(), NO_OP_LIMITS, clock).items()}
