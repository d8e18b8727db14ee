"""The page for who decides, below its answer: a picture, what a million images cost here, and what to mind."""

import math

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import is_baseline
from bench_lib.analysis.marks import marks_of
from bench_lib.report.phrases import row_title, unknown_accuracy
from bench_lib.report.plots import STYLE, figure_html, line_styles
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed_few

MILLION = 1_000_000
JOULES_PER_KWH = 3_600_000
MOST_ROWS = 5


def show(report: Report, price_per_hour: float | None = None) -> None:
    """Display the picture, the cost of a million images, in money too where an hour has a price, and the risks."""
    if len(report.measured):
        display(throughput_figure(report), cost_table(report, price_per_hour), risks_text(report))


def best_rows(report: Report) -> pd.DataFrame:
    """The fastest case of each runtime and precision, at most `MOST_ROWS`, and that of PyTorch fp32."""
    best = report.measured.sort_values("fps", ascending=False).drop_duplicates(["engine", "precision"])
    rows = pd.concat([best.head(MOST_ROWS), best[is_baseline(best)].head(1)])
    return rows[~rows.case.duplicated()]


def throughput_figure(report: Report) -> HTML:
    """Bars of the highest throughput of each runtime and precision, the fastest on top."""
    rows, caption = best_rows(report), tr("Highest throughput of each runtime and precision (images/s)")
    names = [row_title(row) for _, row in rows.iterrows()]
    with plt.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(figsize=(9, 0.36 * len(rows) + 0.3), layout="constrained")
        styles = line_styles(report.cases)
        bars = axes.barh(names, rows.fps, color=[styles[name].colour for name in rows["name"]])
        axes.bar_label(bars, [number(fps) for fps in rows.fps], padding=3)
        axes.invert_yaxis()
        axes.xaxis.set_visible(False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.margins(x=0.12)
    told = "; ".join(f"{name}: {number(fps)}" for name, fps in zip(names, rows.fps, strict=True))
    return figure_html(figure, caption, f"{caption}: {told}")


def cost_table(report: Report, price_per_hour: float | None) -> Styler:
    """Time, energy and money for a million images, for `best_rows`."""
    rows = best_rows(report)
    hours = MILLION / rows.fps / 3600
    table = pd.DataFrame({"name": [row_title(row) for _, row in rows.iterrows()], "minutes": (60 * hours).tolist()})
    headings = {"name": tr("Configuration"), "minutes": tr("Time (min)")}
    if rows.joules.notna().any():
        table["kwh"] = (rows.joules * MILLION / JOULES_PER_KWH).tolist()
        headings["kwh"] = tr("Energy of the device (kWh)")
    if price_per_hour is not None:
        table["money"] = (hours * price_per_hour).tolist()
        headings["money"] = tr("Price at {price} an hour", price=number(price_per_hour, 2))
    return styled(
        table, headings, tr("A million images: one device, inference alone, without the preparation of images")
    )


def risks_text(report: Report) -> Markdown:
    """What may be otherwise than these figures say: rows that did not settle, answers, another machine."""
    cases = report.measured
    marked = [row_title(row) for _, row in cases[cases.leads].iterrows() if marks_of(row)]
    lines = []
    if marked:
        lines.append(tr("Leading rows with a mark of caution (⚑): {names}.", names=listed_few(marked, 2)))
    if unknown := unknown_accuracy(report.grid):
        lines.append(tr("Recognition accuracy was not measured: {why}.", why=", ".join(unknown)))
    worst = cases.error.max()
    if not math.isnan(worst):
        lines.append(tr("The answers deviate from the reference by at most {error}.", error=number(worst, 4)))
    lines.append(tr("The figures hold for this machine, these versions and this network: measure your own."))
    return Markdown(tr("**What to mind.** {risks}", risks=" ".join(lines)))
