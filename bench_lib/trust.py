"""What `bench selfcheck` found → tables and sentences: whether the clock and the verdicts can be trusted."""

from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib import checks
from bench_lib.cases import Case
from bench_lib.checks import Absent, Clock, ClockRow, SelfCheck
from bench_lib.language import mark, told, tr, tr_n
from bench_lib.narrative import bullets, not_measured
from bench_lib.runs import Run
from bench_lib.statistics import Interval
from bench_lib.summary import LABELS
from bench_lib.tables import styled
from bench_lib.words import listed, number, per_cent, percent, plain, quoted

FIGURES = {"latency": mark("latency"), "throughput": mark("back-to-back calls")}
CLOCKS = {checks.OURS: mark("our loop"), checks.EVENTS: mark("CUDA events")}
SCENARIOS = {"latency": "SingleStream", "throughput": "Offline"}
AGREEMENTS = {"agrees": mark("agree"), "differs": mark("differ"), "undecided": mark("not decided"), None: "—"}
OUTCOMES = {
    "differs": mark("These differ: {places}."),
    "undecided": mark("Not decided (the machine's noise is wider than the goal): {places}."),
}
GOALS = {True: mark("goal met"), False: mark("goal not met")}


def clock(folder: str | Path) -> Markdown:
    """How our clock was compared with others, what came of it, and what our loop itself adds to a call."""
    found = checks.read_clock(folder)
    if found is None:
        words = tr("The clock has not been checked against others on this machine")
        return not_measured(words, "bench selfcheck --clock")
    rows = [row for row in checks.rows(found) if row.agreement]
    lines = [
        tr_n(
            "**Clocks.** Our loop and other clocks{versions} took turns to time the same call in one process: "
            "{n}{nbsp}round, the clocks in random order, {date}. Each difference is from our loop in the same round; "
            "intervals are over the rounds.",
            "**Clocks.** Our loop and other clocks{versions} took turns to time the same call in one process: "
            "{n}{nbsp}rounds, the clocks in random order in each, {date}. Each difference is from our loop in the same "
            "round; intervals are over the rounds.",
            found.rounds,
            versions=versions(found),
            date=quoted(found.started_at[:10]),
        ),
        tr(
            "Two clocks agree if the whole 95% interval lies within the goal: ±2% at batch 1, where a call is short, "
            "and ±1% at larger batches; they differ if all of it lies outside."
        ),
        *fewer_threads(found),
        *loadgen(found),
        *outcome(rows),
        *overhead(found),
    ]
    return bullets(lines)


def versions(found: Clock) -> str:
    """Versions of the other clocks, in brackets."""
    named = [f"{quoted(name)} {quoted(version)}" for name, version in found.versions.items()]
    return f" ({', '.join(named)})" if named else ""


def fewer_threads(found: Clock) -> list[str]:
    """Why a CPU takes longer here than in the report's table."""
    if found.machine["gpu"]:
        return []
    return [
        tr(
            "On a CPU the runtime leaves one core free here, so that the other clocks' own threads do not disturb it; "
            "times are therefore longer than in the table of results: the clocks are checked, not the runtime."
        )
    ]


def loadgen(found: Clock) -> list[str]:
    """What LoadGen measured, and where its own words are."""
    if checks.LOADGEN not in found.versions:
        return []
    return [
        tr(
            "**MLPerf LoadGen** calls the runtime and measures the time by itself: SingleStream sends one query at a "
            "time, Offline all queries in a row; a query is one batch. Its own summaries are in `loadgen.txt` beside "
            "the report."
        )
    ]


def outcome(rows: list[ClockRow]) -> list[str]:
    """How many comparisons agree, and which do not."""
    if not rows:
        return [tr("**Outcome:** there is nothing to compare with: no other clock is available here.")]
    agree = sum(row.agreement == "agrees" for row in rows)
    sentences = [
        tr_n(
            "**Outcome:** {agree} of {n}{nbsp}comparison within the goal.",
            "**Outcome:** {agree} of {n}{nbsp}comparisons within the goal.",
            len(rows), agree=agree,
        )
    ]  # fmt: skip
    for agreement, words in OUTCOMES.items():
        if named := [
            tr(
                "{figure} by {clock} ({case})",
                figure=tr(FIGURES[row.figure]), clock=quoted(clock_name(row)), case=at(row.case),
            )
            for row in rows if row.agreement == agreement
        ]:  # fmt: skip
            sentences.append(tr(words, places=listed(named)))
    return [" ".join(sentences)]


def overhead(found: Clock) -> list[str]:
    """What our loop adds to a call, and how much that is of the shortest one."""
    timed = [case for case in found.cases if case.ms and case.overhead_ns]
    if not timed:
        return []
    most = {figure: max(case.overhead_ns[figure] for case in timed) for figure in FIGURES}
    shares = [
        case.overhead_ns[figure] / 1e6 / min(case.ms[figure][checks.OURS]) for case in timed for figure in FIGURES
    ]
    return [
        tr(
            "**The loop itself** adds {latency}{nbsp}ns to a call when latency is measured and {throughput}{nbsp}ns in "
            "back-to-back calls (measured on a call that does nothing): at most {share} of the time in the table.",
            latency=number(most["latency"], 0),
            throughput=number(most["throughput"], 0),
            share=per_cent(number(100 * max(shares), 4)),
        )
    ]


def at(case: Case) -> str:
    """A case in words."""
    name = f"{LABELS.get(case.engine, case.engine)} {case.precision}"
    return tr("{name}, {size}×{size}, batch{nbsp}{batch}", name=name, size=case.image_size, batch=case.batch_size)


