"""Which rows are marked, with what, and which of them are not steady."""

import pytest
from helpers.made import crowded_by, record, report, retimed

from bench_lib.analysis.marks import is_steady, marks_of

DRIFTING = [10.0 + 0.05 * call for call in range(80)]
MARKED = {
    "cold": ({"warm": False}, {}),
    "noisy": ({"throughput_stopped_by": "time", "latency_stopped_by": "noise"}, {}),
    "drift": ({"latency_ms": DRIFTING}, {"ms": 12.0}),
    "sw_power_cap": ({}, {"gpu_busy": {"throttling": ["sw_power_cap"]}}),
    "other_processes": ({}, {"gpu_idle": {"processes": 1}}),
    "busy_cores": ({"enqueue_ms": None}, {"processor": crowded_by(1.0), "ran": {"threads": 2}}),
    "cpu_quota": ({}, {"processor": crowded_by(0.0, stopped=1)}),
}


def row_of(*records):
    return report(*records).measured.iloc[0]


@pytest.mark.parametrize("key", MARKED)
def test_each_fault_is_a_mark(key):
    timing, fields = MARKED[key]
    row = row_of(retimed(record(**fields), **timing))
    assert marks_of(row) == [key]
    assert is_steady(row) == (key not in ("cold", "drift"))


def test_a_sound_row_has_no_mark_and_is_steady():
    alone = record(gpu_busy={"throttling": []}, gpu_idle={"processes": 0}, processor=crowded_by(0.0))
    row = row_of(retimed(alone, latency_stopped_by="noise", enqueue_ms=None))
    assert marks_of(row) == []
    assert is_steady(row)


def test_one_process_that_did_not_warm_up_marks_the_case():
    first = record()
    second = retimed(first, warm=False)
    second = second.model_copy(update={"case": first.case.model_copy(update={"repeat": 2})})
    assert not is_steady(row_of(first, second))
    assert marks_of(row_of(first, second)) == ["cold"]
