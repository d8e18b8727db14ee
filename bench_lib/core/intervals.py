"""Figures computed from raw samples, on reading: medians, intervals and verdicts.

Samples are positive: milliseconds of a call, or images per second of a window. A figure's uncertainty is taken from
independent replicates of it: medians of processes, or medians of groups of calls where a case ran in one process.

Intervals are Student's t on the logs of the replicates (a speedup is a ratio, and noise is relative), not a bootstrap:
three or five processes are too few to resample. Simulated with an sd of 2 % between processes and of 1 % within, and 20
calls each, 95 % intervals cover the true time (and the true ratio of two) in this share of runs, a smaller number of
which is in tests/test_statistics.py:

| Processes | Student's t | SciPy's percentile bootstrap | SciPy's BCa | Processes resampled, then their calls |
|--:|--:|--:|--:|--:|
| 3 | 95 % (97 %) | 75 % (80 %) | 73 % | 75 % (80 %) |
| 5 | 95 % (96 %) | 84 % (88 %) | 84 % | 83 % (89 %) |
| 10 | 95 % (95 %) | 89 % (92 %) | 90 % | 91 % (93 %) |
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench_lib.core.record import Window

ROPE = 0.02  # the region of practical equivalence: a ratio this near to 1 makes no difference to anyone
SURE, SURER = 0.95, 0.99  # of an interval as it is shown, and of a difference that is called one
ASSUMED_SD = 0.03  # relative, from process to process, where no check measured it
GROUPS = 20  # of calls; Student's t for more of them is at most 7 % smaller
LEAST_GROUPS, LEAST_IN_GROUP = 4, 5

# Pairing n rounds gains where they correlate by more than 1 - (t(2n - 2) / t(n - 1))² at 99 %: 0.47 for 5, 0.28 for 8.
# On two cores of a virtual machine neighbours in time did by 0.76.
PAIRED_FROM = 8
T_975 = (  # Student's t, 97.5 %, for 1, 2, … GROUPS - 1 degrees of freedom
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930,
)  # fmt: skip

Verdict = Literal["faster", "slower", "same", "undecided"]


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its interval, in the unit of the samples, or a ratio."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Percentiles:
    """Half, 90 % and 99 % of the calls are as fast as this, in the unit of the samples."""

    p50: float
    p90: float
    p99: float


def median(samples: Sequence[float]) -> float:
    """The median."""
    ordered = sorted(samples)  # of the few values of most calls NumPy's takes thirty times as long
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def quantiles(ordered: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Quantiles of sorted samples, interpolated linearly: those of `np.quantile` to the last bit, without its start."""
    found = []
    for share in shares:
        place = (len(ordered) - 1) * share
        below = int(place)
        low, high, part = ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below
        found.append(float(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)))
    return found


def percentiles(samples: Sequence[float]) -> Percentiles:
    """The percentiles, interpolated linearly; of fewer than 100 samples p99 lies between the two slowest."""
    return Percentiles(*quantiles(sorted(samples), [0.5, 0.9, 0.99]))


def relative_iqr(samples: Sequence[float]) -> float:
    """The spread: the interquartile range as a share of the median; 0 for fewer than two samples."""
    low, middle, high = quantiles(sorted(samples), [0.25, 0.5, 0.75])
    return (high - low) / middle


def window_ips(windows: Sequence[Window], batch_size: int) -> list[float]:
    """Images per second of each window: images sent back to back, by the window's length."""
    return [batch_size * window.calls / window.seconds for window in windows]


