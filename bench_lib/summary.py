"""Records → tidy tables: one row a case, the seed report's columns, and a few more."""

import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from bench_lib import statistics
from bench_lib.cases import Grid
from bench_lib.records import Memory, Record, Run
from bench_lib.russian import NBSP, counted, number, scientific

LABELS = {"pytorch": "PyTorch", "onnx_runtime": "ONNX Runtime", "torch_tensorrt": "Torch-TensorRT"}
STATUS = {"ok": "измерено", "skipped": "пропущено", "failed": "не удалось"}
BASELINE = ("pytorch", "fp32")
BASELINE_NAME = f"{LABELS[BASELINE[0]]} {BASELINE[1]}"
COLUMNS = {
    "label": "Оптимизация",
    "precision_label": "Точность",
    "image_size": "Размер",
    "batch_size": "Батч",
    "latency_ms": "Время/батч (мс)",
    "per_image_ms": "Время/изобр. (мс)",
    "fps": "FPS",
    "speedup": "Ускорение",
    "memory_mib": "Память (МиБ)",
}
MIB = 2**20


@dataclass(frozen=True)
class Summary:
    """One run, read: its grid, machine, records, and `cases`, a table with one row a case of the grid.

    Columns of `cases`: engine, label, precision, precision_label, name (label and precision), image_size (pixels),
    batch_size (images), status, reason, latency_ms (median per batch), per_image_ms, fps (images per second, from
    back-to-back throughput), speedup (of latency over PyTorch fp32 of the same size and batch), spread (relative
    interquartile range of latency), disturbed (what disturbed the GPU, in words), memory_mib, build_s, error, top1.
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
    """Tables of the records; all are from one machine."""
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
        ("latency_ms", "per_image_ms", "fps", "spread", "memory_mib", "build_s", "error", "top1"), float("nan")
    )
    if record.status == "ok":
        latency_ms = statistics.median(record.timing.latency_ms)
        figures = {
            "latency_ms": latency_ms,
            "per_image_ms": latency_ms / case.batch_size,
            "fps": statistics.throughput_ips(record.timing.throughput, case.batch_size),
            "spread": statistics.relative_iqr(record.timing.latency_ms),
            "memory_mib": own_memory_bytes(record.memory) / MIB,
            "build_s": record.build_s,
            "error": record.accuracy.max_relative_error,
            "top1": record.accuracy.top1_agreement,
        }
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
    found = [THROTTLING[name] for name in (record.gpu_busy or {}).get("throttling") or []]
    others = (record.gpu_idle or {}).get("processes")
    return found + ([f"другие процессы на GPU: {others}"] if others else [])


def own_memory_bytes(memory: Memory) -> int:
    """The case's own peak: on a GPU the device's peak minus what was in use before, otherwise the process's peak."""
    if memory.device_peak_bytes is not None:
        return memory.device_peak_bytes - memory.device_idle_bytes
    return memory.host_peak_bytes


def results_table(report: Summary) -> Styler:
    """All cases: blocks of one size and batch, the fastest first, those without figures last and dimmed."""
    table = report.cases.sort_values(["image_size", "batch_size", "latency_ms"], na_position="last", kind="stable")
    table["label"] += table.disturbed.map(lambda words: f"{NBSP}⚠" if words else "")
    shown = table[list(COLUMNS)].rename(columns=COLUMNS).reset_index(drop=True)
    is_best = table.groupby(["image_size", "batch_size"]).latency_ms.transform("min") == table.latency_ms
    is_new_block = table[["image_size", "batch_size"]].ne(table[["image_size", "batch_size"]].shift()).any(axis=1)
    cells = [
        ("color: #666;" if absent else "font-weight: bold;" if best else "color: inherit;")
        + ("border-top: 2px solid #999;" if starts else "")
        for absent, best, starts in zip(table.status != "ok", is_best, is_new_block, strict=True)
    ]
    caption = f"Результаты: {counted(len(table), 'конфигурация', 'конфигурации', 'конфигураций')}, {tally(report)}"
    return styled(shown, caption).apply(lambda _: cells, axis=0)


def tally(report: Summary) -> str:
    """How many cases are measured, skipped and failed, for example «измерено 16, пропущено 32»."""
    counts = report.cases.status.value_counts()
    return ", ".join(f"{STATUS[status]} {counts[status]}" for status in STATUS if status in counts)


