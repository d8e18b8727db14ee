"""`bench selfcheck`: measure how far the clock, or how often the verdicts, are wrong on this machine."""

import argparse
from datetime import datetime
from pathlib import Path

import shtab

from bench_lib.cli.interrupt import going_on
from bench_lib.cli.parser import OUTPUTS, PARAMS, add_command, add_path, command_line
from bench_lib.cli.sweep import check_grid
from bench_lib.core.errors import InputError
from bench_lib.core.grid import read_grid
from bench_lib.results.clock import Clock, agreement_goal, clock_rows
from bench_lib.results.run_folder import Run
from bench_lib.results.verdicts import FALSE_ALARMS, POWER, SelfCheck

COUNTS = {
    "rounds": "with --clock: how often each clock times a case (12)",
    "processes": "how many processes measure the case, and as many the case slowed down (40)",
    "pairs": "how many pairs of groups of them are compared (200)",
}


def add_selfcheck(commands: argparse._SubParsersAction) -> None:
    """Add `bench selfcheck` to the commands of `bench`."""
    made = add_command(
        commands, "selfcheck", "measure how often the verdicts, or how far the clock, are wrong",
        "selfcheck --clock --output outputs/seed-here",
        "selfcheck --output outputs/seed-here --processes 60",
        "selfcheck params/check/verdicts.yaml --pairs 500",
    )  # fmt: skip
    add_path(
        made,
        "params",
        kind=shtab.FILE,
        nargs="?",
        help="the grid (params/check/verdicts.yaml or params/check/clock.yaml)",
    )
    add_path(made, "--output", help="the run whose report is to show it (outputs/selfcheck-TIME)")
    made.add_argument("--clock", action="store_true", help="time each case of the grid by other clocks beside ours")
    for name, words in COUNTS.items():
        made.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS, metavar="N", help=words)
    made.set_defaults(run=lambda given: run_selfcheck(given.params, given.output, given.clock, given_counts(given)))


def given_counts(given: argparse.Namespace) -> dict[str, int]:
    """The arguments of `COUNTS` that the command line gives, by name. The checks have the defaults."""
    return {name: vars(given)[name] for name in COUNTS if name in given}


def run_selfcheck(params: Path | None, output: Path | None, clock: bool, counts: dict[str, int]) -> None:
    """Check the clock or the verdicts, write the result into a folder, and print it.

    Without `params` the grid is that of `params/check`; without `output` the folder is a new one in `outputs`. `counts`
    holds the arguments of `COUNTS` that were given. Raise `InputError` for a count that belongs to the other check, for
    a wrong grid, or if the folder holds another machine's run.
    """
    kind, known = ("clock", ["rounds"]) if clock else ("verdicts", ["processes", "pairs"])
    if foreign := [name for name in counts if name not in known]:
        raise InputError(f"--{foreign[0]} is for the check {'without' if clock else 'with'} --clock; leave it out")
    params = params or PARAMS / "check" / f"{kind}.yaml"
    folder = output or OUTPUTS / f"selfcheck-{datetime.now():%Y%m%d-%H%M%S}"
    grid = read_grid(params)
    check_grid(grid, params)
    from bench_lib.measure import system
    from bench_lib.scenarios.clock import check_clock
    from bench_lib.scenarios.verdicts import check_verdicts

    Run(folder).refuse_unlike(system.describe(), "check it there, or give a new folder")
    command = command_line("selfcheck", params, "--output", folder)
    again = "" if clock else f"What is measured is kept; to go on: {command}"
    with going_on(lambda: again):
        if clock:
            found = check_clock(grid, folder, **counts)
            lines = clock_lines(found)
        else:
            found = check_verdicts(grid, folder, **counts)
            lines = verdict_lines(found)
    print(folder / found.file, *lines, sep="\n")


def clock_lines(found: Clock) -> list[str]:
    """Lines for the terminal: the figures of each clock beside ours, then how much time our loop adds to a call."""
    lines = [f"{'case':34}{'figure':11}{'clock':24}{'ms/batch':>10}{'to ours':>9}  95 % interval   within   verdict"]
    for row in clock_rows(found):
        start = f"{row.case.id:34}{row.figure or '':11}{row.clock:24}"
        if row.ms is None:
            lines.append(f"{start}  {row.absent}")
        elif row.ratio is None:
            lines.append(f"{start}{row.ms:10.4g}")
        else:
            interval = f"{row.ratio.low:.4f}–{row.ratio.high:.4f}"
            lines.append(
                f"{start}{row.ms:10.4g}{row.ratio.value:9.4f}  {interval:16}{agreement_goal(row.case):.0%}       "
                f"{row.agreement}"
            )
    for timed in found.cases:
        lines += [f"{timed.case.id:34}{figure:11}our loop adds {ns:.0f} ns" for figure, ns in timed.overhead_ns.items()]
    return lines


def verdict_lines(check: SelfCheck) -> list[str]:
    """Lines for the terminal: false alarms and slowdowns found, with their intervals and the goals for them."""
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
