"""Figures of what was measured under load: requests behind a queue, several at once, and images from files."""

from collections.abc import Callable, Sequence

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, ScalarFormatter

from bench_lib.report import plots
from bench_lib.report.phrases import load_name
from bench_lib.results import serving
from bench_lib.results.pipeline import Pipelined
from bench_lib.results.scaling import Crowd, Way
from bench_lib.results.serving import Point, Served, Serving
from bench_lib.text.language import tr
from bench_lib.text.numbers import plain

DASHES = {"processes": "-", "threads": "--"}


def draw_served(found: Serving, shown: Sequence[Served]) -> Figure:
    """The median and 99th percentile of the response time, and the share served, over the rate of requests."""
    lines = plots.line_styles(pd.DataFrame([
        {"name": load_name(served.case, found.grid), "engine": f"{served.case.engine} {served.case.image_size}",
         "variant": served.case.variant, "precision_label": served.case.precision} for served in shown
    ]))  # fmt: skip
    panels = {
        tr("p50 (ms)"): lambda point: point.loadgen.p50_ms,
        tr("p99 (ms)"): lambda point: point.loadgen.p99_ms,
        tr("Served, share of rate"): lambda point: point.loadgen.ips / point.offered_ips,
    }
    with plt.rc_context(plots.STYLE):
        figure, grid = plt.subplots(1, 3, figsize=(9, 3.9), layout="constrained")
        for axes, (title, value) in zip(grid, panels.items(), strict=True):
            for served in shown:
                name = load_name(served.case, found.grid)
                draw_curve(axes, served, value, lines[name].style | {"markersize": 4}, name)
            axes.set(title=title, xlabel=tr("Request rate (requests/s)"), xscale="log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        for axes in grid[:2]:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        grid[1].axhline(found.grid.p99_ms, color="black", linewidth=0.8, linestyle=":")
        grid[2].set_ylim(0, 1.2)
        for axis in (axis for axes in grid for axis in (axes.xaxis, axes.yaxis)):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        plots.draw_legend(figure, grid)
    return figure


def draw_curve(axes: plt.Axes, served: Served, value: Callable[[Point], float | None], style: dict, label: str) -> None:
    """A line over the rates that have this value, with a star at the knee."""
    shown = [point for point in served.points if value(point) is not None]
    axes.plot([point.offered_ips for point in shown], list(map(value, shown)), label=label, **style)
    if (knee := serving.knee_point(served.points)) in shown:
        axes.plot(knee.offered_ips, value(knee), marker="*", markersize=11, color=style["color"])


def short_number(value: float) -> str:
    """A number on an axis, with thousands as k."""
    return tr("{number}k", number=plain(value / 1e3)) if value >= 1e3 else plain(value)


def draw_crowds(lines: Sequence[tuple[str, Way, Sequence[Crowd]]]) -> Figure:
    """Throughput and latency over how many run at once: one colour per case, processes solid, threads dashed.

    A line is a case's name, how its workers run, and its crowds; of the cases, the first `plots.MOST_PANELS` are drawn.
    """
    shown = list(dict.fromkeys(name for name, _, _ in lines))[: plots.MOST_PANELS]
    colours = plots.line_styles(pd.DataFrame([{"name": name, "engine": name, "variant": "", "precision_label": ""}
                                              for name in shown]))  # fmt: skip
    panels = {tr("Images per second, all together"): lambda c: c.ips, tr("p50 of a batch (ms)"): lambda c: c.p50_ms}
    with plt.rc_context(plots.STYLE):
        figure, grid = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
        for axes, (title, value) in zip(grid, panels.items(), strict=True):
            for name, way, crowds in reversed(lines):  # the legend shows each name's last line, that of processes
                if name in shown:
                    style = colours[name].style | {"linestyle": DASHES[way], "markersize": 4}
                    axes.plot([crowd.workers for crowd in crowds], list(map(value, crowds)), label=name, **style)
            axes.set(title=title, xlabel=tr("Running at once"), xscale="log", yscale="log")
            mark_counts(axes, {crowd.workers for _, _, crowds in lines for crowd in crowds})
            plots.mark_decades(axes.yaxis)
        plots.draw_legend(figure, grid)
    return figure


def mark_counts(axes: plt.Axes, counts: set[int]) -> None:
    """Write these counts on the logarithmic x axis, and nothing between."""
    axes.set_xticks(sorted(counts))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())


def draw_stages(groups: dict[str, list[Pipelined]]) -> Figure:
    """Images a second over the batch: the whole as a solid line, the bare engine dashed, decoding alone dotted.

    `groups` are the cases of each line, by its name; decoding, which is about the same for all, is that of the first.
    """
    lines = plots.line_styles(pd.DataFrame([
        {"name": name, "engine": cases[0].case.engine, "variant": "", "precision_label": cases[0].case.precision}
        for name, cases in groups.items()
    ]))  # fmt: skip
    with plt.rc_context(plots.STYLE):
        figure, axes = plt.subplots(figsize=(9, 3.9), layout="constrained")
        for name, cases in groups.items():
            batches, style = [one.case.batch_size for one in cases], lines[name].style | {"markersize": 4}
            for kind, dashes, words in (("whole", "-", tr("whole pipeline")), ("infer", "--", tr("inference alone"))):
                rates = [getattr(one, f"{kind}_ips") for one in cases]
                axes.plot(batches, rates, **style | {"linestyle": dashes}, label=f"{name}, {words}")  # fmt: skip
        first = next(iter(groups))
        decoding = sorted((one.case.batch_size, one.decode_ips) for one in groups[first])
        axes.plot(*zip(*decoding, strict=True), color="black", linestyle=":", marker=".",
                  label=f"{first}, {tr('decoding alone')}")  # fmt: skip
        axes.set(xlabel=tr("Batch size (images)"), ylabel=tr("Images per second"), yscale="log")
        axes.set_xscale("log", base=2)
        mark_counts(axes, {one.case.batch_size for cases in groups.values() for one in cases})
        plots.mark_decades(axes.yaxis)
        plots.draw_legend(figure, [axes])
    return figure
