"""Intervals and verdicts: exact on made samples, against SciPy and pyperf, and as often right as they say."""

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyperf
import pytest
from helpers.made import FakeClock, NoOpEngine
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench_lib.core.case import Limits
from bench_lib.core.intervals import (
    GROUPS,
    ROPE,
    T_975,
    Interval,
    groups,
    half_width,
    interval,
    judge,
    median,
    percentiles,
    quantiles,
    ratio,
    relative_iqr,
    verdict,
    window_ips,
    within_rounds,
)
from bench_lib.core.record import Window
from bench_lib.core.timing import time_engine

UNKNOWN = Interval(10, 0, math.inf)
TIMES = np.random.default_rng(1).lognormal(3, 0.3, (3, 12))  # three processes of twelve calls, all above 1


def process_medians(rng, *shape, process_sd=0.02, within_sd=0.01, calls=20):
    """Medians of processes whose true time is 10 and whose calls are noisy."""
    logs = rng.normal(0, process_sd, shape)[..., None] + rng.normal(0, within_sd, (*shape, calls))
    return 10 * np.exp(np.median(logs, axis=-1))


def share_within(intervals, truth):
    return np.mean([i.low <= truth <= i.high for i in intervals])


def pyperf_of(processes):
    runs = [pyperf.Run(list(p), metadata={"name": "made"}, collect_metadata=False) for p in processes]
    return pyperf.Benchmark(runs)


def test_median_and_percentiles_are_those_of_pyperf():
    samples, theirs = TIMES.ravel(), pyperf_of(TIMES)
    ours = percentiles(samples)
    assert median(samples) == ours.p50 == pytest.approx(theirs.median(), rel=1e-12)
    assert [ours.p90, ours.p99] == pytest.approx([theirs.percentile(90), theirs.percentile(99)], rel=1e-12)
    assert relative_iqr(samples) * ours.p50 == pytest.approx(theirs.percentile(75) - theirs.percentile(25), rel=1e-12)


def test_percentiles_are_exact():
    hundred = percentiles(range(1, 102))
    assert (hundred.p50, hundred.p90, hundred.p99) == (51, 91, 100)
    one = percentiles([7])
    assert (one.p50, one.p90, one.p99) == (7, 7, 7)
    assert relative_iqr([7]) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101, 400])
def test_medians_and_quantiles_are_numpys_to_the_last_bit(count):
    samples, shares = np.random.default_rng(5).lognormal(0, 0.02, count), [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
    assert median(samples.tolist()) == np.median(samples)
    assert quantiles(np.sort(samples), shares) == np.quantile(samples, shares).tolist()


def test_throughput_of_windows():
    windows = [Window(calls=2, seconds=1), Window(calls=10, seconds=2), Window(calls=3, seconds=1)]
    assert window_ips(windows, 33) == [66, 165, 99]
    assert median(window_ips(windows, 33)) == 99


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (3, [1] * 3), (6, [2, 2, 1, 1]), (19, [5, 5, 5, 4]),
                                              (26, [6, 5, 5, 5, 5]), (103, [6, 6, 6] + [5] * 17)])  # fmt: skip
def test_groups_are_consecutive_and_nearly_equal(count, sizes):
    edges = np.cumsum([0, *sizes])
    assert groups(list(range(count))) == [(a + b - 1) / 2 for a, b in itertools.pairwise(edges)]
    assert groups([3, 1, 2, 9, 9, 8] * 100, most=2) == [5.5, 5.5]


def test_interval_is_students_t_on_logs():
    logs = [math.log(8), math.log(10), math.log(14)]
    mean, half = np.mean(logs), 4.302652729749462 * np.std(logs, ddof=1) / math.sqrt(3)  # t for 2 degrees of freedom
    got = interval([8, 10, 14])
    assert (got.value, got.low, got.high) == pytest.approx(np.exp([mean, mean - half, mean + half]), rel=1e-12)


def test_interval_follows_from_pyperfs_mean_and_stdev_of_the_logs():
    theirs = pyperf_of(np.log(TIMES))
    half = stats.t.ppf(0.995, TIMES.size - 1) * theirs.stdev() / math.sqrt(TIMES.size)
    got = interval(TIMES.ravel(), 0.99)
    assert np.log([got.value, got.low, got.high]) == pytest.approx(
        [theirs.mean(), theirs.mean() - half, theirs.mean() + half], rel=1e-12
    )


def test_interval_agrees_with_scipys_bootstrap_where_there_are_many_values():
    values = np.random.default_rng(2).lognormal(0, 0.5, 2000)
    theirs = stats.bootstrap((np.log(values),), np.mean, axis=-1, n_resamples=2000, rng=3).confidence_interval
    got = np.log([interval(values).low, interval(values).high])
    assert got == pytest.approx(theirs, abs=0.05 * (theirs.high - theirs.low))


