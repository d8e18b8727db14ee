"""Tables → what is in the time, and around it: tails, the device's share, launches, the cold start, energy."""

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib import inputs
from bench_lib.figures import LAUNCH_BOUND
from bench_lib.language import mark, stored, tr, tr_n
from bench_lib.narrative import at, bullets
from bench_lib.summary import Summary
from bench_lib.tables import headers, styled
from bench_lib.words import NBSP, listed_few, number, percent, quoted

PARTS = {
    "label": mark("Optimisation"),
    "precision_label": mark("Precision"),
    "image_size": mark("Size"),
    "batch_size": mark("Batch"),
    "latency_ms": mark("Latency p50 (ms)"),
    "p90_ms": mark("p90 (ms)"),
    "p99_ms": mark("p99 (ms)"),
    "device_ms": mark("Device (ms)"),
    "enqueue_ms": mark("Enqueue (ms)"),
    "period_ms": mark("Back-to-back period (ms)"),
    "millijoules": mark("Energy (mJ/image)"),
}


def table(report: Summary) -> Styler | HTML:
    """Four figures that are often mixed up, and energy; columns that nothing fills are left out."""
    cases = report.measured.sort_values(["image_size", "batch_size", "latency_ms"], kind="stable")
    if cases.empty:
        return HTML(f"<p>{tr('There are no times: no configuration was measured.')}</p>")
    cases = cases.assign(period_ms=1e3 * cases.batch_size / cases.fps, millijoules=1e3 * cases.joules)
    cases["label"] += cases.launch_bound.map({True: f"{NBSP}◷", False: ""})
    columns = [name for name in PARTS if cases[name].notna().any()]
    shown = cases[columns].rename(columns=headers(PARTS)).reset_index(drop=True)
    return styled(shown, tr("What the time is made of"))


def reading(report: Summary) -> Markdown:
    """What the columns are, and which rows the host holds up."""
    cases = report.measured
    lines = [
        tr(
            "**Latency** runs from sending a batch to having its output; 50, 90 and 99% of calls take no longer than "
            "p50, p90 and p99. **Back-to-back period** is the time per batch when one call follows another: the "
            "batch size divided by FPS."
        ),
    ]
    if cases.device_ms.notna().any():
        lines.append(
            tr(
                "**Device** is how long a call occupies the GPU (CUDA events; the launch is hidden behind work that "
                "keeps the GPU busy). **Enqueue** is how long the host takes to send a call: the time until it returns "
                "without waiting."
            )
        )
        lines += launches(cases)
    return bullets(lines + energy(report) + inputs.preparation(report))


def launches(cases: pd.DataFrame) -> list[str]:
    """Which cases wait for the host rather than for the GPU."""
    bound = cases[cases.launch_bound]
    if bound.empty:
        return [tr("No row is bound by enqueueing: the wait is for the GPU everywhere, not for the host.")]
    batches = sorted(bound.batch_size.unique())
    idle = (1 - bound.device_ms / bound.latency_ms).median()
    return [
        tr(
            "**◷** marks a row bound by enqueueing (at least {bound} of latency): the GPU computes faster than the "
            "host gives it work, and in half of such rows it idles for at least {idle} of the time. There the time "
            "depends on the host and on the overhead of the runtime, not on precision or image size; CUDA graphs or a "
            "larger batch help. Such rows: {count} of {total}, batches: {batches}.",
            bound=percent(LAUNCH_BOUND), idle=percent(max(idle, 0)), count=len(bound), total=len(cases),
            batches=listed_few(list(map(str, batches))),
        )
    ]  # fmt: skip


def energy(report: Summary) -> list[str]:
    """Joules for an image: the least, or why there are none."""
    cases = report.measured.dropna(subset="joules")
    if len(cases):
        best = cases.loc[cases.joules.idxmin()]
        source = next(record.energy.source for record in report.records if record.energy)
        return [
            tr(
                "**Energy** ({source}, at least a second of back-to-back calls): the least per image, "
                "{figure}{nbsp}mJ, is that of {where}.",
                source=source, figure=number(1e3 * best.joules), where=at(best),
            )
        ]  # fmt: skip
    reasons = sorted({quoted(no_counter(record.energy_absent)) for record in report.records if record.energy_absent})
    return [tr("**Energy** was not measured: {reasons}.", reasons=listed_few(reasons))] if reasons else []


def no_counter(reason: str) -> str:
    """Why energy was not measured; the driver's own words may follow in brackets, and stay as they are."""
    if (known := stored(reason)) != reason:
        return known
    words, bracket, error = reason.partition(" (")
    return f"{stored(words)}{bracket}{error}"


def start_table(report: Summary) -> Styler | HTML:
    """What a cold start costs, each engine and precision: medians over all sizes and batches, and the longest build."""
    cases = report.measured
    if cases.empty:
        return HTML(f"<p>{tr('No cold start was measured.')}</p>")
    by_name = cases.groupby(["label", "precision_label"], sort=False)
    medians = by_name[["import_s", "build_s", "first_ms", "settle_s"]].median()
    medians["first_ms"] /= 1e3
    shown = medians.assign(longest=by_name.build_s.max()).reset_index()
    shown = shown[["label", "precision_label", "import_s", "build_s", "longest", "first_ms", "settle_s"]]
    shown.columns = [
        tr("Optimisation"), tr("Precision"), tr("Import (s)"), tr("Build (s)"), tr("Longest build (s)"),
        tr("First call (s)"), tr("Until steady speed (s)"),
    ]  # fmt: skip
    caption = tr_n(
        "Cold start: medians over {n}{nbsp}configuration", "Cold start: medians over {n}{nbsp}configurations",
        len(cases),
    )  # fmt: skip
    return styled(shown.dropna(axis="columns", how="all"), caption)
