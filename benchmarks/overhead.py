"""What a fresh process a case costs, and whether a forked one measures the same: plain papermill beside ours.

Run by `make bench`. For each engine, cases alternate between plain (`papermill` starts a kernel from nothing) and
forked. Printed are medians, and the ratio forked / plain with its 95 % bootstrap interval.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from bench_lib.analysis.case_row import own_memory_bytes
from bench_lib.core.case import Case, Limits
from bench_lib.core.record import Record, read_record
from bench_lib.sweep import fork_server
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook

LIMITS = Limits(warmup_min_count=2, warmup_min_s=0.1, warmup_max_s=2.0, min_count=4, min_s=0.3)


def once(case: Case, fork: bool, folder: Path, number: int) -> tuple[float, Record]:
    """Measure the case in a fresh process; return the seconds that it took in all, and the record."""
    path = folder / f"{case.id}-{fork}-{number}.json"
    parameters = case.model_dump() | {"limits": LIMITS.model_dump(), "record_path": str(path)}
    start = time.perf_counter()
    execute_notebook(NOTEBOOKS / "measure.ipynb", path.with_suffix(".ipynb"), parameters, fork=fork)
    return time.perf_counter() - start, read_record(path)


def figures(wall_s: float, record: Record) -> dict[str, float]:
    """One process's figures; the overhead is what is left beside building, warming up and sampling."""
    timing = record.timing
    sampled_s = (sum(timing.warmup_ms) + sum(timing.latency_ms)) / 1e3 + sum(w.seconds for w in timing.throughput)
    return {
        "overhead_s": wall_s - record.build_s - sampled_s,
        "build_s": record.build_s,
        "latency_ms": float(np.median(timing.latency_ms)),
        "memory_mib": own_memory_bytes(record.memory) / 2**20,
    }


def interval(top: list[float], bottom: list[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the ratio of medians."""
    drawn = np.random.default_rng(0)
    a, b = (np.median(drawn.choice(values, (2000, len(values))), axis=1) for values in (top, bottom))
    return tuple(np.quantile(a / b, [0.025, 0.975]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    pairs = parser.parse_args().pairs
    if reason := fork_server.why_not():
        raise SystemExit(f"Nothing to compare: {reason}.")
    print(f"{'engine':14}{'figure':15}{'plain':>9}{'forked':>9}{'forked/plain':>14}  95 % interval")
    for engine in ("pytorch", "onnx_runtime"):
        case = Case(engine=engine, image_size=224)
        with tempfile.TemporaryDirectory() as folder:
            rows = {fork: [] for fork in (False, True)}
            for number in range(pairs):
                for fork in rows:
                    rows[fork].append(figures(*once(case, fork, Path(folder), number)))
        for name in rows[False][0]:
            plain, ours = ([row[name] for row in rows[fork]] for fork in (False, True))
            low, high = interval(ours, plain)
            ratio = np.median(ours) / np.median(plain)
            print(
                f"{engine:14}{name:15}{np.median(plain):9.3f}{np.median(ours):9.3f}{ratio:14.3f}  {low:.3f}–{high:.3f}"
            )


if __name__ == "__main__":
    main()
