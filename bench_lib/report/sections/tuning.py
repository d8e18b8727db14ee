"""Tables → what can still be had: each runtime's default beside its best options, what each step brought, the price."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import HTML, Markdown
from matplotlib.ticker import FuncFormatter
from pandas.io.formats.style import Styler

from bench_lib.analysis import tuning
from bench_lib.analysis.case_table import BASELINE_NAME, CaseTable, compare_rows
from bench_lib.analysis.findings import AXES
from bench_lib.analysis.tuning import Pair, default_and_best, has_variants
from bench_lib.core.case import LABELS
from bench_lib.report import plots
from bench_lib.report.phrases import bullets, few, row_title, top1_sentence
from bench_lib.report.tables import COLUMNS, styled
from bench_lib.text.language import mark, number, tr, tr_n, tr_p
from bench_lib.text.lists import listed_few, spread_out
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain, scientific, times

DEFAULTS_ONLY = mark(
    "In this run each runtime is measured with one set of options only, so there is nothing to compare; "
    "`params/best.yaml` tries many."
)


def tuning_text(report: CaseTable) -> Markdown:
    """For each image size and batch size: the best there is, what its options gained, and what they cost."""
    if not has_variants(report):
        return bullets([tr(DEFAULTS_ONLY)])
    found = default_and_best(report.measured)
    places = [rows for _, rows in report.measured.groupby(AXES)]
    return bullets([*few([best_of(rows) for rows in places]), *dearest(found), *frugal(report.measured)])


def best_of(rows: pd.DataFrame) -> str:
    """The fastest of one place: by how much, and at what loss of accuracy."""
    best = rows.loc[rows.latency_ms.idxmin()]
    level = [f"{row['name']}" for _, row in rows[rows.leads].iterrows() if row.case != best.case]
    plain = rows[rows.variant == ""]
    text = fastest_sentence(best)
    if level:
        names = listed_few(list(map(quoted, level)), 4)
        text += f"; {tr('the data do not tell {names} apart from it', names=names)}"
    sentences = [f"{text}."]
    if best.variant and len(plain):
        sentences.append(gain_sentence(best, plain.loc[plain.latency_ms.idxmin()]))
    error = tr("The error is {error}; {matches}.", error=scientific(best.error), matches=top1_sentence(best.top1))
    return " ".join([*sentences, error])


def fastest_sentence(best: Any) -> str:
    """The fastest of one place and its figures."""
    fields = {
        "size": best.image_size, "batch": best.batch_size, "name": quoted(best["name"]),
        "ms": number(best.latency_ms), "fps": number(best.fps),
    }  # fmt: skip
    if best.roofline != best.roofline:
        return tr("**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS", **fields)
    return tr(
        "**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS, {share} of the ceiling",
        share=percent(best.roofline), **fields,
    )  # fmt: skip


def gain_sentence(best: Any, usual: Any) -> str:
    """How much faster the best is than the fastest of those that came as they are, where that is decided."""
    fields = {"name": quoted(usual["name"]), "ms": number(usual.latency_ms)}
    if compare_rows(best, usual) != "faster":
        return tr(
            "The best with default options is {name}, {ms}{nbsp}ms: whether the tuned one is faster is not decided.",
            **fields,
        )
    return tr(
        "The best with default options is {name}, {ms}{nbsp}ms: the tuned one is {gain} faster.",
        gain=times(usual.latency_ms / best.latency_ms), **fields,
    )  # fmt: skip


def dearest(found: list[Pair]) -> list[str]:
    """What the options add to the build, at most, where they are faster."""
    faster = [pair for pair in found if pair.outcome == "faster"]
    if not faster:
        return []
    most = max(faster, key=lambda pair: pair.best.build_s - pair.default.build_s)
    return [
        tr(
            "**The price of tuning is the build:** it is highest for {case}: {tuned}{nbsp}s instead of {usual}{nbsp}s; "
            "{payback}.",
            case=row_title(most.best), tuned=number(most.best.build_s), usual=number(most.default.build_s),
            payback=payback(most),
        )
    ]  # fmt: skip


def payback(pair: Pair) -> str:
    """After how many images the time that the build took more is saved, by throughput, in words."""
    saved_s = 1 / pair.default.fps - 1 / pair.best.fps
    more_s = max(0.0, pair.best.build_s - pair.default.build_s)
    if saved_s <= 0:
        return tr("it does not pay off, as the throughput is no higher")
    images = round(more_s / saved_s)
    return tr_n("it pays off after {n}{nbsp}image", "it pays off after {n}{nbsp}images", images)


def frugal(cases: pd.DataFrame) -> list[str]:
    """Who gets most images from a joule."""
    counted = cases.dropna(subset="joules")
    if counted.empty:
        return []
    best = counted.loc[counted.joules.idxmin()]
    fields = {"figure": number(1 / best.joules), "case": row_title(best)}
    baseline = counted[(counted["name"] == BASELINE_NAME) & (counted.image_size == best.image_size)]
    if baseline.empty:
        return [tr("**FPS per watt:** the most, {figure}, comes from {case}.", **fields)]
    usual = baseline.loc[baseline.joules.idxmin()]
    return [
        tr(
            "**FPS per watt:** the most, {figure}, comes from {case}; {baseline} gives at most {usual} "
            "(batch {batch}).",
            baseline=BASELINE_NAME, usual=number(1 / usual.joules), batch=usual.batch_size, **fields,
        )
    ]  # fmt: skip


def tuning_table(report: CaseTable) -> Styler | HTML:
    """Each runtime's default beside its best options, at each precision, image size and batch size."""
    if not has_variants(report):
        return HTML("")
    shown = pd.DataFrame([
        {
            tr("Runtime"): LABELS.get(pair.best.engine, pair.best.engine),
            tr("Precision"): pair.best.precision_label,
            tr("Size"): pair.best.image_size,
            tr("Batch"): pair.best.batch_size,
            tr("Default (ms)"): float("nan") if pair.default is None else pair.default.latency_ms,
            tr("Best variant"): pair.best.variant or tr("default"),
            tr("Best time (ms)"): pair.best.latency_ms,
            tr("Gain"): f"{number(pair.gain, 2)}×" if pair.gain == pair.gain else "—",
            tr("Verdict"): pair.verdict,
            tr("FPS"): pair.best.fps,
            tr(COLUMNS["roofline"]): pair.best.roofline,
            tr("FPS per watt"): 1 / pair.best.joules,
            tr("Build (s)"): pair.best.build_s,
        }
        for pair in default_and_best(report.measured)
    ])  # fmt: skip
    return styled(shown.dropna(axis="columns", how="all"), tr("By default and with the best options"))


