"""The section with the table of results, and what its columns mean."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis import roofline
from bench_lib.analysis.case_row import MIB
from bench_lib.analysis.case_table import BASELINE_NAME, PLACE, TF32, TF32_NAME, is_baseline, is_of, status_counts
from bench_lib.analysis.marks import FLAGS, HOST, is_steady
from bench_lib.report.marks import mark_words
from bench_lib.report.phrases import bullets, heading
from bench_lib.report.report import Report
from bench_lib.report.spread_words import mark_notes
from bench_lib.report.tables import COLUMNS, KINDS, headers, styled, verdict_texts
from bench_lib.text.language import NBSP, mark, number, tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import plain, span


def show(report: Report) -> None:
    """Display the section: its heading, what the columns mean, and the table."""
    display(heading("### Table of results"), columns_text(report), results_table(report))


def ceiling_meaning(report: Report) -> str:
    """What the column “% of ceiling” holds, with the peaks and their source, or why there is no such column."""
    gpu = report.machine.get("gpu")
    if not gpu:
        return tr(
            "not computed: processors have no documented peak, as it depends on the instruction set and on the clock "
            "under load"
        )
    known = roofline.gpu_peaks(gpu)
    if known is None:
        return tr(
            "not computed: the documented peaks of {gpu} are not in the table `bench_lib/analysis/peaks.yaml`",
            gpu=quoted(gpu["name"]),
        )
    if report.measured.roofline.isna().all():
        return tr(
            "not computed: the records do not hold the network's operation count, or the GPU has no peak for the "
            "precision measured"
        )
    rates = {"fp32": known.fp32, "TF32": known.tf32, "fp16": known.fp16, "bf16": known.bf16}
    peaks = [tr("{name} {rate}{nbsp}TFLOP/s", name=name, rate=plain(rate)) for name, rate in rates.items() if rate]
    return tr(
        "the FPS of this row as a percentage of the most that the documented peaks of {gpu} allow: {peaks} (without "
        "sparsity), memory {bandwidth}{nbsp}GB/s; source: {source}. The ceiling is set by the larger of two times: "
        "the multiplications and additions of the network's convolutions and matrix products at the precision actually "
        "computed in, or the transfer of the weights, the input and the output. Winograd's algorithm needs fewer "
        "multiplications, and weights may stay in the cache, so the share can exceed 100%. A row that is faster than "
        "even this allows is a measurement error: its speed is not shown",
        gpu=quoted(gpu["name"]), peaks=", ".join(peaks), bandwidth=number(known.gb_per_s, 0), source=known.source,
    )  # fmt: skip


GROUPED = {  # by whether there are several networks
    False: mark(
        "Rows are grouped by image and batch size, and within a group go from fast to slow; the fastest is in bold. A "
        "dash means that the configuration was not measured; the reasons are in the next table."
    ),
    True: mark(
        "Rows are grouped by network, image and batch size, and within a group go from fast to slow; the fastest is in "
        "bold. Speedups are over the same network. A dash means that the configuration was not measured; the reasons "
        "are in the table of configurations without a result."
    ),
}


def columns_text(report: Report) -> Markdown:
    """What the columns of the results mean, and what disturbed the measurement."""
    lines = [
        tr(GROUPED[report.several_networks]),
        tr("**Speedup:** {speedup}.", speedup=speedup_meaning(report)),
        *tf32_sentences(report),
        *mark_notes(report.measured.verdict_from),
        tr("**Memory:** {memory}.", memory=memory_meaning(report)),
        tr("**% of ceiling:** {ceiling}.", ceiling=ceiling_meaning(report)),
    ]
    lines += disturbed_sentences(name for names in report.measured.disturbed for name in names)
    if len(restless_rows(report)):
        lines.append(tr("**⚑:** the speed did not settle (warm-up or drift); trust these rows with caution."))
    return bullets(lines)


def disturbed_sentences(keys: Iterable[str]) -> list[str]:
    """What disturbed the GPU and what the processor, and how many rows; `keys` are those of all rows' disturbances."""
    counts, told = Counter(keys), {False: [], True: []}
    for name, count in counts.most_common():
        told[name in HOST].append(f"{mark_words(name)} — {count}")
    words = {
        False: mark("**⚠:** the state of the GPU disturbed the measurement ({words}); trust these rows with caution."),
        True: mark(
            "**⚠:** the processor was not the case's alone ({words}); these rows' times are not those of an idle "
            "machine."
        ),
    }
    return [tr(words[on_host], words="; ".join(parts)) for on_host, parts in told.items() if parts]


