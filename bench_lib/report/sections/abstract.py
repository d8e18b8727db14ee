"""The first screen: for each goal what to take, how much faster it is, what it costs, and how sure that is."""

import math
from collections.abc import Callable

import pandas as pd
from IPython.display import HTML, Markdown, display

from bench_lib.analysis.case_table import (
    BASELINE,
    BASELINE_NAME,
    TF32,
    TF32_NAME,
    compare_rows,
    is_of,
    time_ratio,
    weakest_source,
)
from bench_lib.analysis.marks import marks_of
from bench_lib.core.case import engine_label
from bench_lib.core.intervals import RATIO_LEVEL
from bench_lib.report.abstract_words import summary_html, sureness_short, where_and_when, without_result
from bench_lib.report.marks import mark_list, mark_sign
from bench_lib.report.phrases import appendix, whole_percent
from bench_lib.report.recognition_words import advice_sentence
from bench_lib.report.report import Report
from bench_lib.report.tables import SPREAD_MARKS, VARIANTS_ID
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import scientific, span

WORDS = {  # what an option of the engines does, in words that the field knows; others are in the table of variants
    "compile": "torch.compile", "freezing": mark("frozen weights"), "cuda_graph": mark("CUDA graph"),
    "cuda_graphs": mark("CUDA graph"), "optimization_level": mark("longer search for kernels"),
    "provider": mark("another provider"),
}  # fmt: skip
GAINS = {
    "faster": mark("{ratio}× {baseline}{bounds}"),
    "slower": mark("{ratio}× {baseline}{bounds}"),
    "same": mark("level with {baseline}{bounds}"),
    "undecided": mark("not shown to be faster than {baseline}{bounds}"),
}


def show(report: Report) -> None:
    """Display the section: the report's title, and the answer in short."""
    display(Markdown(f"# {title(report)}"), abstract_html(report))


def title(report: Report) -> str:
    """What was measured, by which runtimes, and where."""
    measured = report.measured if len(report.measured) else report.cases
    engines = listed(list(dict.fromkeys(map(engine_label, measured.engine))))
    gpu = report.machine.get("gpu")
    return tr(
        "Inference speed of {network}: {engines} on {machine}",
        network=quoted(report.grid.title), engines=engines,
        machine=quoted(gpu["name"] if gpu else report.machine["cpu"]),
    )  # fmt: skip


def abstract_html(report: Report) -> HTML:
    """The answer in short: a line for each goal, and how far to trust them."""
    cases, lines = report.measured, []
    if cases.empty:
        lines.append(tr("<b>No answer:</b> no configuration was measured; reasons: {where}.", where=appendix("absent")))
    else:
        lines += goal_lines(report)
        if advice := advice_sentence(report):
            lines.append(tr("<b>With recognition accuracy:</b> {advice}", advice=advice))
        lines.append(tr("<b>How sure:</b> {sureness}", sureness=sureness_short(report)))
    lines.append(tr("<b>Where and when:</b> {conditions}", conditions=where_and_when(report)))
    if absent := without_result(report):
        lines.append(absent)
    return summary_html(lines)


def goal_lines(report: Report) -> list[str]:
    """What to take for each goal; goals with the same answer share a line."""
    cases = report.measured
    first = cases[cases.batch_size == cases.batch_size.min()]
    start_s = cases.build_s + cases.import_s.fillna(0)
    goals: list[tuple[str, pd.Series, Callable[[pd.Series], str]]] = [
        (tr("highest throughput"), cases.loc[cases.fps.idxmax()], throughput_text),
        (tr("least latency"), first.loc[first.latency_ms.idxmin()], latency_text),
        (tr("least memory"), cases.loc[cases.memory_mib.idxmin()], memory_text),
        (tr("fastest start"), cases.loc[start_s.idxmin()], start_text),
    ]
    answers: dict[str, list[tuple[str, pd.Series, Callable]]] = {}
    for goal in goals:
        answers.setdefault(goal[1].case, []).append(goal)
    return [goal_line(report, same) for same in answers.values()]