def variants_table(report: CaseTable) -> Styler | HTML:
    """What each name of a variant stands for."""
    named = {name: variant for name, variant in report.grid.variants.items() if name in set(report.cases.variant)}
    if not named:
        return HTML("")
    shown = pd.DataFrame([
        {
            tr("Variant"): name,
            tr("Runtime"): LABELS.get(variant.engine, variant.engine),
            tr("Options"): ", ".join(f"{key}={value}" for key, value in variant.options.items()) or "—",
        }
        for name, variant in named.items()
    ])  # fmt: skip
    return styled(shown, tr("What each variant stands for"))


LADDER_CAPTION = mark("What each step gains: from PyTorch fp32 to the fastest")


def waterfall_figure(report: CaseTable, png: str | Path) -> HTML:
    """Time per batch after each step, and what the step saved or lost; a panel an image size and batch size."""
    if not tuning.has_variants(report):
        return HTML("")
    cases = report.measured
    fastest = [rows.loc[rows.latency_ms.idxmin()] for _, rows in cases.groupby(AXES)]
    ladders = [steps for steps in (tuning.ladder(report, best) for best in fastest) if len(steps) > 1]
    ladders = spread_out(ladders, plots.MOST_PANELS)
    caption = tr(LADDER_CAPTION)
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
    return plots.figure_html(figure, legend, f"{caption}. {alt}.", png)


def draw_ladder(axes: plt.Axes, steps: list[tuning.Step]) -> None:
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


def ladder_words(steps: list[tuning.Step]) -> str:
    """One ladder for those who do not see it."""
    row = steps[-1].row
    parts = [tr("{step}: {ms}{nbsp}ms", step=step.added, ms=number(step.row.latency_ms)) for step in steps]
    return tr(
        "{size}×{size}, batch {batch} — {steps}", size=row.image_size, batch=row.batch_size, steps=", ".join(parts)
    )
