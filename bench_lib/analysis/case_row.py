"""The records of one case's processes → one row of the table: medians, their intervals, and flags on the samples."""

from collections.abc import Sequence
from typing import Any

from bench_lib.analysis import anomalies, roofline
from bench_lib.analysis.labelled import label_figures
from bench_lib.analysis.spread import OWN, Spread
from bench_lib.core import intervals
from bench_lib.core.case import AUTO, engine_label, variant_of
from bench_lib.core.real_images import RealData
from bench_lib.core.reason import because, say
from bench_lib.core.record import Accuracy, Memory, Record, Timing
from bench_lib.results.crowding import shares_gpu, shares_processor
from bench_lib.results.verdicts import host_paced
from bench_lib.text.language import tr

MIB = 2**20

LAUNCH_BOUND = 0.8  # enqueue time as a share of latency: from here on the GPU waits for the host
NUMBERS = (
    "latency_ms", "latency_low", "latency_high", "per_image_ms", "fps", "fps_low", "fps_high", "p90_ms", "p99_ms",
    "spread", "enqueue_ms", "device_ms", "joules", "memory_mib", "import_s", "build_s", "first_ms", "settle_s",
    "error", "agreement", "answered_classes", "top1", "top1_low", "top1_high", "top5", "top5_low", "top5_high",
    "labelled_images", "roofline", "decode_ms", "preprocess_ms", "copy_ms",
)  # fmt: skip
ABSENT = dict.fromkeys(NUMBERS, float("nan")) | {
    "latency_values": [], "fps_values": [], "bound": "", "launch_bound": False, "settled": False, "noisy": False,
    "apart": False, "trouble": [],
}  # fmt: skip


def case_row(records: Sequence[Record], spread: Spread = OWN, company: int = 0) -> dict[str, Any]:
    """The figures of one case from the records of its processes; a case without a measured speed has none.

    `spread` is the spread between processes that its intervals allow for, `company` how many others ran beside it.
    """
    measured = [record for record in records if record.status == "ok"]
    shown = (measured or records)[0]
    case = shown.case
    actual = shown.accuracy.actual_precision if shown.accuracy else case.precision
    variant = variant_of(case)
    label, in_words = engine_label(case.engine, variant), precision_words(case.precision, actual)
    base = {
        "case": case.first.id, "model": case.model, "network": "",
        "engine": case.engine, "variant": variant, "label": label, "precision": case.precision,
        "actual_precision": actual, "precision_label": in_words, "name": f"{label} {in_words}",
        "image_size": case.image_size, "batch_size": case.batch_size,
        "status": shown.status, "reason": record_reason(shown), "processes": len(measured),
        "host_paced": host_paced(measured), "company": company, "extra_sd": spread.sd,
        "spread_from": spread.source if measured else "",
        "lost": [record for record in records if measured and record.status != "ok"],
        "disturbed": list(dict.fromkeys(name for record in measured for name in disturbances(record))),
    }  # fmt: skip
    return base | ABSENT | (measured_figures(measured, spread.sd) if measured else {})


def in_one_precision(records: Sequence[Record]) -> list[Record]:
    """A case's records, those skipped that computed in another precision than most: such figures are never mixed.

    With `precision: auto` each process chooses its own.
    """
    actual = [record.accuracy.actual_precision if record.status == "ok" else "" for record in records]
    most = max(filter(None, actual), key=actual.count, default="")
    return [
        record.model_copy(update={"status": "skipped", "reason": because("computed_otherwise", precision=own.upper())})
        if own not in ("", most) else record
        for record, own in zip(records, actual, strict=True)
    ]  # fmt: skip


def record_reason(record: Record) -> str:
    """Why a record has no figures; if `precision: auto` found no precision, with the reason against each of them."""
    reason = say(record.reason)
    if record.reason is None or record.reason.name != "no_precision_suitable":
        return reason
    return f"{reason} ({'; '.join(f'{trial.precision}: {say(trial.reason)}' for trial in record.trials)})"


def precision_words(asked: str, actual: str) -> str:
    """The precision that was asked for, and the one that was computed in where that is another."""
    if actual == asked:
        return asked
    if asked == AUTO:
        return f"{AUTO}: {actual}"
    return tr("{precision} (actual: {actual})", precision=asked, actual=actual.upper())


def measured_figures(records: Sequence[Record], extra_sd: float) -> dict[str, Any]:
    """The figures of a case from the records of the processes that measured it: medians over the processes.

    `extra_sd` is the relative sd from process to process that the intervals allow for; infinite if it is not known.
    """
    case, timings = records[0].case, [record.timing for record in records]
    latencies = [timing.latency_ms for timing in timings]
    rates = [intervals.window_ips(timing.throughput, case.batch_size) for timing in timings]
    latency_values, fps_values = replicates(latencies), replicates(rates)
    latency, fps = (figure_interval(*pair, extra_sd) for pair in ((latencies, latency_values), (rates, fps_values)))
    ordered = [sorted(samples) for samples in latencies]
    tails = [intervals.percentiles(samples) for samples in ordered]
    top = roofline.record_ceiling(records[0])
    found = {
        "latency_ms": latency.value, "latency_low": latency.low, "latency_high": latency.high,
        "latency_values": latency_values, "per_image_ms": latency.value / case.batch_size,
        "fps": fps.value, "fps_low": fps.low, "fps_high": fps.high, "fps_values": fps_values,
        "p90_ms": intervals.median([tail.p90 for tail in tails]),
        "p99_ms": intervals.median([tail.p99 for tail in tails]),
        "spread": intervals.median([intervals.relative_iqr(samples) for samples in ordered]),
        "memory_mib": intervals.median([own_memory_bytes(record.memory) / MIB for record in records]),
        "build_s": intervals.median([record.build_s for record in records]),
        "first_ms": intervals.median([timing.warmup_ms[0] for timing in timings]),
        "settle_s": intervals.median([sum(timing.warmup_ms) / 1e3 for timing in timings]),
        **answer_figures([record.accuracy for record in records]),
        **label_figures([record.labelled for record in records]),
    } | sample_flags(timings)  # fmt: skip
    if records[0].machine.get("gpu", "unknown") is None:
        found["apart"] = figures_disagree(latency_values, fps_values, case.batch_size, len(records))
    if all(timing.enqueue_ms and timing.device_ms for timing in timings):
        found |= launch_figures(timings, latency.value)
    if all(record.energy for record in records):
        found["joules"] = intervals.median([record.energy.joules / record.energy.images for record in records])
    if all(record.import_s for record in records):
        found["import_s"] = intervals.median([sum(record.import_s.values()) for record in records])
    if all(record.data for record in records):
        found |= preparation_figures([record.data for record in records])
    if top:
        found |= {"roofline": top.ms * fps.value / (1e3 * case.batch_size), "bound": top.bound}
    return found


