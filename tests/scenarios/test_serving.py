"""The search over rates, exact on made curves; what serving.json says; one short real run on a tiny image."""

import os
import sys

import pytest
import torch
from helpers.made import LOAD, point

from bench_lib.cli import main
from bench_lib.cli.parser import PARAMS
from bench_lib.core.errors import InputError
from bench_lib.core.grid import read_grid
from bench_lib.core.reason import say
from bench_lib.engines.pytorch.builder import PyTorchEngine
from bench_lib.results.result_file import read_result
from bench_lib.results.serving import Serving, ServingGrid, best_point, first_broken, knee_point
from bench_lib.scenarios import batching, serving, worker
from bench_lib.scenarios.worker import attempt

GRID = LOAD


def searched(breaks_at, ceiling=1000.0, closeness=0.05, over_ms=11.0):
    """The rates tried where p99 breaks the limit of 10 ms above a rate."""
    curve = serving.search_rates(
        lambda rate: point(rate, 9.0 if rate <= breaks_at else over_ms), ceiling, 10.0, closeness
    )
    return list(curve)


@pytest.mark.parametrize("breaks_at", [130.0, 555.0, 999.0, 1001.0, 1400.0])
def test_the_limit_is_enclosed_as_closely_as_asked(breaks_at):
    points = searched(breaks_at)
    kept, above = best_point(points, 10.0), first_broken(points, 10.0)
    assert kept.offered_ips <= breaks_at < above.offered_ips <= 1.05 * kept.offered_ips
    assert len(points) <= len(serving.SHARES) + 8


def test_where_no_rate_keeps_the_limit_the_curve_alone_is_measured():
    points = searched(0.0)
    assert [p.offered_ips for p in points] == [share * 1000 for share in serving.SHARES]
    assert best_point(points, 10.0) is None
    assert first_broken(points, 10.0).offered_ips == 100


def test_rates_above_a_hopeless_one_are_left_out_and_the_search_ends_where_nothing_breaks():
    assert [p.offered_ips for p in searched(150.0, over_ms=41.0)][:3] == [100, 300, pytest.approx(173.2, abs=0.1)]
    assert max(p.offered_ips for p in searched(1e9)) <= 2000


def test_a_glitch_at_a_low_rate_does_not_hide_the_best():
    points = [point(100, 50.0), point(300, 5.0), point(500, 9.9), point(700, 12.0)]
    assert best_point(points, 10.0).offered_ips == 500
    assert first_broken(points, 10.0).offered_ips == 700


def test_the_knee_is_where_kleinrocks_power_is_largest():
    curve = [point(100, 9, p50_ms=1.0), point(400, 9, p50_ms=2.0), point(500, 9, p50_ms=4.0)]
    assert knee_point(curve).offered_ips == 400  # 100, 200 and 125 answers a second for a millisecond
    assert knee_point([*curve, point(900, 9, p50_ms=4.0, ips=600)]).offered_ips == 400  # what is answered counts


def test_the_clocks_distance_is_the_largest_of_the_three_and_the_batch_is_the_mean():
    assert point(100, 10.0, ours=0.97).apart == pytest.approx(0.03)
    assert point(100, 10.0).batch == 2


def test_a_rate_is_held_long_enough_that_an_overload_breaks_the_limit():
    assert ServingGrid(**GRID, p99_ms=10, point_s=1.0).held_s == 1.0
    assert ServingGrid(**GRID, p99_ms=500.0, point_s=1.0).held_s == 10.0


