"""The section on what the time is made of: slow calls, the device's share, launches, energy, preparing images."""

import math

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import LAUNCH_BOUND
from bench_lib.analysis.case_table import PLACE
from bench_lib.core.reason import say
from bench_lib.report.marks import marked_title
from bench_lib.report.phrases import bullets, few, heading
from bench_lib.report.report import Report
from bench_lib.report.tables import headers, styled
from bench_lib.results.load_grid import P99_COUNT
from bench_lib.text.language import NBSP, mark, number, tr, tr_n
from bench_lib.text.lists import listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, span

PARTS = {
    "network": mark("Network"),
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


def show(report: Report) -> None:
    """Display the section: its heading, sentences and table."""
    display(heading("### Time breakdown"), time_parts_text(report), time_parts_table(report))


def time_parts_table(report: Report) -> Styler | HTML:
    """Latency, device time, enqueueing and the period of back-to-back calls, and energy; empty columns are left out."""
    cases = report.measured.sort_values([*PLACE, "latency_ms"], kind="stable")
    if cases.empty:
        return HTML(f"<p>{tr('There are no times: no configuration was measured.')}</p>")
    cases = cases.assign(period_ms=1e3 * cases.batch_size / cases.fps, millijoules=1e3 * cases.joules)
    cases["label"] += cases.launch_bound.map({True: f"{NBSP}◷", False: ""})
    columns = [name for name in PARTS if cases[name].notna().any()]
    columns = columns if report.several_networks else columns[1:]  # without the network
    return styled(cases[columns].reset_index(drop=True), headers(PARTS), tr("Time breakdown"))


def time_parts_text(report: Report) -> Markdown:
    """What the columns mean, which rows wait for the host, and what energy and preparing images take."""
    cases = report.measured
    lines = [
        tr(
            "**Latency** runs from sending a batch to having its output; 50, 90 and 99% of calls take no longer than "
            "p50, p90 and p99. **Back-to-back period** is the time per batch when one call follows another: the "
            "batch size divided by FPS."
        ),
        *count_sentences(report),
    ]
    if cases.device_ms.notna().any():
        lines.append(
            tr(
                "**Device** is how long a call occupies the GPU (CUDA events; the launch is hidden behind work that "
                "keeps the GPU busy). **Enqueue** is how long the host takes to send a call: the time until it returns "
                "without waiting."
            )
        )
        lines += launch_sentences(cases)
    return bullets(lines + energy_sentences(report) + preparation_sentences(report))


def count_sentences(report: Report) -> list[str]:
    """How many calls a p99 rests on, where that is too few; nothing where every process has enough."""
    counts = [len(record.timing.latency_ms) for record in report.records if record.status == "ok"]
    if not counts or min(counts) >= P99_COUNT:
        return []
    return [
        tr(
            "**p99** rests on {counts} calls of a process here; of fewer than {enough}, it is about the slowest of "
            "them.",
            counts=span(min(counts), max(counts), digits=0), enough=number(P99_COUNT, 0),
        )
    ]  # fmt: skip


def launch_sentences(cases: pd.DataFrame) -> list[str]:
    """How many of the cases wait for the host rather than for the GPU, and at which batch sizes."""
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


def energy_sentences(report: Report) -> list[str]:
    """The least energy per image; where none was measured, why."""
    cases = report.measured.dropna(subset="joules")
    if len(cases):
        best = cases.loc[cases.joules.idxmin()]
        source = next(record.energy.source for record in report.records if record.energy)
        return [
            tr(
                "**Energy** ({source}, at least a second of back-to-back calls): the least per image, "
                "{figure}{nbsp}mJ, is that of {where}.",
                source=source, figure=number(1e3 * best.joules), where=marked_title(best),
            )
        ]  # fmt: skip
    reasons = sorted({quoted(say(record.energy_absent)) for record in report.records if record.energy_absent})
    return [tr("**Energy** was not measured: {reasons}.", reasons=listed_few(reasons))] if reasons else []


def preparation_sentences(report: Report) -> list[str]:
    """What decoding, preprocessing and copying take besides inference, for each network and image size.

    Nothing where the images were synthetic.
    """
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    lines = few([beside_inference(rows, size) for (_, size), rows in cases.groupby(["model", "image_size"])])
    if lines and not report.machine.get("gpu"):
        lines.append(
            tr("There is no copying to a device: inference runs on the processor, and shares it with preparation.")
        )
    return lines


def beside_inference(rows: pd.DataFrame, size: int) -> str:
    """For a network and image size: what preparing an image takes in a thread, and how many the fastest case needs."""
    decode_ms, preprocess_ms, best = rows.decode_ms.median(), rows.preprocess_ms.median(), rows.loc[rows.fps.idxmax()]
    threads = math.ceil((decode_ms + preprocess_ms) * best.fps / 1e3)
    keeps_up = (
        tr("one such thread is enough")
        if threads == 1
        else tr_n("to keep up, it takes at least {n}{nbsp}such thread",
                  "to keep up, it takes at least {n}{nbsp}such threads", threads)
    )  # fmt: skip
    text = tr(
        "**Preparing an image** of {size}×{size} (one processor thread, outside the measured speed): decoding takes "
        "{decoding}{nbsp}ms, resizing and normalising {resizing}{nbsp}ms. Inference, where FPS is highest ({where}), "
        "takes {inference}{nbsp}ms per image: {keeps_up}.",
        size=size, decoding=number(decode_ms), resizing=number(preprocess_ms), where=marked_title(best),
        inference=number(1e3 / best.fps), keeps_up=keeps_up,
    )  # fmt: skip
    if pd.isna(best.copy_ms):
        return text
    copying = tr(
        "Copying that batch to the GPU takes {time}{nbsp}ms, {share} of its time/batch.",
        time=number(best.copy_ms), share=percent(best.copy_ms / best.latency_ms),
    )  # fmt: skip
    return f"{text} {copying}"
