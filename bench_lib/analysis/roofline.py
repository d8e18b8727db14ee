"""How fast a GPU could be at best: the shown ceiling of a case, and the limit above which a figure is impossible."""

import functools
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Record, Work

TABLE = Path(__file__).with_name("peaks.yaml")

# Where power and heat allow, GPUs run above the clock that their documented peaks are for: an H100 by 8 % (1980 MHz,
# while its tensor peaks are for 1830 MHz), GeForce cards by about a quarter.
CLOCK_HEADROOM = 1.3

# Three TF32 products give the accuracy of one fp32 product (CUTLASS, example 27), and on an A100 they are faster.
TF32_PRODUCTS = 3
IMPOSSIBLE = ("impossible_latency", "impossible_throughput")  # names of the reasons for an impossible speed


@dataclass(frozen=True)
class Peaks:
    """Documented peaks of one GPU, see peaks.yaml; None where it has no such arithmetic."""

    fp32: float
    fp16: float
    gb_per_s: float
    source: str
    tf32: float | None = None
    bf16: float | None = None
    int8: float | None = None


@dataclass(frozen=True)
class Ceiling:
    """The least time of a batch (ms), and what sets it: operations, or bytes to and from the GPU's memory."""

    ms: float
    bound: Literal["compute", "memory"]


@functools.cache
def known_peaks() -> dict[str, Peaks]:
    """All documented peaks, by NVML's name of the GPU without "NVIDIA "."""
    entries = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: Peaks(**entry) for name, entry in entries.items()}


def gpu_peaks(gpu: Mapping[str, Any] | None) -> Peaks | None:
    """Peaks of the GPU that `machine.gpu` describes; None for a processor and for a GPU that is not in the table."""
    return known_peaks().get(gpu["name"].removeprefix("NVIDIA ")) if gpu else None


def roofline_ceiling(work: Work, known: Peaks, precision: str) -> Ceiling | None:
    """The roofline (Williams, Waterman and Patterson, 2009): the larger of two times, at the documented peaks.

    Operations are those of the network as defined. Bytes are the weights, the input and the output, which is a lower
    bound, as activations may stay in caches. None where the GPU has no peak for the precision.
    """
    tflops = getattr(known, precision)
    if tflops is None:
        return None
    compute_ms, memory_ms = work.flops / tflops / 1e9, work.bytes_least / known.gb_per_s / 1e6
    return Ceiling(compute_ms, "compute") if compute_ms >= memory_ms else Ceiling(memory_ms, "memory")


def record_ceiling(record: Record) -> Ceiling | None:
    """The ceiling of a measured record in the precision that it really computed in; None where it is not known."""
    known = gpu_peaks(record.machine.get("gpu"))
    return roofline_ceiling(record.work, known, record.accuracy.actual_precision) if known and record.work else None


def least_ms(work: Work, known: Peaks, precision: str) -> float:
    """The time of a batch (ms) that no algorithm and no clock can beat; 0 where the GPU has no peak for the precision.

    Bytes set no such limit: the same weights and images are used again and again and may stay in the GPU's cache.
    """
    tflops = getattr(known, precision) or float("inf")
    if precision == "fp32" and known.tf32:
        tflops = max(tflops, known.tf32 / TF32_PRODUCTS)
    return work.flops_least / (tflops * CLOCK_HEADROOM) / 1e9


def judged(record: Record) -> Record:
    """The record; if it was measured as faster than its GPU can be, a copy that has failed, with that reason."""
    reason = impossible_speed(record) if record.status == "ok" else None
    return record.model_copy(update={"status": "failed", "reason": reason}) if reason else record


def is_impossible(record: Record) -> bool:
    """Whether a judged record failed for its speed."""
    return record.reason is not None and record.reason.name in IMPOSSIBLE


def impossible_speed(record: Record) -> Reason | None:
    """Why a measured record's figure is above what the GPU can do; None where it is not, or where that is not known."""
    gpu, timing, precision = record.machine.get("gpu"), record.timing, record.accuracy.actual_precision
    known = gpu_peaks(gpu)
    if known is None or record.work is None:
        return None
    by_latency_ms = statistics.median(timing.latency_ms)
    by_throughput_ms = statistics.median(1e3 * window.seconds / window.calls for window in timing.throughput)
    fastest_ms, name = min(zip((by_latency_ms, by_throughput_ms), IMPOSSIBLE, strict=True))
    limit_ms = least_ms(record.work, known, precision)
    if fastest_ms >= limit_ms:
        return None
    ips, most = (1e3 * record.case.batch_size / ms for ms in (fastest_ms, limit_ms))
    return because(name, ips=ips, gpu=gpu["name"], precision=precision, most=most)
