"""Shares, their intervals and their differences, against published examples."""

from math import comb
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binomtest

from bench_lib.core.proportions import LEVEL, Paired, Z, wilson

# Newcombe, "Two-sided confidence intervals for the single proportion", 1998, method 3
SINGLE = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
# The airways of 21 children before and after a transplantation (Bentur et al., 2009), as Fagerland, Lydersen and Laake
# computed them in "The McNemar test for binary matched-pairs data", 2013, and in "Recommended tests and confidence
# intervals for paired binomial proportions", 2014
AIRWAYS = Paired(both=1, first=1, second=7, none=12)


def test_the_quantile_is_that_of_the_level():
    assert pytest.approx(NormalDist().inv_cdf((1 + LEVEL) / 2), rel=1e-12) == Z


@pytest.mark.parametrize("counts", SINGLE)
def test_the_interval_of_a_share_is_the_published_one(counts):
    found = wilson(*counts)
    assert found.value == counts[0] / counts[1]
    assert (found.low, found.high) == pytest.approx(SINGLE[counts], abs=5e-5)


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (3, 7), (50_000, 50_000), (38_021, 50_000)])
def test_it_is_scipy_s_and_stays_within_0_and_1(right, count):
    found, theirs = wilson(right, count), binomtest(right, count).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("pairs", "difference", "low", "high"),
    [
        (AIRWAYS, -0.286, -0.507, -0.026),
        (Paired(36, 12, 2, 0), 0.2, 0.0569, 0.3404),  # Newcombe, "Improved confidence intervals …", 1998
        (Paired(54, 0, 0, 0), 0.0, -0.0664, 0.0664),
        (Paired(14, 5, 0, 22), 0.122, 0.011, 0.226),  # Altman et al., "Statistics with confidence", 2000, table 6.2
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(pairs, difference, low, high):
    found = pairs.difference
    assert (found.value, found.low, found.high) == pytest.approx((difference, low, high), abs=5e-4)


def test_which_is_first_changes_the_sign_alone():
    turned = Paired(AIRWAYS.both, AIRWAYS.second, AIRWAYS.first, AIRWAYS.none)
    one, other = AIRWAYS.difference, turned.difference
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert turned.p_value == AIRWAYS.p_value


def test_the_probability_is_that_of_mcnemar_s_exact_test():
    assert AIRWAYS.p_value == pytest.approx(0.0703, abs=5e-5)
    assert not AIRWAYS.is_told_apart
    for first, second in ((0, 0), (5, 5), (0, 6), (3, 17), (400, 500)):
        discordant = first + second
        tail = sum(comb(discordant, k) for k in range(min(first, second) + 1)) / 2**discordant
        assert Paired(90, first, second, 5).p_value == pytest.approx(min(1, 2 * tail))
    assert not Paired(90, 0, 5, 5).is_told_apart  # 2 / 2^5 is 0.0625
    assert Paired(90, 0, 6, 5).is_told_apart  # 2 / 2^6 is 0.031


def test_pairs_are_counted_image_by_image():
    assert Paired.of("11100", "10010") == Paired(both=1, first=2, second=1, none=1)
    with pytest.raises(ValueError, match="shorter"):
        Paired.of("111", "11")


def test_equal_answers_are_never_told_apart_and_many_images_bound_their_difference():
    same = Paired(700, 0, 0, 300)
    assert (same.difference.value, same.p_value) == (0, 1)
    assert -0.01 < same.difference.low < 0 < same.difference.high < 0.01
    assert Paired(70, 0, 0, 30).difference.low < -0.01


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    draw, shares, covered = np.random.default_rng(0), [0.68, 0.05, 0.03, 0.24], 0
    for counts in draw.multinomial(400, shares, size=2000):
        found = Paired(*map(int, counts)).difference
        covered += found.low <= shares[1] - shares[2] <= found.high
    assert 0.94 < covered / 2000 < 0.97
