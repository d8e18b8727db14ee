"""Whether others took what a case needed: exact on made records, and in 99 % of idle machines never."""

import math

import numpy as np
import pytest
from helpers.made import crowded_by, record, retimed

from bench_lib.core.record import Record, read_record, write_record
from bench_lib.results.crowding import TICK_S, is_crowded, is_disturbing, others_cores, taken_cores


@pytest.mark.parametrize(
    ("cores", "physical", "threads", "others", "seconds", "disturbing"),
    [
        (2, 2, 2, 0.0, 2.5, False),  # idle
        (2, 2, 2, 0.05, 2.5, False),  # what a system does by itself
        (2, 2, 2, 0.5, 2.5, True),  # one process that computes, though it must share its core with two threads
        (2, 2, 2, 1.0, 2.5, True),
        (2, 2, 1, 1.0, 2.5, False),  # it has a core of its own
        (2, 1, 1, 1.0, 2.5, True),  # ... which is half of the physical core that the case computes on
        (16, 16, 16, 1.0, 2.5, True),
        (64, 64, 64, 1.0, 2.5, True),
        (64, 32, 32, 1.0, 2.5, True),
        (64, 64, 4, 60.0, 2.5, False),
        (64, 64, 4, 61.0, 2.5, True),
        (2, 2, 2, 1.0, 0.02, False),  # two ticks tell nothing
        (2, 2, 2, 0.0, 0.0, False),
    ],
)
def test_others_disturb_only_by_cores_that_the_threads_needed(cores, physical, threads, others, seconds, disturbing):
    used = crowded_by(others, seconds=seconds, cores=cores, physical_cores=physical)
    assert is_disturbing(used, threads) == disturbing
    assert others_cores(used) == pytest.approx(others)


def test_a_count_that_is_smaller_than_our_own_time_is_nobody_s():
    used = crowded_by(0.0) | {"busy_s": 1.0, "own_s": 3.0}
    assert (others_cores(used), taken_cores(used, 2)) == (0, 0)


@pytest.mark.parametrize("cores", [1, 2, 16, 64])
def test_on_an_idle_machine_counting_in_ticks_is_almost_never_taken_for_others(cores):
    draw, seconds, runs = np.random.default_rng(0), 2.0, 2000
    busy_s = TICK_S * draw.binomial(round(seconds / TICK_S), 0.5, (runs, cores)).sum(axis=1)
    used = crowded_by(0.0, seconds=seconds, cores=cores, physical_cores=cores) | {"own_s": 0.5 * seconds * cores}
    alarms = sum(is_disturbing(used | {"busy_s": one}, cores) for one in busy_s)
    assert alarms <= 0.02 * runs
    assert math.isclose(busy_s.mean(), used["own_s"], rel_tol=0.01)


def test_a_case_needs_the_threads_of_its_engine_and_on_a_gpu_one():
    beside = {"processor": crowded_by(1.0), "ran": {"threads": 2}}
    on_processor = retimed(record(**beside), enqueue_ms=None)
    assert is_crowded(on_processor)
    assert not is_crowded(record(**beside))  # one of two cores is enough to send the GPU's work
    assert is_crowded(record(**beside | {"processor": crowded_by(1.9)}))
    assert not is_crowded(on_processor.model_copy(update={"ran": {"threads": 1}}))


@pytest.mark.parametrize(
    ("before", "after", "crowded"), [(0, 1, False), (1, 1, True), (0, 2, True), (None, None, False), (0, 0, False)]
)
def test_another_process_on_the_gpu_was_there_before_or_came_beside_our_own(before, after, crowded):
    assert is_crowded(record(gpu_idle={"processes": before}, gpu_busy={"processes": after})) == crowded


def test_records_that_do_not_tell_and_those_that_were_not_measured_are_not_crowded(tmp_path):
    old = retimed(record(), enqueue_ms=None)
    assert old.processor is None
    assert not is_crowded(old)
    assert not is_crowded(record(status="skipped"))
    told = Record(**old.model_dump() | {"processor": crowded_by(1.0)})
    write_record(told, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").processor == crowded_by(1.0)
