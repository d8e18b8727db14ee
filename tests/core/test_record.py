"""Records are written whole or not at all, never rewritten, and never taken for another's."""

import json

import pytest
from helpers.made import MACHINE, record

from bench_lib.core.errors import InputError
from bench_lib.core.files import write_text
from bench_lib.core.grid import Grid
from bench_lib.core.reason import because
from bench_lib.core.record import read_record, write_record
from bench_lib.results.run_folder import Run

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1, 33])


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.start(GRID, MACHINE)
    return run


def test_a_record_reads_back_equal(tmp_path):
    written = record(ms=12.5)
    write_record(written, tmp_path / "a.json")
    assert read_record(tmp_path / "a.json") == written


def test_a_record_from_before_processes_were_forked_reads_as_plain(tmp_path):
    data = json.loads(record().model_dump_json())
    del data["process"]
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert read_record(tmp_path / "a.json").process == "plain"


def test_a_record_is_never_rewritten(tmp_path):
    write_record(record(ms=1), tmp_path / "a.json")
    with pytest.raises(InputError, match="already holds a record"):
        write_record(record(ms=2), tmp_path / "a.json")
    assert read_record(tmp_path / "a.json").timing.latency_ms[0] == 1


def test_a_write_that_dies_leaves_nothing(tmp_path, monkeypatch):
    def die(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(OSError, match="disk full"):
        write_text(tmp_path / "a.json", "{}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema_version": 1, "case"', "not complete JSON"),
        ('{"schema_version": 99}', "schema_version is 99, this code reads 1, 2 and 3"),
        ("[]", "schema_version is None"),
        ('{"schema_version": 1}', "not a record"),
        ('{"schema_version": 2}', "not a record"),
        ('{"schema_version": 3}', "not a record"),
    ],
)
def test_what_is_not_a_record_is_refused_in_a_sentence(tmp_path, text, words):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_record(path)


def test_a_run_resumes_with_the_same_grid_and_machine(run):
    write_record(record(batch=1), run.record_path(GRID.cases()[0]))
    run.start(GRID, MACHINE | {"memory_bytes": 1})
    assert [r.case.batch_size for r in run.records()] == [1]
    assert run.finished(GRID.cases()[1]) is None


TOLD = {"cpu_governor": None, "cpu_quota": 0.5, "threads": 2, "commit": "a" * 40}


def test_an_older_run_that_does_not_tell_a_condition_is_resumed_and_so_is_one_of_another_commit(tmp_path):
    Run(tmp_path / "older").start(GRID, MACHINE)
    Run(tmp_path / "older").start(GRID, MACHINE | TOLD)
    newer = Run(tmp_path / "newer")
    newer.start(GRID, MACHINE | TOLD)
    newer.start(GRID, MACHINE | TOLD | {"commit": None})
    assert newer.differs(MACHINE) == newer.differs(MACHINE | TOLD) == []


@pytest.mark.parametrize(
    "change", [{"cpu_quota": None}, {"cpu_quota": 1.0}, {"threads": 1}, {"cpu_governor": "powersave"}]
)
def test_a_run_is_not_continued_with_another_quota_threads_or_governor(tmp_path, change):
    run = Run(tmp_path)
    run.start(GRID, MACHINE | TOLD)
    assert run.differs(MACHINE | TOLD | change) == list(change)
    with pytest.raises(InputError, match="run of another machine"):
        run.start(GRID, MACHINE | TOLD | change)


@pytest.mark.parametrize(
    ("grid", "machine", "words"),
    [
        (GRID.model_copy(update={"batch_sizes": [2]}), MACHINE, "run of another grid"),
        (GRID, MACHINE | {"cpu": "another"}, "run of another machine"),
    ],
)
def test_a_folder_of_another_run_is_refused(run, grid, machine, words):
    with pytest.raises(InputError, match=words):
        run.start(grid, machine)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        Run(tmp_path).start(GRID, MACHINE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_temporary_files_of_a_killed_writer_are_cleared(run):
    stale = run.folder / "records" / ".a.json-x.tmp"
    stale.parent.mkdir()
    stale.write_text("{")
    with run.lock():
        assert not stale.exists()


def test_a_folder_takes_one_sweep_at_a_time(run):
    other = Run(run.folder)
    with run.lock(), pytest.raises(InputError, match="another sweep is measuring into it"), other.lock():
        pass
    with other.lock():
        pass


def test_a_broken_record_is_set_aside_and_kept(run):
    case = GRID.cases()[0]
    for text in ("{", '{"schema_version": 99}'):
        run.record_path(case).parent.mkdir(exist_ok=True)
        run.record_path(case).write_text(text)
        assert run.measured(case) is None
        assert not run.record_path(case).exists()
    assert sorted(path.read_text() for path in (run.folder / "set_aside").iterdir()) == ["{", '{"schema_version": 99}']


def test_only_failed_records_are_set_aside_to_be_measured_again(run):
    good, bad = GRID.cases()
    write_record(record(batch=1), run.record_path(good))
    write_record(record(batch=33, status="failed", reason=because("out_of_memory", words="full")), run.record_path(bad))
    run.set_aside_failed()
    assert run.finished(good)
    assert run.finished(bad) is None


def test_a_record_of_another_case_is_refused(run):
    write_record(record(batch=33), run.record_path(GRID.cases()[0]))
    with pytest.raises(InputError, match="holds another case"):
        run.finished(GRID.cases()[0])


def test_a_folder_without_a_run_is_told_so(tmp_path):
    with pytest.raises(InputError, match=r"no grid.json"):
        Run(tmp_path).records()


def test_a_run_without_records_is_told_so(run):
    with pytest.raises(InputError, match="holds no records yet"):
        run.records()


def test_records_are_plain_json_with_their_version(tmp_path):
    write_record(record(), tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["schema_version"] == 3


def test_a_record_without_a_single_warm_up_call_is_refused(tmp_path):
    text = record().model_dump_json().replace('"warmup_ms":[10.0]', '"warmup_ms":[]')
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match=r"not a record \(timing\.warmup_ms: .*at least 1 item"):
        read_record(tmp_path / "record.json")
