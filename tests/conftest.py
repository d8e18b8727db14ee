"""One real run for all tests that read a report: every engine, two sizes, two batches, through papermill."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from bench_lib.cli import main

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("ci", max_examples=200, derandomize=True, **SLOW)
settings.register_profile("thorough", max_examples=2000, **SLOW)
settings.load_profile(os.environ.get("FUZZ", "ci"))

GRID = """
engines: [pytorch, onnx_runtime, torch_tensorrt]
precisions: [fp32]
image_sizes: [32, 64]
batch_sizes: [1, 3]
limits: {warmup_min_s: 0.01, warmup_max_s: 0.5, min_count: 3, min_s: 0.02}
"""

# Started in the background, as under nohup, a process ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Kernels and papermill's own client start child processes; the tests' warnings-as-errors are not for them.
os.environ.pop("PYTHONWARNINGS", None)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a finished run with its report."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "grid.yaml").write_text(GRID)
    assert main.main(["sweep", str(folder / "grid.yaml"), "--output", str(folder / "run")]) == 0
    assert main.main(["report", str(folder / "run")]) == 0
    return folder / "run"
