"""Tables → figures of what is gained, where, and at what cost."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import HTML
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench_lib import plots
from bench_lib.language import tr
from bench_lib.narrative import at
from bench_lib.summary import BASELINE_NAME, Summary
from bench_lib.words import number, plain, spread_out


def latency_vs_throughput(report: Summary, png: str | Path) -> HTML:
    """What a larger batch gains in FPS and costs in latency: a line over batches, a panel an image size."""
    (table, note), caption = plots.drawn(report), tr("Latency against throughput: each point is a batch size")
    if table.batch_size.nunique() < 2:
        why = tr("The figure “{caption}” is not drawn: it needs at least two measured batch sizes.", caption=caption)
        return HTML(f"<p>{why}</p>")
    sizes = spread_out(sorted(table.image_size.unique()), plots.MOST_PANELS)
    if (every := plots.marked_every(table.batch_size.nunique())) > 1:
        caption = tr("{caption}, one in {count} is marked", caption=caption, count=every)
    lines, columns = plots.styles(report.cases), min(2, len(sizes))
    rows = -(-len(sizes) // columns)
    with plt.rc_context(plots.STYLE):
        figure, grid = plt.subplots(rows, columns, figsize=(9, 3.4 * rows + 0.7), squeeze=False, layout="constrained")
        for axes in grid.flat[len(sizes) :]:
            axes.set_visible(False)
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
        plots.legend(figure, grid.flat)
    return plots.shown(figure, f"{caption}{note}", plots.alternative(table, "batch_size", caption), png)


def speedup_map(report: Summary, png: str | Path) -> HTML:
    """Speedup over PyTorch fp32 at each image size and batch size, a panel an engine and precision."""
    (table, note), caption = plots.drawn(report), tr("Speedup over PyTorch fp32, by image size and batch size")
    table = table[(table["name"] != BASELINE_NAME) & table.speedup.notna()]
    if table.empty or table.image_size.nunique() * table.batch_size.nunique() < 2:
        why = tr("The figure “{caption}” is not drawn: it needs at least two measured combinations.", caption=caption)
        return HTML(f"<p>{why}</p>")
    largest = table.groupby("name").speedup.max().sort_values(ascending=False)
    names = sorted(largest.index[: plots.MOST_PANELS])
    if len(names) < len(largest):
        some = tr("Shown are the {shown} of {all} with the largest speedups", shown=len(names), all=len(largest))
        note += f". {some}"
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    sizes, batches = (
        spread_out(sorted(table[axis].unique()), plots.MOST_TICKS) for axis in ("image_size", "batch_size")
    )
    furthest = max(1.01, table.speedup.max(), 1 / table.speedup.min())
    with plt.rc_context(plots.STYLE | {"axes.grid": False}):
        height = rows * (0.42 * len(sizes) + 1.1)
        figure, grid = plt.subplots(rows, columns, figsize=(9, height), squeeze=False)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(grid.flat, names, strict=False):
            cells = table[table["name"] == name].pivot(index="image_size", columns="batch_size", values="speedup")
            cells = cells.reindex(index=sizes, columns=batches)
            texts = cells.map(lambda value: "" if pd.isna(value) else number(value, 2 if value < 10 else 0))
            sns.heatmap(
                cells, annot=texts, fmt="", cmap="RdBu", norm=LogNorm(1 / furthest, furthest), cbar=False, ax=axes,
                linewidths=1, annot_kws={"size": 8},
            )  # fmt: skip
            axes.set(title=name, xlabel=tr("Batch"), ylabel=tr("Image side"))
            axes.title.set_size(9)
            axes.tick_params(axis="y", rotation=0)
        figure.set_layout_engine("constrained")  # not above: seaborn draws the whole figure for each of its maps
    best = table.loc[table.speedup.idxmax()]
    least = table.loc[table.speedup.idxmin()]
    alt = tr(
        "{caption}. The largest is {most}×: {best}; the smallest is {least}×: {worst}.", caption=caption,
        most=number(best.speedup, 2), best=at(best), least=number(least.speedup, 2), worst=at(least),
    )  # fmt: skip
    colours = tr("{caption}. Blue is faster, red is slower", caption=caption)
    return plots.shown(figure, f"{colours}{note}", alt, png)
