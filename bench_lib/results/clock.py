"""`clock.json`, which `bench selfcheck --clock` writes: our clock beside others, and whether they agree."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench_lib.core import intervals
from bench_lib.core.case import Case
from bench_lib.core.intervals import Interval
from bench_lib.core.quantities import Count, Milliseconds
from bench_lib.core.reason import Reason
from bench_lib.results.result_file import ResultFile

OURS, TIMER, EVENTS, LOADGEN = "bench", "torch.utils.benchmark", "CUDA events", "MLPerf LoadGen"  # clocks
Figure = Literal["latency", "throughput"]
Agreement = Literal["agrees", "differs", "undecided"]

LEAST_ROUNDS = 6  # with fewer values, the sign test has no 95 % interval

Rounds = Annotated[list[Milliseconds], Field(min_length=LEAST_ROUNDS)]


class CaseClock(BaseModel):
    """One case, timed by several clocks in one process.

    `ms[figure][clock]` are the times per batch (ms), one for each round. `absent` tells why a clock has none, `failed`
    why the whole case has none. `overhead_ns` is how much time our loop adds to a call, by figure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case
    failed: Reason | None = None
    ms: dict[Figure, dict[str, Rounds]] = {}
    absent: dict[str, Reason] = {}
    overhead_ns: dict[Figure, Annotated[float, Field(ge=0, le=1e12)]] = {}

    @model_validator(mode="after")
    def _whole(self) -> "CaseClock":
        if 1 in (len(self.ms), len(self.overhead_ns)):
            raise ValueError("one of latency and throughput is absent")
        if not all(OURS in by_clock and len(set(map(len, by_clock.values()))) == 1 for by_clock in self.ms.values()):
            raise ValueError(f"{OURS} is absent, or the clocks have unlike numbers of rounds")
        return self


class Clock(ResultFile):
    """`clock.json`: cases timed by our loop and by other clocks, whose versions are in `versions`."""

    file, command = "clock.json", "bench selfcheck --clock"
    rounds: Count
    versions: dict[str, str] = {}
    cases: list[CaseClock]


@dataclass(frozen=True)
class ClockRow:
    """One clock's figure beside ours: `ms` per batch (median over rounds), its `ratio` to ours, whether they agree.

    In our own row `ratio` and `agreement` are None. Where there is no figure, `ms` is None too, and `absent` says why.
    """

    case: Case
    figure: Figure | None
    clock: str
    ms: float | None = None
    ratio: Interval | None = None
    agreement: Agreement | None = None
    absent: Reason | None = None


def agreement_goal(case: Case) -> float:
    """How far another clock may be from ours and still agree, as a share of our figure: 0.02 is 2 %.

    It is larger for a batch of one image: each clock adds a little time of its own to a call, and that is a larger
    share of a short call.
    """
    return 0.02 if case.batch_size == 1 else 0.01


def clock_rows(clock: Clock) -> Iterator[ClockRow]:
    """The rows of `clock.json`, case by case.

    A case has a row for each figure and clock, ours first; then one for each clock that could not be used, and one for
    the case itself if it failed.
    """
    for timed in clock.cases:
        for figure, by_clock in timed.ms.items():
            ours = by_clock[OURS]
            yield ClockRow(timed.case, figure, OURS, intervals.median(ours))
            for name in sorted(by_clock.keys() - {OURS}):
                # A round's figures were taken within seconds, so a drift of the machine hardly changes their ratio.
                ratio = median_interval([a / b for a, b in zip(by_clock[name], ours, strict=True)])
                ms = intervals.median(by_clock[name])
                yield ClockRow(timed.case, figure, name, ms, ratio, agreement(ratio, agreement_goal(timed.case)))
        for name, absent in timed.absent.items():
            yield ClockRow(timed.case, None, name, absent=absent)
        if timed.failed:
            yield ClockRow(timed.case, None, "", absent=timed.failed)


def median_interval(values: Sequence[float]) -> Interval:
    """The median of positive values with its 95 % interval, which is valid for any distribution.

    The interval is that of the sign test, so its ends are two of the values. A burst of other work that disturbs one
    round widens it little, although no value is left out. With fewer than `LEAST_ROUNDS` values, it is from 0 to
    infinity.
    """
    from scipy.stats import quantile_test  # imported here because it is slow to import, and measuring does not need it

    middle = intervals.median(values)
    if len(values) < LEAST_ROUNDS:
        return Interval(middle, 0.0, math.inf)
    found = quantile_test(values, q=middle, p=0.5).confidence_interval(0.95)
    return Interval(middle, float(found.low), float(found.high))


def agreement(ratio: Interval, within: float) -> Agreement:
    """Whether a ratio is within a share of 1, from 1/(1 + `within`) to 1 + `within`.

    It `agrees` if the whole interval of the ratio lies within, and `differs` if all of it lies outside.
    """
    low, high = 1 / (1 + within), 1 + within
    if low <= ratio.low and ratio.high <= high:
        return "agrees"
    return "differs" if ratio.high < low or ratio.low > high else "undecided"