@pytest.mark.parametrize(("a", "b"), [(TIMES[0], TIMES[1]), (TIMES[0, :3], TIMES[1]), (TIMES[2, :2], TIMES[1, :2])])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_ratio_is_welchs_interval_by_scipy(a, b, confidence):
    theirs = stats.ttest_ind(np.log(a), np.log(b), equal_var=False).confidence_interval(confidence)
    got = ratio(a, b, confidence)
    assert (got.low, got.high) == pytest.approx(np.exp(theirs), rel=1e-9)
    assert got.value == pytest.approx(stats.gmean(a) / stats.gmean(b), rel=1e-12)


def test_a_known_ratio_is_found():
    b = np.random.default_rng(4).lognormal(2, 0.01, 5)
    got = ratio(1.5 * b, b)
    assert got.value == pytest.approx(1.5, rel=1e-12)
    assert got.low < 1.5 < got.high < 1.55
    other = ratio(b, 1.5 * b)
    assert (other.low, other.high) == pytest.approx((1 / got.high, 1 / got.low), rel=1e-12)


def test_one_value_decides_nothing():
    assert interval([10]) == interval([10], extra_sd=0.01) == UNKNOWN
    assert ratio([20], [2, 2]) == UNKNOWN
    assert verdict([1], [2]) == verdict([1], [2, 2], extra_sd=0.01) == "undecided"
    assert half_width([10]) == math.inf


@pytest.mark.parametrize("count", [2, 4, 100_000])
def test_equal_values_are_exact(count):
    a, b = [0.1] * count, [0.3] * count
    assert interval(b) == Interval(0.3, 0.3, 0.3)
    assert ratio(a, a) == Interval(1, 1, 1)
    assert half_width(b) == 0
    assert (verdict(a, a), verdict(a, b), verdict(b, a)) == ("same", "faster", "slower")


def test_values_far_apart_have_an_interval_without_warnings():
    got = interval([1e-6, 1e10], 0.99)
    assert got.value == pytest.approx(100)
    assert got.low < 1e-290 < 1e290 < got.high
    assert ratio([1e-6, 1e10], [1e10, 1e-6], 0.99).high > 1e100


def test_extra_sd_is_added_in_quadrature_as_known():
    z, wide = stats.norm.ppf([0.975, 0.995])
    assert interval([10, 10], extra_sd=0.01).high == pytest.approx(10 * math.exp(z * 0.01), rel=1e-6)
    expected = math.exp(wide * 0.01 * math.sqrt(2))
    assert ratio([10, 10], [10, 10], extra_sd=0.01).high == pytest.approx(expected, rel=1e-6)
    values = [10, 10.2, 9.9, 10.1]
    sampling = np.var(np.log(values), ddof=1) / 4
    freedom = 3 * ((sampling + 0.01**2) / sampling) ** 2  # Welch and Satterthwaite
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sampling + 0.01**2)
    got = interval(values, extra_sd=0.01)
    assert math.log(got.high / got.value) == pytest.approx(half, rel=1e-9)


def test_a_spread_that_is_not_known_decides_nothing_however_large_the_difference():
    assert interval([10, 10], extra_sd=math.inf) == UNKNOWN
    assert ratio([1, 1], [100, 100], extra_sd=math.inf) == Interval(pytest.approx(0.01), 0, math.inf)
    assert verdict([1, 1], [100, 100]) == "faster"
    assert verdict([1, 1], [100, 100], math.inf) == verdict([100, 100], [1, 1], math.inf) == "undecided"


@pytest.mark.parametrize(("times", "expected"), [
    ([1.010, 1.011, 1.012], "same"),  # surely slower, by nothing that matters
    ([1.021, 1.020, 1.0205], "slower"),
    ([0.98, 0.979, 0.98], "faster"),
    ([1.03, 1.10, 0.99], "undecided"),
    ([1.0, 1.1, 1.2], "undecided"),
])  # fmt: skip
def test_verdicts(times, expected):
    assert verdict(times, [1.0, 1.0, 1.0]) == expected


replicates = st.lists(st.floats(9, 11), min_size=1, max_size=6)


@given(replicates, replicates, st.sampled_from([0.0, 0.003, 0.03, math.inf]))
def test_the_interval_that_is_shown_and_the_verdict_never_contradict_each_other(a, b, extra_sd):
    shown, found = ratio(a, b, extra_sd=extra_sd), verdict(a, b, extra_sd)
    assert (found == "same") == (shown.low >= 1 / (1 + ROPE) and shown.high <= 1 + ROPE)
    if found in ("faster", "slower"):
        assert shown.high < 1 if found == "faster" else shown.low > 1
    if found == "undecided":
        assert shown.low <= 1 <= shown.high


