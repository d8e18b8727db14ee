"""Several at once: figures exact on made work, real short runs of two processes and of two threads."""

import contextlib
import multiprocessing
import os
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from helpers.made import LOAD, MIB, crowd, record, report, worded

from bench_lib.cli import main
from bench_lib.cli.parser import PARAMS
from bench_lib.core.case import Case
from bench_lib.core.grid import read_grid
from bench_lib.core.reason import say
from bench_lib.engines.pytorch.builder import PyTorchEngine
from bench_lib.measure import system
from bench_lib.report.sections.scaling import scaling_text
from bench_lib.results.load_grid import P99_COUNT
from bench_lib.results.result_file import read_result
from bench_lib.results.scaling import Scaling, ScalingGrid, added_bytes, saturation_crowd
from bench_lib.scenarios import scaling as scaling_module
from bench_lib.scenarios.scaling import WorkerTimes, crowd_figures, measure_crowd, run_worker
from bench_lib.text.language import NBSP

LIMITS = {"warmup_min_s": 0.01, "warmup_max_s": 0.2, "min_count": 3, "min_s": 0.02}
GRID = ScalingGrid(**LOAD | {"batch_sizes": [2]}, workers=[1, 2], window_s=0.2, limits=LIMITS)


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def test_a_crowds_figures_are_those_of_all_its_members():
    works = [WorkerTimes([[10.0] * 50], [0.5], 0.4), WorkerTimes([[20.0] * 50], [1.0], 0.8)]
    found = crowd_figures(works, batch_size=4, shares=None, cores=2)
    assert found["each_ips"] == [400, 200]
    assert (found["p50_ms"], found["busy"]) == (15.0, pytest.approx(1.2 / 1.0 / 2))
    assert (found["calls"], found["p99_ms"]) == (100, None)
    many = [WorkerTimes([[10.0] * 1000, [20.0] * 999], [1.0, 1.0], 0.4), WorkerTimes([[30.0]], [1.0], 0.4)]
    assert (crowd_figures(many, 1, None, 2)["calls"], crowd_figures(many, 1, None, 2)["p99_ms"]) == (2000, 20.0)
    assert crowd_figures(works, 4, [0.0, 0.0, 0.8, 0.9, 1.0], 2)["busy"] == pytest.approx(0.9)  # the second half
    assert crowd_figures(works, 4, [], 2)["busy"] is None  # a GPU whose driver does not tell


def test_saturation_is_the_fewest_that_reach_95_percent_of_the_most():
    crowds = [crowd(1, 100), crowd(2, 190), crowd(4, 200), crowd(8, 199)]
    assert saturation_crowd(crowds).workers == 2
    assert saturation_crowd([crowd(1, 100), crowd(2, 189), crowd(4, 200)]).workers == 4
    assert saturation_crowd([crowd(1, 200), crowd(2, 150)]).workers == 1


def test_each_added_worker_takes_what_the_largest_crowd_has_more_by_the_number_added():
    crowds = [crowd(1, 1, host_bytes=100), crowd(2, 1, host_bytes=250), crowd(5, 1, host_bytes=500)]
    assert added_bytes(crowds, "host_bytes") == 100
    assert added_bytes(crowds, "device_bytes") is None
    assert added_bytes(crowds[:1], "host_bytes") is None


@pytest.mark.parametrize("way", ["processes", "threads"])
def test_two_really_run_at_once(way):
    found = measure_crowd(GRID.cases()[0], way, 2, GRID, cores=2)
    assert found.failed is None
    assert len(found.each_ips) == 2
    assert min(found.each_ips) > 0
    assert found.p50_ms > 0
    assert found.calls >= 2
    assert (found.p99_ms is None) == (found.calls < P99_COUNT)
    assert found.host_bytes > 50 * MIB
    assert found.cores == 1
    assert found.busy > 0


def test_a_worker_whose_answers_are_wrong_says_so_after_its_memory_was_looked_at(monkeypatch):
    monkeypatch.setattr(PyTorchEngine, "outputs", lambda _: (torch.full((2, 1000), torch.nan),))
    link, theirs = multiprocessing.Pipe()
    worker = threading.Thread(target=run_worker, args=(theirs, GRID.cases()[0], GRID, 2, 1))
    worker.start()
    assert link.recv() == "ready"
    link.send("go")
    assert len(link.recv().latency_ms) == 2
    assert not link.poll(0.1)
    link.send("check")
    assert say(link.recv()) == "выход содержит бесконечность или NaN"
    link.send("end")
    worker.join()


def crash(*_):
    os._exit(3)


