"""The section on the clock: how far it agrees with others, as `bench selfcheck --clock` measured it."""

import pandas as pd
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.core.intervals import Interval
from bench_lib.core.reason import Reason, say
from bench_lib.report.phrases import bullets, case_title, heading, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results import clock
from bench_lib.results.clock import Clock, ClockRow
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent

FIGURES = {"latency": mark("latency"), "throughput": mark("back-to-back calls")}
CLOCKS = {clock.OURS: mark("our loop"), clock.EVENTS: mark("CUDA events")}
SCENARIOS = {"latency": "SingleStream", "throughput": "Offline"}
AGREEMENTS = {"agrees": mark("agree"), "differs": mark("differ"), "undecided": mark("not decided"), None: "—"}
OUTCOMES = {
    "differs": mark("These differ: {places}."),
    "undecided": mark("Not decided (the machine's noise is wider than the goal): {places}."),
}


def show(report: Report) -> None:
    """Display the section: its heading, sentences and table; nothing where the clock was not checked."""
    if report.result(Clock) is not None:
        display(heading("### Validation of the timer"), clock_text(report), clock_table(report))


def clock_text(report: Report) -> Markdown:
    """How our clock was compared with others, whether they agree, and what our loop itself adds to a call."""
    found = report.result(Clock)
    rows = [row for row in clock.clock_rows(found) if row.agreement]
    lines = [
        tr_n(
            "**Clocks.** Our loop and other clocks{versions} took turns to time the same call in one process: "
            "{n}{nbsp}round, the clocks in random order, {date}. Each difference is from our loop in the same round; "
            "intervals are over the rounds.",
            "**Clocks.** Our loop and other clocks{versions} took turns to time the same call in one process: "
            "{n}{nbsp}rounds, the clocks in random order in each, {date}. Each difference is from our loop in the same "
            "round; intervals are over the rounds.",
            found.rounds,
            versions=clock_versions(found),
            date=quoted(found.started_at[:10]),
        ),
        tr(
            "Two clocks agree if the whole 95% interval lies within the goal: ±2% at batch 1, where a call is short, "
            "and ±1% at larger batches; they differ if all of it lies outside."
        ),
        *fewer_threads(found),
        *loadgen_sentences(found),
        *outcome_sentences(rows),
        *overhead_sentences(found),
    ]
    return bullets(lines)


def clock_versions(found: Clock) -> str:
    """Names and versions of the other clocks, in brackets."""
    named = [f"{quoted(name)} {quoted(version)}" for name, version in found.versions.items()]
    return f" ({', '.join(named)})" if named else ""


def fewer_threads(found: Clock) -> list[str]:
    """Without a GPU: why times here are longer than in the table of results."""
    if found.machine["gpu"]:
        return []
    return [
        tr(
            "On a CPU the runtime leaves one core free here, so that the other clocks' own threads do not disturb it; "
            "times are therefore longer than in the table of results: the clocks are checked, not the runtime."
        )
    ]


def loadgen_sentences(found: Clock) -> list[str]:
    """How LoadGen timed the calls, and where its own summaries are; nothing where it did not run."""
    if clock.LOADGEN not in found.versions:
        return []
    return [
        tr(
            "**MLPerf LoadGen** calls the runtime and measures the time by itself: SingleStream sends one query at a "
            "time, Offline all queries in a row; a query is one batch. Its own summaries are in `loadgen.txt` beside "
            "the report."
        )
    ]


def outcome_sentences(rows: list[ClockRow]) -> list[str]:
    """How many comparisons agree, and which ones do not."""
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
                figure=tr(FIGURES[row.figure]), clock=quoted(clock_name(row)), case=quoted(case_title(row.case)),
            )
            for row in rows if row.agreement == agreement
        ]:  # fmt: skip
            sentences.append(tr(words, places=listed(named)))
    return [" ".join(sentences)]


def overhead_sentences(found: Clock) -> list[str]:
    """What our loop adds to a call, and how much that is of the shortest one."""
    timed = [case for case in found.cases if case.ms and case.overhead_ns]
    if not timed:
        return []
    most = {figure: max(case.overhead_ns[figure] for case in timed) for figure in FIGURES}
    shares = [case.overhead_ns[figure] / 1e6 / min(case.ms[figure][clock.OURS]) for case in timed for figure in FIGURES]
    return [
        tr(
            "**The loop itself** adds {latency}{nbsp}ns to a call when latency is measured and {throughput}{nbsp}ns in "
            "back-to-back calls (measured on a call that does nothing): at most {share} of the time in the table.",
            latency=number(most["latency"], 0),
            throughput=number(most["throughput"], 0),
            share=per_cent(number(100 * max(shares), 4)),
        )
    ]


def clock_name(row: ClockRow) -> str:
    """The name of a clock; for LoadGen, with the scenario that measures the figure."""
    name = tr(CLOCKS[row.clock]) if row.clock in CLOCKS else row.clock
    return f"{name} {SCENARIOS[row.figure]}" if row.clock == clock.LOADGEN and row.figure else name


def clock_table(report: Report) -> Styler:
    """Each clock beside ours, and why some are absent."""
    found = report.result(Clock)
    table = pd.DataFrame([
        {
            "case": case_title(row.case),
            "figure": tr(FIGURES[row.figure]) if row.figure else "—",
            "clock": clock_name(row) or "—",
            "ms": float("nan") if row.ms is None else row.ms,
            "difference": signed(row.ratio.value - 1) if row.ratio else "—",
            "interval": between(row.ratio) if row.ratio else "—",
            "goal": f"±{whole_percent(clock.agreement_goal(row.case))}" if row.ratio else "—",
            "outcome": tr(AGREEMENTS[row.agreement]) if row.absent is None else absent_sentence(row.absent),
        }
        for row in clock.clock_rows(found)
    ])  # fmt: skip
    headings = {
        "case": tr("Configuration"), "figure": tr("Quantity"), "clock": tr("Clock"), "ms": tr("Time/batch (ms)"),
        "difference": tr("Difference"), "interval": tr("95% interval"), "goal": tr("Goal"), "outcome": tr("Outcome"),
    }  # fmt: skip
    return styled(table, headings, tr("Our loop and other clocks: the same call"))


def absent_sentence(why: Reason) -> str:
    """That there is no figure, and why."""
    return tr("not measured: {reason}", reason=say(why))


def signed(share: float) -> str:
    """A difference as percent with its sign."""
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return f"{sign}{per_cent(number(100 * abs(share), 2))}"


def between(ratio: Interval) -> str:
    """An interval of a ratio, as differences from 1."""
    return tr("{low} to {high}", low=signed(ratio.low - 1), high=signed(ratio.high - 1))
