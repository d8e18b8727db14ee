"""The section on recognition: right answers to labelled images against speed, and what each step down costs."""

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

from bench_lib.analysis import recognition
from bench_lib.analysis.case_table import is_baseline, main_names
from bench_lib.core.real_images import Labelled
from bench_lib.report.marks import with_marks
from bench_lib.report.phrases import bullets, few, heading, row_title
from bench_lib.report.plots import STYLE, draw_legend, figure_html, line_styles, mark_decades
from bench_lib.report.recognition_words import advice_sentence, points_text, signed, top1_text
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed_few
from bench_lib.text.numbers import span

INTERPOLATIONS = {"bilinear": mark("bilinear interpolation"), "bicubic": mark("bicubic interpolation")}


def show(report: Report) -> None:
    """Display the section; nothing where the images have no labels."""
    rows = recognition.points(report)
    if rows.empty:
        return
    display(heading("### Recognition against speed"), conditions_text(report), accuracy_vs_fps(report))
    answers = recognition.answers_of(report)
    for made in (precision_table(rows, answers), size_table(rows, answers)):
        if made is not None:
            display(made)
    display(conclusions_text(report))


def conditions_text(report: Report) -> Markdown:
    """How many images with labels there were, how they were prepared, and how right answers are compared."""
    known = [record.labelled for record in report.records if record.labelled]
    first = known[0]
    lines = [
        tr_n(
            "**Right answers (top-1):** the share of {n}{nbsp}labelled image whose first answer is its class, one of "
            "{classes}. Each configuration answered all of them once, after its time was measured.",
            "**Right answers (top-1):** the share of {n}{nbsp}labelled images whose first answer is their class, one "
            "of {classes}. Each configuration answered all of them once, after its time was measured.",
            len(first.top1), classes=first.classes,
        ),
        preparation_sentence(first),
        tr(
            "**Intervals and comparisons:** 95% intervals by Wilson; differences of two configurations are of the same "
            "images, with Newcombe's interval, and are told apart by McNemar's exact test with Holm's correction for "
            "the number of comparisons in a table. The network is taken as it was trained: another training would "
            "differ by more."
        ),
    ]  # fmt: skip
    if any(record.labelled and "calibration_images" in record.ran for record in report.records):
        lines.append(tr(
            "**int8** was calibrated on images of the same folder, so on images that it has not seen it may answer a "
            "little fewer right."
        ))  # fmt: skip
    skipped = max(known, key=lambda one: one.skipped)
    if skipped.skipped:
        lines.append(tr_n(
            "{n}{nbsp}file could not be decoded and is not counted, such as {name}.",
            "{n}{nbsp}files could not be decoded and are not counted, such as {name}.",
            skipped.skipped, name=skipped.first_skipped,
        ))  # fmt: skip
    return bullets(lines)


def preparation_sentence(labelled: Labelled) -> str:
    """How an image was made the network's input, and what that means for a comparison of image sizes."""
    how = labelled.preprocessing
    kind = tr(INTERPOLATIONS.get(how.interpolation, how.interpolation))
    return tr(
        "**Image sizes:** for each, the shorter side is resized to {ratio} of the size ({kind}), and the square in the "
        "middle is cut. So a larger size shows the same part of a picture in more pixels: the network sees objects "
        "larger than it learned them, which by itself changes what it recognises (Touvron et al., FixRes, 2019).",
        ratio=number(how.resize / how.crop, 2), kind=kind,
    )  # fmt: skip


def accuracy_vs_fps(report: Report) -> HTML:
    """Right answers against FPS, a point for each approach and image size, with the Pareto front."""
    caption = tr("Right answers against throughput, at the batch with the highest FPS; the line is the Pareto front")
    rows = main_names(recognition.points(report))
    if rows.empty:
        return HTML(f"<p>{tr('The figure “{caption}” is not drawn: no images had labels.', caption=caption)}</p>")
    best, lines = recognition.front(rows), line_styles(report.cases)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
        axes.plot(best.fps, 100 * best.top1, color="0.6", linewidth=1.2, zorder=1, drawstyle="steps-pre")
        for name, own in rows.groupby("name", sort=False):
            style = lines[name].style | {"linestyle": "none"}
            down, up = (100 * (own[end] - own.top1).abs() for end in ("top1_low", "top1_high"))
            axes.errorbar(own.fps, 100 * own.top1, yerr=[down, up], label=name, elinewidth=0.6, **style)
        for _, row in best.iterrows():
            place = (row.fps, 100 * row.top1)
            axes.annotate(str(row.image_size), place, xytext=(5, 5), textcoords="offset points", fontsize=8)
        axes.set(xlabel=tr("FPS (images/s)"), ylabel=tr("Right answers, top-1 (%)"), xscale="log")
        mark_decades(axes.xaxis)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))
        draw_legend(figure, [axes])
    told = "; ".join(
        tr("{where}: {fps} FPS, {share}", where=row_title(row), fps=number(row.fps), share=top1_text(row))
        for _, row in best.iterrows()
    )
    note = tr("numbers are image sizes, bars 95% intervals")
    alt = tr("{caption}. On the front: {points}.", caption=caption, points=told)
    return figure_html(figure, f"{caption}; {note}", alt, report.figure_path("accuracy_vs_fps"))


