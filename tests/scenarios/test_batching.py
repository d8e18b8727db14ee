"""The queue before the engines: batches exact on a fake clock, short real LoadGen tests on engines of known time."""

import queue
import threading

import pytest
from helpers.made import FakeClock, NoOpEngine, Sleeper

from bench_lib.results import serving
from bench_lib.scenarios import batching
from bench_lib.scenarios.batching import END, Request


@pytest.fixture
def _loadgen():
    pytest.importorskip("mlperf_loadgen", reason="no LoadGen here: pip install -c constraints.txt mlcommons-loadgen")


NEEDS_LOADGEN = pytest.mark.usefixtures("_loadgen")


class Arrivals:
    """A queue whose requests come at known times of a fake clock; waiting for one moves the clock."""

    def __init__(self, clock, times_s):
        self.clock, self.left = clock, [Request(number, time_s) for number, time_s in enumerate(times_s)] + [END]

    def get(self, timeout=None):
        request = self.left[0]
        came_s = request.came_s if request else self.clock()
        if timeout is not None and came_s > self.clock() + timeout:
            self.clock.now += timeout
            raise queue.Empty
        self.clock.now = max(self.clock.now, came_s)
        return self.left.pop(0)

    def get_nowait(self):
        if self.left[0] and self.left[0].came_s > self.clock():
            raise queue.Empty
        return self.left.pop(0)

    def put(self, request):
        self.left.insert(0, request)


def served(times_ms, max_wait_ms, engine_ms=10.0, sizes=(1, 4)):
    """Each batch's size, when it was done (ms), and the calls of each engine, for arrivals at these times (ms)."""
    clock = FakeClock()
    clock.now = 0.0
    engines = {size: NoOpEngine(clock, engine_ms / 1e3) for size in sizes}
    requests, completed = Arrivals(clock, [ms / 1e3 for ms in times_ms]), []
    done = batching.serve(requests, engines, max_wait_ms / 1e3, lambda some: completed.extend(some) or clock(), clock)
    assert completed == list(range(len(times_ms)))
    ends = [(len(batch), pytest.approx(1e3 * end_s)) for batch, end_s in done]
    return ends, {size: engine.calls for size, engine in engines.items()}


def test_a_batch_goes_when_its_oldest_request_has_waited_long_enough():
    assert served([0, 2, 20, 60], max_wait_ms=5) == ([(2, 15), (1, 35), (1, 70)], {1: 2, 4: 1})


def test_a_full_batch_goes_at_once():
    assert served([0, 1, 2, 3, 4], max_wait_ms=50) == ([(4, 13), (1, 23)], {1: 1, 4: 1})


def test_what_came_while_the_device_was_busy_goes_together_and_does_not_wait_again():
    assert served([0, 3, 6, 9], max_wait_ms=0) == ([(1, 10), (3, 20)], {1: 1, 4: 1})
    assert served([0, 8, 9], max_wait_ms=5, sizes=(1,)) == ([(1, 10), (1, 20), (1, 30)], {1: 3})


def test_the_last_batch_does_not_wait_for_requests_that_never_come():
    assert served([0], max_wait_ms=1000) == ([(1, 10)], {1: 1, 4: 0})


def test_every_request_is_completed_though_the_engine_fails_and_its_error_is_raised():
    requests, completed = queue.SimpleQueue(), []
    for number in range(3):
        requests.put(Request(number, 0.0))
    requests.put(END)
    with pytest.raises(MemoryError, match="full"):
        batching.serve(requests, {1: Sleeper(fails_at=2)}, 0.0, lambda some: completed.extend(some) or 0.0)
    assert completed == [0, 1, 2]


def test_our_percentiles_are_the_values_that_loadgen_takes_and_the_rate_is_of_the_intervals():
    done = [([Request(number, 5.0)], 5.0 + 0.001 * (number + 1)) for number in range(200)]
    found = batching.tally(done, [0.0] * 200)
    assert (found.p50_ms, found.p90_ms, found.p99_ms) == (pytest.approx(101.0), pytest.approx(181.0), None)
    assert found.ips == pytest.approx(199 / 0.200)


