"""Exact figures on a fake clock and an engine that takes a known time."""

import pytest
from made import FakeClock, NoOpEngine

from bench_lib.cases import Limits
from bench_lib.statistics import alike, median, relative_iqr, throughput_ips
from bench_lib.timing import is_stable, sample_latency, sample_throughput, time_engine, warm_up

LIMITS = Limits(warmup_min_count=2, warmup_min_s=0.1, warmup_max_s=5.0, min_count=4, min_s=1.0)


def made(run_s, wait_s=0.0):
    clock = FakeClock()
    return NoOpEngine(clock, run_s, wait_s), clock


def test_latency_holds_the_call_and_the_wait_for_its_output():
    engine, clock = made(0.010, 0.090)
    samples = sample_latency(engine, LIMITS, clock)
    assert samples == pytest.approx([100.0] * 10)
    assert engine.synchronized == engine.calls == 10


def test_least_count_holds_when_calls_are_longer_than_the_least_time():
    engine, clock = made(2.0)
    assert len(sample_latency(engine, LIMITS, clock)) == LIMITS.min_count


def test_throughput_waits_once_a_window_so_it_exceeds_what_latency_gives():
    engine, clock = made(0.010, 0.090)
    windows = sample_throughput(engine, LIMITS, 0.100, clock)
    assert {window.calls for window in windows} == {2}  # 1 s over 4 windows, by a latency of 0.1 s
    assert windows[0].seconds == pytest.approx(2 * 0.010 + 0.090)
    assert sum(window.seconds for window in windows) >= LIMITS.min_s
    assert throughput_ips(windows, batch_size=33) == pytest.approx(33 * 2 / 0.110)
    assert engine.synchronized == len(windows)


def test_warm_up_ends_when_two_groups_agree():
    engine, clock = made(lambda call: 0.5 if call < 3 else 0.1)
    samples, warm = warm_up(engine, LIMITS, clock)
    assert warm
    assert samples == pytest.approx([500, 500, 500, 100, 100, 100, 100][: len(samples)])


def test_warm_up_that_never_settles_ends_at_its_limit_and_says_so():
    engine, clock = made(lambda call: 0.1 * 2 ** (call // 2 % 2) * (1 + call))
    samples, warm = warm_up(engine, LIMITS, clock)
    assert not warm
    assert sum(samples) / 1e3 >= LIMITS.warmup_max_s


def test_warm_up_lasts_at_least_its_least_time():
    engine, clock = made(0.001)
    samples, warm = warm_up(engine, LIMITS, clock)
    assert warm
    assert sum(samples) == pytest.approx(100, abs=1.01)


@pytest.mark.parametrize(("samples", "stable"), [([1, 1, 1], False), ([1, 1, 1, 1], True), ([1, 1, 1.2, 1.2], False)])
def test_stability_compares_the_last_two_groups(samples, stable):
    assert is_stable(samples, 2) is stable


def test_every_raw_sample_is_kept():
    engine, clock = made(0.05)
    timing = time_engine(engine, LIMITS, clock)
    assert timing.warm
    assert len(timing.warmup_ms) + len(timing.latency_ms) + sum(w.calls for w in timing.throughput) == engine.calls


def test_statistics_are_exact():
    assert median([3, 1, 2]) == 2
    assert relative_iqr([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert relative_iqr([7]) == 0
    assert alike(100, 95)
    assert not alike(100, 94.9)