def precision_table(rows: pd.DataFrame, answers: recognition.Answers) -> Styler | None:
    """What each approach costs against PyTorch fp32 at the same image sizes; None where there is none to compare."""
    found: dict[str, list[recognition.Step]] = {}
    for step in recognition.approach_steps(rows, answers):
        found.setdefault(step.row["name"], []).append(step)
    if not found:
        return None
    table = pd.DataFrame([
        {
            "name": name, "count": len(steps), "points": points_range(steps), "told": told_text(steps),
            "gain": span(*ends([one.row.fps / one.other.fps for one in steps]), "×", 2),
        }
        for name, steps in found.items()
    ])  # fmt: skip
    headings = {
        "name": tr("Optimisation"), "count": tr("Image sizes"), "points": tr("Right answers, difference (pp)"),
        "told": tr("Told apart at sizes"), "gain": tr("FPS, ratio"),
    }  # fmt: skip
    return styled(table, headings, tr("What each way costs against PyTorch fp32 at the same image size"))


def ends(values: list[float]) -> tuple[float, float]:
    """The least and the largest value."""
    return min(values), max(values)


def points_range(steps: list[recognition.Step]) -> str:
    """The differences of several steps in percentage points, from the least to the largest; of one, its interval."""
    if len(steps) == 1:
        return points_text(steps[0].paired.difference)
    low, high = (signed(100 * value) for value in ends([one.paired.difference.value for one in steps]))
    return low if low == high else tr("{low} to {high}", low=low, high=high)


def told_text(steps: list[recognition.Step]) -> str:
    """The image sizes at which the right answers are told apart; a dash where there is none."""
    return listed_few([str(one.row.image_size) for one in steps if one.is_told_apart]) or "—"


def size_table(rows: pd.DataFrame, answers: recognition.Answers) -> Styler | None:
    """What each step to a smaller image costs one approach; None with a single size."""
    steps = recognition.size_steps(rows, answers)
    if not steps:
        return None
    table = pd.DataFrame([
        {
            "step": f"{one.other.image_size} → {one.row.image_size}", "share": top1_text(one.row),
            **({"top5": top1_text(one.row, "top5")} if pd.notna(one.row.top5) else {}),
            "points": points_text(one.paired.difference),
            "told": tr("differs") if one.is_told_apart else tr("not told apart"),
            "gain": f"{number(one.row.fps / one.other.fps, 2)}×",
        }
        for one in steps
    ])  # fmt: skip
    headings = {
        "step": tr("Image size"), "share": tr("Right answers (%)"), "top5": tr("Right among the first five (%)"),
        "points": tr("Difference (pp)"),
        "told": tr("Right answers"), "gain": tr("FPS, ratio"),
    }  # fmt: skip
    name = steps[0].row["name"]
    return styled(table, headings, tr("What a smaller image costs and gains, {name}", name=name))


def conclusions_text(report: Report) -> Markdown:
    """What to take, and which approaches and sizes are on the front."""
    rows = recognition.points(report)
    best = recognition.front(rows)
    parts = few([
        tr("{where}: {fps} FPS, {share}", where=row_title(row), fps=number(row.fps), share=top1_text(row))
        for _, row in best.iterrows()
    ])  # fmt: skip
    lines = [
        f"**{tr('Conclusion:')}** {advice_sentence(report)}",
        tr(
            "**Pareto front** (nothing measured is both faster and more often right, by the figures themselves): "
            "{points}.",
            points="; ".join(parts),
        ),
    ]
    if not is_baseline(rows).any():
        lines.append(tr("PyTorch fp32 has no labelled figures here, so what a precision costs is not shown."))
    return bullets(with_marks(lines, best))
