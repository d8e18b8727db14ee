"""What `bench selfcheck` found: `clock.json` and `selfcheck.json` in a run's folder, and what follows from them.

The files hold raw figures; ratios, rates and verdicts are computed on reading (`selfcheck.json` shows them too).
"""

import math
import reprlib
import statistics as stdlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, model_validator

from bench_lib import statistics
from bench_lib.cases import Case, Grid, Limits
from bench_lib.facts import Machine
from bench_lib.faults import InputError, read_text
from bench_lib.records import Count, Milliseconds, write_text
from bench_lib.runs import identity
from bench_lib.statistics import Interval

OURS, TIMER, EVENTS, LOADGEN = "bench", "torch.utils.benchmark", "CUDA events", "MLPerf LoadGen"  # clocks
Figure = Literal["latency", "throughput"]
Agreement = Literal["agrees", "differs", "undecided"]
FALSE_ALARMS, POWER = 0.01, 0.95  # the goals: at most and at least this share of pairs
LEAST_ROUNDS = 6  # fewer have no interval of 95 %
Medians = Annotated[list[Milliseconds], Field(min_length=2)]
Rounds = Annotated[list[Milliseconds], Field(min_length=LEAST_ROUNDS)]


class Check(BaseModel):
    """A `file` beside a run's records that a `command` writes: what is shown beside raw figures is not read back."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    file: ClassVar[str]
    command: ClassVar[str]
    schema_version: Literal[1]  # an unknown one is refused
    started_at: str
    machine: Machine


class Absent(BaseModel):
    """Why there is no figure: `reason` for the report's reader (Russian), `detail` for the terminal's (English)."""

    reason: str
    detail: str


def check_whole(case: BaseModel, *names: str) -> None:
    """Raise `ValueError` unless a case has all figures of these names, or in `failed` the reason why it has none."""
    missing = [name for name in names if getattr(case, name) in (None, [], {})]
    if case.failed is None and missing:
        raise ValueError(f"without {', '.join(missing)}, and nothing in failed says why")


class CaseClock(BaseModel):
    """One case, timed by several clocks in one process.

    `ms` holds the time per batch of each round, by figure and clock; `absent` why a clock has none, `failed` why the
    whole case has none; `overhead_ns` what our loop adds to a call, by figure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case
    failed: Absent | None = None
    ms: dict[Figure, dict[str, Rounds]] = {}
    absent: dict[str, Absent] = {}
    overhead_ns: dict[Figure, Annotated[float, Field(ge=0, le=1e12)]] = {}

    @model_validator(mode="after")
    def _whole(self) -> "CaseClock":
        if 1 in (len(self.ms), len(self.overhead_ns)):
            raise ValueError("one of latency and throughput is absent")
        if not all(OURS in by_clock and len(set(map(len, by_clock.values()))) == 1 for by_clock in self.ms.values()):
            raise ValueError(f"{OURS} is absent, or the clocks have unlike numbers of rounds")
        return self


class Clock(Check):
    """`clock.json`: cases timed by our loop and by others'. `versions` are those of the other clocks."""

    file, command = "clock.json", "bench selfcheck --clock"
    rounds: Count
    versions: dict[str, str] = {}
    cases: list[CaseClock]


class SelfCheck(Check):
    """`selfcheck.json`: a case compared with itself, and with itself slowed down by the share `slowdown`.

    `plain_ms` and `slowed_ms` are the processes' median latencies; the records are beside, in `selfcheck/`. Of `pairs`
    of groups of `repeats` processes each, `false_alarms` counts those of plain ones that were called different, `found`
    those of a slowed and a plain group where the slowed one was called slower. `host_paced` tells whether launches set
    the case's pace, None where the file is from before it was asked.
    """

    file, command = "selfcheck.json", "bench selfcheck"
    case: Case
    limits: Limits
    slowdown: float = Field(gt=0, le=100)
    repeats: Count
    pairs: Count
    seed: int
    plain_ms: Medians
    slowed_ms: Medians
    false_alarms: int = Field(ge=0)
    found: int = Field(ge=0)
    host_paced: bool | None = None

    @model_validator(mode="after")
    def _of_pairs(self) -> "SelfCheck":
        if max(self.false_alarms, self.found) > self.pairs:
            raise ValueError("more pairs are counted than there are")
        return self

    @computed_field
    @property
    def false_alarm_rate(self) -> Interval:
        """The share of pairs of the same that were called different."""
        return wilson(self.false_alarms, self.pairs)

    @computed_field
    @property
    def power(self) -> Interval:
        """The share of pairs where the slowdown was found."""
        return wilson(self.found, self.pairs)

    @computed_field
    @property
    def process_sd(self) -> float:
        """The relative standard deviation from process to process, of the median latency."""
        return relative_sd(self.plain_ms)

    @computed_field
    @property
    def reached(self) -> bool:
        """Whether both goals are reached."""
        return self.false_alarm_rate.value <= FALSE_ALARMS and self.power.value >= POWER


