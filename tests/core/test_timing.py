"""Exact figures on a fake clock and an engine that takes a known time."""

import random

import pytest
from helpers.made import FakeClock, NoOpEngine

from bench_lib.core.case import Limits
from bench_lib.core.intervals import median, window_ips
from bench_lib.core.timing import is_stable, sample_latency, sample_throughput, time_engine, warm_up

LIMITS = Limits(warmup_min_count=2, warmup_min_s=0.1, warmup_max_s=5.0, min_count=4, min_s=1.0, max_s=3.0)


def made(run_s, wait_s=0.0):
    clock = FakeClock()
    return NoOpEngine(clock, run_s, wait_s), clock


def test_latency_holds_the_call_and_the_wait_for_its_output():
    engine, clock = made(0.010, 0.090)
    calls, stopped_by = sample_latency(engine, LIMITS, clock)
    assert calls == [pytest.approx((100.0, 10.0))] * 10  # ms: the call, and sending it
    assert engine.synchronized == engine.calls == 10
    assert stopped_by == "noise"


def test_least_count_holds_when_calls_are_longer_than_the_least_time():
    engine, clock = made(2.0)
    assert len(sample_latency(engine, LIMITS, clock)[0]) == LIMITS.min_count


def test_a_restless_latency_is_sampled_until_the_time_is_up():
    engine, clock = made(lambda call: 0.05 + 0.05 * random.Random(call).random())
    calls, stopped_by = sample_latency(engine, LIMITS, clock)
    assert stopped_by == "time"
    assert sum(latency_ms for latency_ms, _ in calls) / 1e3 == pytest.approx(LIMITS.max_s, abs=0.1)


def test_a_latency_that_settles_late_is_sampled_until_then():
    engine, clock = made(lambda call: 0.2 if call < 2 else 0.02)
    calls, stopped_by = sample_latency(engine, LIMITS.model_copy(update={"max_noise": 0.05}), clock)
    assert stopped_by == "noise"
    assert LIMITS.min_s < sum(latency_ms for latency_ms, _ in calls) / 1e3 < LIMITS.max_s


def test_throughput_waits_once_a_window_so_it_exceeds_what_latency_gives():
    engine, clock = made(0.010, 0.090)
    windows, stopped_by = sample_throughput(engine, LIMITS, 0.100, clock)
    assert stopped_by == "noise"
    assert {window.calls for window in windows} == {2}  # 1 s over 4 windows, by a latency of 0.1 s
    assert windows[0].seconds == pytest.approx(2 * 0.010 + 0.090)
    assert sum(window.seconds for window in windows) >= LIMITS.min_s
    assert median(window_ips(windows, batch_size=33)) == pytest.approx(33 * 2 / 0.110)
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


def test_a_first_call_that_compiles_for_longer_than_the_limit_does_not_end_the_warm_up():
    engine, clock = made(lambda call: 60.0 if call == 0 else 0.1)
    samples, warm = warm_up(engine, LIMITS, clock)
    assert warm
    assert samples == pytest.approx([60_000, *[100] * (len(samples) - 1)])


def test_warm_up_lasts_at_least_its_least_time():
    engine, clock = made(0.001)
    samples, warm = warm_up(engine, LIMITS, clock)
    assert warm
    assert sum(samples[1:]) == pytest.approx(100, abs=1.01)


@pytest.mark.parametrize(("samples", "stable"), [([1, 1, 1], False), ([1, 1, 1, 1], True), ([1, 1, 1.2, 1.2], False)])
def test_stability_compares_the_last_two_groups(samples, stable):
    assert is_stable(samples, 2) is stable


def test_every_raw_sample_is_kept():
    engine, clock = made(0.05)
    timing = time_engine(engine, LIMITS, clock)
    assert timing.warm
    assert (timing.latency_stopped_by, timing.throughput_stopped_by) == ("noise", "noise")
    assert timing.enqueue_ms is timing.device_ms is None  # a CPU is done when the call returns
    assert len(timing.warmup_ms) + len(timing.latency_ms) + sum(w.calls for w in timing.throughput) == engine.calls
