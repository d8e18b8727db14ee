"""The data dictionary: what each column of `CaseTable.cases` holds, and in what unit. The one place that tells it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "count", "number", "flag", "numbers", "texts"]


@dataclass(frozen=True)
class Column:
    """One column: its values' kind, their unit ("" where they have none), and what they mean."""

    kind: Kind
    unit: str
    meaning: str


def _bounded(name: str, unit: str, meaning: str, level: int = 95) -> dict[str, Column]:
    """A figure's column, and those of the ends of its interval at `level` per cent."""
    stem = name.removesuffix("_ms")
    ends = {
        f"{stem}_{end}": Column("number", unit, f"{words} end of the {level} % interval of {name}")
        for end, words in (("low", "lower"), ("high", "upper"))
    }
    return {name: Column("number", unit, meaning)} | ends


COLUMNS = {
    "case": Column("text", "", "the case's id, over all its repeats; names its records"),
    "model": Column("text", "", "the network's name in the grid"),
    "network": Column("text", "", "model, as the report calls it; empty where the run has one network"),
    "engine": Column("text", "", "the engine's name in the grid"),
    "variant": Column("text", "", "the name of the engine's options in the grid, or the options where they have none; "
                      "empty for its defaults"),
    "label": Column("text", "", "engine and variant as the report calls them"),
    "precision": Column("text", "", "the precision that was asked for"),
    "actual_precision": Column("text", "", "the precision that was computed in; the one asked for where that is not "
                               "known"),
    "precision_label": Column("text", "", "precision, with the one that was computed in where it is another, in "
                              "the report's language"),
    "name": Column("text", "", "label and precision_label"),
    "image_size": Column("count", "pixels", "side of the square images"),
    "batch_size": Column("count", "images", "images in one call"),
    "status": Column("text", "", "ok: measured; skipped: could not run here; failed"),
    "reason": Column("text", "", "why there are no figures, in the report's language; empty where there are"),
    "processes": Column("count", "processes", "fresh processes that measured the case"),
    "lost": Column("texts", "", "repeats that failed where others did not, each with its reason in the report's "
                   "language"),
    "disturbed": Column("texts", "", "what disturbed it: NVML's reasons for throttling; other_processes on the GPU; "
                        "busy_cores, which other processes took; cpu_quota, which stopped it"),
    **_bounded("latency_ms", "ms", "time of a batch, sent and waited for: a process's median, the geometric mean over "
               "several processes"),
    "per_image_ms": Column("number", "ms", "latency_ms over batch_size"),
    **_bounded("fps", "images/s", "throughput of calls sent back to back, taken together as latency_ms is"),
    **_bounded("speedup", "ratio", "latency_ms of PyTorch fp32, of the same network at the same sizes, over this one's",
               99),
    **_bounded("speedup_tf32", "ratio", "the same over PyTorch tf32, whose convolutions use TF32 as PyTorch's do by "
               "default", 99),
    "verdict": Column("text", "", "what the interval of speedup decides: faster, slower, same, undecided; or empty"),
    "verdict_from": Column("text", "", "the weaker spread_from of this row and PyTorch fp32's: what the verdict rests "
                           "on; or empty"),
    "leads": Column("flag", "", "latency_ms is the network's least at these sizes, or not decidedly more than that"),
    "latency_values": Column("numbers", "ms", "what the interval of latency_ms is from: medians of processes, or of "
                             "groups of one process's calls"),
    "fps_values": Column("numbers", "images/s", "the same for fps"),
    "host_paced": Column("flag", "", "sending a call takes half of its latency or more, so the host sets the pace; "
                         "empty where that is not known"),
    "company": Column("count", "measurements", "how many others went on at once on the host, at the most; 0: alone"),
    "extra_sd": Column("number", "ratio", "relative sd from process to process that intervals allow for, beyond what "
                       "values show; infinite (empty) where it is not known, and nothing is decided"),
    "spread_from": Column("text", "", "where that sd is from: processes, the case's own; check, bench selfcheck's; "
                          "assumed; unknown, where the host sets the pace, or may, of one process or in company; "
                          "crowded, beside other processes that computed"),
    "p90_ms": Column("number", "ms", "90th percentile of a process's calls; median over processes, as all below"),
    "p99_ms": Column("number", "ms", "99th percentile of a process's calls"),
    "spread": Column("number", "ratio", "interquartile range of a process's calls over their median"),
    "enqueue_ms": Column("number", "ms", "time that the host takes to send a call to the GPU"),
    "device_ms": Column("number", "ms", "time that the GPU takes for a call"),
    "launch_bound": Column("flag", "", "enqueue_ms is 80 % of latency_ms or more: the GPU waits for the host"),
    "settled": Column("flag", "", "the warm-up became stable in every process"),
    "noisy": Column("flag", "", "the time was up before latency_ms or fps had settled"),
    "apart": Column("flag", "", "without a GPU: latency_ms and the batch over fps, which are one time there, differ by "
                    "more than their intervals allow"),
    "trouble": Column("texts", "", "what the series of calls shows, see bench_lib/analysis/anomalies.py"),
    "joules": Column("number", "J", "energy of an image"),
    "memory_mib": Column("number", "MiB", "memory that the case added at its peak: to the GPU's or, without one, to "
                         "its process before the build"),
    "import_s": Column("number", "s", "time to import the runtime in a fresh interpreter"),
    "build_s": Column("number", "s", "time from the model in memory to what can run: conversion, compilation, loading"),
    "first_ms": Column("number", "ms", "time of the first call after the build"),
    "settle_s": Column("number", "s", "time of the warm-up, until calls were stable"),
    "error": Column("number", "ratio", "error of the output, relative to how the reference's answers differ between "
                    "images; the largest of the processes; empty for records of an earlier check"),
    "agreement": Column("number", "ratio", "share of images whose first class is the reference's, whatever the true "
                        "one is; the least of the processes"),
    "answered_classes": Column("number", "classes", "number of different first classes in the reference's answers"),
    **_bounded("top1", "ratio", "share of labelled images whose first class is the true one, in the process with the "
               "least; empty without labels"),
    **_bounded("top5", "ratio", "share of them whose true class is among the first five; empty for a network of at "
               "most five classes"),
    "labelled_images": Column("number", "images", "labelled images that were answered; top1 and top5 are shares of "
                              "these"),
    "roofline": Column("number", "ratio", "fps over the most that the GPU's documented peaks allow, see "
                       "bench_lib/analysis/roofline.py"),
    "decode_ms": Column("number", "ms", "time to decode an image of a folder; empty for synthetic images"),
    "preprocess_ms": Column("number", "ms", "time to resize, crop and normalize such an image"),
    "copy_ms": Column("number", "ms", "time to copy a batch of them to the GPU"),
    "bound": Column("text", "", "what sets that ceiling: compute, memory; empty where none is known"),
}  # fmt: skip
