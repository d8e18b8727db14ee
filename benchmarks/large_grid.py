"""How long planning, resuming and reporting take on large grids of made-up records; prints figures.

`python -m benchmarks.large_grid` plans and resumes a grid of 2,000 cases, and makes the report of 10,080 records.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench_lib.core.case import Case
from bench_lib.core.grid import Grid, read_grid
from bench_lib.core.reason import because
from bench_lib.core.record import Accuracy, Memory, Record, Timing, Window
from bench_lib.results.run_folder import Run

MACHINE = {
    "cpu": "made-up", "cores": 2, "memory_bytes": 2**34, "gpu": None, "os": "Linux", "python": "3.11", "versions": {},
}  # fmt: skip
SHARED = {"engines": ["pytorch", "onnx_runtime", "torch_tensorrt"], "precisions": ["fp32", "fp16"]}
RESUMED = SHARED | {"image_sizes": list(range(32, 32 + 8 * 18, 8)), "batch_sizes": list(range(1, 20))}  # 2,052 cases
REPORTED = SHARED | {"image_sizes": list(range(32, 32 + 8 * 40, 8)), "batch_sizes": list(range(1, 43))}  # 10,080
SAMPLES = (100, 500)  # latency samples of a record


def made_record(case: Case, grid: Grid, chance: random.Random) -> Record:
    """A measured record, or one in a hundred that failed, with about as many samples as a real one."""
    base = {"case": case, "limits": grid.limits, "seed": 0, "started_at": "2026-01-01T00:00:00+00:00",
            "machine": MACHINE}  # fmt: skip
    if chance.random() < 0.01:
        return Record(**base, status="failed", reason=because("out_of_memory", words="made-up"), detail="Traceback")
    rate = {"pytorch": 1.0, "onnx_runtime": 1.8, "torch_tensorrt": 4.0}[case.engine] * chance.uniform(0.9, 1.1)
    ms = (0.5 + case.batch_size * case.image_size**2 / 5e3) / rate
    latency_ms = [ms * chance.lognormvariate(0, 0.02) for _ in range(chance.randint(*SAMPLES))]
    windows = [Window(calls=10, seconds=chance.uniform(0.9, 1.0) * ms / 100) for _ in range(10)]
    return Record(
        **base, status="ok", build_s=chance.uniform(0.5, 20),
        timing=Timing(warmup_ms=latency_ms[:10], warm=True, latency_ms=latency_ms, throughput=windows),
        memory=Memory(host_before_build_bytes=2**29, host_peak_bytes=2**30 + case.batch_size * 2**20),
        accuracy=Accuracy(max_relative_error=1e-6, top1_agreement=1.0, tolerance=1e-2, reference="PyTorch fp32",
                          actual_precision=case.precision),
        ran={"device": "cpu", "dtype": "float32", "torch_version": "2"},
    )  # fmt: skip


def made_run(folder: Path, given: dict) -> Path:
    """A run of made-up records of a whole grid in `folder`; returns its parameter file."""
    params = folder / "grid.yaml"
    folder.mkdir(parents=True)
    params.write_text(yaml.safe_dump(given), encoding="utf-8")
    grid, run, chance = read_grid(params), Run(folder / "run"), random.Random(0)
    run.start(grid, MACHINE)
    run.record_path(grid.cases()[0]).parent.mkdir()
    for case in grid.cases():  # without write_record's fsync: this is not a measurement to keep
        run.record_path(case).write_text(made_record(case, grid, chance).model_dump_json(indent=1), encoding="utf-8")
    return params


@contextmanager
def stopwatch(words: str):
    """Print how long the block took."""
    start = time.perf_counter()
    yield
    print(f"{words:64}{time.perf_counter() - start:8.2f} s", flush=True)


def resume(folder: Path) -> None:
    """Read the grid, claim the run's folder, and find which cases have a record."""
    params = made_run(folder, RESUMED)
    with stopwatch(f"plan and resume {len(read_grid(params).cases()):,} cases"):
        grid = read_grid(params)
        run = Run(folder / "run")
        run.start(grid, MACHINE)
        done = sum(run.finished(case) is not None for case in grid.cases())
    assert done == len(grid.cases())


def report(folder: Path) -> None:
    """Make the report with `bench report`; the peak memory is of the largest of its processes."""
    params = made_run(folder, REPORTED)
    with stopwatch(f"bench report of {len(read_grid(params).cases()):,} records"):
        subprocess.run([sys.executable, "-m", "bench_lib.cli.main", "report", str(folder / "run")], check=True)
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kibibytes on Linux
    print(f"{'its peak memory':64}{peak_kib / 1024:8.0f} MiB")
    for name in ("report.html", "report.pdf"):
        if (path := folder / "run" / name).exists():
            print(f"{name:64}{path.stat().st_size / 2**20:8.1f} MiB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        resume(Path(scratch) / "resume")
        report(Path(scratch) / "report")
