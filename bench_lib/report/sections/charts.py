"""The section of plots: FPS by image size and by batch size, latency against throughput, a map of speedups."""

import math
from collections.abc import Callable
from pathlib import Path

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import HTML, display
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, ScalarFormatter

from bench_lib.analysis.case_table import is_baseline
from bench_lib.report.phrases import heading
from bench_lib.report.plots import (
    MOST_PANELS,
    MOST_TICKS,
    STYLE,
    Line,
    alternative_text,
    draw_legend,
    drawn_cases,
    figure_html,
    line_styles,
    marked_every,
    speedups_alternative,
)
from bench_lib.report.report import Report
from bench_lib.report.tables import SPREAD_MARKS
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed, spread_out
from bench_lib.text.numbers import plain


def show(report: Report) -> None:
    """Display the section: its heading, and the figures."""
    display(
        heading("### Plots"),
        *(draw(report) for draw, axis in MAIN.items() if report.measured[axis].nunique() < 2),
        latency_vs_throughput(report),
        speedup_map(report),
    )


def show_main(report: Report) -> None:
    """Display the two figures of the main part: FPS by image size and by batch size, those that can be drawn."""
    figures = [draw(report) for draw, axis in MAIN.items() if report.measured[axis].nunique() > 1]
    display(*figures)


