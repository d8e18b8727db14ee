"""Tables → the first screen: what to take, how much faster it is, how sure that is, and at what cost."""

import pandas as pd
from IPython.display import HTML

from bench_lib import findings
from bench_lib.figures import labelled
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import at, leadership, matches, place
from bench_lib.summary import BASELINE_NAME, STATUS, Summary, compared, tally
from bench_lib.words import listed, listed_few, number, per_cent, percent, plain, quoted, scientific, span, times

LONGEST_REASON = 90  # characters


def abstract(report: Summary) -> HTML:
    """The answer in short, before anything else."""
    cases = report.measured
    lines = [
        tr_n(
            "<b>What and where.</b> {title}; {place}. {count}{nbsp}configuration: {tally}.",
            "<b>What and where.</b> {title}; {place}. {count}{nbsp}configurations: {tally}.",
            len(report.cases), title=quoted(report.grid.title), place=place(report), count=len(report.cases),
            tally=tally(report),
        )
    ]  # fmt: skip
    if cases.empty:
        lines.append(tr("<b>No answer:</b> no configuration was measured; the reasons are listed in section 3."))
    else:
        most, least = cases.loc[cases.fps.idxmax()], cases.loc[cases.latency_ms.idxmin()]
        chosen = {row.case: row for row in (most, least)}.values()
        leaders = f"{leadership(findings.blocks(cases))} {advantage(cases)}".strip()
        lines += [
            tr("<b>Highest throughput:</b> {fps} FPS — {where}.", fps=number(most.fps), where=at(most))
            + more(most, cases),
            tr("<b>Least time per batch:</b> {time}{nbsp}ms — {where}.", time=number(least.latency_ms), where=at(least))
            + faster(least, cases),
            tr("<b>What it costs.</b> {prices}", prices=" ".join(map(price, chosen))),
            tr("<b>Which is faster.</b> {leaders}", leaders=leaders),
            tr("<b>How sure this is.</b> {sureness}", sureness=sureness(report)),
        ]
    if absent := unmeasured(report):
        lines.append(tr("<b>No result:</b> {absent}.", absent="; ".join(absent)))
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def baseline(row: pd.Series, cases: pd.DataFrame) -> pd.Series | None:
    """PyTorch fp32 at the row's image and batch size, unless it is the row or is absent."""
    here = beside(row, cases)
    found = here[here["name"] == BASELINE_NAME]
    return None if found.empty or row["name"] == BASELINE_NAME else found.iloc[0]


def beside(row: pd.Series, cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the row's image and batch size."""
    return cases[(cases.image_size == row.image_size) & (cases.batch_size == row.batch_size)]


def more(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times the baseline's images a second, and who is not told from the row."""
    usual, text = baseline(row, cases), ""
    if usual is not None:
        words = {
            "faster": mark("That is {times} as much as {baseline} there."),
            "same": mark("{baseline} gives as much there."),
            "slower": mark("That is less than {baseline} there."),
            "undecided": mark("Whether that is more than {baseline} there is not decided."),
        }[compared(row, usual, "fps")]
        text = f" {tr(words, baseline=BASELINE_NAME, times=times(row.fps / usual.fps))}"
    return text + rivals(row, cases, "fps")


def faster(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times faster than the baseline, with the interval, and who is not told from the row."""
    usual, text = baseline(row, cases), ""
    if usual is not None:
        bounds = f" ({per_cent('95')}: {span(row.speedup_low, row.speedup_high, '×')})"
        words = {
            "faster": mark("That is {times} as fast as {baseline} there{bounds}."),
            "same": mark("{baseline} takes as long there."),
            "slower": mark("That is slower than {baseline} there{bounds}."),
            "undecided": mark("Whether that is faster than {baseline} there is not decided{bounds}."),
        }[compared(row, usual)]
        fields = {
            "baseline": BASELINE_NAME, "times": times(usual.latency_ms / row.latency_ms),
            "bounds": bounds if row.speedup_high < float("inf") else "",
        }  # fmt: skip
        text = f" {tr(words, **fields)}"
    return text + rivals(row, cases, "latency")


def rivals(row: pd.Series, cases: pd.DataFrame, figure: str) -> str:
    """Who is not told from the row in its place."""
    others = (other for _, other in beside(row, cases).iterrows() if other.case != row.case)
    level = [other["name"] for other in others if compared(other, row, figure) != "slower"]
    return f" {tr('The data do not tell it apart from {names}.', names=listed_few(level, 3))}" if level else ""


def price(row: pd.Series) -> str:
    """A row's accuracy, memory and start."""
    start_s = row.build_s + (row.import_s if row.import_s == row.import_s else 0)
    return tr(
        "{name}, batch {batch}: error {error}, {matches}; memory {memory}{nbsp}MiB; start (imports and build) "
        "{start}{nbsp}s.",
        name=row["name"], batch=row.batch_size, error=scientific(row.error), matches=matches(row.top1),
        memory=number(row.memory_mib, 0), start=number(start_s),
    )  # fmt: skip


def sureness(report: Summary) -> str:
    """How many processes the figures are from, and what the check of the verdicts found on this machine."""
    repeats, check = report.grid.repeats, report.check
    if check is None:
        return tr_n(
            "{n}{nbsp}process per configuration; how often the verdicts are wrong on this machine was not checked "
            "(<code>bench selfcheck</code>).",
            "{n}{nbsp}processes per configuration; how often the verdicts are wrong on this machine was not checked "
            "(<code>bench selfcheck</code>).",
            repeats,
        )
    processes = tr_n("{n}{nbsp}process per configuration.", "{n}{nbsp}processes per configuration.", repeats)
    checked = tr(
        "In the check on this machine ({name}, batch{nbsp}{batch}), equal things were called different in {alarms} of "
        "pairs, and a deliberate slowdown of {slowdown} was found in {found} (section 2).",
        name=f"{labelled(check.case.engine)} {check.case.precision}", batch=check.case.batch_size,
        alarms=percent(check.false_alarm_rate.value), slowdown=per_cent(plain(100 * check.slowdown)),
        found=percent(check.power.value),
    )  # fmt: skip
    return f"{processes} {checked}"


def advantage(cases: pd.DataFrame) -> str:
    """How much faster than the baseline is the one that leads most often."""
    leader = next(iter(findings.wins(findings.blocks(cases))), BASELINE_NAME)
    speedups = cases[cases.name == leader].speedup.dropna()
    if leader == BASELINE_NAME or speedups.empty:
        return ""
    low_to_high = span(speedups.min(), speedups.max(), "×")
    return tr("The speedup of {leader} over {baseline} is {span}.", leader=leader, baseline=BASELINE_NAME,
              span=low_to_high)  # fmt: skip


def unmeasured(report: Summary) -> list[str]:
    """Engines and precisions without a single figure, and why; those of one engine and reason together."""
    lines = []
    for (label, reason), rows in report.cases[report.cases.status != "ok"].groupby(["label", "reason"], sort=False):
        measured = set(report.measured[report.measured.label == label].precision)
        if without := [precision for precision in rows.precision.unique() if precision not in measured]:
            status = tr(STATUS[rows.status.iloc[0]])
            lines.append(f"{label} {listed(without)} ({status}: {quoted(shortened(reason))})")
    return lines


def shortened(reason: str) -> str:
    """A reason's beginning, for the first screen; the whole is in section 3."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON].rsplit(' ', 1)[0]}…"
