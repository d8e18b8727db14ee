"""The section on what options gain: each runtime's defaults beside its best variant, step by step, and the price."""

from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import PLACE, compare_rows, is_baseline, weakest_source
from bench_lib.analysis.tuning import Pair, default_and_best, has_variants
from bench_lib.core.case import engine_label, options_text
from bench_lib.report.exactness import exactness_words
from bench_lib.report.marks import mark_sign, marked_name, marked_title, sign_meaning
from bench_lib.report.phrases import bullets, few, heading
from bench_lib.report.report import Report
from bench_lib.report.spread_words import assumed_words, mark_notes
from bench_lib.report.tables import COLUMNS, VARIANTS_ID, speedup_text, styled, verdict_texts
from bench_lib.report.waterfall import waterfall_figure
from bench_lib.text.language import number, tr, tr_n
from bench_lib.text.lists import listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, times


def show(report: Report) -> None:
    """Display the section: its heading, sentences, table, figure and variants; nothing where there are none."""
    if not has_variants(report):
        return
    display(
        heading("### Headroom: options of each runtime"),
        tuning_text(report),
        tuning_table(report),
        waterfall_figure(report),
        variants_table(report),
    )


def tuning_text(report: Report) -> Markdown:
    """For each image size and batch size: the best there is, what its options gained, and what they cost."""
    found = default_and_best(report.measured)
    places = [rows for _, rows in report.measured.groupby(PLACE)]
    fastest = few([place_sentences(rows) for rows in places])
    notes = mark_notes(pd.Series([pair.outcome_from for pair in found]))
    return bullets([*fastest, *build_sentences(found), *energy_sentences(report.measured), *notes])


def place_sentences(rows: pd.DataFrame) -> str:
    """For the cases of one image size and batch size: the fastest, what its options gained, and its accuracy."""
    best = rows.loc[rows.latency_ms.idxmin()]
    level = [row["name"] for _, row in rows[rows.leads].iterrows() if row.case != best.case]
    usual = rows[rows.variant == ""]
    text = fastest_sentence(best)
    if level:
        names = listed_few(list(map(quoted, level)), 4)
        text += f"; {tr('the data do not tell {names} apart from it', names=names)}"
    sentences = [f"{text}."]
    if best.variant and len(usual):
        sentences.append(gain_sentence(best, usual.loc[usual.latency_ms.idxmin()]))
    return " ".join([*sentences, tr("Its output: {exactness}.", exactness=exactness_words(best))])


def fastest_sentence(best: Any) -> str:
    """The fastest case of its image size and batch size: its time, FPS and, where known, its share of the ceiling."""
    fields = {
        "size": best.image_size, "batch": best.batch_size, "name": marked_name(best),
        "ms": number(best.latency_ms), "fps": number(best.fps),
    }  # fmt: skip
    if pd.isna(best.roofline):
        return tr("**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS", **fields)
    return tr(
        "**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS, {share} of the ceiling",
        share=percent(best.roofline), **fields,
    )  # fmt: skip


def gain_sentence(best: Any, usual: Any) -> str:
    """How much faster the best is than the fastest with default options, or that the data do not decide it."""
    fields = {"name": marked_name(usual), "ms": number(usual.latency_ms)}
    if compare_rows(best, usual) != "faster":
        return tr(
            "The best with default options is {name}, {ms}{nbsp}ms: whether the tuned one is faster is not decided.",
            **fields,
        )
    return tr(
        "The best with default options is {name}, {ms}{nbsp}ms: the tuned one is {gain} faster{assumed}.",
        gain=times(usual.latency_ms / best.latency_ms), assumed=assumed_words(weakest_source(best, usual)), **fields,
    )  # fmt: skip


def build_sentences(found: list[Pair]) -> list[str]:
    """The most that faster options add to the time to build, and when that pays off; nothing where none are faster."""
    faster = [pair for pair in found if pair.outcome == "faster"]
    if not faster:
        return []
    most = max(faster, key=lambda pair: pair.best.build_s - pair.default.build_s)
    return [
        tr(
            "**The price of tuning is the build:** it is highest for {case}: {tuned}{nbsp}s instead of {usual}{nbsp}s; "
            "{payback}.",
            case=marked_title(most.best), tuned=number(most.best.build_s), usual=number(most.default.build_s),
            payback=payback_words(most),
        )
    ]  # fmt: skip