def sample_flags(timings: Sequence[Timing]) -> dict[str, Any]:
    """The columns on whether the samples of the processes settled, and what is wrong with any of them."""
    kinds = (kind for timing in timings for kind in anomalies.find_anomalies(timing.latency_ms))
    return {
        "settled": all(timing.warm for timing in timings),
        "noisy": any("time" in (timing.latency_stopped_by, timing.throughput_stopped_by) for timing in timings),
        "trouble": list(dict.fromkeys(kinds)),
    }


def figures_disagree(
    latency_values: Sequence[float], fps_values: Sequence[float], batch_size: int, processes: int
) -> bool:
    """Whether a processor's latency and its time per batch back to back differ by more than their intervals allow.

    Calls do not overlap there, so both are the time of one call, and a difference is noise. Both figures are from the
    same processes: of several, the ratios within each are judged.
    """
    periods_ms = [1e3 * batch_size / rate for rate in fps_values]
    pair = latency_values, periods_ms
    if processes > 1:
        pair = [one / other for one, other in zip(*pair, strict=True)], [1.0] * processes
    return intervals.verdict(*pair) in ("faster", "slower")


def answer_figures(answers: Sequence[Accuracy]) -> dict[str, float]:
    """The largest error and the least agreement of the processes; none if the old check compared any of them."""
    if any(one.is_of_old_check for one in answers):
        return {}
    return {"error": max(one.error for one in answers), "agreement": min(one.top1_agreement for one in answers),
            "answered_classes": min(one.answered_classes for one in answers)}  # fmt: skip


def launch_figures(timings: Sequence[Timing], latency_ms: float) -> dict[str, Any]:
    """The times (ms) to send and to compute a call, medians over the processes, and whether sending sets the pace."""
    enqueue_ms = intervals.median([intervals.median(timing.enqueue_ms) for timing in timings])
    device_ms = intervals.median([intervals.median(timing.device_ms) for timing in timings])
    return {
        "enqueue_ms": enqueue_ms, "device_ms": device_ms, "launch_bound": enqueue_ms >= LAUNCH_BOUND * latency_ms,
    }  # fmt: skip


def preparation_figures(data: Sequence[RealData]) -> dict[str, float]:
    """The time (ms) to decode an image, to preprocess it, and to copy a batch to the GPU: medians over the processes.

    Without a GPU nothing is copied, and `copy_ms` is left out.
    """
    figures = ["decode_ms", "preprocess_ms"]
    if all(one.copy_ms for one in data):
        figures.append("copy_ms")
    return {name: intervals.median([intervals.median(getattr(one, name)) for one in data]) for name in figures}


def replicates(processes: Sequence[Sequence[float]]) -> list[float]:
    """The values that a figure's interval is computed from: the median of each process's samples.

    With a single process, they are the medians of groups of its samples.
    """
    if len(processes) == 1:
        return intervals.groups(processes[0])
    return [intervals.median(samples) for samples in processes]


def figure_interval(
    processes: Sequence[Sequence[float]], values: Sequence[float], extra_sd: float
) -> intervals.Interval:
    """A figure with its 95 % interval: of one process its median, of several the geometric mean of their medians.

    `processes` are the samples of each process, `values` what `replicates` makes of them.
    """
    interval = intervals.interval(values, extra_sd=extra_sd)
    value = intervals.median(processes[0]) if len(processes) == 1 else interval.value
    scale = value / interval.value
    return intervals.Interval(value, interval.low * scale, interval.high * scale)


def disturbances(record: Record) -> list[str]:
    """What disturbed the measurement, as keys: the GPU's reasons for throttling (see
    `bench_lib.measure.system.THROTTLING`), `other_processes` on the GPU, `busy_cores` that other processes took from
    the case, and `cpu_quota` if that stopped the case.
    """
    found = {
        "other_processes": shares_gpu(record),
        "busy_cores": shares_processor(record),
        "cpu_quota": record.processor is not None and record.processor["stopped"] > 0,
    }
    return [*((record.gpu_busy or {}).get("throttling") or []), *(name for name, is_true in found.items() if is_true)]


def own_memory_bytes(memory: Memory) -> int:
    """The memory (bytes) that the case took at its peak, beyond what was in use before it.

    With a GPU it is GPU memory, beyond what was in use before any work. Without one it is the process's memory, beyond
    what was in use before the build: what Python and its libraries take is no property of the case, and differs in a
    forked process.
    """
    if memory.device_peak_bytes is not None:
        return memory.device_peak_bytes - memory.device_idle_bytes
    return memory.host_peak_bytes - memory.host_before_build_bytes
