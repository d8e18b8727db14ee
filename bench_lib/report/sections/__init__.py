"""The report's sections. Each is a module whose `show(report)` displays it; report.ipynb calls them in order."""

from bench_lib.report.report import open_report
from bench_lib.report.sections import (
    absent,
    abstract,
    accuracy,
    aim,
    approaches,
    auto_precision,
    batch_sizes,
    charts,
    choice,
    claims,
    clock,
    cold_start,
    image_sizes,
    intervals,
    memory,
    method,
    pipeline,
    recognition,
    recommendations,
    results,
    scaling,
    seed_rows,
    serving,
    time_parts,
    tuning,
    verdicts,
)

__all__ = [
    "absent", "abstract", "accuracy", "aim", "approaches", "auto_precision", "batch_sizes", "charts", "choice",
    "claims", "clock", "cold_start", "image_sizes", "intervals", "memory", "method", "open_report", "pipeline",
    "recognition", "recommendations", "results", "scaling", "seed_rows", "serving", "time_parts", "tuning", "verdicts",
]  # fmt: skip
