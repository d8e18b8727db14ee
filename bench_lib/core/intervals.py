"""Medians, confidence intervals and verdicts, computed from the raw samples when records are read.

Samples are positive: milliseconds of a call, or images per second of a window. The uncertainty of a figure comes from
independent replicates: medians of several processes or, where a case ran in one process, of groups of its calls.

Intervals are Student's t on the logarithms of the replicates, because a speedup is a ratio and noise is relative. A
bootstrap is not used: three or five processes are too few to resample. The table compares the methods in a simulation
with a standard deviation of 2 % between processes and 1 % within a process, and 20 calls in each process. It shows the
share of runs in which the 95 % interval covers the true time, and in brackets the true ratio of two times.
tests/core/test_intervals.py repeats the simulation with fewer runs.

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

ROPE = 0.02  # region of practical equivalence: a ratio within 2 % of 1 makes no difference in practice
FIGURE_LEVEL = 0.95  # confidence of the interval of one figure
RATIO_LEVEL = 0.99  # confidence of the interval of a ratio of figures, which is shown and decides the verdict
ASSUMED_SD = 0.03  # relative standard deviation between processes, assumed where no check has measured it
GROUPS = 20  # groups of calls; with more groups, Student's t would be at most 7 % smaller
LEAST_GROUPS, LEAST_IN_GROUP = 4, 5

# From this many rounds on, `within_rounds` pairs them. Pairing n rounds narrows the interval if the times of the two
# cases correlate by more than 1 - (t(2n - 2) / t(n - 1))², with Student's t at 99 %: 0.47 for n = 5, 0.28 for n = 8. On
# two cores of a virtual machine, cases measured one right after the other correlated by 0.76.
PAIRED_FROM = 8
T_975 = (  # the 97.5 % quantile of Student's t for 1, 2, … GROUPS - 1 degrees of freedom
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930,
)  # fmt: skip

Verdict = Literal["faster", "slower", "same", "undecided"]


@dataclass(frozen=True)
class Interval:
    """A figure and the two ends of its confidence interval, in the unit of the samples; for a ratio, without a unit."""

    value: float
    low: float
    high: float

    @property
    def inverse(self) -> "Interval":
        """The interval of 1 over this ratio."""
        return Interval(1 / self.value, 1 / self.high, 1 / self.low if self.low else math.inf)


@dataclass(frozen=True)
class Percentiles:
    """The times within which 50 %, 90 % and 99 % of the calls finish, in the unit of the samples."""

    p50: float
    p90: float
    p99: float


def median(samples: Sequence[float]) -> float:
    """The median of the samples, in their unit."""
    ordered = sorted(samples)  # for a few values, as here most often, np.median takes thirty times as long
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def quantiles(ordered: Sequence[float], shares: Sequence[float]) -> list[float]:
    """The values of `np.quantile` for sorted samples and shares from 0 to 1, without its overhead on short lists."""
    values = []
    for share in shares:
        position = (len(ordered) - 1) * share
        index, fraction = int(position), position - int(position)
        low, high = ordered[index], ordered[min(index + 1, len(ordered) - 1)]
        value = low + (high - low) * fraction
        if fraction >= 0.5:  # counted from the other end, as NumPy does, so that the rounding is the same
            value = high - (high - low) * (1 - fraction)
        values.append(float(value))
    return values


def percentiles(samples: Sequence[float]) -> Percentiles:
    """The percentiles, interpolated linearly; with fewer than 100 samples, p99 lies between the two slowest."""
    return Percentiles(*quantiles(sorted(samples), [0.5, 0.9, 0.99]))


def relative_iqr(samples: Sequence[float]) -> float:
    """The interquartile range as a share of the median; 0 for a single sample."""
    low, middle, high = quantiles(sorted(samples), [0.25, 0.5, 0.75])
    return (high - low) / middle


def window_ips(windows: Sequence[Window], batch_size: int) -> list[float]:
    """Images per second in each window: the images sent back to back, divided by the window's length."""
    return [batch_size * window.calls / window.seconds for window in windows]


