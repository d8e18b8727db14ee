"""The report's sections. Each is a module whose `show(report)` displays it.

report.ipynb calls those of a run of one network in order, networks.ipynb those of a run of several.
"""

from bench_lib.report.report import open_networks, open_report
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
    each_network,
    image_sizes,
    intervals,
    memory,
    method,
    networks,
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
    "claims", "clock", "cold_start", "each_network", "image_sizes", "intervals", "memory", "method", "networks",
    "open_networks", "open_report", "pipeline", "recognition", "recommendations", "results", "scaling", "seed_rows",
    "serving", "time_parts", "tuning", "verdicts",
]  # fmt: skip
