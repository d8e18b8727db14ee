"""The clock's own check: exact intervals and verdicts on made figures, each clock on a fake one, a real tiny run."""

import math
import os
import random
import statistics
import sys

import numpy as np
import pytest
import torch
from helpers.made import FakeClock, NoOpEngine, Sleeper, TickingClock, clock, worded

from bench_lib.cli import main
from bench_lib.core import intervals, timing
from bench_lib.core.case import Case, Limits
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.measure import threads
from bench_lib.results import verdicts
from bench_lib.results.clock import EVENTS, LEAST_ROUNDS, LOADGEN, OURS, TIMER, Clock, clock_rows, median_interval
from bench_lib.results.result_file import read_result, write_result
from bench_lib.scenarios import clock as clock_module
from bench_lib.scenarios import loadgen, worker
from bench_lib.scenarios.clock import CLOCKS, Subject, absent_clocks, clock_case, time_case, time_cuda_events

LIMITS = Limits(warmup_min_count=1, warmup_min_s=0.001, warmup_max_s=0.1, min_count=2, min_s=0.02, max_s=0.02)
GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[32], batch_sizes=[1, 3], limits=LIMITS)


@pytest.mark.parametrize("count", [*range(6, 41), 100, 301])
def test_the_interval_of_a_median_is_that_of_the_sign_test(count):
    values = [random.Random(count * 100 + i).lognormvariate(0, 1) for i in range(count)]
    found = median_interval(values)
    ordered = sorted(values)
    beyond = 0  # so many values lie beyond either end: with two ends, as many heads in `count` tosses have 5 % or less
    while 2 * sum(math.comb(count, heads) for heads in range(beyond + 1)) <= 0.05 * 2**count:
        beyond += 1
    assert (found.low, found.high) == (ordered[beyond - 1], ordered[-beyond])
    assert found.value == pytest.approx(np.median(values))


def test_five_rounds_are_too_few_for_an_interval_and_six_are_enough():
    assert LEAST_ROUNDS == 6
    assert median_interval([1.0] * 5) == intervals.Interval(1.0, 0.0, math.inf)
    assert median_interval([1.0, 2, 3, 4, 5, 6]) == intervals.Interval(3.5, 1.0, 6.0)


@pytest.mark.parametrize(("count", "of"), [(0, 200), (1, 200), (2, 200), (190, 200), (200, 200), (1, 1), (37, 1000)])
def test_the_interval_of_a_share_holds_the_shares_that_the_count_is_near_enough_to(count, of):
    """Wilson: at an end, the count is as many standard deviations off as 95 % of normal values stay within."""
    found, share = verdicts.wilson(count, of), count / of
    assert found.value == share
    z = statistics.NormalDist().inv_cdf(0.975)
    middle, scale = share + z**2 / (2 * of), 1 + z**2 / of
    half = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    assert (found.low, found.high) == pytest.approx(((middle - half) / scale, (middle + half) / scale), abs=1e-12)
    for end in (found.low, found.high):
        assert abs(share - end) == pytest.approx(z * math.sqrt(end * (1 - end) / of), abs=1e-9)


@pytest.mark.parametrize(
    ("ratio", "batch", "verdict"),
    [
        (1.0, 1, "agrees"), (1.019, 1, "agrees"), (1.019, 33, "differs"), (1.009, 33, "agrees"), (0.991, 33, "agrees"),
        (1.021, 1, "differs"), (0.97, 1, "differs"),
    ],
)  # fmt: skip
def test_clocks_agree_within_two_percent_of_a_single_image_and_one_of_a_batch(ratio, batch, verdict):
    rows = [row for row in clock_rows(clock([ratio] * 8, batch)) if row.ratio]
    assert {row.agreement for row in rows} == {verdict}
    assert [row.ratio.value for row in rows] == pytest.approx([ratio] * 2)


def test_an_interval_wider_than_the_goal_decides_nothing_and_one_burst_in_twenty_rounds_changes_nothing():
    noisy = [0.95, 0.97, 0.99, 1.0, 1.0, 1.01, 1.03, 1.05]
    assert {row.agreement for row in clock_rows(clock(noisy)) if row.ratio} == {"undecided"}
    burst = [1.001] * 10 + [0.999] * 9 + [30.0]
    assert {row.agreement for row in clock_rows(clock(burst, 33)) if row.ratio} == {"agrees"}


def test_our_row_comes_first_and_absent_clocks_last_with_their_reasons():
    reason = worded("нет GPU", "no GPU")
    rows = list(clock_rows(clock(absent={EVENTS: reason})))
    assert [(row.figure, row.clock) for row in rows] == [
        ("latency", OURS), ("latency", TIMER), ("throughput", OURS), ("throughput", TIMER), (None, EVENTS),
    ]  # fmt: skip
    assert (rows[0].ms, rows[0].ratio, rows[0].agreement) == (10.0, None, None)
    assert (rows[-1].ms, rows[-1].absent) == (None, reason)


def test_what_the_loop_adds_is_what_it_reads_for_an_engine_that_does_nothing():
    tick_s = 1e-6
    added = timing.overhead_ns(TickingClock(tick_s))
    assert added["latency"] == pytest.approx(2 * 1e9 * tick_s)  # the look when the call is sent, and the last one
    assert 0 < added["throughput"] < 10  # one look for a whole window