def test_a_worker_that_dies_hangs_or_cannot_run_is_a_row_with_its_reason(monkeypatch):
    tf32 = measure_crowd(Case(engine="openvino", precision="tf32"), "threads", 1, GRID, cores=2)
    assert str(tf32.failed).startswith("TF32")
    monkeypatch.setattr(scaling_module, "run_worker", crash)
    dead = measure_crowd(GRID.cases()[0], "processes", 2, GRID, cores=2)
    assert say(dead.failed) == "процесс измерения сам завершился с кодом 3"
    monkeypatch.setattr(scaling_module, "run_worker", hang)
    limits = GRID.limits.model_copy(update={"case_timeout_s": 0.1})
    hung = measure_crowd(GRID.cases()[0], "processes", 1, GRID.model_copy(update={"limits": limits}), cores=2)
    assert say(hung.failed) == "измерение не закончилось за 0,1 с"


def hang(*_):
    time.sleep(600)


def test_the_command_measures_each_crowd_and_writes_the_file(tmp_path, monkeypatch, capsys):
    made = iter([crowd(1, 100), crowd(2, 150), crowd(1, 90, "threads"),
                 crowd(2, 0.1, "threads", each_ips=[], failed=worded("нет", "none"))])  # fmt: skip
    monkeypatch.setattr(scaling_module, "measure_crowd", lambda *_: next(made))
    (tmp_path / "load.yaml").write_text(GRID.model_dump_json(exclude={"slurm"}))
    assert main.main(["scale", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]) == 0
    (scaled,) = read_result(Scaling, tmp_path / "run").cases
    assert [one.ips for one in scaled.measured("processes")] == [100, 150]
    assert [one.workers for one in scaled.measured("threads")] == [1]
    said = capsys.readouterr().out.splitlines()
    assert said[2].split()[:5] == ["resnet18-pytorch-fp32-32px-b2", "1", "processes", "100", "10"]
    assert said[-1].endswith("2 threads     none")


def test_an_interrupted_measurement_goes_on_and_until_then_the_report_says_what_is_left(tmp_path, monkeypatch, capsys):
    made = iter([crowd(1, 100), crowd(2, 150), KeyboardInterrupt(), crowd(1, 90, "threads"), crowd(2, 95, "threads")])

    def measured(*_):
        if isinstance(found := next(made), KeyboardInterrupt):
            raise found
        return found

    monkeypatch.setattr(scaling_module, "measure_crowd", measured)
    (tmp_path / "load.yaml").write_text(GRID.model_dump_json(exclude={"slurm"}))
    command = ["scale", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]
    assert main.main(command) == 130
    assert f"What is measured is kept; to go on: bench {' '.join(command)}" in capsys.readouterr().err
    data = report(record(), folder=tmp_path / "run")
    assert "Измерение прервано, не дошло до: PyTorch fp32, батч 2;" in text(scaling_text(data))
    assert main.main(command) == 0
    (scaled,) = read_result(Scaling, tmp_path / "run").cases
    assert [one.ips for one in scaled.crowds] == [100, 150, 90, 95]
    assert "прервано" not in text(scaling_text(data))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("workers: [2, 4]", "it must hold 1"),
        ("workers: [1, 0]", "workers.1 is 0; it must be at least 1"),
        ("window_s: 0", "window_s is 0; it must be at least more than 0"),
        ("ways: [fibers]", "ways.0 is 'fibers'; allowed: 'processes' or 'threads'"),
        ("repeats: 2", "repeats has no meaning here"),
        ("lang: en", "lang has no meaning here"),
        ("data: photos\nlabels: folders", "labels have no meaning here"),
    ],
)
def test_a_wrong_load_is_one_sentence(tmp_path, capsys, line, words):
    lines = [f"{name}: {value}" for name, value in LOAD.items()]
    (tmp_path / "load.yaml").write_text("\n".join([*lines, line]))
    assert main.main(["scale", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]) == 2
    assert words in capsys.readouterr().err


def test_the_load_in_params_is_valid():
    assert read_grid(PARAMS / "load" / "scaling.yaml", ScalingGrid).workers == [1, 2, 4, 8]


def test_the_gpu_is_watched_for_as_long_as_asked_or_waited_for_without_one(monkeypatch):
    start = time.perf_counter()
    shares = system.watch_gpu(0.05, every_s=0.01)
    assert time.perf_counter() - start >= 0.05
    assert system.gpu() or shares is None

    class Nvml:
        NVMLError = RuntimeError
        nvmlDeviceGetUtilizationRates = staticmethod(lambda _: SimpleNamespace(gpu=40))

    monkeypatch.setattr(system, "nvml", lambda: contextlib.nullcontext((Nvml, "handle")))
    shares = system.watch_gpu(0.05, every_s=0.01)
    assert set(shares) == {0.4}
    assert 1 <= len(shares) <= 6

    def refuse(_):
        raise Nvml.NVMLError("not supported")

    monkeypatch.setattr(Nvml, "nvmlDeviceGetUtilizationRates", refuse)
    assert system.watch_gpu(0.05, every_s=0.01) == []
