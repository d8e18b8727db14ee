"""How often verdicts are wrong: on made records, 200 pairs on an engine that takes a drawn time, a real tiny run."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.made import MACHINE, NoOpEngine, TickingClock, record, selfcheck, worded

from bench_lib.cli import main
from bench_lib.core import intervals
from bench_lib.core.case import SLOWDOWN, Case, Limits
from bench_lib.core.engine import Slowed, build_engine, check_case_options, compute_device
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import Timing, Window, write_record
from bench_lib.core.timing import time_engine
from bench_lib.measure import system
from bench_lib.results.result_file import read_result, write_result
from bench_lib.results.run_folder import Run
from bench_lib.results.verdicts import SelfCheck, wilson
from bench_lib.scenarios import verdicts
from bench_lib.sweep import runner

SHORT = Limits(warmup_min_count=2, warmup_min_s=0.0, warmup_max_s=1.0, min_count=20, min_s=0.1, max_s=0.3)
GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[64], batch_sizes=[1], repeats=2, limits=SHORT)


def timed(latency_ms):
    """A record with these samples of latency (ms)."""
    timing = Timing(warmup_ms=[1.0], warm=True, latency_ms=latency_ms, throughput=[Window(calls=1, seconds=1.0)])
    return record(timing=timing)


def test_a_slowed_engine_takes_its_share_longer_and_calls_back_to_back_are_slowed_as_one():
    clock = TickingClock(1e-6)
    engine = Slowed(NoOpEngine(clock, 0.010, 0.090), 0.05, clock)
    start = clock.now
    engine.run()
    engine.synchronize()
    assert clock.now - start == pytest.approx(1.05 * 0.100, abs=5e-6)
    start = clock.now
    for _ in range(3):
        engine.run()
    engine.synchronize()
    assert clock.now - start == pytest.approx(1.05 * (3 * 0.010 + 0.090), abs=5e-6)
    start = clock.now
    engine.synchronize()  # nothing was sent
    assert clock.now == start
    assert engine.ran == {"slowed_by": 0.05}


def test_the_slowdown_is_an_option_of_every_engine_that_no_grid_may_set():
    case = Case(engine="pytorch", image_size=32, options={SLOWDOWN: 0.5, "channels_last": True})
    check_case_options(case)
    from bench_lib.workload.images import synthetic_images
    from bench_lib.workload.network import load_network

    images = synthetic_images(case, 0, compute_device())
    network = load_network("resnet18", 0, image_size=32)
    slowed = build_engine(case, network, images)
    assert isinstance(slowed, Slowed)
    assert slowed.ran["channels_last"]
    plain = build_engine(case.model_copy(update={"options": {}}), network, images)
    assert not isinstance(plain, Slowed)
    with pytest.raises(ValueError, match="slows an engine on purpose, for `bench selfcheck` alone; remove it"):
        Grid(**(GRID.model_dump() | {"options": {"pytorch": {SLOWDOWN: 0.05}}}))


def drawn(count, slowdown, seed):
    """Records of an engine that lets a drawn time pass: ±0.5 % from process to process, ±2 % from call to call."""
    chance = random.Random(seed)
    records = []
    for _ in range(count):
        clock, process = TickingClock(1e-5), 0.010 * chance.lognormvariate(0, 0.005)
        engine = NoOpEngine(clock, lambda _, process=process: process * chance.lognormvariate(0, 0.02))
        if slowdown:
            engine = Slowed(engine, slowdown, clock)
        records.append(record(timing=time_engine(engine, SHORT, clock)))
    return records


@pytest.mark.parametrize(("repeats", "least_found"), [(5, 190), (3, 100), (1, 150)])  # few processes find little
def test_of_200_pairs_at_most_one_percent_are_false_alarms_and_a_slowdown_of_5_percent_is_found(repeats, least_found):
    plain, slowed = drawn(20, 0, seed=1), drawn(20, 0.05, seed=2)
    false_alarms, found = verdicts.compare_groups(plain, slowed, repeats, pairs=200, seed=3)
    assert false_alarms <= 2
    assert found >= least_found


def test_groups_of_a_pair_were_measured_side_by_side_so_a_machine_that_drifts_hides_nothing():
    drift = [10 * 1.03**number for number in range(20)]
    plain, slowed = [timed([ms]) for ms in drift], [timed([1.05 * ms * 1.001 ** (n % 3)]) for n, ms in enumerate(drift)]
    false_alarms, found = verdicts.compare_groups(plain, slowed, 8, pairs=200, seed=0)
    assert false_alarms <= 2
    assert found == 200
    assert verdicts.compare_groups(plain, slowed, 7, pairs=200, seed=0)[1] == 0  # not paired


def test_a_difference_within_the_noise_is_rarely_found():
    plain, slowed = drawn(20, 0, seed=1), drawn(20, 0.003, seed=2)
    assert verdicts.compare_groups(plain, slowed, 5, pairs=200, seed=3)[1] <= 20


def test_processes_that_differ_more_than_their_calls_are_no_false_alarms_of_one_process():
    """One process a group: what its calls do not tell, the other processes do."""
    chance = random.Random(0)
    centres = [10 * chance.lognormvariate(0, 0.03) for _ in range(40)]
    plain = [timed([centre * chance.lognormvariate(0, 0.001) for _ in range(100)]) for centre in centres]
    assert verdicts.compare_groups(plain, plain, 1, pairs=200, seed=0)[0] <= 4
    naive = [
        intervals.verdict(verdicts.process_times(plain[i : i + 1]), verdicts.process_times(plain[i + 1 : i + 2]))
        for i in range(0, 40, 2)
    ]
    assert sum(verdict in ("faster", "slower") for verdict in naive) >= 10


@pytest.mark.parametrize(("verdict", "expected"), [("faster", (50, 0)), ("slower", (50, 50)), ("same", (0, 0)),
                                                   ("undecided", (0, 0))])  # fmt: skip
def test_every_difference_called_of_equals_is_a_false_alarm_and_only_slower_finds_the_slowed(
    monkeypatch, verdict, expected
):
    asked = []
    monkeypatch.setattr(intervals, "verdict", lambda *given: asked.append(given) or verdict)
    plain, slowed = [record(ms=10 + i) for i in range(6)], [record(ms=100 + i) for i in range(6)]
    assert verdicts.compare_groups(plain, slowed, 3, pairs=50, seed=0) == expected
    for one, other, extra_sd in asked[::2]:
        assert len({*one, *other}) == 6  # no process in common
        assert extra_sd == 0
    assert all(min(one) >= 100 > max(other) and len(one) == len(other) == 3 for one, other, _ in asked[1::2])
    assert len({one[0] for one, *_ in asked[::2]}) > 1  # drawn anew


def test_kinds_alternate_in_an_order_drawn_from_the_seed():
    plain, slowed = list("abcdefgh"), list("ABCDEFGH")
    cases = verdicts.interleaved(plain, slowed, seed=0)
    assert ["".join(cases[i : i + 2]).lower() for i in range(0, 16, 2)] == [2 * letter for letter in "abcdefgh"]
    assert 0 < sum(case.isupper() for case in cases[::2]) < 8
    assert cases == verdicts.interleaved(plain, slowed, seed=0) != verdicts.interleaved(plain, slowed, seed=1)


def test_the_figures_of_a_check_follow_from_its_counts_and_medians():
    found = selfcheck(plain_ms=[10.0, 10.0 * math.e**0.02], repeats=1)
    assert found.process_sd == pytest.approx(0.02 / math.sqrt(2))
    assert found.false_alarm_rate == wilson(1, 200)
    assert found.power == wilson(199, 200)
    assert found.reached
    assert selfcheck(false_alarms=2, found=190).reached
    assert not selfcheck(false_alarms=3).reached
    assert not selfcheck(found=189).reached


def test_a_check_shows_its_rates_in_the_file_and_is_read_back(tmp_path):
    assert read_result(SelfCheck, tmp_path) is None
    text = write_result(selfcheck(), tmp_path).read_text()
    assert all(f'"{name}":' in text for name in ("false_alarm_rate", "power", "process_sd", "reached"))
    assert read_result(SelfCheck, tmp_path) == selfcheck()


@dataclass
class Measuring:
    """Replaces papermill: writes records, 5 % slower ones where asked, and keeps which cases it was asked for."""

    fails: bool = False

    def __post_init__(self):
        self.asked = []

    def __call__(self, _notebook, _output, parameters, *_, **__):
        case = Case(**{name: parameters[name] for name in Case.model_fields if name in parameters})
        self.asked.append(case.id)
        ms = 10.0 * (1 + case.options.get(SLOWDOWN, 0))
        made = record(ms=ms) if not self.fails else record(status="failed", reason=worded("нет памяти"))
        write_record(made.model_copy(update={"case": case}), Path(parameters["record_path"]))


@pytest.fixture
def measuring(monkeypatch):
    monkeypatch.setattr(system, "describe", lambda: MACHINE)
    monkeypatch.setattr(verdicts, "check_fork", lambda: False)
    made = Measuring()
    monkeypatch.setattr(runner, "execute_notebook", made)
    return made


def test_records_that_are_there_are_used_and_missing_ones_measured(tmp_path, measuring):
    found = verdicts.check_verdicts(GRID, tmp_path, processes=6, pairs=20)
    assert len(measuring.asked) == len(set(measuring.asked)) == 12
    assert (found.false_alarms, found.found, found.repeats, found.pairs) == (0, 20, 2, 20)
    assert (len(found.plain_ms), len(found.slowed_ms)) == (6, 6)
    assert found.slowed_ms == pytest.approx([1.05 * ms for ms in found.plain_ms])
    records = sorted((tmp_path / "selfcheck" / "records").iterdir())
    records[0].unlink()
    records[-1].write_text("{")  # half-written
    measuring.asked.clear()
    again = verdicts.check_verdicts(GRID, tmp_path, processes=6, pairs=20)
    assert sorted(measuring.asked) == sorted(record.stem for record in (records[0], records[-1]))
    assert again.plain_ms == found.plain_ms
    measuring.asked.clear()
    assert len(verdicts.check_verdicts(GRID, tmp_path, processes=7, pairs=20).plain_ms) == 7
    assert len(measuring.asked) == 2
    assert read_result(SelfCheck, tmp_path).pairs == 20


def test_a_case_that_fails_ends_the_check_at_once_and_is_measured_again(tmp_path, measuring):
    measuring.fails = True
    with pytest.raises(InputError, match=r"cannot be compared with itself: нет памяти; name a case that runs here"):
        verdicts.check_verdicts(GRID, tmp_path, processes=4)
    assert len(measuring.asked) == 1
    measuring.fails = False
    assert len(verdicts.check_verdicts(GRID, tmp_path, processes=4).plain_ms) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--processes", "3"], "processes is 3; two groups of repeats (2) need at least 4"),
        (["--pairs", "0"], "pairs is 0; it must be at least 1"),
        (["--rounds", "9"], "--rounds is for the check with --clock; leave it out"),
        (["--clock", "--pairs", "9"], "--pairs is for the check without --clock; leave it out"),
        (["--clock", "--rounds", "5"], "rounds is 5; a 95 % interval needs at least 6"),
    ],
)
def test_bad_arguments_are_one_sentence(tmp_path, capsys, measuring, arguments, words):
    (tmp_path / "grid.yaml").write_text(GRID.model_dump_json())
    command = ["selfcheck", str(tmp_path / "grid.yaml"), "--output", str(tmp_path / "run"), *arguments]
    assert main.main(command) == 2
    assert capsys.readouterr().err == f"bench: {words}\n"
    assert not (tmp_path / "run").exists()
    assert measuring.asked == []


@pytest.mark.usefixtures("measuring")
def test_several_cases_or_another_machines_run_are_refused(tmp_path, capsys):
    (tmp_path / "grid.yaml").write_text(GRID.model_copy(update={"batch_sizes": [1, 2]}).model_dump_json())
    command = ["selfcheck", str(tmp_path / "grid.yaml"), "--output", str(tmp_path)]
    assert main.main(command) == 2
    assert "the grid has 2 cases; the check compares one case with itself, so name one" in capsys.readouterr().err
    Run(tmp_path).claim_machine(MACHINE | {"cpu": "another"})
    assert main.main(command) == 2
    assert "is another machine's run (cpu); check it there, or give a new folder" in capsys.readouterr().err


def test_a_real_case_is_compared_with_itself(tmp_path, capsys, small_network):
    limits = SHORT.model_copy(update={"min_count": 3, "min_s": 0.03, "max_s": 0.05})
    grid = GRID.model_copy(update={"model": small_network, "limits": limits})
    (tmp_path / "grid.yaml").write_text(grid.model_dump_json())
    command = ["selfcheck", str(tmp_path / "grid.yaml"), "--processes", "4", "--output", str(tmp_path / "run")]
    assert main.main(command) == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "run" / "selfcheck.json") in shown
    assert "4 processes, 4 slowed down; 200 pairs of groups of 2" in shown
    found = read_result(SelfCheck, tmp_path / "run")
    run = Run(tmp_path / "run" / "selfcheck")
    for ms, share in ((found.plain_ms, None), (found.slowed_ms, 0.05)):
        for number in range(4):
            options = {SLOWDOWN: share} if share else {}
            kept = run.finished(found.case.model_copy(update={"repeat": number + 1, "options": options}))
            assert kept.ran.get("slowed_by") == share
            assert intervals.median(kept.timing.latency_ms) == ms[number]
