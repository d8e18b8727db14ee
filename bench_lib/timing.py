"""The one clock and loop that times every engine.

Latency: one call, synchronized, again and again. Throughput: many calls back to back, synchronized at the end of a
window. They are different figures and are never mixed.
"""

import statistics
import time
from collections.abc import Callable

from bench_lib.cases import Limits
from bench_lib.engines import Engine
from bench_lib.records import Timing, Window

Clock = Callable[[], float]
STABLE_WITHIN = 0.05  # warm: the medians of the last two groups of calls differ by at most this share


def time_engine(engine: Engine, limits: Limits, clock: Clock = time.perf_counter) -> Timing:
    """Warm up, then sample latency, then throughput; every raw sample is in the result."""
    warmup_ms, warm = warm_up(engine, limits, clock)
    latency_ms = sample_latency(engine, limits, clock)
    throughput = sample_throughput(engine, limits, statistics.median(latency_ms) / 1e3, clock)
    return Timing(warmup_ms=warmup_ms, warm=warm, latency_ms=latency_ms, throughput=throughput)


def call_ms(engine: Engine, clock: Clock) -> float:
    """Milliseconds from sending one batch until its output is ready."""
    start = clock()
    engine.run()
    engine.synchronize()
    return (clock() - start) * 1e3


def warm_up(engine: Engine, limits: Limits, clock: Clock) -> tuple[list[float], bool]:
    """Call until the latency is stable, within the limits; return the samples (ms) and whether it became stable."""
    samples: list[float] = []
    start = clock()
    engine.synchronize()
    while True:
        samples.append(call_ms(engine, clock))
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


def sample_latency(engine: Engine, limits: Limits, clock: Clock) -> list[float]:
    """Latency samples in ms, until both `min_count` samples and `min_s` seconds are reached."""
    samples: list[float] = []
    start = clock()
    while len(samples) < limits.min_count or clock() - start < limits.min_s:
        samples.append(call_ms(engine, clock))
    return samples


def sample_throughput(engine: Engine, limits: Limits, latency_s: float, clock: Clock) -> list[Window]:
    """Windows of back-to-back calls, until both `min_count` windows and `min_s` seconds are reached.

    A window is long enough that `min_count` of them fill `min_s`, judged by the latency.
    """
    calls = max(1, round(limits.min_s / limits.min_count / max(latency_s, 1e-9)))
    windows: list[Window] = []
    begin = clock()
    while len(windows) < limits.min_count or clock() - begin < limits.min_s:
        start = clock()
        for _ in range(calls):
            engine.run()
        engine.synchronize()
        windows.append(Window(calls=calls, seconds=clock() - start))
    return windows
