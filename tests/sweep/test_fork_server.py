"""Kernels forked from a preloaded process, the guard that refuses it, and one worker for each GPU."""

import os
import signal
import subprocess
from types import SimpleNamespace

import pytest

from bench_lib.core.case import Limits
from bench_lib.core.grid import Grid
from bench_lib.measure import system
from bench_lib.results.run_folder import Run
from bench_lib.sweep import fork_server
from bench_lib.sweep.deaths import LOST
from bench_lib.sweep.fork_server import ForkedProcess
from bench_lib.sweep.runner import measure_grid
from bench_lib.sweep.workers import worker_map

SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)
GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[32], batch_sizes=[1, 2, 3], limits=SHORT)


def cuda_is_open():
    os._exit(fork_server.CUDA_OPEN)


def never_computes():
    os._exit(1)


def test_a_forked_process_computes_here():
    assert fork_server.why_not() == ""


@pytest.mark.parametrize(
    ("probe", "reason"),
    [(cuda_is_open, "CUDA is initialised in the fork server"), (never_computes, "a forked process does not compute")],
)
def test_forking_is_refused_where_it_is_not_safe(monkeypatch, probe, reason):
    monkeypatch.setattr(fork_server, "_probe", probe)
    assert fork_server.why_not() == reason


def test_a_kernel_that_outlives_the_fork_server_is_ended():
    with subprocess.Popen(["sleep", "1000"]) as kernel:
        forked = ForkedProcess(SimpleNamespace(pid=kernel.pid, exitcode=fork_server.UNKNOWN))
        assert forked.poll() == LOST
        assert kernel.wait() == -signal.SIGKILL
    assert forked.poll() == LOST  # again, and there is no such process


def test_an_open_gpu_is_seen_among_the_open_files(tmp_path):
    (tmp_path / "3").symlink_to("/dev/null")
    assert not fork_server.holds_gpu(tmp_path)
    (tmp_path / "4").symlink_to("/dev/nvidiactl")
    assert fork_server.holds_gpu(tmp_path)
    assert not fork_server.holds_gpu()


@pytest.mark.parametrize("reason", ["", "CUDA is initialised in the fork server"])
def test_where_forking_is_refused_cases_start_from_nothing_and_their_records_say_so(
    tmp_path, monkeypatch, capsys, reason
):
    monkeypatch.setattr(fork_server, "why_not", lambda: reason)
    grid = GRID.model_copy(update={"batch_sizes": [1]})
    (record,) = measure_grid(grid, Run(tmp_path / "run"))
    assert (record.status, record.process) == ("ok", "plain" if reason else "forked")
    assert ("starts a process from nothing, which is slower: CUDA" in capsys.readouterr().out) == bool(reason)


def test_several_gpus_get_one_worker_each_and_every_case_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "gpus", lambda: ["GPU-1", "GPU-2"])
    records = measure_grid(GRID, Run(tmp_path / "run"))
    assert [(record.status, record.case.batch_size) for record in records] == [("ok", 1), ("ok", 2), ("ok", 3)]


def where(_):
    import time

    time.sleep(0.2)  # so that one worker does not do it all
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_worker_sees_its_own_gpu_alone(monkeypatch):
    monkeypatch.setattr(system, "gpus", lambda: ["GPU-1", "GPU-2"])
    with worker_map() as parallel:
        assert set(parallel(where, range(6))) == {"GPU-1", "GPU-2"}
    monkeypatch.setattr(system, "gpus", lambda: ["GPU-1"])
    with worker_map() as parallel:
        assert parallel is map


def test_a_worker_that_dies_stops_the_sweep_with_a_sentence(monkeypatch):
    monkeypatch.setattr(system, "gpus", lambda: ["GPU-1", "GPU-2"])
    with pytest.raises(ChildProcessError, match="on one of the GPUs has died"), worker_map() as parallel:
        list(parallel(os._exit, [9]))
