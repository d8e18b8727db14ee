"""A run of several networks: which approach is fastest for each, and how much faster it is over all of them.

What holds of a row alone is decided as everywhere, by the interval of its own ratio. What is said over all networks is
the geometric mean of their speedups, since a speedup is a ratio, with Student's t on the logarithms of the networks'
speedups (`bench_lib.core.intervals`). So that interval says how the mean differs with the choice of networks: it holds
the spread between them and, as each network was measured in processes of its own, that between processes as well:
networks stand for each other where one process measured each and the host sets its pace, although a row alone decides
nothing there. But a speedup is left out of a mean where others computed or were measured beside it and that may have
changed it: they hold back one runtime more than another, for all networks alike.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench_lib.analysis.case_table import APPROACH, PLACE, Approach, approach_of, compare_rows, is_baseline
from bench_lib.core import intervals
from bench_lib.core.case import AUTO

Row = dict[str, Any]


@dataclass(frozen=True)
class Contest:
    """Who is fastest for one network at one image size and batch size, among rows of `cases`.

    `leaders` are the row with the least time per batch and those that the data do not distinguish from it, fastest
    first; `measured` is the number of rows that competed.
    """

    model: str
    image_size: int
    batch_size: int
    leaders: tuple[Row, ...]
    measured: int

    @property
    def winner(self) -> Approach | None:
        """The approach that is certainly the fastest; None where none is, or where it had nobody to compete with."""
        return approach_of(self.leaders[0]) if len(self.leaders) == 1 and self.measured > 1 else None


def contests(cases: pd.DataFrame) -> list[Contest]:
    """A contest for each network, image size and batch size of measured cases, in the order of their first rows."""
    rivals_at: dict[tuple, list[Row]] = {}
    for row in cases.to_dict("records"):
        rivals_at.setdefault(tuple(row[column] for column in PLACE), []).append(row)
    return [Contest(*place, leaders_of(rows), len(rows)) for place, rows in rivals_at.items()]


def leaders_of(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The row with the least time per batch and those that the data do not distinguish from it, fastest first."""
    best, *others = sorted(rows, key=lambda row: row["latency_ms"])
    return best, *(row for row in others if compare_rows(row, best) != "slower")


def wins(found: Sequence[Contest]) -> dict[Approach, int]:
    """How many contests each approach certainly wins, most often first; without those that never do."""
    return dict(Counter(contest.winner for contest in found if contest.winner).most_common())


def tied(found: Sequence[Contest]) -> int:
    """In how many contests the data do not distinguish the fastest from another."""
    return sum(len(contest.leaders) > 1 for contest in found)


def rivals(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that computed in the precision that was asked for, or that `auto` chose."""
    return cases[(cases.precision == cases.actual_precision) | (cases.precision == AUTO)]


@dataclass(frozen=True)
class Gain:
    """How much faster than PyTorch fp32 an approach is over the networks, at one image size and batch size.

    `mean` is the geometric mean of the speedups of so many `networks` that both ran, with its 99 % interval, and
    `verdict` what that decides; so many as `lone` of these speedups decide nothing by themselves. Others are
    `left_out`, since they were measured beside what may have changed them. Where that holds of all networks (then
    `sound` is false), none is left out, but the interval is infinite. `least` and `most` are the rows with the smallest
    and the largest speedup. `wins` counts the networks for which the approach is certainly the fastest of its
    precision.
    """

    approach: Approach
    label: str
    precision_label: str
    image_size: int
    batch_size: int
    networks: int
    lone: int
    left_out: int
    sound: bool
    mean: intervals.Interval
    verdict: str
    least: Row
    most: Row
    wins: int


def gains(cases: pd.DataFrame) -> list[Gain]:
    """The gain of each approach at each image size and batch size, in the order of the sizes, the largest first.

    `cases` are measured ones. Those without a speedup do not count; the gain of PyTorch fp32 is 1.
    """
    counted = rivals(cases).dropna(subset="speedup")
    counted = counted.assign(beside=beside_others(counted))
    won = Counter()
    for _, rows in counted.groupby("precision", sort=False):
        won.update((one.winner, one.image_size, one.batch_size) for one in contests(rows))
    found = [
        gain_of(rows, won[approach_of(rows.iloc[0]), size, batch])
        for (*_, size, batch), rows in counted.groupby([*APPROACH, "image_size", "batch_size"], sort=False)
    ]
    return sorted(found, key=lambda gain: (gain.image_size, gain.batch_size, -gain.mean.value))


def beside_others(cases: pd.DataFrame) -> pd.Series:
    """Whether a speedup's row, or PyTorch fp32 beside it, was measured with others that may have changed it."""
    usual = cases[is_baseline(cases)].set_index(PLACE).company
    most = cases.company + usual.reindex(pd.MultiIndex.from_frame(cases[PLACE])).to_numpy()
    return (cases.verdict_from == "crowded") | ((cases.verdict_from == "unknown") & (most > 0))


def gain_of(rows: pd.DataFrame, won: int) -> Gain:
    """The gain from the rows of one approach at one image size and batch size, a row for each network."""
    every, rows = rows, rows[~rows.beside]
    is_sound, is_usual = len(rows) > 0, is_baseline(every.iloc[0])
    rows = rows if is_sound else every
    times, extra_sd = [1 / speedup for speedup in rows.speedup], 0.0 if is_sound else math.inf
    ratio = intervals.interval(times, intervals.RATIO_LEVEL, extra_sd)
    return Gain(
        approach=approach_of(rows.iloc[0]), label=rows.label.iloc[0], precision_label=rows.precision_label.iloc[0],
        image_size=int(rows.image_size.iloc[0]), batch_size=int(rows.batch_size.iloc[0]), networks=len(rows),
        lone=int((rows.verdict_from == "unknown").sum()), left_out=len(every) - len(rows), sound=is_sound,
        mean=ratio.inverse, verdict="" if is_usual else intervals.judge(ratio),
        least=rows.loc[rows.speedup.idxmin()].to_dict(), most=rows.loc[rows.speedup.idxmax()].to_dict(), wins=won,
    )  # fmt: skip
