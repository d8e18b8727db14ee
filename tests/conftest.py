"""One real run for all tests that read a report: every engine, two sizes, two batches, through papermill."""

import os
import shlex
import signal
import sys

import pytest
from helpers import wheel
from helpers.traced import Traced, traced
from hypothesis import HealthCheck, settings

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

BENCH = f"{shlex.quote(sys.executable)} -m bench_lib.cli.main"
COMMANDS = f"{BENCH} sweep grid.yaml --output run && {BENCH} report run && {BENCH} doctor"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}

# Started in the background or under nohup, a process ignores signals, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# OpenMP reads this when it is loaded, with PyTorch. Threads that spin while they wait for one another take ten times as
# long where something else computes too.
os.environ["OMP_WAIT_POLICY"] = "passive"

# Kernels and papermill's own client start child processes; the tests' warnings-as-errors are not for them.
os.environ.pop("PYTHONWARNINGS", None)


@pytest.fixture
def small_network(tmp_path, monkeypatch) -> str:
    """The name of a network of one convolution, whose module lies in the test's folder, which becomes the current."""
    from corpus import networks

    networks.make(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    return "nets:build"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder into which the library is installed from a wheel, and the files that were there before it was used."""
    folder = wheel.install(tmp_path_factory.mktemp("installed"))
    return folder, wheel.contents(folder)


@pytest.fixture(scope="session")
def commands(installed, tmp_path_factory) -> Traced:
    """A sweep, its report and `bench doctor` of the installed library, and what they reached and left at home.

    Nothing but ASCII can be printed there, nor is it what files are written in by default.
    """
    folder = tmp_path_factory.mktemp("session")
    (folder / "grid.yaml").write_text(GRID)
    done = traced(["sh", "-c", COMMANDS], folder, ASCII | {"PYTHONPATH": str(installed[0])})
    assert done.status == 0, done.told
    return done


@pytest.fixture(scope="session")
def run(commands):
    """The folder of a finished run with its report."""
    return commands.folder / "run"