def test_cuda_events_are_put_around_each_call_and_around_all(monkeypatch):
    now = FakeClock()

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = now()

        def elapsed_time(self, end):
            return 1e3 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    engine = NoOpEngine(now, lambda call: 0.010 if call % 2 else 0.020)
    found = time_cuda_events(Subject(engine, LIMITS, call_ms=5.0))  # so 4 calls
    assert found == pytest.approx({"latency": 15.0, "throughput": 15.0})
    assert (engine.calls, engine.synchronized) == (4 + 4, 4 + 1)


@pytest.mark.parametrize("name", [OURS, TIMER, LOADGEN])
def test_each_clock_times_the_call_with_its_wait_and_calls_back_to_back_without(name):
    if name == LOADGEN:
        pytest.importorskip("mlperf_loadgen")
    engine = Sleeper(run_s=0.002, wait_s=0.006)
    found = CLOCKS[name](Subject(engine, LIMITS.model_copy(update={"min_s": 0.05}), call_ms=8.0))
    assert found["latency"] >= 2 + 6
    assert 2 <= found["throughput"] < found["latency"]


def test_a_clock_that_is_not_here_has_a_reason_and_a_command(monkeypatch):
    monkeypatch.setattr(clock_module, "compute_device", lambda: torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    absent = absent_clocks()
    assert list(absent) == [EVENTS, LOADGEN]
    assert str(absent[LOADGEN]).endswith(f"; install it: {loadgen.COMMAND}")
    assert "не установлен" in say(absent[LOADGEN])
    monkeypatch.setattr(clock_module, "compute_device", lambda: torch.device("cuda"))
    assert EVENTS not in absent_clocks()


def test_a_real_engine_is_timed_by_all_clocks_in_each_round(tmp_path, capsys):
    (tmp_path / "grid.yaml").write_text(GRID.model_copy(update={"batch_sizes": [3]}).model_dump_json())
    command = ["selfcheck", "--clock", str(tmp_path / "grid.yaml"), "--rounds", "6", "--output", str(tmp_path / "run")]
    assert main.main(command) == 0
    found = read_result(Clock, tmp_path / "run")
    (timed,) = found.cases
    here = {OURS, TIMER, EVENTS, LOADGEN} - timed.absent.keys()
    assert here >= {OURS, TIMER}
    assert {figure: set(by_clock) for figure, by_clock in timed.ms.items()} == {"latency": here, "throughput": here}
    assert all(len(rounds) == 6 for by_clock in timed.ms.values() for rounds in by_clock.values())
    assert 0 < timed.overhead_ns["throughput"] < timed.overhead_ns["latency"] < 1e5
    shown = capsys.readouterr().out
    assert str(tmp_path / "run" / "clock.json") in shown
    assert "our loop adds" in shown
    assert (EVENTS in timed.absent) == ("CUDA events need" in shown)
    if LOADGEN in here:
        summaries = (tmp_path / "run" / "loadgen.txt").read_text()
        assert summaries.count("Scenario : SingleStream") == summaries.count("Scenario : Offline") == 6
        assert found.versions[LOADGEN] == loadgen.version()


def test_on_a_cpu_a_core_is_left_free_and_a_gpu_gets_a_stream_of_its_own(monkeypatch):
    set_to = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(threads, "most_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.setattr(torch.cuda, "set_stream", set_to.append)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: "stream")
    monkeypatch.setattr(worker, "build_engine", lambda *_: NoOpEngine(TickingClock(), 0))
    monkeypatch.setattr(worker, "synthetic_images", lambda *_: None)
    monkeypatch.setattr(clock_module, "CLOCKS", {OURS: lambda _: {"latency": 1.0, "throughput": 1.0}})
    monkeypatch.setattr(clock_module, "batch_times_ms", lambda *_: {"latency": 1.0, "throughput": 1.0})
    for kind in ("cpu", "cuda"):
        monkeypatch.setattr(worker, "compute_device", lambda kind=kind: torch.device(kind))
        timed, _ = time_case(GRID.cases()[0], LIMITS, 0, 6)
        assert timed.ms["latency"] == {OURS: [1.0] * 6}
    assert set_to == [3, "stream"]


def crash(*_):
    os._exit(3)


def test_a_case_that_crashes_or_cannot_run_is_a_row_with_its_reason(monkeypatch):
    missing, _ = clock_case(Case(engine="pytorch", batch_size=10**9), GRID, 6)
    assert say(missing.failed).startswith("не хватило памяти")
    assert "the input alone takes" in str(missing.failed)
    monkeypatch.setattr(worker, "send_result", crash)
    crashed, _ = clock_case(GRID.cases()[0], GRID, 6)
    assert say(crashed.failed) == "процесс измерения сам завершился с кодом 3"
    (row,) = clock_rows(clock().model_copy(update={"cases": [crashed]}))
    assert (row.figure, row.clock, row.ms, row.absent) == (None, "", None, crashed.failed)


def test_a_check_is_read_back_as_it_was_written_and_none_is_none(tmp_path):
    assert read_result(Clock, tmp_path) is None
    assert write_result(clock(), tmp_path) == tmp_path / "clock.json"
    assert read_result(Clock, tmp_path) == clock()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "clock.json"),
        ('{"schema_version": 3}', r"json: schema_version is 3, this code reads 1 and 2; delete it"),
        ("{}", r"\(schema_version: Field required\); delete it, or write it anew with `bench selfcheck --clock`"),
    ],
)
def test_a_broken_or_newer_check_is_refused_in_a_sentence(tmp_path, text, words):
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_result(Clock, tmp_path)
