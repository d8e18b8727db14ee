"""The first screen: what to take, how much faster it is, what it costs, and how sure that is."""

import pandas as pd
from IPython.display import HTML, display

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import (
    BASELINE,
    BASELINE_NAME,
    BASELINES,
    STATUS,
    TF32,
    TF32_NAME,
    Approach,
    compare_rows,
    is_of,
    time_ratio,
    weakest_source,
)
from bench_lib.analysis.marks import marks_of
from bench_lib.core.intervals import RATIO_LEVEL
from bench_lib.report.abstract_words import shortened_reason, summary_html, sureness_sentence, what_and_where
from bench_lib.report.exactness import exactness_words
from bench_lib.report.marks import marked_title, marks_among, marks_text
from bench_lib.report.phrases import heading, leadership, whole_percent
from bench_lib.report.recognition_words import advice_sentence
from bench_lib.report.report import Report
from bench_lib.report.spread_words import assumed_words
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import span, times


def show(report: Report) -> None:
    """Display the section: the report's title, and the answer in short."""
    display(heading("# Inference speed under different ways of optimisation"), abstract_html(report))


def abstract_html(report: Report) -> HTML:
    """The answer in short: a list of a few sentences."""
    cases = report.measured
    lines = [what_and_where(report, quoted(report.grid.title))]
    if cases.empty:
        lines.append(tr("<b>No answer:</b> no configuration was measured; the reasons are listed in section 3."))
    else:
        most, least = cases.loc[cases.fps.idxmax()], cases.loc[cases.latency_ms.idxmin()]
        chosen = {row.case: row for row in (most, least)}.values()
        leaders = (leadership(findings.blocks(cases)), leader_advantage(cases), marks_among(behind_leaders(cases)))
        lines += [
            tr("<b>Highest throughput:</b> {fps} FPS — {where}.", fps=number(most.fps), where=marked_title(most))
            + throughput_gain(most, cases),
            tr(
                "<b>Least time per batch:</b> {time}{nbsp}ms — {where}.",
                time=number(least.latency_ms),
                where=marked_title(least),
            )
            + latency_gain(least, cases),
            *recognition_lines(report),
            tr("<b>What it costs.</b> {prices}", prices=" ".join(map(price_sentence, chosen))),
            tr("<b>Which is faster.</b> {leaders}", leaders=" ".join(filter(None, leaders))),
            tr("<b>How sure this is.</b> {sureness}", sureness=sureness_sentence(report)),
        ]
    if absent := unmeasured_engines(report):
        lines.append(tr("<b>No result:</b> {absent}.", absent="; ".join(absent)))
    return summary_html(lines)


def recognition_lines(report: Report) -> list[str]:
    """What to take by speed and right answers together; nothing where the images have no labels."""
    advice = advice_sentence(report)
    return [tr("<b>With recognition accuracy:</b> {advice}", advice=advice)] if advice else []


