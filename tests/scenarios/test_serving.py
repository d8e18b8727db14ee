"""The search over rates, exact on made curves; what serving.json says; one short real run on a tiny image."""

import math
import os
import sys

import numpy as np
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
from bench_lib.results.serving import (
    P99_COUNT,
    Serving,
    ServingGrid,
    best_point,
    best_throughput,
    first_broken,
    knee_point,
    unhurried,
)
from bench_lib.scenarios import batching, serving, worker
from bench_lib.scenarios.worker import attempt

GRID = LOAD


def searched(breaks_at, ceiling=1000.0, closeness=0.05, over_ms=11.0, p90_breaks_at=None):
    """The points tried where p99 breaks the limit of 10 ms above a rate, and p90 above one that may be higher."""

    def measure(rate, least):
        requests = max(least, round(rate))  # as where a rate is held for a second
        p99_ms = None if requests < P99_COUNT else 9.0 if rate <= breaks_at else over_ms
        return point(rate, p99_ms, requests=requests, p90_ms=8.0 if rate <= (p90_breaks_at or breaks_at) else over_ms)

    return list(serving.search_rates(measure, ceiling, ServingGrid(**GRID, closeness=closeness)))


@pytest.mark.parametrize("ceiling", [1000.0, 100_000.0])  # short windows without a p99; every window has one
@pytest.mark.parametrize("breaks_at", [0.13, 0.555, 0.999, 1.001, 1.4])
@pytest.mark.parametrize("p90_later", [1.0, 1.3])
def test_the_limit_is_enclosed_as_closely_as_asked_and_by_rates_with_a_p99(ceiling, breaks_at, p90_later):
    points = searched(breaks_at * ceiling, ceiling, p90_breaks_at=breaks_at * ceiling * p90_later)
    kept, above = best_point(points, 10.0), first_broken(points, 10.0)
    assert kept.offered_ips <= breaks_at * ceiling < above.offered_ips <= 1.05 * kept.offered_ips
    assert kept.requests >= P99_COUNT
    assert sum(one.requests >= P99_COUNT for one in points) <= 10 + len(serving.SHARES) * (ceiling > 1000)


def test_a_rate_of_few_requests_keeps_no_limit_however_fast_they_were():
    assert best_point([point(100, None, requests=200, p90_ms=1.0)], 10.0) is None
    assert (
        best_point([point(100, 9.0, p90_ms=8.0), point(200, None, requests=200, p90_ms=1.0)], 10.0).offered_ips == 100
    )
    assert first_broken([point(100, 9.0), point(200, None, requests=200, p90_ms=11.0)], 10.0).offered_ips == 200


def test_the_search_does_not_believe_a_p90_and_goes_down_until_a_p99_keeps_the_limit():
    points = searched(150.0, p90_breaks_at=450.0)
    long = [one.offered_ips for one in points if one.requests >= P99_COUNT]
    assert long[:4] == [400, 300, 200, 100]
    assert best_point(points, 10.0).offered_ips == pytest.approx(150, rel=0.05)


def test_where_no_rate_keeps_the_limit_the_curve_alone_is_measured():
    points = searched(0.0)
    assert [p.offered_ips for p in points] == [share * 1000 for share in serving.SHARES]
    assert {p.requests for p in points if p.offered_ips <= 200} == {serving.SEARCH_REQUESTS}
    assert best_point(points, 10.0) is None
    assert first_broken(points, 10.0).offered_ips == 100
    none = searched(0.0, p90_breaks_at=250.0)  # two rates that a p90 does not exclude, and a p99 does
    assert [p.offered_ips for p in none[len(serving.SHARES) :]] == [200, 100]
    assert best_point(none, 10.0) is None


def test_rates_above_a_hopeless_one_are_left_out_and_the_search_ends_where_nothing_breaks():
    assert [p.offered_ips for p in searched(150.0, over_ms=41.0)][:4] == [100, 200, 100, pytest.approx(141.4, abs=0.1)]
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
    assert point(100, None).apart == 0  # neither has a p99
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
        (
            "least_requests: 1999",
            "least_requests is 1999; it must be at least 2000: the p99 of fewer is about the slowest",
        ),
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
    assert grid.least_requests == ServingGrid(**GRID).least_requests == P99_COUNT
    assert len(grid.groups()) == 6


