"""Tables → the figure of what each option brought, step by step."""

from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import HTML
from matplotlib.ticker import FuncFormatter

from bench_lib import plots, tuning
from bench_lib.findings import AXES
from bench_lib.summary import Summary
from bench_lib.words import number, percent, plain, spread_out

CAPTION = "Что даёт каждый шаг: от PyTorch fp32 до самого быстрого"


def waterfall(report: Summary, png: str | Path) -> HTML:
    """Time per batch after each step, and what the step saved or lost; a panel an image size and batch size."""
    if not tuning.has_variants(report):
        return HTML("")
    cases = report.measured
    fastest = [rows.loc[rows.latency_ms.idxmin()] for _, rows in cases.groupby(AXES)]
    ladders = [steps for steps in (tuning.ladder(report, best) for best in fastest) if len(steps) > 1]
    ladders = spread_out(ladders, plots.MOST_PANELS)
    if not ladders:
        return HTML(f"<p>График «{CAPTION}» не построен: у самых быстрых нет измеренных шагов.</p>")
    with plt.rc_context(plots.STYLE | {"axes.grid": False}):
        rows = [len(steps) + 1.6 for steps in ladders]
        figure, grid = plt.subplots(
            len(ladders), 1, figsize=(9, 0.34 * sum(rows)), squeeze=False, layout="constrained", height_ratios=rows
        )
        for axes, steps in zip(grid.flat, ladders, strict=True):
            draw(axes, steps)
    alt = "; ".join(words(steps) for steps in ladders)
    return plots.shown(figure, f"{CAPTION}. Светлое — сколько шаг сберёг, красное — сколько добавил",
                       f"{CAPTION}. {alt}.", png)  # fmt: skip


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
        axes.annotate(f" {number(now)} мс{change}", (max(now, last), place), va="center", fontsize=8)
    row = steps[-1].row
    axes.set_yticks(range(len(steps)), [step.added for step in steps], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * max(times))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.set(title=f"{row.image_size}×{row.image_size}, батч {row.batch_size}: {row['name']}", xlabel="Время/батч (мс)")
    axes.spines[["top", "right"]].set_visible(False)


def words(steps: list[tuning.Step]) -> str:
    """One ladder for those who do not see it."""
    row = steps[-1].row
    parts = [f"{step.added}: {number(step.row.latency_ms)} мс" for step in steps]
    return f"{row.image_size}×{row.image_size}, батч {row.batch_size} — {', '.join(parts)}"