def test_the_cases_of_an_engine_and_precision_are_one_queue():
    grid = ServingGrid(**GRID | {"engines": ["pytorch", "onnx_runtime"], "precisions": ["fp32", "bf16"],
                                 "batch_sizes": [8, 1]})  # fmt: skip
    assert [[(c.engine, c.precision, c.batch_size) for c in group] for group in grid.groups()] == [
        [(engine, precision, 1), (engine, precision, 8)]
        for engine in ("pytorch", "onnx_runtime") for precision in ("fp32", "bf16")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("p99_ms: 0", "p99_ms is 0; it must be at least more than 0"),
        ("p99_ms: -5", "p99_ms is -5; it must be at least more than 0"),
        ("least_requests: 10", "least_requests is 10; it must be at least 100"),
        ("repeats: 3", "repeats has no meaning here"),
        ("precisions: [auto]", "auto is chosen by a sweep"),
        ("p99: 10", "did you mean 'p99_ms'?"),
    ],
)
def test_an_impossible_load_is_one_sentence(tmp_path, capsys, line, words):
    path = tmp_path / "load.yaml"
    kept = {name: value for name, value in GRID.items() if name not in line}
    path.write_text("\n".join(f"{name}: {value}" for name, value in kept.items()) + f"\n{line}\n")
    assert main.main(["serve", str(path), "--output", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_without_loadgen_the_command_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(InputError, match=r"LoadGen is not installed.*pip install -c constraints.txt mlcommons-loadgen"):
        serving.measure_serving(ServingGrid(**GRID), tmp_path)


def test_the_published_load_is_valid_and_has_a_limit_of_10_ms():
    grid = read_grid(PARAMS / "load" / "serving.yaml", ServingGrid)
    assert grid.p99_ms == 10
    assert len(grid.groups()) == 6


@pytest.mark.parametrize(
    ("slow", "tried"), [({2000}, [1000, 2000, 4000, 8000, 16000, 32000]), (set(), [1000, 2000, 4000, 8000, 16000])]
)
def test_one_pause_of_the_machine_does_not_end_the_measurement_of_the_queue(monkeypatch, slow, tried):
    def under_load(_engines, rate, requests, *_):
        assert requests == rate * serving.QUEUE_S
        return point(rate, 99.0 if rate in slow or rate > 4000 * (1 + len(slow)) else 1.0), ""

    monkeypatch.setattr(batching, "under_load", under_load)
    assert [p.offered_ips for p in serving.queue_alone(ServingGrid(**GRID))] == tried


@pytest.fixture
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
def test_a_real_engine_is_served_and_what_is_measured_is_kept(tmp_path, capsys, monkeypatch):
    pytest.importorskip("mlperf_loadgen")
    limits = {"warmup_min_s": 0.01, "warmup_max_s": 0.2, "min_count": 3, "min_s": 0.02}
    text = {**GRID, "precisions": ["fp32", "tf32"], "p99_ms": 10_000, "least_requests": 100,
            "closeness": 1, "limits": limits}  # fmt: skip
    (tmp_path / "load.yaml").write_text(str(text))
    monkeypatch.setattr(serving, "SHARES", (0.5, 0.9))
    monkeypatch.setattr(serving, "HOPELESS", 1e9)  # however slow this machine is now
    monkeypatch.setattr(serving, "FURTHER", 10)  # no more rates
    monkeypatch.setattr(serving, "run_in_process", attempt)
    monkeypatch.setattr(ServingGrid, "held_s", 0.2)
    command = ["serve", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]
    assert main.main(command) == 0
    found = read_result(Serving, tmp_path / "run")
    first, second = found.cases
    assert sorted(first.call_ms) == [1, 4]
    assert [p.offered_ips for p in first.points] == pytest.approx([0.5 * first.ceiling_ips, 0.9 * first.ceiling_ips])
    assert all(p.loadgen.p99_ms >= p.loadgen.p50_ms > 0 for p in first.points)
    assert torch.cuda.is_available() or say(second.failed).startswith("TF32 есть только у GPU NVIDIA")
    assert found.queue[0].offered_ips == serving.QUEUE_IPS
    log = (tmp_path / "run" / serving.LOADGEN_LOG).read_text()
    assert log.count("Scenario : Server") >= len(first.points)
    assert "differ by at most" in capsys.readouterr().out
    monkeypatch.setattr(PyTorchEngine, "output", lambda engine: torch.zeros_like(engine._output))
    wrong, _ = serving.serve_case(found.grid.groups()[0], found.grid)
    assert say(wrong.failed) == "выход одинаков для всех изображений"
    monkeypatch.setattr(serving, "serve_case", lambda *_: pytest.fail("measured again"))
    assert main.main(command) == 0
    assert read_result(Serving, tmp_path / "run").cases == found.cases


def test_a_limit_below_a_single_call_is_told_and_no_rate_is_tried(monkeypatch):
    monkeypatch.setattr(serving, "build_engines", lambda *_: {1: None, 4: None})
    monkeypatch.setattr(serving, "batch_times_ms", lambda *_: {"throughput": 12.5})
    monkeypatch.setattr(serving, "search_rates", lambda *_: pytest.fail("a rate was tried"))
    grid = ServingGrid(**GRID)
    found, _ = serving.serving_curve(grid.cases(), grid)
    assert say(found.failed) == "предел 10 мс меньше одного вызова без очереди (12,5 мс)"
    assert str(found.failed).startswith("p99_ms is 10, less than a call without a queue takes (12.5 ms); allow more")
    assert found.call_ms == {1: 12.5, 4: 12.5}


def crash(*_):
    os._exit(3)


def test_a_case_that_crashes_is_kept_with_its_reason(monkeypatch):
    monkeypatch.setattr(worker, "attempt", crash)
    crashed, log = serving.serve_case(ServingGrid(**GRID).cases(), ServingGrid(**GRID))
    assert (say(crashed.failed), crashed.points, log) == ("процесс измерения аварийно завершился", [], "")
