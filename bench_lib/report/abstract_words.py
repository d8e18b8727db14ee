"""What an abstract ends with: how sure its figures are, and, in short, why some are absent."""

from bench_lib.report.phrases import case_title, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.spread_words import spread_sentences
from bench_lib.text.language import tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent

LONGEST_REASON = 90  # characters


def sureness_sentence(report: Report) -> str:
    """How many processes the figures are from, and what the check of the verdicts found on this machine."""
    check = report.check
    processes = tr_n(
        "{n}{nbsp}process per configuration.", "{n}{nbsp}processes per configuration.", report.grid.repeats
    )  # fmt: skip
    known = " ".join([processes, *spread_sentences(report)])
    if check is None:
        unchecked = tr(
            "How often the verdicts are wrong on this machine was not checked (<code>bench selfcheck</code>)."
        )
        return f"{known} {unchecked}"
    checked = tr(
        "In the check on this machine ({case}), equal things were called different in {alarms} of "
        "pairs, and a deliberate slowdown of {slowdown} was found in {found} (section 2).",
        case=quoted(case_title(check.case)), alarms=percent(check.false_alarm_rate.value),
        slowdown=whole_percent(check.slowdown), found=percent(check.power.value),
    )  # fmt: skip
    return f"{known} {checked}"


def shortened_reason(reason: str) -> str:
    """The beginning of a reason that is too long for the first screen; section 3 has the whole."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON].rsplit(' ', 1)[0]}…"