@pytest.mark.parametrize(
    ("slow", "tried"), [({2000}, [1000, 2000, 4000, 8000, 16000, 32000]), (set(), [1000, 2000, 4000, 8000, 16000])]
)
def test_one_pause_of_the_machine_does_not_end_the_measurement_of_the_queue(monkeypatch, slow, tried):
    def under_load(_engines, rate, requests, *_):
        assert requests == max(P99_COUNT, rate * serving.QUEUE_S)
        return point(rate, 99.0 if rate in slow or rate > 4000 * (1 + len(slow)) else 1.0), ""

    monkeypatch.setattr(batching, "under_load", under_load)
    assert [p.offered_ips for p in serving.queue_alone(ServingGrid(**GRID))] == tried


@pytest.fixture
def _one_thread(monkeypatch):
    """One thread for PyTorch, which waits for no other on a busy machine; the measurement sets no number itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda _: None)
        yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_a_real_engine_is_served_and_what_is_measured_is_kept(tmp_path, capsys, monkeypatch):
    pytest.importorskip("mlperf_loadgen")
    limits = {"warmup_min_s": 0.01, "warmup_max_s": 0.2, "min_count": 3, "min_s": 0.02}
    text = {**GRID, "precisions": ["fp32", "tf32"], "p99_ms": 10_000, "least_requests": 100,
            "closeness": 1, "limits": limits}  # fmt: skip
    (tmp_path / "load.yaml").write_text(str(text))
    for module in (serving, batching):
        monkeypatch.setattr(module, "P99_COUNT", 100)
    monkeypatch.setattr(serving, "SEARCH_REQUESTS", 100)
    monkeypatch.setattr(serving, "SHARES", (0.5, 0.9))
    monkeypatch.setattr(serving, "HOPELESS", 1e9)  # however slow this machine is now
    monkeypatch.setattr(serving, "FURTHER", 10)  # no more rates
    monkeypatch.setattr(serving, "run_in_process", lambda _engine, *given: attempt(*given))
    monkeypatch.setattr(ServingGrid, "held_s", 0.2)
    command = ["serve", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]
    assert main.main(command) == 0
    found = read_result(Serving, tmp_path / "run")
    first, second = found.cases
    assert sorted(first.call_ms) == [1, 4]
    assert [p.offered_ips for p in first.points] == pytest.approx([0.5 * first.ceiling_ips, 0.9 * first.ceiling_ips])
    assert all(p.loadgen.p99_ms >= p.loadgen.p90_ms >= p.loadgen.p50_ms > 0 for p in first.points)
    assert first.queued == [1, 4]
    assert torch.cuda.is_available() or say(second.failed).startswith("TF32 есть только у GPU NVIDIA")
    assert found.queue[0].offered_ips == serving.QUEUE_IPS
    log = (tmp_path / "run" / serving.LOADGEN_LOG).read_text()
    assert log.count("Scenario : Server") >= len(first.points)
    assert "differ by at most" in capsys.readouterr().out
    monkeypatch.setattr(serving, "search_rates", lambda *_: [])  # a wrong answer is seen without load
    monkeypatch.setattr(PyTorchEngine, "outputs", lambda engine: (torch.zeros_like(engine._answer),))
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


def served_with(monkeypatch, call_ms, **fields):
    """The curve of an engine whose calls take `call_ms` by batch size, and the batch sizes that requests waited for."""
    seen = set()
    monkeypatch.setattr(serving, "build_engines", lambda *_: dict.fromkeys(call_ms))
    times = iter(call_ms.values())
    monkeypatch.setattr(serving, "batch_times_ms", lambda *_: {"throughput": next(times)})
    monkeypatch.setattr(serving, "check_answers", lambda *_: None)

    def under_load(engines, rate, requests, *_):
        seen.update(engines)
        return point(rate, 9.0 if rate <= 300 else 99.0, requests=requests, p90_ms=1.0), ""

    monkeypatch.setattr(batching, "under_load", under_load)
    grid = ServingGrid(**GRID | {"batch_sizes": list(call_ms)}, **fields)
    found, _ = serving.serving_curve(grid.groups()[0], grid)
    return found, seen


def test_requests_wait_only_for_batches_whose_time_suits_the_limit(monkeypatch):
    found, seen = served_with(monkeypatch, {1: 2.0, 4: 5.0, 16: 5.1})
    assert found.queued == found.batches == sorted(seen) == [1, 4]
    assert found.call_ms == {1: 2.0, 4: 5.0, 16: 5.1}
    assert min(one.offered_ips for one in found.points) == pytest.approx(80)  # a tenth of what batches of 4 reach
    found, seen = served_with(monkeypatch, {1: 6.0, 4: 9.0})  # none suits it: the fastest
    assert found.queued == sorted(seen) == [1]


def test_a_batch_suits_a_limit_that_is_twice_its_time_or_more():
    assert unhurried({1: 5.0, 4: 5.01, 16: 1.0}, 10.0) == [1, 16]
    assert unhurried({1: 5.01}, 10.0) == []


def simulated(call_ms, rate, requests, seed):
    """A point of a queue whose batches always take `call_ms`, by batch size, and the seconds that its requests take."""
    came = 1e3 * np.cumsum(np.random.default_rng(seed).exponential(1 / rate, requests))
    free_ms, first, latency_ms, calls = 0.0, 0, [], 0
    while first < requests:
        last = first + max(call_ms)
        until = max(free_ms, came[first] + 1.0)  # as long as the oldest waits, or the device is busy
        batch = came[first:last][came[first:last] <= until]
        go = max(free_ms, batch[-1]) if len(batch) == max(call_ms) else until
        free_ms = go + call_ms[min(size for size in call_ms if size >= len(batch))]
        latency_ms.extend(free_ms - batch)
        first, calls = first + len(batch), calls + 1
    p50, p90, p99 = np.quantile(latency_ms, [0.5, 0.9, 0.99], method="higher")
    return point(rate, p99 if requests >= P99_COUNT else None, p50, requests=requests, calls=calls, p90_ms=p90)


def search_simulated(call_ms, limit_ms):
    """The points of a search before a simulated queue, and how many minutes it would last."""
    grid, points = ServingGrid(**GRID, p99_ms=limit_ms, point_s=1), []

    def measure(rate, least):
        points.append(simulated(call_ms, rate, max(least, math.ceil(rate * grid.held_s)), len(points)))
        return points[-1]

    list(serving.search_rates(measure, best_throughput(call_ms), grid))
    return points, sum(one.requests / one.offered_ips for one in points) / 60


def test_a_cap_that_suits_the_limit_lets_a_higher_rate_keep_it():
    call_ms = {1: 1.28, 4: 1.45, 16: 2.89, 64: 7.83}
    capped = {size: call_ms[size] for size in unhurried(call_ms, 10.0)}
    assert list(capped) == [1, 4, 16]
    (all_sizes, _), (best, minutes) = search_simulated(call_ms, 10.0), search_simulated(capped, 10.0)
    assert best_point(best, 10.0).offered_ips > 1.5 * best_point(all_sizes, 10.0).offered_ips
    assert minutes < 0.5


@pytest.mark.parametrize(("ms", "limit_ms", "least", "most"), [(32, 200, 9, 14), (32, 100, 20, 25), (46, 100, 60, 90)])
def test_a_search_on_a_slow_device_lasts_as_long_as_the_page_says(ms, limit_ms, least, most):
    points, minutes = search_simulated({1: float(ms)}, float(limit_ms))
    assert best_point(points, limit_ms).requests >= P99_COUNT
    assert least <= minutes <= most


def crash(*_):
    os._exit(3)


def test_a_case_that_crashes_is_kept_with_its_reason(monkeypatch):
    monkeypatch.setattr(worker, "send_result", crash)
    crashed, log = serving.serve_case(ServingGrid(**GRID).cases(), ServingGrid(**GRID))
    assert (say(crashed.failed), crashed.points, log) == ("процесс измерения сам завершился с кодом 3", [], "")