def groups(samples: Sequence[float], most: int = GROUPS) -> list[float]:
    """Medians of at most `most` consecutive groups, whose sizes differ by at most one.

    Neighbouring calls are alike, groups of them are nearly independent (batch means). A group has five samples or more;
    fewer than 20 samples make four groups, and fewer than four are a group each.
    """
    count = min(most, len(samples), max(LEAST_GROUPS, len(samples) // LEAST_IN_GROUP))
    return group_medians(samples, count).tolist()


def group_medians(samples: Sequence[float], count: int) -> np.ndarray:
    """Medians of `count` consecutive groups, whose sizes differ by at most one."""
    samples = np.asarray(samples, float)
    size, larger = divmod(len(samples), count)  # the first `larger` groups have one more
    cut = larger * (size + 1)
    first, rest = samples[:cut].reshape(larger, size + 1), samples[cut:].reshape(count - larger, size)
    ordered = [np.sort(alike, axis=1) for alike in (first, rest) if len(alike)]
    return np.concatenate([(rows[:, (rows.shape[1] - 1) // 2] + rows[:, rows.shape[1] // 2]) / 2 for rows in ordered])


def half_width(samples: Sequence[float]) -> float:
    """Half the 95 % interval of the median of one process's calls, as a share of the median; infinite for one sample.

    Student's t on the deviations of `groups` from the median of all samples ("sectioning", Asmussen and Glynn,
    Stochastic Simulation, 2007, III.5): no density is estimated, calls may depend on their neighbours, and centring on
    the median of all avoids the bias that medians of small groups of skewed samples have. In simulations it covers 94
    to 96 % on normal, exponential and lognormal noise from 4 samples on; 91 % (87 %) on 100 (400) calls whose
    neighbours correlate by 0.5 (0.9). A rule that stops at the first look that is narrow enough covers less: 92 to 95 %
    if it begins at 20 samples, 90 to 92 % at 10. It takes 0.2 ms for 100 samples, 8 ms for 100,000: look now and then.
    """
    samples = np.asarray(samples, float)
    if len(samples) < 2:
        return math.inf
    deviations = np.array(groups(samples)) / np.median(samples) - 1
    count = len(deviations)
    return T_975[count - 2] * math.sqrt(deviations @ deviations / (count - 1) / count)


def interval(values: Sequence[float], confidence: float = SURE, extra_sd: float = 0.0) -> Interval:
    """The geometric mean of independent replicates, with Student's t interval on their logs.

    `values` are medians of processes, or `groups` of one process; then `extra_sd` is the relative sd from process to
    process, known from elsewhere and added in quadrature. One value has an infinite interval.
    """
    value, sampling = _mean(values)
    return _student(value, [(sampling, len(values))], extra_sd**2, confidence)


def ratio(a: Sequence[float], b: Sequence[float], confidence: float = SURE, extra_sd: float = 0.0) -> Interval:
    """The ratio of a's geometric mean to b's, with Welch's t interval on logs; `extra_sd` counts for either side."""
    return contrast([a], [b], confidence, extra_sd)


def within_rounds(
    a: Sequence[float], b: Sequence[float], extra_sd: float = 0.0
) -> tuple[Sequence[float], Sequence[float]]:
    """What to take the ratio of two cases of one run from, by `ratio` or `verdict`, so that its drift leaves it alone.

    A sweep measures each case once a round. From `PAIRED_FROM` rounds on it is the ratios within the rounds, which the
    machine's slow changes hit alike (and then 1, as what they are ratios to); of fewer rounds, both as they are: t for
    half as many degrees of freedom would cost more than pairing gains. `extra_sd` is that of `ratio`: where it is given
    there are no rounds.
    """
    if extra_sd or len(a) != len(b) or len(a) < PAIRED_FROM:
        return a, b
    return [one / other for one, other in zip(a, b, strict=True)], [1.0] * len(a)


def contrast(
    over: Sequence[Sequence[float]], under: Sequence[Sequence[float]], confidence: float = SURE, extra_sd: float = 0.0
) -> Interval:
    """As `ratio`, of the product of geometric means to the product of others: a ratio of ratios, for example."""
    value, parts = _product(over, under)
    return _student(value, parts, len(parts) * extra_sd**2, confidence)


def _product(over: Sequence[Sequence[float]], under: Sequence[Sequence[float]]) -> tuple[float, list]:
    """The value of a `contrast`, and of each part the variance of its log and the number of its values."""
    value, parts = 1.0, []
    for values, power in [*((values, 1) for values in over), *((values, -1) for values in under)]:
        mean, sampling = _mean(values)
        value *= mean**power
        parts.append((sampling, len(values)))
    return value, parts


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """The geometric mean, and the variance of its log: infinite for one value, exactly 0 for equal ones."""
    logs = [math.log(value / values[0]) for value in values]
    count, mean = len(logs), math.fsum(logs) / len(logs)
    sampling = math.fsum((log - mean) ** 2 for log in logs) / (count - 1) / count if count > 1 else math.inf
    return values[0] * math.exp(mean), sampling


def _student(value: float, parts: list[tuple[float, int]], known: float, confidence: float) -> Interval:
    """The interval of a value whose log has the variance `known` plus that of each part, estimated from `n` values.

    Degrees of freedom are Welch and Satterthwaite's.
    """
    from scipy.special import stdtrit  # not above: it would add 27 MiB to each measured process

    variance = known + sum(sampling for sampling, _ in parts)
    if variance == math.inf:
        return Interval(value, 0.0, math.inf)
    estimated = sum(sampling**2 / (n - 1) for sampling, n in parts)
    freedom = min(variance**2 / estimated, 1e9) if estimated else 1e9
    spread = math.exp(min(float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance), 700))
    return Interval(value, value / spread, value * spread)


def by_chance() -> float:
    """The ratio that the times of two processes of equal speed stay within in 99 % of cases, by `ASSUMED_SD`."""
    return ratio([1.0] * 2, [1.0] * 2, SURER, ASSUMED_SD).high


def verdict(a: Sequence[float], b: Sequence[float], extra_sd: float = 0.0) -> Verdict:
    """Whether the first of two times is the shorter, by their replicates.

    `same` if the 95 % interval of a/b lies within `ROPE` of 1, however sure a difference is; otherwise `faster` or
    `slower` if the 99 % interval leaves 1 out, so that equal pairs are called different in at most 1 %; otherwise
    `undecided`.
    """
    return judged([a], [b], extra_sd)


def judged(over: Sequence[Sequence[float]], under: Sequence[Sequence[float]], extra_sd: float = 0.0) -> Verdict:
    """As `verdict`, on the `contrast` of several."""
    value, parts = _product(over, under)
    shown, wide = (_student(value, parts, len(parts) * extra_sd**2, confidence) for confidence in (SURE, SURER))
    if shown.low >= 1 / (1 + ROPE) and shown.high <= 1 + ROPE:
        return "same"
    if wide.high < 1:
        return "faster"
    return "slower" if wide.low > 1 else "undecided"
