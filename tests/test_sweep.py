"""The sweep's own behaviour, with papermill replaced by what it may do: write a record, die, hang, be interrupted."""

from pathlib import Path

import pytest
from made import MACHINE, record
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from bench_lib import sweep
from bench_lib.cases import Grid
from bench_lib.records import write_record
from bench_lib.runs import Run

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1, 2, 3])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep.machine, "describe", lambda: MACHINE)
    monkeypatch.setattr(sweep, "can_fork", lambda: False)
    monkeypatch.setattr(sweep, "shuffled", lambda grid: grid.cases())
    return Run(tmp_path / "run")


def papermill(monkeypatch, at_batch_2=lambda: None):
    """Replace the notebook's process: it writes a record, except that batch 2 does as told first."""
    asked = []

    def execute(_notebook, _output, parameters, _timeout, **_options):
        asked.append(parameters["batch_size"])
        if parameters["batch_size"] == 2:
            at_batch_2()
        write_record(record(batch=parameters["batch_size"]), Path(parameters["record_path"]))

    monkeypatch.setattr(sweep, "execute", execute)
    return asked


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeadKernelError("Kernel died"), "аварийно завершился"),
        (CellTimeoutError("too long"), "не закончилось за 900 с"),
        (RuntimeError("boom"), "прервано ошибкой RuntimeError"),
    ],
)
def test_a_case_whose_process_dies_is_a_row_and_the_sweep_goes_on(run, monkeypatch, error, reason):
    papermill(monkeypatch, raising(error))
    records = sweep.sweep(GRID, run)
    assert [r.status for r in records] == ["ok", "failed", "ok"]
    assert reason in records[1].reason
    assert run.records() == records


def test_an_interrupted_sweep_goes_on_where_it_stopped(run, monkeypatch):
    papermill(monkeypatch, raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(GRID, run)
    asked = papermill(monkeypatch)
    assert [r.status for r in sweep.sweep(GRID, run)] == ["ok"] * 3
    assert asked == [2, 3]


def test_a_record_counts_even_if_the_process_died_after_writing_it(run, monkeypatch):
    def execute(_notebook, _output, parameters, _timeout, **_options):
        write_record(record(batch=parameters["batch_size"]), Path(parameters["record_path"]))
        raise DeadKernelError("died while shutting down")

    monkeypatch.setattr(sweep, "execute", execute)
    assert [r.status for r in sweep.sweep(GRID, run)] == ["ok"] * 3
