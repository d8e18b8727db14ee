"""What the abstracts of both reports share: what was measured, how sure that is, and why figures are absent."""

from IPython.display import HTML

from bench_lib.analysis.case_table import status_counts
from bench_lib.report.phrases import case_title, device_name, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.spread_words import spread_sentences
from bench_lib.text.language import tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent

LONGEST_REASON = 90  # characters


def what_and_where(report: Report, title: str) -> str:
    """What was measured (`title`), on which device, and how many of the configurations have figures."""
    return tr_n(
        "<b>What and where.</b> {title}; {place}. {count}{nbsp}configuration: {tally}.",
        "<b>What and where.</b> {title}; {place}. {count}{nbsp}configurations: {tally}.",
        len(report.cases), title=title, place=device_name(report), count=len(report.cases),
        tally=status_counts(report),
    )  # fmt: skip


def summary_html(lines: list[str]) -> HTML:
    """The lines of an abstract, each of HTML, as a list in its box."""
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


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