def baseline_rows(row: pd.Series, cases: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """PyTorch fp32 and tf32 at the same image and batch size, with their names; without the row itself."""
    here, default = rows_beside(row, cases), tr("{name} (PyTorch's own default)", name=TF32_NAME)
    names = {BASELINE: BASELINE_NAME, TF32: default}
    found = [(name, other) for approach, name in names.items() for _, other in here[is_of(here, approach)].iterrows()]
    return [(name, other) for name, other in found if other.case != row.case]


def bounds_text(row: pd.Series, usual: pd.Series, figure: str) -> str:
    """The interval of how many times faster the row is than another, in brackets; empty where it is not known."""
    gain = time_ratio(row, usual, figure).inverse
    if gain.high == float("inf"):
        return ""
    words = assumed_words(weakest_source(row, usual))
    return f" ({whole_percent(RATIO_LEVEL)}: {span(gain.low, gain.high, '×')}{words})"


def rows_beside(row: pd.Series, cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the row's image and batch size."""
    return cases[(cases.image_size == row.image_size) & (cases.batch_size == row.batch_size)]


def throughput_gain(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times the baselines' FPS the row has, and which others the data do not distinguish from it."""
    text = ""
    for name, usual in baseline_rows(row, cases):
        words = {
            "faster": mark("That is {times} as much as {baseline} there{bounds}."),
            "same": mark("{baseline} gives as much there{bounds}."),
            "slower": mark("That is less than {baseline} there{bounds}."),
            "undecided": mark("Whether that is more than {baseline} there is not decided{bounds}."),
        }[compare_rows(row, usual, "fps")]
        fields = {"times": times(row.fps / usual.fps), "bounds": bounds_text(row, usual, "fps")}
        text += f" {tr(words, baseline=name, **fields)}{baseline_marks(name, usual)}"
    return text + rivals_sentence(row, cases, "fps")


def latency_gain(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times faster than the baselines the row is, the interval, and which others are not distinguished."""
    text = ""
    for name, usual in baseline_rows(row, cases):
        words = {
            "faster": mark("That is {times} as fast as {baseline} there{bounds}."),
            "same": mark("{baseline} takes as long there{bounds}."),
            "slower": mark("That is slower than {baseline} there{bounds}."),
            "undecided": mark("Whether that is faster than {baseline} there is not decided{bounds}."),
        }[compare_rows(row, usual)]
        fields = {"times": times(usual.latency_ms / row.latency_ms), "bounds": bounds_text(row, usual, "latency")}
        text += f" {tr(words, baseline=name, **fields)}{baseline_marks(name, usual)}"
    return text + rivals_sentence(row, cases, "latency")


def baseline_marks(name: str, usual: pd.Series) -> str:
    """A sentence, after a space, on the marks of the baseline's row; empty where it has none."""
    marks = marks_text(marks_of(usual))
    return f" {tr('{baseline} there: {marks}.', baseline=name, marks=marks)}" if marks else ""


def rivals_sentence(row: pd.Series, cases: pd.DataFrame, figure: str) -> str:
    """Which others, at the same image and batch size, the data do not distinguish from the row in `figure`.

    `figure` is `latency` or `fps`.
    """
    others = (other for _, other in rows_beside(row, cases).iterrows() if other.case != row.case)
    level = [other["name"] for other in others if compare_rows(other, row, figure) != "slower"]
    return f" {tr('The data do not tell it apart from {names}.', names=listed_few(level, 3))}" if level else ""


def price_sentence(row: pd.Series) -> str:
    """A row's accuracy, memory and time to start; where the import was not timed, the time is that of the build."""
    if pd.isna(row.import_s):
        start = tr("build {time}{nbsp}s", time=number(row.build_s))
    else:
        start = tr("start (imports and build) {time}{nbsp}s", time=number(row.build_s + row.import_s))
    return tr(
        "{name}, batch {batch}: {exactness}; memory {memory}{nbsp}MiB; {start}.",
        name=row["name"], batch=row.batch_size, exactness=exactness_words(row),
        memory=number(row.memory_mib, 0), start=start,
    )  # fmt: skip


def most_often_first(cases: pd.DataFrame) -> Approach:
    """The approach that leads most often; the baseline where none ever leads alone."""
    return next(iter(findings.wins(findings.blocks(cases))), BASELINE)


def behind_leaders(cases: pd.DataFrame) -> pd.DataFrame:
    """The rows that say who leads and by how much: the leading ones, all of the first's, the baselines'."""
    return cases[cases.leads | is_of(cases, most_often_first(cases)) | is_of(cases, BASELINE) | is_of(cases, TF32)]


def leader_advantage(cases: pd.DataFrame) -> str:
    """The range of speedups of the approach that leads most often, over both baselines; empty where there is none.

    Speedups whose spread between processes is not known are left out, and the sentence says so.
    """
    leader = most_often_first(cases)
    rows, sentences = cases[is_of(cases, leader)], []
    for figure, baseline in BASELINES.items():
        known = rows[rows[f"{figure}_high"] < float("inf")]
        words = {
            True: mark("The speedup of {leader} over {baseline} is {span}."),
            False: mark(
                "The speedup of {leader} over {baseline}, where its spread between processes is known: {span}."
            ),
        }[len(known) == rows[figure].notna().sum()]
        if len(known):
            low_to_high = span(known[figure].min(), known[figure].max(), "×")
            sentences.append(tr(words, leader=leader.name, baseline=baseline.name, span=low_to_high))
    return " ".join(sentences)


def unmeasured_engines(report: Report) -> list[str]:
    """Engines and precisions without any figure, and why; precisions with the same reason share a line."""
    lines, absent, measured_cases = [], report.cases[report.cases.status != "ok"], report.measured
    for (engine, variant, label, reason), rows in absent.groupby(["engine", "variant", "label", "reason"], sort=False):
        same = (measured_cases.engine == engine) & (measured_cases.variant == variant)
        measured = set(measured_cases[same].precision)
        if without := [precision for precision in rows.precision.unique() if precision not in measured]:
            status = tr(STATUS[rows.status.iloc[0]])
            lines.append(f"{label} {listed(without)} ({status}: {quoted(shortened_reason(reason))})")
    return lines