def clock_name(row: ClockRow) -> str:
    """A clock in words, with what LoadGen calls the figure."""
    name = tr(CLOCKS[row.clock]) if row.clock in CLOCKS else row.clock
    return f"{name} {SCENARIOS[row.figure]}" if row.clock == checks.LOADGEN and row.figure else name


def clock_table(folder: str | Path) -> Styler | HTML:
    """Each clock beside ours, and why some are absent; nothing where the clock was not checked."""
    found = checks.read_clock(folder)
    if found is None:
        return HTML("")
    table = pd.DataFrame([
        {
            tr("Configuration"): at(row.case),
            tr("Quantity"): tr(FIGURES[row.figure]) if row.figure else "—",
            tr("Clock"): clock_name(row) or "—",
            tr("Time/batch (ms)"): float("nan") if row.ms is None else row.ms,
            tr("Difference"): signed(row.ratio.value - 1) if row.ratio else "—",
            tr("95% interval"): between(row.ratio) if row.ratio else "—",
            tr("Goal"): f"±{whole(checks.goal(row.case))}" if row.ratio else "—",
            tr("Outcome"): tr(AGREEMENTS[row.agreement]) if row.absent is None else absent(row.absent),
        }
        for row in checks.rows(found)
    ])  # fmt: skip
    return styled(table, tr("Our loop and other clocks: the same call"))


def absent(why: Absent) -> str:
    """That there is no figure, and why."""
    return tr("not measured: {reason}", reason=told(why.reason, why.detail))


def signed(share: float) -> str:
    """A difference as percent with its sign."""
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return f"{sign}{per_cent(number(100 * abs(share), 2))}"


def whole(share: float) -> str:
    """A share that a person chose, as percent: 5 %."""
    return per_cent(plain(100 * share))


def exact(share: float) -> str:
    """A share of pairs as percent, with one digit even near 100 %."""
    return per_cent(number(100 * share, 1))


def between(ratio: Interval) -> str:
    """An interval of a ratio, as differences from 1."""
    return tr("{low} to {high}", low=signed(ratio.low - 1), high=signed(ratio.high - 1))


def verdicts(folder: str | Path) -> Markdown:
    """How often a difference was called that is none, how often a known one was found, and how far that is proof."""
    found = checks.read_selfcheck(folder)
    if found is None:
        words = tr("How often this report's verdicts are wrong has not been checked on this machine")
        return not_measured(words, "bench selfcheck")
    count = len(found.plain_ms)
    lines = [
        tr(
            "**Verdicts.** The same configuration ({where}) was measured {plain} in new processes and, interleaved "
            "with them, {slowed} with a deliberate slowdown of {slowdown} ({date}). Two groups of {repeats} of these "
            "processes, with none in common, were drawn at random {pairs} (each process of one group is matched by one "
            "of the other that ran next to it in time, as within a round of a run), and the rules of the report "
            "decided whether they differ.",
            where=at(found.case), plain=often(count), slowed=often(len(found.slowed_ms)),
            slowdown=whole(found.slowdown), date=quoted(found.started_at[:10]), pairs=often(found.pairs),
            repeats=found.repeats,
        ),
        goals(found),
        tr(
            "The pairs are drawn from the same processes and so are not independent (only {count} could be formed "
            "without sharing processes): the intervals of the shares are really wider than in the table.",
            count=count // (2 * found.repeats),
        ),
        *other_repeats(folder, found),
    ]  # fmt: skip
    return bullets(lines)


def often(count: int) -> str:
    """How many times something was done."""
    return tr_n("once", "{n}{nbsp}times", count)


def goals(found: SelfCheck) -> str:
    """Both rates, whether their goals are reached, and how far processes differ."""
    alarms, power = found.false_alarm_rate.value, found.power.value
    return tr(
        "**Outcome:** a difference is declared where there is none in {alarms} of pairs ({alarms_goal}); the slowdown "
        "is found in {power} ({power_goal}). The relative standard deviation of the median latency from process to "
        "process is {sd}.",
        alarms=exact(alarms), alarms_goal=tr(GOALS[alarms <= checks.FALSE_ALARMS]),
        power=exact(power), power_goal=tr(GOALS[power >= checks.POWER]), sd=percent(found.process_sd),
    )  # fmt: skip


def other_repeats(folder: str | Path, found: SelfCheck) -> list[str]:
    """That the report compares groups of another size than the check did."""
    repeats = Run(folder).grid().repeats
    if repeats == found.repeats:
        return []
    return [
        tr_n(
            "The report itself compares groups of {n}{nbsp}process, so these shares hold for it only approximately.",
            "The report itself compares groups of {n}{nbsp}processes, so these shares hold for it only approximately.",
            repeats,
        )
    ]


def verdicts_table(folder: str | Path) -> Styler | HTML:
    """The two rates with their intervals and goals; nothing where they were not measured."""
    found = checks.read_selfcheck(folder)
    if found is None:
        return HTML("")
    alarm = tr("at most {share}", share=whole(checks.FALSE_ALARMS))
    power = tr("at least {share}", share=whole(checks.POWER))
    slowed = tr("a slowdown of {share} is found", share=whole(found.slowdown))
    table = pd.DataFrame([
        {
            tr("Check"): words,
            tr("Pairs"): tr("{count} of {total}", count=number(count, 0), total=number(found.pairs, 0)),
            tr("Share"): exact(rate.value),
            tr("95% interval"): tr("{low} to {high}", low=exact(rate.low), high=exact(rate.high)),
            tr("Goal"): goal,
        }
        for words, count, rate, goal in (
            (tr("a difference is declared where there is none"), found.false_alarms, found.false_alarm_rate, alarm),
            (slowed, found.found, found.power, power),
        )
    ])  # fmt: skip
    return styled(table, tr("How often the verdicts are wrong"))
