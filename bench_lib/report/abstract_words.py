"""What the abstracts of both reports share: what was measured, how sure that is, and what has no figures."""

from IPython.display import HTML

from bench_lib.analysis.case_table import status_counts
from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.report.conditions import commit_words, told_by_machine
from bench_lib.report.phrases import appendix, case_title, device_name, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.spread_words import spread_sentences
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent


def what_and_where(report: Report, title: str) -> str:
    """What was measured (`title`), on which device, and how many of the configurations have figures."""
    return tr_n(
        "<b>What and where.</b> {title}; {place}. {count}{nbsp}configuration: {tally}.",
        "<b>What and where.</b> {title}; {place}. {count}{nbsp}configurations: {tally}.",
        len(report.cases), title=title, place=device_name(report), count=len(report.cases),
        tally=status_counts(report),
    )  # fmt: skip


def where_and_when(report: Report) -> str:
    """The device with its driver, the dates, the commit of the code, and how many configurations have figures."""
    gpu, days = report.machine.get("gpu"), sorted({record.started_at[:10] for record in report.records})
    parts = [device_name(report)]
    if gpu:
        parts.append(tr("driver {driver}", driver=quoted(gpu["driver"])))
    parts.append(" – ".join(dict.fromkeys((days[0], days[-1]))))
    commits = [commit for commit in told_by_machine(report.records, "commit") if commit]
    if commits:
        parts.append(tr("code {commits}", commits=listed_few(list(map(commit_words, commits)), 2)))
    parts.append(
        tr_n("{n}{nbsp}configuration: {tally}", "{n}{nbsp}configurations: {tally}", len(report.cases),
             tally=status_counts(report))
    )  # fmt: skip
    return f"{'; '.join(parts)}."


def without_result(report: Report) -> str:
    """Which runtimes have no figure at a precision, as one line; empty where all have."""
    cases = report.cases
    measured = set(cases[cases.status == "ok"][["engine", "variant", "precision"]].itertuples(index=False, name=None))
    absent: dict[str, list[str]] = {}
    for row in cases[cases.status != "ok"].itertuples():
        if (row.engine, row.variant, row.precision) not in measured:
            precisions = absent.setdefault(row.label, [])
            precisions += [row.precision] if row.precision not in precisions else []
    if not absent:
        return ""
    names = [f"{quoted(label)} {listed(precisions)}" for label, precisions in absent.items()]
    return tr("<b>No result:</b> {names} ({where}).", names=listed_few(names, 3), where=appendix("absent"))


def summary_html(lines: list[str]) -> HTML:
    """The lines of an abstract, each of HTML, as a list in its box."""
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


SIGNS = {  # by the values of `verdict_from`
    "assumed": mark("†: the spread between processes is assumed ({sd})."),
    "unknown": mark("‡: it is not known, and nothing is decided."),
    "crowded": mark("‡: other processes computed, and nothing is decided."),
}


def sureness_short(report: Report) -> str:
    """How many processes the figures are from, how many verdicts are open, and what the check of verdicts found."""
    cases, check = report.measured, report.check
    judged = cases[cases.verdict != ""]
    sentences = [
        tr_n("{n}{nbsp}process per configuration; {open} of {judged} verdicts undecided.",
             "{n}{nbsp}processes per configuration; {open} of {judged} verdicts undecided.",
             report.grid.repeats, open=int((judged.verdict == "undecided").sum()), judged=len(judged))
    ]  # fmt: skip
    if check:
        sentences.append(tr(
            "Check of the verdicts: {alarms} false alarms, a {slowdown} slowdown found in {found}.",
            alarms=percent(check.false_alarm_rate.value), slowdown=whole_percent(check.slowdown),
            found=percent(check.power.value),
        ))  # fmt: skip
    found = set(cases.verdict_from) | set(cases.spread_from)
    sentences += [tr(words, sd=percent(ASSUMED_SD)) for source, words in SIGNS.items() if source in found]
    return " ".join(sentences)


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
        "pairs, and a deliberate slowdown of {slowdown} was found in {found} ({where}).",
        case=quoted(case_title(check.case)), alarms=percent(check.false_alarm_rate.value),
        slowdown=whole_percent(check.slowdown), found=percent(check.power.value), where=appendix("validation"),
    )  # fmt: skip
    return f"{known} {checked}"