def latency_vs_throughput(report: Report) -> HTML:
    """What a larger batch gains in FPS and costs in latency: lines over batch sizes, one panel per image size."""
    (table, note), caption = drawn_cases(report), tr("Latency against throughput: each point is a batch size")
    if table.batch_size.nunique() < 2:
        why = tr("The figure “{caption}” is not drawn: it needs at least two measured batch sizes.", caption=caption)
        return HTML(f"<p>{why}</p>")
    sizes = spread_out(sorted(table.image_size.unique()), MOST_PANELS)
    if (every := marked_every(table.batch_size.nunique())) > 1:
        caption = tr("{caption}, one in {count} is marked", caption=caption, count=every)
    lines, columns = line_styles(report.cases), min(2, len(sizes))
    rows = -(-len(sizes) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(rows, columns, figsize=(9, 3.4 * rows + 0.7), squeeze=False, layout="constrained")
        hide_after(grid, len(sizes))
        for axes, size in zip(grid.flat, sizes, strict=False):
            for name, line in table[table.image_size == size].sort_values("batch_size").groupby("name"):
                axes.plot(line.latency_ms, line.fps, label=name, markevery=every, **lines[name].style)
            axes.set(
                title=tr("{size}×{size} pixels", size=size), xlabel=tr("Time/batch (ms)"), ylabel=tr("FPS (images/s)"),
                xscale="log", yscale="log",
            )  # fmt: skip
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter(
                    FuncFormatter(lambda value, _: number(value, 0) if value >= 1 else plain(value))
                )
        draw_legend(figure, grid.flat)
    alt = alternative_text(table, "batch_size", caption)
    return figure_html(figure, f"{caption}{note}", alt, report.figure_path("latency_vs_throughput"))


def hide_after(grid: np.ndarray, count: int) -> None:
    """Hide the panels after the first `count`; they only complete the last row of the grid."""
    for axes in grid.flat[count:]:
        axes.set_visible(False)


def speedup_map(report: Report) -> HTML:
    """Speedup over PyTorch fp32 at each image size and batch size, one panel per engine and precision."""
    (table, note), caption = drawn_cases(report), tr("Speedup over PyTorch fp32, by image size and batch size")
    table = table[~is_baseline(table) & table.speedup.notna()]
    if table.empty or table.image_size.nunique() * table.batch_size.nunique() < 2:
        why = tr("The figure “{caption}” is not drawn: it needs at least two measured combinations.", caption=caption)
        return HTML(f"<p>{why}</p>")
    largest = table.groupby("name").speedup.max().sort_values(ascending=False)
    names = sorted(largest.index[:MOST_PANELS])
    if len(names) < len(largest):
        some = tr("Shown are the {shown} of {all} with the largest speedups", shown=len(names), all=len(largest))
        note += f". {some}"
    figure = draw_maps(table, names)
    alt = speedups_alternative(table, caption)
    colours = tr("{caption}. Blue is faster, red is slower", caption=caption)
    colours += source_notes(table.verdict_from, CELLS)
    return figure_html(figure, f"{colours}{note}", alt, report.figure_path("speedup_map"))


CELLS = {  # on `SPREAD_MARKS` in a map's cells
    "assumed": mark("; †: rests on an assumed spread between processes"),
    "unknown": mark("; ‡: not decided, as the spread between processes is not known"),
    "crowded": mark("; ‡: not decided, as other processes computed"),
}
BARS = {
    "assumed": mark("; some allow for an assumed spread between processes"),
    "unknown": mark("; points whose spread between processes is not known have none"),
    "crowded": mark("; points beside which other processes computed have none"),
}


def source_notes(sources: pd.Series, notes: dict[str, str]) -> str:
    """The end of a caption: those of the notes whose source, see `bench_lib.analysis.spread`, is among `sources`."""
    return "".join(tr(words) for source, words in notes.items() if (sources == source).any())


def draw_maps(table: pd.DataFrame, names: list[str]) -> Figure:
    """A map of speedups for each name: image sizes down, batch sizes to the right, one scale of colours for all."""
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    sizes, batches = (spread_out(sorted(table[axis].unique()), MOST_TICKS) for axis in ("image_size", "batch_size"))
    furthest = max(1.01, table.speedup.max(), 1 / table.speedup.min())
    table = table.assign(text=list(map(cell_text, table.speedup, table.verdict_from)))
    with plt.rc_context(STYLE | {"axes.grid": False}):
        height = rows * (0.42 * len(sizes) + 1.1)
        figure, grid = plt.subplots(rows, columns, figsize=(9, height), squeeze=False)
        hide_after(grid, len(names))
        for axes, name in zip(grid.flat, names, strict=False):
            here = table[table["name"] == name].set_index(["image_size", "batch_size"])
            cells, texts = (
                here[values].unstack().reindex(index=sizes, columns=batches) for values in ("speedup", "text")
            )
            sns.heatmap(
                cells, annot=texts.fillna(""), fmt="", cmap="RdBu", norm=LogNorm(1 / furthest, furthest), cbar=False,
                ax=axes, linewidths=1, annot_kws={"size": 8},
            )  # fmt: skip
            axes.set(title=name, xlabel=tr("Batch"), ylabel=tr("Image side"))
            axes.title.set_size(9)
            axes.tick_params(axis="y", rotation=0)
        figure.set_layout_engine("constrained")  # only now: seaborn draws the whole figure once for each map
    return figure


def cell_text(speedup: float, source: str) -> str:
    """A speedup in a cell of a map, with the mark of what it rests on."""
    return number(speedup, 2 if speedup < 10 else 0) + SPREAD_MARKS.get(source, "")


WIDE_RANGE = 10  # if FPS differ by more than this factor, their scale is logarithmic


def fps_vs_image_size(report: Report) -> HTML:
    """FPS by the side of the image, one panel per batch size."""
    return fps_figure(report, "image_size", "batch_size", tr("Image side (pixels)"),
                      lambda batch: tr("Batch {batch}", batch=batch), tr("FPS by image size"),
                      report.figure_path("fps_vs_image_size"))  # fmt: skip


def fps_vs_batch(report: Report) -> HTML:
    """FPS by the batch size, one panel per image size."""
    return fps_figure(report, "batch_size", "image_size", tr("Batch size (images)"),
                      lambda size: tr("{size}×{size} pixels", size=size), tr("FPS by batch size"),
                      report.figure_path("fps_vs_batch"))  # fmt: skip


def fps_figure(
    report: Report, x: str, panel: str, x_label: str, title: Callable[[int], str], caption: str, png: Path | None
) -> HTML:
    """Lines of FPS over `x`, one per engine and precision, in one panel per value of `panel`, titled by `title`."""
    table, note = drawn_cases(report)
    if table[x].nunique() < 2:
        why = tr("The figure “{caption}” is not drawn: it needs at least two measured values.", caption=caption)
        return HTML(f"<p>{why}</p>")
    every = sorted(table[panel].unique())
    panels = spread_out(every, MOST_PANELS)
    table = table[table[panel].isin(panels)]
    if len(panels) < len(every):
        names = listed([title(value) for value in panels])
        note += f". {tr('Shown are {shown} of {all}: {names}', shown=len(panels), all=len(every), names=names)}"
    lines, columns = line_styles(report.cases), min(2, len(panels))
    rows = -(-len(panels) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(9, 2.6 * rows + 0.7), squeeze=False, sharey=True, layout="constrained"
        )
        hide_after(grid, len(panels))
        for axes, value in zip(grid.flat, panels, strict=False):
            draw_panel(axes, table[table[panel] == value], x, lines)
            axes.set(title=title(value), xlabel=x_label, ylabel=tr("FPS (images/s)"))
        scale_fps(grid, table)
        draw_legend(figure, grid.flat)
    bars = tr("{caption}; bars are 95% intervals", caption=caption)
    if (every := marked_every(table[x].nunique())) > 1:
        bars = tr("{caption}; bars are 95% intervals, at one point in {count}", caption=caption, count=every)
    return figure_html(
        figure, f"{bars}{source_notes(table.spread_from, BARS)}{note}", alternative_text(table, x, caption), png
    )


MAIN = {fps_vs_image_size: "image_size", fps_vs_batch: "batch_size"}  # the axis that each is drawn over


def scale_fps(grid: np.ndarray, table: pd.DataFrame) -> None:
    """Set the scale of FPS, which the panels share: from zero, or logarithmic where FPS differ widely."""
    first = grid.flat[0]
    if table.fps.max() > WIDE_RANGE * table.fps.min():
        first.set_yscale("log")
        first.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        first.yaxis.set_minor_locator(NullLocator())
    else:
        first.set_ylim(bottom=0)
    for axes in grid.flat:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0 if value >= 1 else 2)))


def draw_panel(axes: plt.Axes, table: pd.DataFrame, x: str, lines: dict[str, Line]) -> None:
    """One panel: for each name its line, with the 95 % interval of FPS at each point."""
    every = marked_every(table[x].nunique())
    for name, rows in table.sort_values(x).groupby("name"):
        high = rows.fps_high.where(rows.fps_high < math.inf)
        low = rows.fps_low.where(high.notna())
        axes.errorbar(
            rows[x], rows.fps, [rows.fps - low, high - rows.fps], label=name, capsize=2, elinewidth=0.8,
            errorevery=every, markevery=every, **lines[name].style,
        )  # fmt: skip
    if x == "batch_size" and table[x].nunique() > 2:
        axes.set_xscale("log", base=2)
    axes.set_xticks(spread_out(sorted(table[x].unique()), MOST_TICKS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.minorticks_off()
