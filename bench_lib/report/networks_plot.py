"""The figure of a run of several networks: the speedup of each approach for each network, one panel a batch size."""

import math

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.ticker import LogLocator

from bench_lib.analysis.case_table import BASELINE_NAME, PLACE, is_baseline
from bench_lib.report import plots
from bench_lib.report.phrases import place_title
from bench_lib.report.report import Report
from bench_lib.text.language import tr
from bench_lib.text.lists import spread_out

WIDE = 50  # times; over a wider range of speedups, powers of ten alone are written at the axis
MOST_DRAWN = 60  # networks; more would make a figure that no page holds
ROW_INCHES, EDGE_INCHES = 0.27, 1.3  # the height of a network, and of what stands above and below


def networks_figure(report: Report) -> HTML:
    """Points of speedup over PyTorch fp32 with their intervals: a row for each network, the largest speedups on top."""
    caption = tr("Speedup over {baseline} by network", baseline=BASELINE_NAME)
    table, note = plots.drawn_cases(report)
    table = table[~is_baseline(table) & table.speedup.notna()]
    if table.empty:
        return HTML(f"<p>{tr('The figure “{caption}” is not drawn: there are no speedups.', caption=caption)}</p>")
    ordered = table.groupby("network").speedup.max().sort_values(ascending=False)
    names = spread_out(list(ordered.index), MOST_DRAWN)
    if len(names) < len(ordered):
        note += f". {tr('Shown are {shown} of {all} networks', shown=len(names), all=len(ordered))}"
    every = list(table.groupby(PLACE[1:]))
    panels = spread_out(every, plots.MOST_PANELS)
    if len(panels) < len(every):
        note += f". {tr('Shown are {shown} of {all} panels', shown=len(panels), all=len(every))}"
    figure = draw_networks(report, panels, names)
    alt = plots.speedups_alternative(table, caption)
    told = tr(
        "{caption}; bars are 99% intervals, and a point without one has no known spread between processes; where a "
        "point is missing, there is no figure",
        caption=caption,
    )
    return plots.figure_html(figure, f"{told}{note}", alt, report.figure_path("networks"))


def draw_networks(report: Report, panels: list[tuple[tuple, pd.DataFrame]], names: list[str]) -> plt.Figure:
    """A panel for each image and batch size with its rows; the networks, `names`, go down in this order in all."""
    lines, columns = plots.line_styles(report.cases), min(2, len(panels))
    rows = -(-len(panels) // columns)
    height = rows * (ROW_INCHES * len(names) + EDGE_INCHES)
    with plt.rc_context(plots.STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(9, height), squeeze=False, sharex=True, sharey=True, layout="constrained"
        )
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, ((size, batch), here) in zip(grid.flat, panels, strict=False):
            draw_speedups(axes, here[here.network.isin(names)], names, lines)
            axes.set(title=place_title(size, batch, report.grid), xlabel=tr("Speedup"), xscale="log")
        first = grid.flat[0]
        first.set_yticks(range(len(names)), names, fontsize=8)
        first.set_ylim(len(names) - 0.5, -0.5)
        plots.mark_decades(first.xaxis)
        if first.get_xlim()[1] > WIDE * first.get_xlim()[0]:
            first.xaxis.set_major_locator(LogLocator())
        plots.draw_legend(figure, grid.flat)
    return figure


def draw_speedups(axes: plt.Axes, table: pd.DataFrame, names: list[str], lines: dict[str, plots.Line]) -> None:
    """One panel: for each approach its points, a little apart from each other within a network's row."""
    approaches = list(dict.fromkeys(table["name"]))
    axes.axvline(1, color="black", linewidth=0.8)
    for place, name in enumerate(approaches):
        rows = table[table["name"] == name]
        shift = 0.6 * ((place + 0.5) / len(approaches) - 0.5)
        high = rows.speedup_high.where(rows.speedup_high < math.inf)
        low = rows.speedup_low.where(high.notna())
        style = lines[name].style | {"linestyle": "none", "markersize": 4.5}
        axes.errorbar(
            rows.speedup, [names.index(network) + shift for network in rows.network],
            xerr=[rows.speedup - low, high - rows.speedup], label=name, elinewidth=0.7, **style,
        )  # fmt: skip
