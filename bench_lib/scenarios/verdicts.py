"""How often a difference is called that is none, and how often one of a known size is found."""

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench_lib.core import intervals
from bench_lib.core.case import SLOWDOWN, Case
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import Record, now
from bench_lib.measure import system
from bench_lib.results.result_file import write_result
from bench_lib.results.run_folder import Run
from bench_lib.results.verdicts import SelfCheck, host_paced, relative_sd
from bench_lib.sweep.runner import check_fork, read_or_measure, show_progress

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
    started_at, on, run = now(), system.describe(), Run(folder / "selfcheck")
    plain = [case.model_copy(update={"repeat": number}) for number in range(1, processes + 1)]
    slowed = [one.model_copy(update={"options": one.options | {SLOWDOWN: SLOWED_BY}}) for one in plain]
    run.start(grid, on)
    with run.lock():
        cases = interleaved(plain, slowed, grid.seed)
        show_progress(cases, map(partial(measure_process, grid=grid, run=run, fork=check_fork()), cases))
    kinds = [[run.finished(one) for one in kind] for kind in (plain, slowed)]
    false_alarms, found = compare_groups(*kinds, grid.repeats, pairs, grid.seed)
    plain_ms, slowed_ms = (list(map(median_latency_ms, kind)) for kind in kinds)
    check = SelfCheck(
        schema_version=2, started_at=started_at, machine=on, case=case, limits=grid.limits, slowdown=SLOWED_BY,
        repeats=grid.repeats, pairs=pairs, seed=grid.seed, plain_ms=plain_ms, slowed_ms=slowed_ms,
        false_alarms=false_alarms, found=found, host_paced=host_paced(kinds[0]),
    )  # fmt: skip
    write_result(check, folder)
    return check


def interleaved(plain: Sequence[Case], slowed: Sequence[Case], seed: int) -> list[Case]:
    """One of each kind by turns, which of them first drawn from the seed, so that a drift hits both kinds alike."""
    order = random.Random(seed)
    return [case for couple in zip(plain, slowed, strict=True) for case in order.sample(couple, 2)]


def measure_process(case: Case, grid: Grid, run: Run, fork: bool) -> Record:
    """The case's record, measured now if there is none; raise `InputError` if it failed."""
    record = read_or_measure(case, grid, run, fork)
    if record.status != "ok":
        run.set_aside(case)
        raise InputError(f"{case.id} cannot be compared with itself: {record.reason}; name a case that runs here")
    return record


def compare_groups(
    plain: Sequence[Record], slowed: Sequence[Record], repeats: int, pairs: int, seed: int
) -> tuple[int, int]:
    """Of `pairs` drawn pairs of groups: how many of plain ones are called different, in how many slowed is slower.

    A group is of `repeats` processes, and the n-th of one group was measured beside the n-th of the other, as in a
    round of a sweep. The groups of a pair have no process in common; the pairs have, so they are not independent.
    """
    draw, extra_sd = random.Random(seed), 0.0
    if repeats == 1:
        extra_sd = relative_sd(list(map(median_latency_ms, plain)))
    alike, unlike = list(zip(plain[::2], plain[1::2], strict=False)), list(zip(slowed, plain, strict=True))
    false_alarms = found = 0
    for _ in range(pairs):
        couples = (draw.sample(couple, 2) for couple in draw.sample(alike, repeats))
        false_alarms += groups_verdict(*zip(*couples, strict=True), extra_sd) in ("faster", "slower")
        found += groups_verdict(*zip(*draw.sample(unlike, repeats), strict=True), extra_sd) == "slower"
    return false_alarms, found


def groups_verdict(one: Sequence[Record], other: Sequence[Record], extra_sd: float) -> intervals.Verdict:
    """The verdict on two groups of processes, as the report would give it."""
    return intervals.verdict(*intervals.within_rounds(process_times(one), process_times(other), extra_sd), extra_sd)


def process_times(records: Sequence[Record]) -> list[float]:
    """What a verdict is computed from (ms): the processes' medians, or the only one's groups of samples."""
    if len(records) == 1:
        return intervals.groups(records[0].timing.latency_ms)
    return list(map(median_latency_ms, records))


def median_latency_ms(record: Record) -> float:
    """A process's median latency, ms."""
    return intervals.median(record.timing.latency_ms)
