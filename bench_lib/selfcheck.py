"""How often a difference is called that is none, and how often one of a known size is found."""

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench_lib import machine, statistics
from bench_lib.cases import SLOWDOWN, Case, Grid, InputError
from bench_lib.checks import FALSE_ALARMS, POWER, SelfCheck, relative_sd, write_check
from bench_lib.figures import host_paced
from bench_lib.records import Record
from bench_lib.runs import Run
from bench_lib.sweep import can_fork, measure_case, now, show_progress

SLOWED_BY = 0.05


def check_verdicts(grid: Grid, folder: Path, processes: int = 40, pairs: int = 200) -> SelfCheck:
    """Measure the grid's one case, plain and slowed down, in `processes` fresh processes each, and compare groups.

    Write `selfcheck.json`.
    Groups are of the grid's `repeats` processes. The records are kept in `folder / "selfcheck"`; those that are there
    already are not measured again. Raise `InputError` if the grid has several cases, the processes do not suffice for
    two groups, or one of them fails.
    """
    case, *others = [case for case in grid.cases() if case.repeat == 1]
    if others:
        raise InputError(f"the grid has {1 + len(others)} cases; the check compares one case with itself, so name one")
    if processes < 2 * grid.repeats:
        raise InputError(
            f"processes is {processes}; two groups of repeats ({grid.repeats}) need at least {2 * grid.repeats}"
        )
    if pairs < 1:
        raise InputError(f"pairs is {pairs}; it must be at least 1")
    started_at, on, run = now(), machine.describe(), Run(folder / "selfcheck")
    plain = [case.model_copy(update={"repeat": number}) for number in range(1, processes + 1)]
    slowed = [one.model_copy(update={"options": one.options | {SLOWDOWN: SLOWED_BY}}) for one in plain]
    run.start(grid, on)
    with run.lock():
        cases = interleaved(plain, slowed, grid.seed)
        show_progress(cases, map(partial(measure, grid=grid, run=run, fork=can_fork()), cases))
    kinds = [[run.finished(one) for one in kind] for kind in (plain, slowed)]
    false_alarms, found = compare(*kinds, grid.repeats, pairs, grid.seed)
    plain_ms, slowed_ms = (list(map(median_ms, kind)) for kind in kinds)
    check = SelfCheck(
        schema_version=1, started_at=started_at, machine=on, case=case, limits=grid.limits, slowdown=SLOWED_BY,
        repeats=grid.repeats, pairs=pairs, seed=grid.seed, plain_ms=plain_ms, slowed_ms=slowed_ms,
        false_alarms=false_alarms, found=found, host_paced=host_paced(kinds[0]),
    )  # fmt: skip
    write_check(check, folder)
    return check


def printed(check: SelfCheck) -> list[str]:
    """Lines for the terminal: both rates with their intervals, the goals, and what they were measured on."""
    rates = [
        ("called different, being the same", check.false_alarms, check.false_alarm_rate, f"at most {FALSE_ALARMS:.0%}"),
        (f"found, being {check.slowdown:.0%} slower", check.found, check.power, f"at least {POWER:.0%}"),
    ]
    count = len(check.plain_ms)
    return [
        f"{check.case.id}: {count} processes, {count} slowed down; {check.pairs} pairs of groups of {check.repeats}",
        *(
            f"{words:33}{n:5}  {rate.value:6.1%} (95 % interval {rate.low:.1%}–{rate.high:.1%}, goal {goal})"
            for words, n, rate, goal in rates
        ),
        f"The goals are {'' if check.reached else 'not '}reached. From process to process: sd {check.process_sd:.2%}.",
        f"Pairs share processes ({count // (2 * check.repeats)} have none in common): the intervals are too narrow.",
    ]


def interleaved(plain: Sequence[Case], slowed: Sequence[Case], seed: int) -> list[Case]:
    """One of each kind by turns, which of them first drawn from the seed, so that a drift hits both kinds alike."""
    order = random.Random(seed)
    return [case for couple in zip(plain, slowed, strict=True) for case in order.sample(couple, 2)]


def measure(case: Case, grid: Grid, run: Run, fork: bool) -> Record:
    """The case's record, measured now if there is none; raise `InputError` if it failed."""
    record = measure_case(case, grid, run, fork)
    if record.status != "ok":
        run.set_aside(case)
        raise InputError(f"{case.id} cannot be compared with itself: {record.reason}; name a case that runs here")
    return record


def compare(plain: Sequence[Record], slowed: Sequence[Record], repeats: int, pairs: int, seed: int) -> tuple[int, int]:
    """Of `pairs` drawn pairs of groups: how many of plain ones are called different, in how many slowed is slower.

    A group is of `repeats` processes, and the n-th of one group was measured beside the n-th of the other, as in a
    round of a sweep. The groups of a pair have no process in common; the pairs have, so they are not independent.
    """
    draw, extra_sd = random.Random(seed), 0.0
    if repeats == 1:
        extra_sd = relative_sd(list(map(median_ms, plain)))
    alike, unlike = list(zip(plain[::2], plain[1::2], strict=False)), list(zip(slowed, plain, strict=True))
    false_alarms = found = 0
    for _ in range(pairs):
        couples = (draw.sample(couple, 2) for couple in draw.sample(alike, repeats))
        false_alarms += judged(*zip(*couples, strict=True), extra_sd) in ("faster", "slower")
        found += judged(*zip(*draw.sample(unlike, repeats), strict=True), extra_sd) == "slower"
    return false_alarms, found


def judged(one: Sequence[Record], other: Sequence[Record], extra_sd: float) -> statistics.Verdict:
    """The verdict on two groups of processes, as the report would give it."""
    return statistics.verdict(*statistics.within_rounds(times(one), times(other), extra_sd), extra_sd)


def times(records: Sequence[Record]) -> list[float]:
    """What a verdict is computed from (ms): the processes' medians, or the only one's groups of samples."""
    if len(records) == 1:
        return statistics.groups(records[0].timing.latency_ms)
    return list(map(median_ms, records))


def median_ms(record: Record) -> float:
    """A process's median latency, ms."""
    return statistics.median(record.timing.latency_ms)
