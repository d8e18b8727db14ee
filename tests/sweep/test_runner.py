"""The sweep's own behaviour, with papermill replaced by what it may do: write a record, die, hang, be interrupted."""

from pathlib import Path

import pytest
from helpers.made import MACHINE, record, skipped
from nbclient.exceptions import CellTimeoutError

from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.core.record import write_record
from bench_lib.measure import system
from bench_lib.results.run_folder import Run
from bench_lib.sweep import runner
from bench_lib.sweep.deaths import LOST, KernelDied
from bench_lib.sweep.runner import measure_grid

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1, 2, 3])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "describe", lambda: MACHINE)
    monkeypatch.setattr(runner, "check_fork", lambda: False)
    monkeypatch.setattr(runner, "shuffled_cases", lambda grid: grid.cases())
    return Run(tmp_path / "run")


def papermill(monkeypatch, at_batch_2=lambda: None):
    """Replace the notebook's process: it writes a record, except that batch 2 does as told first."""
    asked = []

    def execute(_notebook, _output, parameters, _timeout, **_options):
        asked.append(parameters["batch_size"])
        if parameters["batch_size"] == 2:
            at_batch_2()
        write_record(record(batch=parameters["batch_size"]), Path(parameters["record_path"]))

    monkeypatch.setattr(runner, "execute_notebook", execute)
    return asked


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KernelDied(-11), "аварийно завершился (SIGSEGV): ошибка в машинном коде PyTorch"),
        (KernelDied(-15), "остановлен сигналом SIGTERM"),
        (KernelDied(3), "сам завершился с кодом 3"),
        (KernelDied(LOST), "завершился, и неизвестно как"),
        (CellTimeoutError("too long"), "не закончилось за 900 с"),
        (RuntimeError("boom"), "прервано ошибкой RuntimeError"),
    ],
)
def test_a_case_whose_process_dies_is_a_row_and_the_sweep_goes_on(run, monkeypatch, error, reason):
    papermill(monkeypatch, raising(error))
    records = measure_grid(GRID, run)
    assert [r.status for r in records] == ["ok", "failed", "ok"]
    assert reason in say(records[1].reason)
    assert run.records() == records


def test_a_case_is_measured_once_more_where_the_fork_server_died(run, monkeypatch):
    deaths = iter([KernelDied(LOST)])

    def die_once():
        if error := next(deaths, None):
            raise error

    asked = papermill(monkeypatch, die_once)
    assert [one.status for one in measure_grid(GRID, run)] == ["ok"] * 3
    assert asked == [1, 2, 2, 3]


def test_an_interrupted_sweep_goes_on_where_it_stopped(run, monkeypatch):
    papermill(monkeypatch, raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        measure_grid(GRID, run)
    asked = papermill(monkeypatch)
    assert [r.status for r in measure_grid(GRID, run)] == ["ok"] * 3
    assert asked == [2, 3]


def test_a_record_counts_even_if_the_process_died_after_writing_it(run, monkeypatch):
    def execute(_notebook, _output, parameters, _timeout, **_options):
        write_record(record(batch=parameters["batch_size"]), Path(parameters["record_path"]))
        raise KernelDied(-9)

    monkeypatch.setattr(runner, "execute_notebook", execute)
    assert [r.status for r in measure_grid(GRID, run)] == ["ok"] * 3


def test_later_repeats_of_a_skipped_case_are_skipped_without_a_process(run, monkeypatch):
    asked = []

    def execute(_notebook, _output, parameters, _timeout, **_options):
        asked.append((parameters["batch_size"], parameters["repeat"]))
        first = skipped("pytorch", batch=2) if parameters["batch_size"] == 2 else record(batch=parameters["batch_size"])
        case = first.case.model_copy(update={"repeat": parameters["repeat"]})
        write_record(first.model_copy(update={"case": case}), Path(parameters["record_path"]))

    monkeypatch.setattr(runner, "execute_notebook", execute)
    records = measure_grid(GRID.model_copy(update={"repeats": 2}), run)
    assert [one.status for one in records] == ["ok", "skipped", "ok"] * 2
    assert records[4].reason == records[1].reason
    assert asked == [(1, 1), (2, 1), (3, 1), (1, 2), (3, 2)]