def payback_words(pair: Pair) -> str:
    """After how many images the higher throughput has made up for the longer build, in words."""
    saved_s = 1 / pair.default.fps - 1 / pair.best.fps
    more_s = max(0.0, pair.best.build_s - pair.default.build_s)
    if saved_s <= 0:
        return tr("it does not pay off, as the throughput is no higher")
    images = round(more_s / saved_s)
    return tr_n("it pays off after {n}{nbsp}image", "it pays off after {n}{nbsp}images", images)


def energy_sentences(cases: pd.DataFrame) -> list[str]:
    """Which case processes the most images per joule, beside the best of PyTorch fp32 at its image size.

    Nothing where energy was not measured.
    """
    counted = cases.dropna(subset="joules")
    if counted.empty:
        return []
    best = counted.loc[counted.joules.idxmin()]
    fields = {"figure": number(1 / best.joules), "case": marked_title(best)}
    baseline = counted[is_baseline(counted) & (counted.image_size == best.image_size)]
    if baseline.empty:
        return [tr("**FPS per watt:** the most, {figure}, comes from {case}.", **fields)]
    usual = baseline.loc[baseline.joules.idxmin()]
    return [
        tr(
            "**FPS per watt:** the most, {figure}, comes from {case}; {baseline} gives at most {usual} "
            "(batch {batch}).",
            baseline=marked_name(usual), usual=number(1 / usual.joules), batch=usual.batch_size, **fields,
        )
    ]  # fmt: skip


def tuning_table(report: Report) -> Styler | HTML:
    """Each runtime's default beside its best options, at each precision, image size and batch size."""
    if not has_variants(report):
        return HTML("")
    pairs = default_and_best(report.measured)
    columns = ["precision_label", "image_size", "batch_size", "fps", "roofline", "build_s"]
    shown = pd.DataFrame([
        dict(pair.best[columns]) | {
            "runtime": engine_label(pair.best.engine),
            "default_ms": float("nan") if pair.default is None else pair.default.latency_ms,
            "variant": (pair.best.variant or tr("default")) + mark_sign(pair.best),
            "best_ms": pair.best.latency_ms,
            "gain": speedup_text(pair.gain),
            "verdict": pair.outcome,
            "verdict_from": pair.outcome_from,
            "images_per_joule": 1 / pair.best.joules,
        }
        for pair in pairs
    ])  # fmt: skip
    shown["verdict"] = verdict_texts(shown.verdict, shown.verdict_from)
    headings = {
        "runtime": tr("Runtime"), "precision_label": tr("Precision"), "image_size": tr("Size"),
        "batch_size": tr("Batch"), "default_ms": tr("Default (ms)"), "variant": tr("Best variant"),
        "best_ms": tr("Best time (ms)"), "gain": tr("Gain"), "verdict": tr("Verdict"), "fps": tr("FPS"),
        "roofline": tr(COLUMNS["roofline"]), "images_per_joule": tr("FPS per watt"), "build_s": tr("Build (s)"),
    }  # fmt: skip
    known = shown[list(headings)].dropna(axis="columns", how="all")
    meaning = sign_meaning(pd.DataFrame([pair.best for pair in pairs]))
    return styled(known, headings, tr("By default and with the best options") + meaning)


def variants_table(report: Report) -> Styler | HTML:
    """The engine and the options of each variant; nothing where there are no variants."""
    named = {name: variant for name, variant in report.grid.variants.items() if name in set(report.cases.variant)}
    if not named:
        return HTML("")
    shown = pd.DataFrame([
        {"variant": name, "runtime": engine_label(variant.engine), "options": options_text(variant.options) or "—"}
        for name, variant in named.items()
    ])  # fmt: skip
    headings = {"variant": tr("Variant"), "runtime": tr("Runtime"), "options": tr("Options")}
    return styled(shown, headings, tr("What each variant stands for")).set_table_attributes(f'id="{VARIANTS_ID}"')