def wilson(count: int, of: int, confidence: float = 0.95) -> Interval:
    """A share with its interval (Wilson's score interval, 1927), right near 0 and 1 too, for independent trials."""
    z = stdlib.NormalDist().inv_cdf((1 + confidence) / 2)
    middle, scale = (count + z**2 / 2) / of, 1 + z**2 / of
    half = z / of * math.sqrt(count * (of - count) / of + z**2 / 4)
    return Interval(count / of, max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))


def relative_sd(values: list[float]) -> float:
    """The relative standard deviation of positive figures: that of their logarithms."""
    return stdlib.stdev(map(math.log, values))


@dataclass(frozen=True)
class ClockRow:
    """A clock beside ours: `ms` per batch (median over rounds), its `ratio` to ours, whether they agree.

    Of our own row `ratio` and `agreement` are None; where there is no figure, `ms` too, and `absent` says why.
    """

    case: Case
    figure: Figure | None
    clock: str
    ms: float | None = None
    ratio: Interval | None = None
    agreement: Agreement | None = None
    absent: Absent | None = None


def goal(case: Case) -> float:
    """Within what share of ours another clock should be: a single image is short, and clocks add to it unlike much."""
    return 0.02 if case.batch_size == 1 else 0.01


def rows(clock: Clock) -> Iterator[ClockRow]:
    """A row for each case, figure and clock, ours first; then one for each clock or case that has no figures."""
    for timed in clock.cases:
        for figure, by_clock in timed.ms.items():
            ours = by_clock[OURS]
            yield ClockRow(timed.case, figure, OURS, statistics.median(ours))
            for name in sorted(by_clock.keys() - {OURS}):
                # One round's figures were taken one after the other, so the machine's drift leaves their ratio alone.
                ratio = median_interval([a / b for a, b in zip(by_clock[name], ours, strict=True)])
                ms = statistics.median(by_clock[name])
                yield ClockRow(timed.case, figure, name, ms, ratio, agreement(ratio, goal(timed.case)))
        for name, absent in timed.absent.items():
            yield ClockRow(timed.case, None, name, absent=absent)
        if timed.failed:
            yield ClockRow(timed.case, None, "", absent=timed.failed)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The median with the interval between two of the sorted values that covers it whatever the distribution.

    That of the sign test: of n values k or fewer lie below the median with the probability of k or fewer heads in n
    tosses. A burst of other work that hits one figure of a round widens it little, and nothing is left out. Fewer than
    `LEAST_ROUNDS` values have no interval of 95 %: theirs is infinite.
    """
    ordered, count = sorted(values), len(values)
    tails = [2 * sum(math.comb(count, heads) for heads in range(k + 1)) / 2**count for k in range((count + 1) // 2)]
    outside = sum(tail <= 1 - confidence for tail in tails)  # this many values lie beyond either end
    middle = statistics.median(ordered)
    return Interval(middle, ordered[outside - 1], ordered[-outside]) if outside else Interval(middle, 0.0, math.inf)


def agreement(ratio: Interval, within: float) -> Agreement:
    """Whether a ratio is within a share of 1: decided only if its whole interval is, or its whole interval is not."""
    low, high = 1 / (1 + within), 1 + within
    if low <= ratio.low and ratio.high <= high:
        return "agrees"
    return "differs" if ratio.high < low or ratio.low > high else "undecided"


def write_check(check: Check, folder: Path) -> Path:
    """Write the check into the run's folder; a later one replaces it."""
    path = folder / check.file
    write_text(path, check.model_dump_json(indent=1) + "\n")
    return path


def read_clock(folder: str | Path) -> Clock | None:
    """The run's `clock.json`, None if there is none; raise `InputError` if it is broken."""
    return read_check(Clock, folder)


def read_selfcheck(folder: str | Path) -> SelfCheck | None:
    """The run's `selfcheck.json`, None if there is none; raise `InputError` if it is broken."""
    return read_check(SelfCheck, folder)


Kind = TypeVar("Kind", bound=Check)


def read_check(kind: type[Kind], folder: str | Path) -> Kind | None:
    """The run's file of this kind, None if there is none; raise `InputError` if it is broken."""
    path = Path(folder) / kind.file
    if not path.exists():
        return None
    remedy = f"delete it, or write it anew with `{kind.command}`"
    text = read_text(path, remedy)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = reprlib.repr(".".join(map(str, first["loc"])))[1:-1]
        raise InputError(f"{path}: not a check ({where}: {first['msg']}); {remedy}") from None


def begun(kind: type[Kind], grid: Grid, on: dict, folder: Path) -> Kind | None:
    """What the folder holds of the same grid on the same machine, to go on with; None if it holds nothing of it."""
    before = read_check(kind, folder)
    if before is None or before.grid != grid or identity(before.machine) != identity(on):
        return None
    return before
