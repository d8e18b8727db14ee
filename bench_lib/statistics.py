"""Figures computed from raw samples, on reading."""

import statistics
from collections.abc import Sequence

from bench_lib.records import Window

ALIKE_WITHIN = 0.05  # two figures closer than this share are called alike: a run on a shared machine varies so much


def median(samples: Sequence[float]) -> float:
    """The median."""
    return statistics.median(samples)


def relative_iqr(samples: Sequence[float]) -> float:
    """The spread: the interquartile range as a share of the median; 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / median(samples)


def throughput_ips(windows: Sequence[Window], batch_size: int) -> float:
    """Images per second: the median over windows of images sent back to back, by the window's length."""
    return median([batch_size * window.calls / window.seconds for window in windows])


def alike(a: float, b: float) -> bool:
    """Whether two positive figures differ by at most `ALIKE_WITHIN` of the larger."""
    return abs(a - b) <= ALIKE_WITHIN * max(a, b)
