"""Several GPUs of one host: cores of their own, and no record of a host-paced case that others ran beside."""

import itertools
import os

import pytest
from helpers.made import MACHINE, record

from bench_lib.core.grid import Grid
from bench_lib.core.reason import because
from bench_lib.core.record import write_record
from bench_lib.measure import system
from bench_lib.results.run_folder import Run
from bench_lib.sweep import runner, workers

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1, 33, 64])
GPU_MACHINE = MACHINE | {"gpu": {"name": "NVIDIA H100", "memory_bytes": 1, "driver": "1", "cuda": "13.0"}}
TWO = ["GPU-a", "GPU-b"]


def on_gpu(batch, begin, end, uuid, sent, **fields):
    """A record of a case that ran from second `begin` to second `end`; sending takes the share `sent` of its time."""
    made = record(batch=batch, **fields)
    if made.timing:
        timing = made.timing.model_copy(update={"enqueue_ms": [sent * ms for ms in made.timing.latency_ms]})
        made = made.model_copy(update={"timing": timing})
    times = {"started_at": f"2026-01-01T00:00:{begin:02}+00:00", "ended_at": f"2026-01-01T00:00:{end:02}+00:00"}
    return made.model_copy(update=times | {"host": "h", "gpu_busy": {"uuid": uuid}, "machine": GPU_MACHINE})


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path / "run")
    made.start(GRID, GPU_MACHINE)
    return made


def aside(run, *records):
    for one in records:
        write_record(one, run.record_path(one.case))
    return [case.batch_size for case in workers.set_aside_disturbed(run, GRID.cases())]


def test_a_host_paced_case_that_another_ran_beside_is_set_aside_and_kept(run):
    slow = on_gpu(1, 0, 20, "GPU-a", sent=0.9)
    assert aside(run, slow, on_gpu(33, 5, 25, "GPU-b", sent=0.1)) == [1]
    assert [one.case.batch_size for one in run.records()] == [33]
    assert len(list((run.folder / "set_aside").iterdir())) == 1


@pytest.mark.parametrize(
    "other",
    [
        on_gpu(33, 25, 40, "GPU-b", sent=0.1),  # later
        on_gpu(33, 5, 25, "GPU-a", sent=0.1),  # on the same GPU: not at once
    ],
    ids=["later", "same GPU"],
)
def test_a_host_paced_case_that_ran_alone_stays(run, other):
    assert aside(run, on_gpu(1, 0, 20, "GPU-a", sent=0.9), other) == []


def test_cases_that_the_gpu_paces_may_overlap(run):
    assert aside(run, on_gpu(1, 0, 20, "GPU-a", sent=0.2), on_gpu(33, 5, 25, "GPU-b", sent=0.1)) == []


def test_a_failed_case_is_not_set_aside(run):
    failed = on_gpu(1, 0, 20, "GPU-a", 0.9, status="failed", reason=because("no_record"))
    assert aside(run, failed, on_gpu(33, 5, 25, "GPU-b", sent=0.1)) == []


def test_a_sweep_measures_disturbed_cases_again_on_one_gpu(run, monkeypatch):
    asked = []

    def measure(case, *_):
        asked.append((case.batch_size, os.environ.get(workers.VISIBLE)))
        again = len(asked) > 3
        begin, end, gpu = (40, 50, "GPU-a") if again else (0, 20, TWO[case.batch_size == 1])
        made = on_gpu(case.batch_size, begin, end, gpu, sent=0.9 if case.batch_size == 1 else 0.1)
        write_record(made, run.record_path(case))
        return made

    monkeypatch.delenv(workers.VISIBLE, raising=False)
    monkeypatch.setattr(system, "describe", lambda: GPU_MACHINE)
    monkeypatch.setattr(system, "gpus", lambda: TWO)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", lambda *_args, **_options: HerePool())
    monkeypatch.setattr(runner, "check_fork", lambda: False)
    monkeypatch.setattr(runner, "run_notebook", measure)
    assert len(runner.measure_grid(GRID, run)) == 3
    assert [batch for batch, _ in asked[:3]] == [case.batch_size for case in runner.shuffled_cases(GRID)]
    assert asked[3:] == [(1, "GPU-a")]
    assert workers.VISIBLE not in os.environ


class HerePool:
    """A pool that works in this process."""

    map = staticmethod(map)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_workers_get_disjoint_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5, 6})
    assert workers.divide_cores(2) == [[0, 1, 2], [3, 4, 5, 6]]
    assert sorted(itertools.chain.from_iterable(workers.divide_cores(3))) == list(range(7))
    assert workers.divide_cores(8) == [list(range(7))] * 8