@pytest.mark.parametrize(("low", "high", "expected"), [
    (1.001, 1.02, "same"), (1.001, 1.021, "slower"), (0.98, 0.999, "faster"), (0.981, 0.999, "same"),
    (0.97, 1.0, "undecided"), (1.0, 1.03, "undecided"), (0.0, math.inf, "undecided"),
])  # fmt: skip
def test_the_ends_of_the_interval_alone_decide(low, high, expected):
    assert judge(Interval(1.0, low, high)) == expected


def test_a_difference_needs_more_than_95_percent():
    b = [1, 1, 1]
    a = np.exp(0.1 + 0.02 * np.array([-1, 0, 1]) * math.sqrt(3))  # mean log 0.1, standard error 0.02: t = 5
    assert ratio(a, b, 0.95).low > 1 > ratio(a, b, 0.99).low
    assert verdict(a, b) == "undecided"
    assert verdict(a * 1.12, b) == "slower"  # t = 10.7, and 9.9 is asked of 2 degrees of freedom


def test_t_covers_what_it_says_for_few_processes_and_a_bootstrap_does_not():
    rng = np.random.default_rng(5)
    for repeats, at_most in ((3, 0.82), (5, 0.90)):
        a, b = process_medians(rng, 2, 4000, repeats)
        assert 0.94 <= share_within(map(interval, a), 10) <= 0.96
        assert 0.94 <= share_within((ratio(*pair, 0.95) for pair in zip(a, b, strict=True)), 1) <= 0.975
        assert 0.985 <= share_within(map(ratio, a, b), 1) <= 0.998
        theirs = stats.bootstrap((a[:1000],), np.mean, axis=-1, n_resamples=500, method="percentile", rng=rng)
        low, high = theirs.confidence_interval
        assert np.mean((low <= 10) & (high >= 10)) < at_most
        assert hierarchical_coverage(rng, repeats) < at_most


def hierarchical_coverage(rng, repeats, sims=300, resamples=300, calls=20):
    """How often 10 lies in the 95 % percentile interval of resampled processes and, in each, resampled calls."""
    hits = 0
    for _ in range(sims):
        logs = rng.normal(0, 0.02, (repeats, 1)) + rng.normal(0, 0.01, (repeats, calls))
        picked = (
            rng.integers(repeats, size=(resamples, repeats, 1)),
            rng.integers(calls, size=(resamples, repeats, calls)),
        )
        low, high = np.quantile(np.median(logs[picked], axis=2).mean(axis=1), [0.025, 0.975])
        hits += low <= 0 <= high
    return hits / sims


@pytest.mark.parametrize(("process_sd", "repeats"), [(0.005, 5), (0.02, 3), (0.02, 5), (0.05, 5)])
def test_equal_processes_are_called_different_in_at_most_one_percent(process_sd, repeats):
    a, b = process_medians(np.random.default_rng(6), 2, 2000, repeats, process_sd=process_sd)
    verdicts = list(map(verdict, a, b))
    assert sum(v in ("faster", "slower") for v in verdicts) <= 20


@pytest.mark.parametrize(("repeats", "share"), [(5, 0.96), (3, 0.28)])
def test_equal_processes_are_called_the_same_as_often_as_is_said_and_unlike_ones_hardly_ever(repeats, share):
    a, b = 10 * np.exp(np.random.default_rng(12).normal(0, 0.005, (2, 2000, repeats)))
    assert list(map(verdict, a, b)).count("same") / 2000 == pytest.approx(share, abs=0.03)
    assert list(map(verdict, (1 + ROPE) * a, b)).count("same") <= 20


def test_a_slowdown_of_5_percent_is_found_in_95_percent():
    a, b = process_medians(np.random.default_rng(7), 2, 1000, 5, process_sd=0.005)
    assert list(map(verdict, 1.05 * a, b)).count("slower") >= 950
    assert list(map(verdict, a, 1.05 * b)).count("faster") >= 950


def test_one_process_each_decides_nothing_false_where_the_sd_of_processes_is_known():
    rng = np.random.default_rng(8)
    a, b = 10 * np.exp(rng.normal(0, 0.01, (2, 1000, 1)) + rng.normal(0, 0.01, (2, 1000, 100)))
    known = [verdict(groups(x), groups(y), extra_sd=0.01) for x, y in zip(a, b, strict=True)]
    unknown = [verdict(groups(x), groups(y)) for x, y in zip(a, b, strict=True)]
    assert sum(v in ("faster", "slower") for v in known) <= 10
    assert sum(v in ("faster", "slower") for v in unknown) >= 100  # what the known sd is for


