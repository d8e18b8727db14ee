"""`bench selfcheck`: how often the verdicts see a difference where there is none, and how often they find a real one.

A case is measured many times as it is, and many times slowed down by a known share.
"""

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
    """Measure the grid's one case in `processes` fresh processes as it is, and in as many slowed down; compare them.

    Groups of the grid's `repeats` processes are compared, `pairs` times. The result is written to `selfcheck.json` in
    the folder and returned. The records are kept in `folder / "selfcheck"`, and those that are there already are not
    measured again. Raise `InputError` if the grid has several cases, if there are too few processes for two groups, or
    if one of them fails.
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
    """The cases in the order of measuring: pairs of a plain and a slowed one, so that a drift hits both kinds alike.

    Which of a pair comes first is drawn from the seed.
    """
    order = random.Random(seed)
    return [case for couple in zip(plain, slowed, strict=True) for case in order.sample(couple, 2)]


def measure_process(case: Case, grid: Grid, run: Run, fork: bool) -> Record:
    """The case's record, measured now if there is none.

    Raise `InputError` if the case did not run; its record is set aside, so that the next call measures it again.
    """
    record = read_or_measure(case, grid, run, fork)
    if record.status != "ok":
        run.set_aside(case)
        raise InputError(f"{case.id} cannot be compared with itself: {record.reason}; name a case that runs here")
    return record


def compare_groups(
    plain: Sequence[Record], slowed: Sequence[Record], repeats: int, pairs: int, seed: int
) -> tuple[int, int]:
    """Draw `pairs` pairs of groups and count two things: false alarms, and slowdowns found.

    A false alarm is a pair of plain groups that the verdict calls faster or slower; a slowdown is found where a slowed
    group is called slower than a plain one. A group has `repeats` processes, and the n-th of one group was measured
    next to the n-th of the other, as in a round of a sweep. The two groups of a pair share no process, but different
    pairs do, so the pairs are not independent.
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
    """The verdict on whether one group of processes is faster than the other, as the report would give it."""
    return intervals.verdict(*intervals.within_rounds(process_times(one), process_times(other), extra_sd), extra_sd)


def process_times(records: Sequence[Record]) -> list[float]:
    """What a verdict is computed from (ms): a median for each process or, of one process, for each group of calls."""
    if len(records) == 1:
        return intervals.groups(records[0].timing.latency_ms)
    return list(map(median_latency_ms, records))


def median_latency_ms(record: Record) -> float:
    """A process's median latency, ms."""
    return intervals.median(record.timing.latency_ms)
