"""Which measurements went on at once, from the times that records hold."""

import pytest
from helpers.made import record, skipped
from pydantic import ValidationError

from bench_lib.core.files import PROJECT
from bench_lib.core.record import Energy, Record, Timing, Window
from bench_lib.results.company import company, least_s
from bench_lib.results.run_folder import Run


def at(begin, end=None, **fields):
    """A record that started at a second of a minute and, if it says so, ended at one."""
    moment = "2026-01-01T00:00:{:02}+00:00"
    ended = "" if end is None else moment.format(end)
    return record(started_at=moment.format(begin), ended_at=ended, **fields)


def lasting(seconds, begin, **fields):
    """A record without the time of its end, whose build and calls took so many seconds, a tenth of them in calls."""
    calls_ms, window = [25.0 * seconds], Window(calls=1, seconds=0.05 * seconds)
    timing = Timing(warmup_ms=calls_ms, warm=True, latency_ms=calls_ms, throughput=[window])
    return at(begin, build_s=0.9 * seconds, timing=timing, **fields)


def test_measurements_that_overlap_are_company_and_those_one_after_the_other_are_not():
    assert company([at(0, 10), at(5, 15), at(15, 20)]) == [1, 1, 0]
    assert company([at(0, 10), at(10, 20), at(20, 20)]) == [0, 0, 0]
    assert company([at(0, 10)]) == [0]


def test_seconds_are_whole_so_what_may_have_ended_just_before_is_no_company():
    assert company([at(0, 10), at(9, 20)]) == [1, 1]
    assert company([at(0, 9), at(9, 20)]) == [0, 0]


def test_company_is_how_many_others_there_were_at_one_time():
    one, *three = company([at(0, 30), at(1, 9), at(10, 19), at(20, 29)])
    assert (one, three) == (1, [1, 1, 1])
    assert company([at(0, 30), at(1, 29), at(10, 19), at(40, 50)]) == [2, 2, 2, 0]


def test_without_its_end_a_measurement_lasted_as_long_as_the_times_that_it_holds():
    old = lasting(10.0, 0, energy=Energy(joules=1, images=1, seconds=2.0, source="NVML"))
    assert least_s(old) == pytest.approx(12)
    assert least_s(skipped("onnx_runtime")) == 0
    assert company([old, at(10, 20)]) == [1, 1]
    assert company([old, at(12, 20)]) == [0, 0]
    assert company([skipped("onnx_runtime"), skipped("pytorch")]) == [0, 0]


def test_other_hosts_and_one_gpu_have_no_company_and_an_unknown_host_is_the_same():
    assert company([at(0, 10, host="a"), at(0, 10, host="b")]) == [0, 0]
    assert company([at(0, 10, host="a"), at(0, 10, host="a")]) == [1, 1]
    assert company([at(0, 10, host="a"), at(0, 10)]) == [1, 1]
    gpus = [{"uuid": "GPU-1"}, {"uuid": "GPU-1"}, {"uuid": "GPU-2"}]
    assert company([at(0, 10, gpu_busy=gpu) for gpu in gpus]) == [1, 1, 2]
    assert company([at(0, 10, gpu_idle=gpu) for gpu in gpus[:2]]) == [0, 0]


@pytest.mark.parametrize(("folder", "beside"), [("h100-x2-seed", True), ("h200-seed", False), ("cpu-2-cores", False)])
def test_published_runs_on_two_gpus_had_company_and_those_on_one_device_had_none(folder, beside):
    found = company(Run(PROJECT / "outputs" / folder).records())
    assert max(found) == (1 if beside else 0)


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00", ""])
def test_a_time_that_is_none_is_refused(moment):
    with pytest.raises(ValidationError, match="started_at"):
        Record(**record().model_dump() | {"started_at": moment})