def restless_rows(report: Report) -> pd.DataFrame:
    """The measured rows that are not steady."""
    cases = report.measured
    return cases[[not is_steady(row) for row in cases[FLAGS].to_dict("records")]]


def speedup_meaning(report: Report) -> str:
    """What the speedup is counted from."""
    if is_baseline(report.measured).any():
        return tr(
            "the time/batch of {baseline} at the same image and batch size, divided by the time/batch of this row",
            baseline=BASELINE_NAME,
        )
    return tr("not computed, as {baseline}, which it is relative to, was not measured", baseline=BASELINE_NAME)


def tf32_sentences(report: Report) -> list[str]:
    """On a GPU: that strict fp32 is not PyTorch's default, and which column is relative to what is."""
    if not report.machine.get("gpu"):
        return []
    told = tr(
        "**TF32:** strict fp32 is not what PyTorch does by default on GPUs of the Ampere generation and newer: there "
        "its convolutions compute in TF32."
    )
    if is_of(report.measured, TF32).any():
        column = tr(
            "“{column}” is relative to that default, {name} at the same image and batch size.",
            column=tr(COLUMNS["speedup_tf32"]), name=TF32_NAME,
        )  # fmt: skip
        return [f"{told} {column}"]
    absent = tr("{name} was not measured here, so the gain over that default is not known.", name=TF32_NAME)
    return [f"{told} {absent}"]


def memory_meaning(report: Report) -> str:
    """What the memory column counts."""
    if not report.machine.get("gpu"):
        return tr(
            "the growth of the process's memory from before the build to the peak: the build (with the model's export, "
            "where it needs one), the weights and inference itself. Python and the libraries already loaded are not "
            "part of it"
        )
    steps = [record.memory for record in report.records if record.memory and record.memory.device_context_bytes]
    contexts = [(step.device_context_bytes - step.device_idle_bytes) / MIB for step in steps]
    if not contexts:
        return tr("the growth of the GPU's used memory (NVML) from before any work to the peak, in a new process")
    return tr(
        "the growth of the GPU's used memory (NVML) from before any work to the peak, in a new process; of it, "
        "{contexts}{nbsp}MiB is the CUDA context, which every process has",
        contexts=span(min(contexts), max(contexts), digits=0),
    )


def results_table(report: Report) -> Styler:
    """All cases: blocks of one network, size and batch, the fastest first, those without figures last and dimmed."""
    table = report.cases.sort_values([*PLACE, "latency_ms"], na_position="last", kind="stable")
    table["label"] += table.disturbed.map(lambda names: f"{NBSP}⚠" if names else "")
    table.loc[restless_rows(report).index, "label"] += f"{NBSP}⚑"
    columns = [name for name in COLUMNS if name not in ("roofline", "speedup_tf32") or table[name].notna().any()]
    columns = columns if report.several_networks else columns[1:]  # without the network
    table["verdict"] = verdict_texts(table.verdict, table.verdict_from)
    shown = table[columns].reset_index(drop=True)
    is_best = table.groupby(PLACE).latency_ms.transform("min") == table.latency_ms
    is_new_block = table[PLACE].ne(table[PLACE].shift()).any(axis=1)
    kinds = [
        ("absent" if absent else "best" if best else "") + (" starts" if starts else "")
        for absent, best, starts in zip(table.status != "ok", is_best, is_new_block, strict=True)
    ]
    caption = tr_n(
        "Results: {n}{nbsp}configuration, {tally}", "Results: {n}{nbsp}configurations, {tally}", len(table),
        tally=status_counts(report),
    )  # fmt: skip
    return styled(shown, headers(COLUMNS), caption, kinds).set_table_styles(KINDS, overwrite=False)