def absent_table(report: Summary) -> Styler | HTML:
    """Cases without figures and why, one row for those of one engine, precision and reason."""
    absent = report.cases[report.cases.status != "ok"]
    if absent.empty:
        return HTML("<p>Таких конфигураций нет: измерены все.</p>")
    grouped = absent.groupby(["label", "precision", "status", "reason"], sort=False)
    table = grouped.agg(
        sizes=("image_size", lambda v: ", ".join(map(str, v.unique()))),
        batches=("batch_size", lambda v: ", ".join(map(str, v.unique()))),
        count=("engine", "size"),
    ).reset_index()
    table["status"] = table.status.map(STATUS)
    table = table[["label", "precision", "sizes", "batches", "count", "status", "reason"]]
    table.columns = ["Оптимизация", "Точность", "Размеры", "Батчи", "Число", "Статус", "Причина"]
    return styled(table, "Конфигурации без результата и причины")


def build_table(report: Summary) -> Styler | HTML:
    """What a start costs: the time to export and compile, each engine and precision over all sizes and batches."""
    if report.measured.empty:
        return HTML("<p>Сборка не измерена ни у одной конфигурации.</p>")
    table = report.measured.groupby(["label", "precision_label"], sort=False).build_s.agg(["min", "median", "max"])
    table = table.reset_index()
    table.columns = ["Оптимизация", "Точность", "Наименьшее (с)", "Медиана (с)", "Наибольшее (с)"]
    return styled(table, "Время сборки: экспорт и компиляция до первого вызова")


def machine_table(report: Summary) -> Styler:
    """What the run ran on."""
    machine, gpu = report.machine, report.machine.get("gpu")
    rows = {
        "Процессор": f"{machine['cpu']}, {counted(machine['cores'], 'ядро', 'ядра', 'ядер')}",
        "Оперативная память": f"{number(machine['memory_bytes'] / 2**30, 1)} ГиБ",
        "GPU": "нет" if gpu is None else f"{gpu['name']}, {number(gpu['memory_bytes'] / 2**30, 1)} ГиБ",
        "Драйвер GPU": "—" if gpu is None else f"{gpu['driver']} (CUDA {gpu['cuda']})",
        "Система": machine["os"],
        "Python": machine["python"],
        **machine["versions"],
    }
    table = pd.DataFrame({"Что": list(rows), "Значение": list(rows.values())})
    return styled(table, "Машина и версии")


def card(record: Record) -> Styler:
    """One record for a person to read, in measure.ipynb."""
    figures = row(record)
    rows = {"Конфигурация": record.case.id, "Статус": STATUS[record.status], "Причина": record.reason}
    if record.status == "ok":
        rows |= {
            "Время/батч, медиана (мс)": number(figures["latency_ms"]),
            "Время/изобр. (мс)": number(figures["per_image_ms"]),
            "FPS": number(figures["fps"]),
            "Разброс (межквартильный)": f"{number(100 * figures['spread'], 1)}{NBSP}%",
            "Измерений задержки": number(len(record.timing.latency_ms), 0),
            "Память (МиБ)": number(figures["memory_mib"], 0),
            "Сборка (с)": number(figures["build_s"]),
            "Наибольшая относительная ошибка": scientific(figures["error"]),
        }
    rows = {name: value for name, value in rows.items() if value}
    return styled(pd.DataFrame({"Показатель": list(rows), "Значение": list(rows.values())}), "Результат измерения")


def styled(table: pd.DataFrame, caption: str) -> Styler:
    """A table for the report: numbers in the Russian style and to the right, no index."""
    digits = {"Размер": 0, "Батч": 0, "Память (МиБ)": 0, "Число": 0}
    numeric = list(table.select_dtypes("number").columns)
    formats = {name: partial(number, digits=digits.get(name)) for name in numeric}
    if "Ускорение" in numeric:
        formats["Ускорение"] = lambda value: number(value, 2) + ("" if pd.isna(value) else "×")
    right = [{"selector": "", "props": "text-align: right"}]
    return (
        table.style.hide(axis="index")
        .format(formats)
        .set_caption(caption)
        .set_uuid(f"{zlib.crc32(caption.encode()):08x}")  # pandas draws a random one, and no two reports would agree
        .set_table_styles(dict.fromkeys(numeric, right), overwrite=False)
    )
