"""Anomalies in the samples of one process (drift, two modes, outliers): they are flagged, and no sample is removed.

Each test requires both significance and a size that matters. Noise is relative, so the tests work on logarithms or
ranks. Their false alarms were counted in simulated runs of 5 to 100,000 calls without anomalies: normal, lognormal and
AR(1) noise (neighbours correlate by 0.5 or 0.9) with an sd of 0.5 to 10 %. Each anomaly is found in at most 1 % of such
runs. More than 0.5 % occur only for drift and modes with AR(1) noise and fewer than 100 calls, and for outliers among 5
calls; mostly there are none.

The tests also flag what is not such noise: calls that wander as slowly as the run lasts (neighbours that correlate by
0.98 show drift in up to 9 % of runs, modes in 6 %), a coarse clock (steps of 2 % of the time make modes; steps of half
the sd make outliers in 8 % of runs of 100,000 calls), and tails heavier than lognormal (outliers).
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np

from bench_lib.core.intervals import GROUPS, group_medians, quantiles

Anomaly = Literal["drift", "modes", "outliers"]

LEAST_CHANGE = 0.02  # of the median; a smaller drift, or distance between modes, does not matter in practice
DRIFT_LEAST_GROUPS = 8  # the fewest groups that reach p < 0.001 if all rise or all fall
DRIFT_Z = 3.29  # p < 0.001, two-sided
MODES_LEAST_SAMPLES = 60
MODES_LEAST_SHARE = 0.10  # of the samples in the smaller mode
MODES_SPLIT = 0.85  # share of the variance that two classes explain: 0.64 of normal noise, 0.75 of uniform noise
OUTLIER_AT = 0.10  # over the median
FENCE, FENCE_OF_FEW = 3.5, 40  # interquartile ranges above the upper quartile: 3.5 + 40/n


def find_anomalies(samples: Sequence[float]) -> list[Anomaly]:
    """Which of `drift`, `modes` and `outliers` the samples (times, in the order of measuring) have."""
    logs = np.sort(np.log(samples))
    two = modes(logs)
    found = {"drift": drift(samples) != 0, "modes": two is not None, "outliers": outliers(logs, two) > 0}
    return [name for name, is_there in found.items() if is_there]


def drift(samples: Sequence[float]) -> float:
    """The change from the first sample to the last as a share of the median, or 0 where there is no drift.

    The samples are split into 8 to 20 consecutive groups, about as many as there are samples in each. There is drift if
    the groups' medians have a trend by the Mann–Kendall test (p < 0.001) and change by 2 % or more along the Theil–Sen
    line. Fewer than 8 samples show none.
    """
    if len(samples) < DRIFT_LEAST_GROUPS:
        return 0.0
    count = min(GROUPS, max(DRIFT_LEAST_GROUPS, math.isqrt(len(samples))))
    medians = group_medians(samples, count)
    first, last = pairs(count)
    slopes = (medians[last] - medians[first]) / (last - first)
    z = (abs(np.sign(slopes).sum()) - 1) / math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if z < DRIFT_Z:
        return 0.0
    change = float(np.median(slopes) * count / np.median(samples))
    return change if abs(change) >= LEAST_CHANGE else 0.0


@cache
def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices of all pairs of `count` items as two arrays; the first index of a pair is the smaller."""
    return np.triu_indices(count, 1)


def modes(logs: np.ndarray) -> tuple[float, float] | None:
    """The centres of two modes, fast and slow, in the unit of the samples, or None where there are not two.

    `logs` are the logarithms of the samples in ascending order. Otsu's method (IEEE Transactions on Systems, Man, and
    Cybernetics 9, 1979, 62-66) splits them into two classes. These are modes if there are 60 samples or more, the
    classes explain 85 % of the variance or more, each has 10 % of the samples or more, and their centres are 2 % apart
    or more. Before the split, the lowest and highest 5 % of the samples are clipped to the 5 % and 95 % quantiles, so
    that no outlier hides the modes.
    """
    n = len(logs)
    if n < MODES_LEAST_SAMPLES:
        return None
    logs = np.clip(logs, *quantiles(logs, [0.05, 0.95]))
    below = np.arange(1, n)
    sums = np.cumsum(logs - logs.mean())[:-1]
    low, high = sums / below, -sums / (n - below)
    between = below * (n - below) * (high - low) ** 2 / n**2
    between[np.minimum(below, n - below) < MODES_LEAST_SHARE * n] = 0
    cut = int(np.argmax(between))
    if between[cut] < MODES_SPLIT * logs.var() or high[cut] - low[cut] < math.log1p(LEAST_CHANGE):
        return None
    return float(np.exp(logs.mean() + low[cut])), float(np.exp(logs.mean() + high[cut]))


def outliers(logs: np.ndarray, two: tuple[float, float] | None) -> int:
    """How many samples are far slower than the others: 10 % over the median, and far beyond the quartiles.

    `logs` are the logarithms of the samples in ascending order, `two` their `modes`. Tukey's far fence is 3
    interquartile ranges above the upper quartile. Here, on logs, it is 3.5 + 40/n, because one in eight runs of 100,000
    normal samples crosses 3, and the quartiles of few samples are uncertain. Fewer than 5 samples show none. Where
    there are two modes, only the samples of the slower one are tested.
    """
    if two:
        logs = logs[logs > np.log(two).mean()]
    q1, middle, q3 = quantiles(logs, [0.25, 0.5, 0.75])
    fence = q3 + (FENCE + FENCE_OF_FEW / len(logs)) * (q3 - q1)
    return int(np.sum((logs > fence) & (logs >= middle + math.log1p(OUTLIER_AT))))
