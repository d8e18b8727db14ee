"""Tables → the figure of what each option brought, step by step."""

from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import HTML
from matplotlib.ticker import FuncFormatter

from bench_lib import plots, tuning
from bench_lib.findings import AXES
from bench_lib.language import mark, tr, tr_p
from bench_lib.summary import Summary
from bench_lib.words import number, percent, plain, spread_out

CAPTION = mark("What each step gains: from PyTorch fp32 to the fastest")


def waterfall(report: Summary, png: str | Path) -> HTML:
    """Time per batch after each step, and what the step saved or lost; a panel an image size and batch size."""
    if not tuning.has_variants(report):
        return HTML("")
    cases = report.measured
    fastest = [rows.loc[rows.latency_ms.idxmin()] for _, rows in cases.groupby(AXES)]
    ladders = [steps for steps in (tuning.ladder(report, best) for best in fastest) if len(steps) > 1]
    ladders = spread_out(ladders, plots.MOST_PANELS)
    caption = tr(CAPTION)
    if not ladders:
        why = tr("The figure “{caption}” is not drawn: the fastest have no measured steps.", caption=caption)
        return HTML(f"<p>{why}</p>")
    with plt.rc_context(plots.STYLE | {"axes.grid": False}):
        rows = [len(steps) + 1.6 for steps in ladders]
        figure, grid = plt.subplots(
            len(ladders), 1, figsize=(9, 0.34 * sum(rows)), squeeze=False, layout="constrained", height_ratios=rows
        )
        for axes, steps in zip(grid.flat, ladders, strict=True):
            draw(axes, steps)
    alt = "; ".join(words(steps) for steps in ladders)
    legend = tr("{caption}. Light is what a step saved, red is what it added", caption=caption)
    return plots.shown(figure, legend, f"{caption}. {alt}.", png)


def draw(axes: plt.Axes, steps: list[tuning.Step]) -> None:
    """One ladder, from above down."""
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
    axes.set_yticks(range(len(steps)), [step.added for step in steps], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * max(times))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    title = tr("{size}×{size}, batch {batch}: {name}", size=row.image_size, batch=row.batch_size, name=row["name"])
    axes.set(title=title, xlabel=tr("Time/batch (ms)"))
    axes.spines[["top", "right"]].set_visible(False)


def words(steps: list[tuning.Step]) -> str:
    """One ladder for those who do not see it."""
    row = steps[-1].row
    parts = [tr("{step}: {ms}{nbsp}ms", step=step.added, ms=number(step.row.latency_ms)) for step in steps]
    return tr(
        "{size}×{size}, batch {batch} — {steps}", size=row.image_size, batch=row.batch_size, steps=", ".join(parts)
    )
