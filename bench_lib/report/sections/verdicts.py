"""The report's section on its own verdicts: how often they are wrong, as `bench selfcheck` measured it."""

import pandas as pd
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.report.phrases import bullets, case_title, heading, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results import verdicts
from bench_lib.results.verdicts import SelfCheck
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent

GOALS = {True: mark("goal met"), False: mark("goal not met")}


def show(report: Report) -> None:
    """Display the section: its heading, sentences and table; nothing where the verdicts were not checked."""
    if report.check is not None:
        display(heading("### Validation of the verdicts"), verdicts_text(report), verdicts_table(report))


def exact(share: float) -> str:
    """A share of pairs as percent with one decimal, even near 100 %."""
    return per_cent(number(100 * share, 1))


def verdicts_text(report: Report) -> Markdown:
    """How the verdicts were checked, how often they were wrong, and how far that holds for this report."""
    found = report.check
    count = len(found.plain_ms)
    lines = [
        tr(
            "**Verdicts.** The same configuration ({where}) was measured {plain} in new processes and, interleaved "
            "with them, {slowed} with a deliberate slowdown of {slowdown} ({date}). Two groups of {repeats} of these "
            "processes, with none in common, were drawn at random {pairs} (each process of one group is matched by one "
            "of the other that ran next to it in time, as within a round of a run), and the rules of the report "
            "decided whether they differ.",
            where=quoted(case_title(found.case)), plain=often(count), slowed=often(len(found.slowed_ms)),
            slowdown=whole_percent(found.slowdown), date=quoted(found.started_at[:10]), pairs=often(found.pairs),
            repeats=found.repeats,
        ),
        goals_sentence(found),
        tr(
            "The pairs are drawn from the same processes and so are not independent (only {count} could be formed "
            "without sharing processes): the intervals of the shares are really wider than in the table.",
            count=count // (2 * found.repeats),
        ),
        *other_repeats(report, found),
    ]  # fmt: skip
    return bullets(lines)


def often(count: int) -> str:
    """How many times something was done."""
    return tr_n("once", "{n}{nbsp}times", count)


def goals_sentence(found: SelfCheck) -> str:
    """The shares of wrong differences and of slowdowns found, whether they reach their goals, and the spread."""
    alarms, power = found.false_alarm_rate.value, found.power.value
    return tr(
        "**Outcome:** a difference is declared where there is none in {alarms} of pairs ({alarms_goal}); the slowdown "
        "is found in {power} ({power_goal}). The relative standard deviation of the median latency from process to "
        "process is {sd}.",
        alarms=exact(alarms), alarms_goal=tr(GOALS[alarms <= verdicts.FALSE_ALARMS]),
        power=exact(power), power_goal=tr(GOALS[power >= verdicts.POWER]), sd=percent(found.process_sd),
    )  # fmt: skip


def other_repeats(report: Report, found: SelfCheck) -> list[str]:
    """That the report compares groups of another size than the check did; nothing where the sizes are the same."""
    repeats = report.grid.repeats
    if repeats == found.repeats:
        return []
    return [
        tr_n(
            "The report itself compares groups of {n}{nbsp}process, so these shares hold for it only approximately.",
            "The report itself compares groups of {n}{nbsp}processes, so these shares hold for it only approximately.",
            repeats,
        )
    ]


def verdicts_table(report: Report) -> Styler:
    """The same two shares with their intervals and goals."""
    found = report.check
    alarm = tr("at most {share}", share=whole_percent(verdicts.FALSE_ALARMS))
    power = tr("at least {share}", share=whole_percent(verdicts.POWER))
    slowed = tr("a slowdown of {share} is found", share=whole_percent(found.slowdown))
    table = pd.DataFrame([
        {
            "what": words,
            "pairs": tr("{count} of {total}", count=number(count, 0), total=number(found.pairs, 0)),
            "share": exact(rate.value),
            "interval": tr("{low} to {high}", low=exact(rate.low), high=exact(rate.high)),
            "goal": goal,
        }
        for words, count, rate, goal in (
            (tr("a difference is declared where there is none"), found.false_alarms, found.false_alarm_rate, alarm),
            (slowed, found.found, found.power, power),
        )
    ])  # fmt: skip
    headings = {
        "what": tr("Check"), "pairs": tr("Pairs"), "share": tr("Share"), "interval": tr("95% interval"),
        "goal": tr("Goal"),
    }  # fmt: skip
    return styled(table, headings, tr("How often the verdicts are wrong"))