def goal_line(report: Report, goals: list[tuple[str, pd.Series, Callable]]) -> str:
    """One line of the first screen: the goals, what to take, the figures, the marks, what it costs."""
    names, row = listed([name for name, _, _ in goals]), goals[0][1]
    figures = [figure(row) for _, _, figure in goals]
    gains = {throughput_text: "fps", latency_text: "latency"}
    told = [figure(row) + gains_text(row, report.measured, gains[figure]) if figure in gains else text
            for (_, _, figure), text in zip(goals, figures, strict=True)]  # fmt: skip
    line = tr(
        "<b>{goals}:</b> {taken}, {size}×{size}, batch{nbsp}{batch}: {figures}.",
        goals=names[0].upper() + names[1:], taken=taken_html(row, report), size=row.image_size, batch=row.batch_size,
        figures="; ".join(told),
    )  # fmt: skip
    marks = mark_list(marks_of(row))
    rest = [cost_sentence(row) if goals[0][2] in gains else "", f"{marks}." if marks else ""]
    return " ".join([line, *filter(None, rest)])


def taken_html(row: pd.Series, report: Report) -> str:
    """What to take in plain words: runtime, precision, its main options; a variant's name leads to all of them."""
    base = f"{engine_label(row.engine)} {row.precision_label}"
    if not row.variant:
        return quoted(base)
    known = report.grid.variants.get(row.variant)
    words = [tr(words) for option, words in WORDS.items() if known and known.options.get(option)]
    name = quoted(row.variant) if known is None else f'<a href="#{VARIANTS_ID}">{quoted(row.variant)}</a>'
    return f"{' + '.join([quoted(base), *words])} ({name})"


def throughput_text(row: pd.Series) -> str:
    """The row's throughput."""
    return tr("{fps}{nbsp}images/s", fps=number(row.fps))


def latency_text(row: pd.Series) -> str:
    """The row's latency."""
    return tr("{time}{nbsp}ms", time=number(row.latency_ms))


def memory_text(row: pd.Series) -> str:
    """The row's memory."""
    return tr("{memory}{nbsp}MiB", memory=number(row.memory_mib, 0))


def start_text(row: pd.Series) -> str:
    """The time to start; where the import was not timed, that of the build."""
    if pd.isna(row.import_s):
        return tr("build {time}{nbsp}s", time=number(row.build_s))
    return tr("start {time}{nbsp}s", time=number(row.build_s + row.import_s))


def cost_sentence(row: pd.Series) -> str:
    """What the row costs: how far its answers are from the reference, its memory and the time to start."""
    deviation = (
        tr("deviation not known (earlier check)")
        if pd.isna(row.error)
        else tr("deviation {error}", error=scientific(row.error))
    )
    return tr("Cost: {costs}.", costs=", ".join([deviation, memory_text(row), start_text(row)]))


def gains_text(row: pd.Series, cases: pd.DataFrame, figure: str) -> str:
    """How the row compares with PyTorch fp32 and tf32 in `figure`, `latency` or `fps`, and what it is not told from."""
    here = cases[(cases.image_size == row.image_size) & (cases.batch_size == row.batch_size)]
    others = here[here.case != row.case]
    told = []
    for approach, name in ((BASELINE, BASELINE_NAME), (TF32, TF32_NAME)):
        told += [gain_text(row, usual, name, figure) for _, usual in others[is_of(others, approach)].iterrows()]
    rivals = [
        other["name"] for _, other in others.iterrows()
        if compare_rows(other, row, figure) != "slower" and not (is_of(other, BASELINE) or is_of(other, TF32))
    ]  # fmt: skip
    if rivals:
        told.append(tr("not told apart from {names}", names=listed_few(rivals, 1)))
    return f", {', '.join(told)}" if told else ""


def gain_text(row: pd.Series, usual: pd.Series, name: str, figure: str) -> str:
    """How many times as fast as a baseline the row is, with the interval, or that this is not decided."""
    ratio = row.fps / usual.fps if figure == "fps" else usual.latency_ms / row.latency_ms
    interval = time_ratio(row, usual, figure).inverse
    sign = SPREAD_MARKS.get(weakest_source(row, usual), "")
    bounds = (
        sign
        if math.isinf(interval.high)
        else tr(
            " ({level} CI {bounds}{sign})",
            level=whole_percent(RATIO_LEVEL), bounds=span(interval.low, interval.high, "×", 2), sign=sign,
        )
    )  # fmt: skip
    words = GAINS[compare_rows(row, usual, figure)]
    return tr(words, ratio=number(ratio, 2), baseline=f"{name}{mark_sign(usual)}", bounds=bounds)