def groups(samples: Sequence[float], most: int = GROUPS) -> list[float]:
    """The medians of at most `most` consecutive groups of the samples, whose sizes differ by at most one.

    Neighbouring calls resemble each other, but groups of them are nearly independent (batch means). A group has at
    least five samples, but fewer than 20 samples make four groups, and fewer than four make one group each.
    """
    count = min(most, len(samples), max(LEAST_GROUPS, len(samples) // LEAST_IN_GROUP))
    return group_medians(samples, count).tolist()


def group_medians(samples: Sequence[float], count: int) -> np.ndarray:
    """The medians of `count` consecutive groups, whose sizes differ by at most one: an array of `count` values."""
    samples = np.asarray(samples, float)
    size, larger = divmod(len(samples), count)  # the first `larger` groups have one sample more than the rest
    cut = larger * (size + 1)
    medians = []
    for rows in (samples[:cut].reshape(larger, size + 1), samples[cut:].reshape(count - larger, size)):
        ordered, width = np.sort(rows, axis=1), rows.shape[1]
        medians.append((ordered[:, (width - 1) // 2] + ordered[:, width // 2]) / 2)
    return np.concatenate(medians)


def half_width(samples: Sequence[float]) -> float:
    """Half the width of the 95 % interval of the median of one process's calls, as a share of that median.

    It is infinite for a single sample. The method is "sectioning" (Asmussen and Glynn, Stochastic Simulation, 2007,
    III.5): Student's t on the deviations of the medians of `groups` from the median of all samples. It estimates no
    density, and calls may depend on their neighbours. Centring on the median of all samples avoids the bias that the
    medians of small groups have when samples are skewed.

    In simulations it covers the true median in 94 to 96 % of runs with normal, exponential and lognormal noise, from 4
    samples on; with 100 (400) calls whose neighbours correlate by 0.5 (0.9), in 91 % (87 %). Sampling that stops as
    soon as the interval is narrow enough covers less: 92 to 95 % if the first check is at 20 samples, 90 to 92 % if it
    is at 10. A check takes 0.2 ms for 100 samples and 8 ms for 100,000, so do not check after every sample.
    """
    samples = np.asarray(samples, float)
    if len(samples) < 2:
        return math.inf
    deviations = np.array(groups(samples)) / np.median(samples) - 1
    count = len(deviations)
    return T_975[count - 2] * math.sqrt(deviations @ deviations / (count - 1) / count)


def interval(values: Sequence[float], confidence: float = FIGURE_LEVEL, extra_sd: float = 0.0) -> Interval:
    """The geometric mean of independent replicates, with Student's t interval on their logarithms.

    `values` are medians of several processes, or the `groups` of one. For one process, `extra_sd` is the relative sd
    between processes, known from elsewhere and added in quadrature: where it is infinite, which stands for not known,
    the interval is infinite too, as is that of a single value.
    """
    value, variance = _mean(values)
    return _student(value, [(variance, len(values))], extra_sd**2, confidence)


def ratio(a: Sequence[float], b: Sequence[float], confidence: float = RATIO_LEVEL, extra_sd: float = 0.0) -> Interval:
    """The geometric mean of `a` over that of `b`, with Welch's t interval on logs; `extra_sd` is added for each."""
    return contrast([a], [b], confidence, extra_sd)


def within_rounds(
    a: Sequence[float], b: Sequence[float], extra_sd: float = 0.0
) -> tuple[Sequence[float], Sequence[float]]:
    """The two arguments of `ratio` or `verdict` for two cases of one run, such that slow drift of the machine cancels.

    A sweep measures each case once per round, so `a[i]` and `b[i]` are from the same round. From `PAIRED_FROM` rounds
    on, return the ratios within the rounds, in which drift cancels because it hits both cases, and a list of ones. For
    fewer rounds return `a` and `b` unchanged: pairing halves the degrees of freedom, and the larger t would cost more
    than pairing gains. With an `extra_sd` (see `ratio`) the values are from one process, and nothing is paired.
    """
    if extra_sd or len(a) != len(b) or len(a) < PAIRED_FROM:
        return a, b
    return [time_a / time_b for time_a, time_b in zip(a, b, strict=True)], [1.0] * len(a)


def contrast(
    over: Sequence[Sequence[float]],
    under: Sequence[Sequence[float]],
    confidence: float = RATIO_LEVEL,
    extra_sd: float = 0.0,
) -> Interval:
    """As `ratio`, for the product of the means of `over` divided by those of `under`, such as a ratio of ratios."""
    value, parts = 1.0, []
    factors = [(values, 1) for values in over] + [(values, -1) for values in under]
    for values, power in factors:
        mean, variance = _mean(values)
        value *= mean**power
        parts.append((variance, len(values)))
    return _student(value, parts, len(parts) * extra_sd**2, confidence)


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """The geometric mean, and the variance of its logarithm: infinite for one value, exactly 0 for equal values."""
    logs = [math.log(value / values[0]) for value in values]
    count, mean = len(logs), math.fsum(logs) / len(logs)
    variance = math.inf
    if count > 1:
        variance = math.fsum((log - mean) ** 2 for log in logs) / (count - 1) / count
    return values[0] * math.exp(mean), variance


def _student(value: float, parts: list[tuple[float, int]], known: float, confidence: float) -> Interval:
    """The interval of `value`; the variance of its logarithm is `known` plus the estimated variance of each part.

    A part is that variance and the number of values behind it. Degrees of freedom are those of Welch and Satterthwaite.
    """
    from scipy.special import stdtrit  # imported here: at the top it would add 27 MiB to each measured process

    variance = known + sum(part_variance for part_variance, _ in parts)
    if variance == math.inf:
        return Interval(value, 0.0, math.inf)
    estimated = sum(part_variance**2 / (count - 1) for part_variance, count in parts)
    freedom = min(variance**2 / estimated, 1e9) if estimated else 1e9
    spread = math.exp(min(float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance), 700))
    return Interval(value, value / spread, value * spread)


def by_chance() -> float:
    """The largest ratio of times that two equally fast processes show in 99 % of cases, assuming `ASSUMED_SD`."""
    return ratio([1.0] * 2, [1.0] * 2, extra_sd=ASSUMED_SD).high


def judge(ratio: Interval) -> Verdict:
    """The verdict on a time whose ratio to another has this 99 % interval: the interval alone decides it.

    It is `same` if the interval lies within `ROPE` of 1, even if it does not contain 1. Otherwise it is `faster` or
    `slower` if the interval does not contain 1, so that at most 1 % of equally fast pairs are called different. Else it
    is `undecided`. In simulations with an sd of 0.5 % between processes, cases of five (three) processes are called
    `same` in 96 % (28 %) of runs if they are equal, and in at most 1 % if one is 2 % slower.
    """
    if ratio.low >= 1 / (1 + ROPE) and ratio.high <= 1 + ROPE:
        return "same"
    if ratio.high < 1:
        return "faster"
    return "slower" if ratio.low > 1 else "undecided"


def verdict(a: Sequence[float], b: Sequence[float], extra_sd: float = 0.0) -> Verdict:
    """Whether `a` is faster or slower than `b`; both are replicates of a time, and `extra_sd` is that of `ratio`."""
    return judge(ratio(a, b, extra_sd=extra_sd))
