"""MLPerf's LoadGen on engines that take a known time or fail: its own figures, in this very thread."""

import sys
import threading
import time

import pytest
from helpers.made import Sleeper

from bench_lib.core.engine import Unavailable
from bench_lib.core.reason import say
from bench_lib.scenarios import loadgen

pytest.importorskip("mlperf_loadgen", reason="no LoadGen here: pip install -c constraints.txt mlcommons-loadgen")


def test_single_stream_is_the_median_of_calls_waited_for_each():
    engine = Sleeper(run_s=0.002, wait_s=0.008)
    ms, summary = loadgen.single_stream(engine, 20, 10.0)
    assert ms >= 2 + 8
    assert engine.calls == loadgen.WARM_UP + 20
    assert engine.waits == 1 + 20
    assert "Single" in summary
    assert "Result is : VALID" in summary


def test_offline_is_calls_back_to_back_waited_for_once():
    engine = Sleeper(run_s=0.002, wait_s=0.008)
    ms, summary = loadgen.offline(engine, 20)
    assert 2 + 8 / 20 <= ms < 10
    assert engine.calls == loadgen.WARM_UP + 20
    assert engine.waits == 1 + 1
    assert "Scenario : Offline" in summary
    assert "samples_per_query : 20" in summary


def test_an_engine_that_does_nothing_is_timed_for_half_a_second_and_takes_microseconds():
    start = time.perf_counter()
    ms, _ = loadgen.single_stream(Sleeper(), 5000, 0.001)
    assert ms < 1
    assert time.perf_counter() - start < 5


def test_the_engine_is_called_in_the_thread_that_asks():
    engine = Sleeper()
    loadgen.offline(engine, 3)
    loadgen.single_stream(engine, 3, 1.0)
    assert engine.threads == {threading.get_ident()}


@pytest.mark.parametrize("at", [1, loadgen.WARM_UP + 2])
def test_what_the_engine_raises_comes_out_after_the_test_has_ended(at):
    with pytest.raises(MemoryError, match="full"):
        loadgen.offline(Sleeper(fails_at=at), 5)
    with pytest.raises(MemoryError, match="full"):
        loadgen.single_stream(Sleeper(fails_at=at), 5, 1.0)
    assert loadgen.offline(Sleeper(), 5)[0] > 0  # and it can be used again


def test_settings_of_loadgen_that_lie_in_the_current_folder_are_not_obeyed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.config").write_text("*.Offline.mode = 1\n")  # no figures come from this mode
    assert loadgen.offline(Sleeper(), 20)[0] >= 0


def test_without_loadgen_there_is_a_reason_and_a_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(Unavailable, match="MLPerf LoadGen is not installed") as error:
        loadgen.check_loadgen()
    assert say(error.value.reason).startswith("MLPerf LoadGen не установлен")
    assert error.value.command == "pip install -c constraints.txt mlcommons-loadgen"
