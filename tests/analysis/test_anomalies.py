"""Drift, modes and outliers: found in made samples of which they are known, and rarely in noise that has none."""

import collections
import math
import time

import numpy as np
import pytest
from scipy import signal, stats

from bench_lib.analysis.anomalies import DRIFT_Z, drift, find_anomalies, modes, outliers
from bench_lib.core.intervals import group_medians, groups, half_width, interval, percentiles

COUNTS = [8, 20, 60, 100, 400, 5000]


def noise(count, sd=0.003, seed=1):
    """Calls of about 10 ms with relative noise, and nothing else."""
    return 10 * np.random.default_rng(seed).lognormal(0, sd, count)


def modes_of(samples):
    return modes(np.sort(np.log(samples)))


def outliers_of(samples):
    return outliers(np.sort(np.log(samples)), modes_of(samples))


def two_modes(count, share, gap, seed=2):
    """`share` of the calls, in no order, take `gap` longer."""
    slow = np.random.default_rng(seed).permutation(count) < share * count
    return noise(count) * (1 + gap * slow)


@pytest.mark.parametrize("count", [1, 2, 4, *COUNTS])
def test_plain_noise_and_equal_samples_have_no_trouble(count):
    assert find_anomalies(noise(count)) == []
    assert find_anomalies([0.1] * count) == []


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("change", [0.1, -0.1])
def test_drift_is_found_and_its_size_is_right(count, change):
    samples = noise(count) * (1 + change * np.arange(count) / count)
    assert find_anomalies(samples) == ["drift"]
    assert drift(samples) == pytest.approx(change, rel=0.2)
    assert drift(np.random.default_rng(3).permutation(samples)) == 0


def test_a_line_without_noise_is_a_drift_of_its_size():
    assert drift(np.linspace(97.5, 102.5, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert drift(np.linspace(99.1, 100.9, 1000)) == 0  # 1.8 %, surely there, makes no difference
    assert drift(np.linspace(95, 105, 7)) == 0  # too few


def test_drift_is_mann_kendall_and_theil_sen_by_scipy():
    rng, found = np.random.default_rng(4), []
    for _ in range(300):
        samples = 10 + rng.normal(0, 0.2, 400) + rng.uniform(-0.6, 0.6) * np.arange(400) / 400
        medians, when = group_medians(samples, 20), np.arange(20)
        change = stats.theilslopes(medians, when).slope * 20 / np.median(samples)
        pairs = stats.kendalltau(when, medians).statistic * 190
        sure = stats.norm.sf((abs(pairs) - 1) / math.sqrt(950)) < 0.0005  # 950: the variance of 20 ranks
        found.append(drift(samples) != 0)
        assert drift(samples) == pytest.approx(change if sure and abs(change) >= 0.02 else 0, rel=1e-9)
        assert stats.spearmanr(when, medians).pvalue < 0.001 or not found[-1]
    assert 50 < sum(found) < 250
    assert 2 * stats.norm.sf(DRIFT_Z) == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize("count", [60, 200, 5000])
@pytest.mark.parametrize("share", [0.5, 0.2, 0.8])
@pytest.mark.parametrize("gap", [0.03, 0.1])
def test_two_modes_are_found_with_their_centres(count, share, gap):
    samples = two_modes(count, share, gap)
    assert find_anomalies(samples) == ["modes"]
    assert modes_of(samples) == pytest.approx((10, 10 * (1 + gap)), rel=0.002)


def test_modes_need_distance_share_and_enough_samples():
    assert modes_of([10] * 30 + [10.3] * 30) == pytest.approx((10, 10.3))
    assert modes_of([10] * 30 + [10.19] * 30) is None
    assert modes_of([10] * 54 + [10.3] * 6) == pytest.approx((10, 10.3))
    assert modes_of([10] * 55 + [10.3] * 5) is None
    assert modes_of([10] * 29 + [10.3] * 30) is None
    assert modes_of(np.linspace(10, 12, 1000)) is None  # evenly spread, the widest of one mode
    for within, found in ((0.40, True), (0.44, False)):  # the two classes explain 1 / (1 + within²) of the variance
        levels = np.array([-1 - within, -1 + within, 1 - within, 1 + within] * 25)
        assert (modes_of(np.exp(0.1 * levels)) is not None) is found


def test_modes_are_seen_behind_outliers_and_outliers_beyond_modes():
    samples = two_modes(200, 0.2, 0.05)
    samples[[3, 70, 150]] *= 2
    assert find_anomalies(samples) == ["modes", "outliers"]
    assert outliers_of(samples) == 3


@pytest.mark.parametrize("count", [5, *COUNTS])
def test_one_outlier_is_found_and_counted(count):
    samples = noise(count)
    samples[count // 2] = 14
    assert find_anomalies(samples) == ["outliers"]
    assert outliers_of(samples) == 1


def test_an_outlier_is_10_percent_slower_and_beyond_the_fence():
    assert outliers_of([10] * 20 + [11.01]) == 1
    assert outliers_of([10] * 20 + [10.99]) == 0
    assert outliers_of([10] * 20 + [5]) == 0  # a fast call is none
    assert outliers_of([10] * 20 + [12, 13, 200]) == 3
    quartiles = [10] * 30 + [11] * 40 + [12] * 30  # with one more, the fence is 12 · 1.2^3.896
    assert outliers_of([*quartiles, 12 * 1.2**3.8]) == 0
    assert outliers_of([*quartiles, 12 * 1.2**4]) == 1


def autoregressive(neighbours):
    def draw(rng, count):
        steps = rng.normal(0, math.sqrt(1 - neighbours**2), count)
        steps[0] = rng.normal()
        return signal.lfilter([1], [1, -neighbours], steps)

    return draw


NOISES = {
    "normal": lambda rng, count: rng.normal(0, 1, count),
    "lognormal": lambda rng, count: np.expm1(0.05 * rng.normal(0, 1, count)) / 0.05,
    "ar(0.5)": autoregressive(0.5),
    "ar(0.9)": autoregressive(0.9),
    "in steps": lambda rng, count: np.round(4 * rng.normal(0, 1, count)) / 4,
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_without_trouble_is_called_so_in_99_percent(name):
    rng, runs = np.random.default_rng(5), 400
    for count in (5, 12, 60, 400):
        alarms = collections.Counter()
        for sd in (0.01, 0.05):
            for _ in range(runs // 2):
                alarms.update(find_anomalies(10 * (1 + sd * NOISES[name](rng, count))))
        assert all(alarms[kind] <= runs / 100 for kind in ("drift", "modes", "outliers")), (count, alarms)


def test_a_hundred_thousand_samples_take_no_time():
    samples = two_modes(100_000, 0.5, 0.05).tolist()
    start = time.process_time()
    assert find_anomalies(samples) == ["modes"]
    half_width(samples), interval(groups(samples)), percentiles(samples)
    assert time.process_time() - start < 2  # 0.05 s where nothing else runs
