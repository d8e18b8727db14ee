"""Records → a tidy table: one row a case, the seed report's figures, and a few more."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench_lib import ceilings, statistics
from bench_lib.cases import Grid, InputError
from bench_lib.records import Memory, Record
from bench_lib.runs import Run

LABELS = {"pytorch": "PyTorch", "onnx_runtime": "ONNX Runtime", "torch_tensorrt": "Torch-TensorRT"}
STATUS = {"ok": "измерено", "skipped": "пропущено", "failed": "не удалось"}
BASELINE_NAME = f"{LABELS['pytorch']} fp32"
MIB = 2**20


@dataclass(frozen=True)
class Summary:
    """One run, read: its grid, machine, records, and `cases`, a table with one row a case of the grid.

    Columns of `cases`: engine, label, precision, precision_label, name (label and precision), image_size (pixels),
    batch_size (images), status, reason, latency_ms (median per batch), per_image_ms, fps (images per second, from
    back-to-back throughput), speedup (of latency over PyTorch fp32 of the same size and batch), spread (relative
    interquartile range of latency), disturbed (what disturbed the GPU, in words), memory_mib, build_s, error, top1,
    roofline (the ceiling's share that `fps` reaches; NaN where no ceiling is known) and bound (what sets the ceiling:
    "compute", "memory" or ""), see `bench_lib.ceilings`. A ceiling is a rate, and a latency holds waiting as well, so
    the share is of throughput.
    """

    grid: Grid
    machine: dict[str, Any]
    records: list[Record]
    cases: pd.DataFrame

    @staticmethod
    def read(folder: str | Path) -> "Summary":
        """Read a run's folder; raise `InputError` if it holds none or a broken record."""
        run = Run(folder)
        return summarize(run.grid(), run.records())

    @property
    def measured(self) -> pd.DataFrame:
        """The cases with figures."""
        return self.cases[self.cases.status == "ok"]


def summarize(grid: Grid, records: list[Record]) -> Summary:
    """Tables of the records; all are from one machine. Raise `InputError` if they do not tell which."""
    if not records[0].machine:
        raise InputError("the records do not tell what machine they are from; measure again with `bench sweep`")
    cases = pd.DataFrame([row(record) for record in records])
    axes = ["image_size", "batch_size"]
    is_baseline = (cases.name == BASELINE_NAME) & (cases.status == "ok")
    baseline = cases[is_baseline].set_index(axes).latency_ms
    index = pd.MultiIndex.from_frame(cases[axes])
    cases["speedup"] = baseline.reindex(index).to_numpy() / cases.latency_ms
    cases.loc[cases.precision != cases.precision_label, "speedup"] = float("nan")
    return Summary(grid, records[0].machine, records, cases)


def row(record: Record) -> dict[str, Any]:
    """One case's figures; a case without a measured speed has none."""
    case = record.case
    actual = record.accuracy.actual_precision if record.accuracy else case.precision
    shown = case.precision if actual == case.precision else f"{case.precision} (факт.: {actual.upper()})"
    base = {
        "engine": case.engine,
        "label": LABELS.get(case.engine, case.engine),
        "precision": case.precision,
        "precision_label": shown,
        "name": f"{LABELS.get(case.engine, case.engine)} {shown}",
        "image_size": case.image_size,
        "batch_size": case.batch_size,
        "status": record.status,
        "reason": record.reason,
        "disturbed": ", ".join(disturbances(record)),
    }
    figures = dict.fromkeys(
        ("latency_ms", "per_image_ms", "fps", "spread", "memory_mib", "build_s", "error", "top1", "roofline"),
        float("nan"),
    )
    figures["bound"] = ""
    if record.status == "ok":
        latency_ms = statistics.median(record.timing.latency_ms)
        fps = statistics.throughput_ips(record.timing.throughput, case.batch_size)
        top = ceilings.of(record)
        figures |= {
            "latency_ms": latency_ms,
            "per_image_ms": latency_ms / case.batch_size,
            "fps": fps,
            "spread": statistics.relative_iqr(record.timing.latency_ms),
            "memory_mib": own_memory_bytes(record.memory) / MIB,
            "build_s": record.build_s,
            "error": record.accuracy.max_relative_error,
            "top1": record.accuracy.top1_agreement,
        }
        if top:
            figures |= {"roofline": top.ms * fps / (1e3 * case.batch_size), "bound": top.bound}
    return base | figures


THROTTLING = {
    "sw_power_cap": "предел мощности",
    "hw_slowdown": "аппаратное замедление",
    "sw_thermal_slowdown": "перегрев",
    "hw_thermal_slowdown": "аппаратная защита от перегрева",
    "hw_power_brake_slowdown": "внешнее ограничение мощности",
}


def disturbances(record: Record) -> list[str]:
    """What disturbed the GPU while the case was measured: throttling, or other processes there before it began."""
    found = [THROTTLING.get(name, "другая причина") for name in (record.gpu_busy or {}).get("throttling") or []]
    others = (record.gpu_idle or {}).get("processes")
    return found + ([f"другие процессы на GPU: {others}"] if others else [])


def own_memory_bytes(memory: Memory) -> int:
    """What the case added at its peak: on a GPU to the device's memory, otherwise to its process's before the build.

    What Python and its libraries take before that is the same for all, and not the same in a forked process.
    """
    if memory.device_peak_bytes is not None:
        return memory.device_peak_bytes - memory.device_idle_bytes
    return memory.host_peak_bytes - memory.host_before_build_bytes


def tally(report: Summary) -> str:
    """How many cases are measured, skipped and failed, for example «измерено 16, пропущено 32»."""
    counts = report.cases.status.value_counts()
    return ", ".join(f"{STATUS[status]} {counts[status]}" for status in STATUS if status in counts)