def timed_ms(rng, factor=1.0):
    """The latency of a fresh process: the no-op engine, 0.5 % from process to process, 1 % from call to call."""
    clock, run_s = FakeClock(), 0.01 * factor * rng.lognormal(0, 0.005)
    engine = NoOpEngine(clock, lambda _: run_s * rng.lognormal(0, 0.01))
    limits = Limits(warmup_min_count=2, warmup_min_s=0.02, warmup_max_s=0.1, min_count=10, min_s=0.1)
    return median(time_engine(engine, limits, clock).latency_ms)


def test_the_no_op_engine_against_itself_and_5_percent_slower():
    rng, verdicts = np.random.default_rng(9), {1.0: [], 1.05: []}
    for factor, pairs in ((1.0, 200), (1.05, 60)):
        for _ in range(pairs):
            a, b = [timed_ms(rng, factor) for _ in range(5)], [timed_ms(rng) for _ in range(5)]
            verdicts[factor].append(verdict(a, b))
    assert sum(v in ("faster", "slower") for v in verdicts[1.0]) <= 2
    assert verdicts[1.05].count("slower") >= 57


def test_half_width_is_exact():
    assert pytest.approx(stats.t.ppf(0.975, range(1, GROUPS)), abs=5e-5) == T_975
    assert half_width([9, 11]) == pytest.approx(12.7062 * 0.1)
    samples = [10, 10.4, 9.9, 10.2, 9.8, 10, 10.1, 10]  # groups of two: 10.2, 10.05, 9.9, 10.05; the median is 10
    assert half_width(samples) == pytest.approx(3.1824 * math.sqrt((0.02**2 + 2 * 0.005**2 + 0.01**2) / 3 / 4))


@pytest.mark.parametrize("count", [4, 12, 30, 100, 400])
@pytest.mark.parametrize("noise", ["normal", "exponential", "lognormal"])
def test_half_width_covers_the_median_of_skewed_calls(noise, count):
    rng, calls = np.random.default_rng(10), (1500, count)
    samples, truth = {
        "normal": (10 + rng.normal(0, 0.1, calls), 10),
        "exponential": (10 + rng.exponential(0.1, calls), 10 + 0.1 * math.log(2)),
        "lognormal": (10 * rng.lognormal(0, 0.3, calls), 10),
    }[noise]
    covered = [abs(np.median(x) - truth) <= half_width(x) * np.median(x) for x in samples]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_neighbours_that_are_alike_widen_the_interval_of_the_median():
    rng = np.random.default_rng(11)
    wander = np.repeat(rng.normal(10, 0.1, (1000, 60)), 10, axis=1)  # ten equal calls in a row
    covered = np.mean([abs(np.median(x) - 10) <= half_width(x) * np.median(x) for x in wander])
    shuffled = np.mean([abs(np.median(x) - 10) <= half_width(rng.permutation(x)) * np.median(x) for x in wander])
    assert covered > 0.92 > 0.6 > shuffled


def test_measuring_loads_no_scipy():
    code = (
        "import sys; from bench_lib.core import intervals; intervals.half_width([1, 2, 3]); intervals.groups([1, 2]); "
        "sys.exit(any(name.startswith('scipy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_from_eight_rounds_on_ratios_within_the_rounds_decide_so_that_drift_does_not_hide_a_difference():
    drift = [1.0, 1.05, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5]
    noise = [1.0, 1.001, 0.999, 1.0, 1.001, 0.999, 1.0, 1.0]
    a, b = [10 * x for x in drift], [10.5 * x * n for x, n in zip(drift, noise, strict=True)]
    assert verdict(b, a) == "undecided"
    assert verdict(*within_rounds(b, a)) == "slower"
    found, plain = ratio(*within_rounds(b, a)), ratio(b, a)
    assert found.value == pytest.approx(plain.value)
    logs = [math.log(1.05 * n) for n in noise]
    low, high = stats.t.interval(0.99, 7, np.mean(logs), stats.sem(logs))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_fewer_rounds_unlike_counts_and_single_processes_are_not_paired():
    a, b = [1.0] * 7, [2.0] * 7
    assert within_rounds(a, b) == (a, b)
    assert within_rounds([1.0] * 8, [2.0] * 9) == ([1.0] * 8, [2.0] * 9)
    assert within_rounds([1.0] * 20, [2.0] * 20, extra_sd=0.03) == ([1.0] * 20, [2.0] * 20)
