"""Shares of images, such as that of right answers: their intervals, and two shares of the same images compared.

Each is of raw counts, and knows nothing of records. Intervals are at the level of 95 %.
"""

from collections import Counter
from dataclasses import dataclass
from math import sqrt

from bench_lib.core.intervals import Interval

LEVEL = 0.95
Z = 1.959963984540054  # the quantile of the standard normal distribution at (1 + LEVEL) / 2
SIGNIFICANT = 0.05  # two shares are told apart if McNemar's test gives less


def wilson(right: int, count: int) -> Interval:
    """The share `right` / `count` with its interval by Wilson's score.

    From Wilson, "Probable inference, the law of succession, and statistical inference", 1927, without a correction for
    continuity. It is recommended, for small counts and shares near 0 or 1 too, by Brown, Cai and DasGupta, "Interval
    estimation for a binomial proportion", 2001. The trials are assumed to be independent.
    """
    share, spread = right / count, Z**2 / count
    centre = share + spread / 2
    half = Z * sqrt(share * (1 - share) / count + spread / (4 * count))
    low, high = ((centre + sign * half) / (1 + spread) for sign in (-1, 1))
    return Interval(share, low if right else 0.0, high if right < count else 1.0)


@dataclass(frozen=True)
class Paired:
    """The same images answered twice: how many right in `both`, only in the `first`, only in the `second`, in `none`.

    Which two they are is for the caller to know; differences are the first's share less the second's.
    """

    both: int
    first: int
    second: int
    none: int

    @classmethod
    def of(cls, first: str, second: str) -> "Paired":
        """From verdicts on the same images in the same order: "1" for a right answer, "0" for a wrong one."""
        found = Counter(zip(first, second, strict=True))
        return cls(found["1", "1"], found["1", "0"], found["0", "1"], found["0", "0"])

    @property
    def count(self) -> int:
        """The number of images."""
        return self.both + self.first + self.second + self.none

    @property
    def difference(self) -> Interval:
        """The difference of the shares with its interval, by method 10 of Newcombe.

        From Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
        data", 1998: the distances of Wilson's limits from the two shares, squared and added, with their correlation.
        """
        one, other = (wilson(self.both + only, self.count) for only in (self.first, self.second))
        value = (self.first - self.second) / self.count
        down, up = one.value - one.low, one.high - one.value
        other_down, other_up = other.value - other.low, other.high - other.value
        return Interval(
            value,
            value - sqrt(down**2 - 2 * self.correlation * down * other_up + other_up**2),
            value + sqrt(up**2 - 2 * self.correlation * up * other_down + other_down**2),
        )

    @property
    def correlation(self) -> float:
        """How the answers go together, from -1 to 1: phi, corrected for continuity as in that method; 0 if unknown."""
        rows, columns = self.both + self.first, self.both + self.second
        product = rows * (self.count - rows) * columns * (self.count - columns)
        if not product:
            return 0.0
        excess = self.both * self.none - self.first * self.second
        return (max(excess - self.count / 2, 0) if excess > 0 else excess) / sqrt(product)

    @property
    def p_value(self) -> float:
        """The probability of a difference as large or larger if there is none, by McNemar's exact test (two-sided).

        Only images that one of the two answered right count; of these, half are the first's (McNemar, 1947).
        """
        from scipy.special import bdtr  # imported here: at the top it would add 27 MiB to each measured process

        return min(1.0, 2 * float(bdtr(min(self.first, self.second), self.first + self.second, 0.5)))

    @property
    def is_told_apart(self) -> bool:
        """Whether the data tell the two shares apart."""
        return self.p_value < SIGNIFICANT
