"""The figure of what each step gains: time per batch from PyTorch fp32 to the fastest, option by option."""

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import HTML
from matplotlib.ticker import FuncFormatter

from bench_lib.analysis.case_table import PLACE
from bench_lib.analysis.tuning import Step, has_variants, ladder
from bench_lib.report import plots
from bench_lib.report.marks import mark_sign, sign_meaning
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr, tr_p
from bench_lib.text.lists import spread_out
from bench_lib.text.numbers import percent, plain


def waterfall_figure(report: Report) -> HTML:
    """Time per batch after each step from PyTorch fp32 to the fastest, and what the step saved or added.

    There is a panel for each image size and batch size; nothing is drawn where there are no variants.
    """
    if not has_variants(report):
        return HTML("")
    cases = report.measured
    fastest = [rows.loc[rows.latency_ms.idxmin()] for _, rows in cases.groupby(PLACE)]
    ladders = [steps for steps in (ladder(report, best) for best in fastest) if len(steps) > 1]
    ladders = spread_out(ladders, plots.MOST_PANELS)
    caption = tr("What each step gains: from PyTorch fp32 to the fastest")
    if not ladders:
        why = tr("The figure “{caption}” is not drawn: the fastest have no measured steps.", caption=caption)
        return HTML(f"<p>{why}</p>")
    with plt.rc_context(plots.STYLE | {"axes.grid": False}):
        rows = [len(steps) + 1.6 for steps in ladders]
        figure, grid = plt.subplots(
            len(ladders), 1, figsize=(9, 0.34 * sum(rows)), squeeze=False, layout="constrained", height_ratios=rows
        )
        for axes, steps in zip(grid.flat, ladders, strict=True):
            draw_ladder(axes, steps)
    alt = "; ".join(ladder_words(steps) for steps in ladders)
    legend = tr("{caption}. Light is what a step saved, red is what it added", caption=caption)
    legend += sign_meaning(pd.DataFrame([step.row for steps in ladders for step in steps]))
    return plots.figure_html(figure, legend, f"{caption}. {alt}.", report.figure_path("waterfall"))


def draw_ladder(axes: plt.Axes, steps: list[Step]) -> None:
    """Draw the steps as bars, the first on top; what a step saved or added is a paler piece at the bar's end."""
    times = [step.row.latency_ms for step in steps]
    before = [times[0], *times[:-1]]
    colours = sns.color_palette("colorblind")
    for place, (now, last) in enumerate(zip(times, before, strict=True)):
        axes.barh(place, min(now, last), color=colours[0])
        axes.barh(
            place, abs(now - last), left=min(now, last), color=colours[9] if now < last else colours[3], alpha=0.6
        )
        change = f" ({'−' if now < last else '+'}{percent(abs(now / last - 1))})" if place else ""
        label = tr_p("figure", "{ms}{nbsp}ms", ms=number(now))
        axes.annotate(f" {label}{change}", (max(now, last), place), va="center", fontsize=8)
    row = steps[-1].row
    axes.set_yticks(range(len(steps)), [step.added + mark_sign(step.row) for step in steps], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * max(times))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    title = tr("{size}×{size}, batch {batch}: {name}", size=row.image_size, batch=row.batch_size, name=row["name"])
    axes.set(title=title, xlabel=tr("Time/batch (ms)"))
    axes.spines[["top", "right"]].set_visible(False)


def ladder_words(steps: list[Step]) -> str:
    """The times of the steps in words, for those who do not see the figure."""
    row = steps[-1].row
    parts = [
        tr("{step}: {ms}{nbsp}ms", step=step.added + mark_sign(step.row), ms=number(step.row.latency_ms))
        for step in steps
    ]
    return tr(
        "{size}×{size}, batch {batch} — {steps}", size=row.image_size, batch=row.batch_size, steps=", ".join(parts)
    )