@pytest.mark.parametrize(("requests", "p99_ms"), [(1999, None), (2000, pytest.approx(1981.0))])
def test_fewer_than_2000_requests_have_no_p99(requests, p99_ms):
    done = [([Request(number, 5.0)], 5.0 + 0.001 * (number + 1)) for number in range(requests)]
    assert batching.tally(done, [0.0] * requests).p99_ms == p99_ms
    results = {f"result_{share}.00_percentile_latency_ns": 1981e6 for share in (50, 90, 99)}
    results |= {"result_query_count": requests, "result_completed_samples_per_sec": 1.0}
    assert batching.loadgen_tally(results).p99_ms == p99_ms


def test_a_request_that_was_sent_late_has_waited_from_when_it_was_due():
    due_s = [0.01 * number for number in range(2000)]
    done = [([Request(number, 7 + due + 0.5 * (number % 100 == 50))], 7 + due + 0.002 + 0.5 * (number % 100 == 50))
            for number, due in enumerate(due_s)]  # fmt: skip
    found = batching.tally(done, due_s)
    assert (found.p50_ms, found.p99_ms) == (pytest.approx(2.0), pytest.approx(502.0))


@NEEDS_LOADGEN
def test_requests_are_due_when_loadgen_sends_them(monkeypatch):
    seen, tally = [], batching.tally
    monkeypatch.setattr(batching, "tally", lambda done, due_s: seen.append((done, due_s)) or tally(done, due_s))
    batching.under_load({1: Sleeper()}, 200.0, 200, 0.0, 50.0)
    done, due_s = seen[0]
    late_s = sorted(batch[0].came_s - due for (batch, _), due in zip(done, due_s, strict=True))
    assert late_s[150] - late_s[0] < 0.01  # two intervals; other draws drift apart by 70


@NEEDS_LOADGEN
def test_loadgen_and_we_count_alike_and_its_own_log_says_the_same():
    engines = {1: Sleeper(wait_s=0.002), 8: Sleeper(wait_s=0.004)}
    point, summary = batching.under_load(engines, 1000.0, 2000, 0.001, 5000.0)
    lines = dict(line.split(" : ") for line in summary.splitlines() if " : " in line)
    lines = {name.strip(): value.strip() for name, value in lines.items()}
    assert lines["Scenario"] == "Server"
    assert lines["Result is"] == "VALID"
    assert float(lines["Scheduled samples per second"]) == pytest.approx(
        1000, rel=1e-3
    )  # whatever intervals were drawn
    assert point.loadgen.p99_ms == pytest.approx(int(lines["99.00 percentile latency (ns)"]) / 1e6)
    assert point.ours.p99_ms == pytest.approx(int(lines["99.00 percentile latency (ns)"]) / 1e6, rel=0.02)
    assert point.apart < serving.WITHIN
    assert point.requests == 2000
    assert 2000 / 8 <= point.calls <= 2000
    assert point.loadgen.p50_ms >= 2


@NEEDS_LOADGEN
def test_engines_run_in_the_thread_that_built_them():
    engine = Sleeper()
    batching.under_load({1: engine}, 2000.0, 100, 0.0, 50.0)
    assert engine.threads == {threading.get_ident()}


@NEEDS_LOADGEN
def test_an_overload_queues_up_and_an_engine_that_fails_ends_the_test():
    point, summary = batching.under_load({1: Sleeper(wait_s=0.004)}, 1000.0, 300, 0.0, 10.0)
    assert point.loadgen.p90_ms > 300
    assert point.loadgen.p99_ms is None
    assert point.loadgen.ips < 260
    assert "Result is : INVALID" in summary
    with pytest.raises(MemoryError, match="full"):
        batching.under_load({1: Sleeper(fails_at=5)}, 1000.0, 100, 0.0, 10.0)
    assert batching.under_load({1: Sleeper()}, 1000.0, 100, 0.0, 10.0)[0].requests == 100
