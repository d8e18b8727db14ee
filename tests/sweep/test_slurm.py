"""`bench sweep --slurm`: its sentences, and what becomes of the tasks of a real Slurm."""

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from helpers.made import MACHINE, record
from helpers.slurm_here import NEEDS_SLURM, ask, slurm, wait_until

from bench_lib.cli import main
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Slurm, read_grid
from bench_lib.core.reason import say
from bench_lib.core.record import write_record
from bench_lib.results.run_folder import Run
from bench_lib.sweep import slurm as slurm_module
from bench_lib.sweep.slurm import ENDED, Task, measure_grid_on_slurm, query_tasks, still_queued, task_death
from bench_lib.text.reasons import MESSAGES

GRID = """
engines: [pytorch]
precisions: [fp32]
image_sizes: [32]
batch_sizes: [1, 3]
limits: {warmup_min_s: 0.01, warmup_max_s: 0.5, min_count: 3, min_s: 0.02}
"""


def grid_file(folder, text=GRID):
    folder.mkdir(exist_ok=True)
    (folder / "grid.yaml").write_text(text)
    return folder / "grid.yaml"


def sweep(folder, text=GRID):
    """Run the command; return its exit status."""
    return main.main(["sweep", str(grid_file(folder, text)), "--output", str(folder / "run"), "--slurm"])


# Settings and sentences, without Slurm


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("slurm: {partitoin: gpu}", ["unknown key 'slurm.partitoin'", "did you mean 'partition'"]),
        ("slurm: {timeout_s: 60}", ["unknown key 'slurm.timeout_s'", "timeout_min"]),
        ("slurm: {timeout_min: 0}", ["slurm.timeout_min is 0", "at least 1"]),
        ("slurm: {timeout_min: '01:00:00'}", ["slurm.timeout_min is '01:00:00'", "whole number"]),
        ("slurm: {gpus_per_task: -1}", ["slurm.gpus_per_task is -1", "at least 0"]),
        ("slurm: {array_parallelism: 1.5}", ["slurm.array_parallelism is 1.5", "whole number"]),
        ("slurm: {partition: 5}", ["slurm.partition is 5", "string"]),
        ("slurm: {extra: {time: 5}}", ["time is set by the sweep itself", "timeout_min"]),
        ("slurm: {extra: {cpus_per_task: 5}}", ["cpus_per_task is set by the sweep itself"]),
        ("slurm: gpu", ["slurm is 'gpu'"]),
    ],
)
def test_a_wrong_setting_gets_one_sentence(tmp_path, line, words):
    with pytest.raises(InputError) as caught:
        read_grid(grid_file(tmp_path, GRID + line))
    assert [word for word in ("grid.yaml", *words) if word not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_settings_are_read_but_are_no_part_of_a_run(tmp_path):
    text = GRID + "slurm: {partition: gpu, gpus_per_task: 1, extra: {account: me, exclusive: true}}"
    grid = read_grid(grid_file(tmp_path, text))
    assert grid.slurm == Slurm(partition="gpu", gpus_per_task=1, extra={"account": "me", "exclusive": True})
    run = Run(tmp_path / "run")
    run.start(grid, MACHINE)
    run.start(grid.model_copy(update={"slurm": Slurm(timeout_min=5)}), MACHINE)
    run.start(grid.model_copy(update={"slurm": None}), MACHINE)
    assert "slurm" not in json.loads(run.grid_path.read_text())


def test_the_first_machine_claims_a_run_and_another_is_told_what_differs(tmp_path):
    run = Run(tmp_path / "run")
    run.start(read_grid(grid_file(tmp_path)), None)
    assert run.machine() == {}
    assert run.claim_machine(MACHINE) == []
    assert run.claim_machine(MACHINE | {"memory_bytes": 1}) == []
    assert run.claim_machine(MACHINE | {"cpu": "another", "cores": 64}) == ["cpu", "cores"]
    assert run.machine() == MACHINE


def test_of_unlike_machines_that_claim_a_run_at_once_one_gets_it(tmp_path):
    run = Run(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: run.claim_machine(MACHINE | {"cpu": f"CPU {i}"}), range(40)))
    winner = int(run.machine()["cpu"].split()[1])
    assert [i for i, unlike in enumerate(answers) if not unlike] == [winner]
    assert [path.name for path in tmp_path.iterdir()] == ["machine.json"]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task("TIMEOUT", "15", "n7"), "вышло время, отведённое заданию (60 мин; узел: n7)"),
        (Task("FAILED", str(137 << 8), "n7"), "с ошибкой или был остановлен (код или сигнал: SIGKILL; узел: n7)"),
        (Task("FAILED", "9"), "с ошибкой или был остановлен (код или сигнал: SIGKILL; узел: —)"),
        (Task("FAILED", str(3 << 8)), "с ошибкой или был остановлен (код или сигнал: 3; узел: —)"),
        (Task("NODE_FAIL", "0", "n7"), "узел отказал (код или сигнал: 0; узел: n7)"),
        (Task("OUT_OF_MEMORY", str(125 << 8)), "не хватило памяти, отведённой заданию (код или сигнал: 125; узел: —)"),
        (Task("FORGOTTEN"), "Slurm уже не помнит"),
    ],
)
def test_a_reason_says_what_slurm_tells(task, words):
    reason = task_death("12_3", task, 60)
    assert say(reason).startswith("задание Slurm 12_3 закончилось без записи: ")
    assert say(reason).endswith(words)
    assert str(reason).startswith("Slurm's task 12_3 left no record: ")


@pytest.mark.parametrize("state", ENDED)
def test_each_state_that_ends_a_task_has_its_message(state):
    reason = task_death("12_3", Task(state), 60)
    assert reason.name in MESSAGES
    assert str(reason).startswith("Slurm's task 12_3 left no record: ")


def test_without_slurm_or_submitit_a_sentence_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert sweep(tmp_path / "a") == 2
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert sweep(tmp_path / "b") == 2
    no_slurm, no_submitit = capsys.readouterr().err.splitlines()
    assert "there is no sbatch here" in no_slurm
    assert "pip install -c constraints.txt submitit" in no_submitit
    assert all("leave out --slurm to measure on this machine" in line for line in (no_slurm, no_submitit))
    assert not (tmp_path / "a" / "run").exists()


def faked(monkeypatch, *answers):
    """Let squeue answer these in turn, the last for ever; tasks are 7_0, 7_1 …, and a second passes at each look."""
    answers, clock = list(answers), iter(range(10**6))
    monkeypatch.setattr(slurm_module, "check_slurm", lambda: None)
    monkeypatch.setattr(slurm_module, "query_tasks", lambda: answers.pop(0) if len(answers) > 1 else answers[0])
    monkeypatch.setattr(
        slurm_module, "submit_tasks", lambda cases, *_: {f"7_{i}": case for i, case in enumerate(cases)}
    )
    monkeypatch.setattr(slurm_module.time, "sleep", lambda _: None)
    monkeypatch.setattr(slurm_module.time, "monotonic", lambda: next(clock))


def test_if_no_task_began_nothing_is_recorded(tmp_path, monkeypatch, capsys):
    faked(monkeypatch, {}, {"7_0": Task("FAILED", "256"), "7_1": Task("CANCELLED")})
    assert sweep(tmp_path) == 2
    said = capsys.readouterr().err
    assert "no task began to measure (job 7_0 is FAILED), so nothing is recorded" in said
    assert "7_0_0_log.err" in said
    assert not (tmp_path / "run" / "records").exists()


def test_a_node_that_fails_and_a_controller_that_is_silent_for_a_while(tmp_path, monkeypatch):
    run, grid = Run(tmp_path / "run"), read_grid(grid_file(tmp_path))
    lost, late = {"7_0": Task("NODE_FAIL", "0", "n7")}, {"7_1": Task("RUNNING")}
    faked(monkeypatch, {}, None, lost | late, lost | {"7_1": Task("PENDING")}, None, lost | late, lost)
    run.start(grid, MACHINE)
    records = measure_grid_on_slurm(grid, run)
    reasons = {record.reason.fields["job"]: say(record.reason) for record in records}
    assert [r.status for r in records] == ["failed", "failed"]
    assert "узел отказал" in reasons["7_0"]
    assert "не помнит" in reasons["7_1"]
    assert records[0].machine == MACHINE
    assert (
        len(measure_grid_on_slurm(grid, run, retry_failed=True)) == len(list((run.folder / "set_aside").iterdir())) == 2
    )


def test_a_silent_controller_gets_no_tasks(tmp_path, monkeypatch, capsys):
    faked(monkeypatch, None)
    assert sweep(tmp_path) == 2
    assert "squeue does not answer, so nothing is submitted" in capsys.readouterr().err


def test_what_is_finished_or_still_queued_is_not_submitted_again(tmp_path, monkeypatch):
    run, grid = Run(tmp_path / "run"), read_grid(grid_file(tmp_path))
    run.start(grid, MACHINE)
    one, three = grid.cases()
    (run.folder / "slurm").mkdir()
    (run.folder / "slurm" / "tasks.json").write_text(json.dumps({"7": one.id, "8": three.id}))
    faked(monkeypatch, {"7": Task("RUNNING"), "8": Task("FAILED")})
    missing = {case.id: case for case in grid.cases()}
    assert still_queued(missing, run) == {"7": one}
    write_record(record(size=32), run.record_path(one))
    assert still_queued({three.id: three}, run) == {}


# A real Slurm


def tasks(folder):
    """The cases' ids by job id, in the order of the array, once they are submitted."""
    path = folder / "run" / "slurm" / "tasks.json"
    return wait_until(lambda: path.exists() and json.loads(path.read_text()), "a submission")


def wait_for(job, state):
    wait_until(lambda: (query_tasks() or {}).get(job, Task("")).state == state, f"{job} {state}")


def processes(folder):
    """The processes that submitit runs from the folder."""
    command = ["submitit.core._submit", str(folder)]
    return [found for found in psutil.process_iter(["cmdline"]) if (found.info["cmdline"] or [])[-2:] == command]


def kill_one_and_requeue_the_other(folder):
    """Kill the first task's process as the system does that is out of memory; requeue the second while it measures."""
    _, (second, name) = tasks(folder).items()
    wait_until(lambda: processes(folder / "run" / "slurm"), "the first task's process")[0].kill()
    wait_until(lambda: (folder / "run" / "notebooks" / f"{name}.ipynb").exists(), "the second case's notebook")
    subprocess.run(["scontrol", "requeue", second], check=True)
    wait_for(second, "PENDING")
    subprocess.run(["scontrol", "update", f"jobid={second}", "StartTime=now+3"], check=True)  # not in two minutes


def end_soon(folder):
    """Move the end of the task's minutes to now: Slurm looks every half a minute."""
    (job,) = tasks(folder)
    wait_until(lambda: list(folder.glob("run/notebooks/*.ipynb")), "the case's notebook")
    subprocess.run(["scontrol", "update", f"jobid={job}", "EndTime=now+1"], check=True)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A folder of sweeps that go through Slurm at once, each with its own trouble, and their exit statuses."""
    root = tmp_path_factory.mktemp("slurm")
    single = GRID.replace("[1, 3]", "[1]")
    long = single.replace("min_s: 0.02", "min_s: 200") + "slurm: {timeout_min: 5}"
    Run(root / "unlike" / "run").start(read_grid(grid_file(root / "unlike", single)), MACHINE)
    with slurm(root), pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as pool:
        patch.setattr(slurm_module, "POLL_S", 0.3)
        patch.setattr(slurm_module, "SETTLE_S", 2.0)
        sweeps = {name: pool.submit(sweep, root / name, text) for name, text in
                  {"limited": long, "troubled": GRID, "unlike": single}.items()}  # fmt: skip
        acts = [pool.submit(end_soon, root / "limited"), pool.submit(kill_one_and_requeue_the_other, root / "troubled")]
        yield root, sweeps
        for act in acts:
            act.result()


@pytest.fixture(scope="module")
def plain(busy):
    """A sweep of two cases at a time that Ctrl-C interrupts and the same command goes on with."""
    folder = busy[0] / "plain"
    path = grid_file(folder, GRID + "slurm: {array_parallelism: 2, gpus_per_task: 1, extra: {comment: a b}}")
    arguments = ["sweep", str(path), "--output", str(folder / "run"), "--slurm"]
    command = [sys.executable, "-m", "bench_lib.cli.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait_for(next(iter(tasks(folder))), "RUNNING")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert main.main(arguments) == 0
    return folder, said, arguments


@NEEDS_SLURM
def test_an_interrupted_sweep_is_gone_on_with_and_nothing_is_submitted_twice(plain):
    folder, said, arguments = plain
    job = next(iter(tasks(folder))).split("_")[0]
    assert f"the tasks stay in Slurm (`scancel {job}` ends them); to go on: bench {' '.join(arguments[:2])}" in said
    assert said.strip().endswith("--slurm")
    assert [path.name for path in folder.glob("run/slurm/*_submission.sh")] == [f"{job}_submission.sh"]
    assert main.main(arguments) == 0
    assert len(list(folder.glob("run/slurm/*_submission.sh"))) == 1


@NEEDS_SLURM
def test_records_of_a_cluster_are_as_a_local_sweeps(plain, tmp_path):
    records = Run(plain[0] / "run").records()
    path = grid_file(tmp_path, GRID.replace("[1, 3]", "[3]"))
    assert main.main(["sweep", str(path), "--output", str(tmp_path / "run")]) == 0
    (local,) = Run(tmp_path / "run").records()
    assert [r.status for r in records] == ["ok", "ok"]
    assert keys(records[1].model_dump()) == keys(local.model_dump())
    assert records[1].case == local.case
    assert "slurm" not in json.loads((plain[0] / "run" / "grid.json").read_text())


def keys(value):
    """The names of a record's data, and the kind of each value."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return type(value)


@NEEDS_SLURM
def test_sbatch_was_asked_for_what_the_grid_says(plain):
    script = next(plain[0].glob("run/slurm/*_submission.sh")).read_text()
    for option in ("array=0-1%2", "time=60", "cpus-per-task=1", "gpus-per-task=1", "comment='a b'"):
        assert f"#SBATCH --{option}\n" in script
    assert "srun" not in script
    assert f"{sys.executable} -P -u -m submitit" in script


@NEEDS_SLURM
def test_the_report_is_made_of_what_the_cluster_left(busy):
    assert busy[1]["troubled"].result() == 0
    assert main.main(["report", str(busy[0] / "troubled" / "run")]) == 0
    page = (busy[0] / "troubled" / "run" / "report.html").read_text(encoding="utf-8")
    assert "закончилось без записи" in page


@NEEDS_SLURM
def test_a_killed_task_is_a_row_and_a_requeued_one_is_measured(busy):
    assert busy[1]["troubled"].result() == 0
    folder = busy[0] / "troubled"
    records = {record.case.id: record for record in Run(folder / "run").records()}
    killed, requeued = [records[name] for name in tasks(folder).values()]
    assert (killed.status, requeued.status) == ("failed", "ok")
    assert "закончилось без записи: процесс задания завершился с ошибкой или был остановлен" in say(killed.reason)
    assert "сигнал: SIGKILL; узел: bench" in say(killed.reason)
    assert killed.machine == requeued.machine | {"memory_bytes": killed.machine["memory_bytes"]}
    assert "Restarts=1" in ask("scontrol", "show", "job", list(tasks(folder))[1])


@NEEDS_SLURM
def test_a_node_unlike_the_runs_machine_is_a_row(busy):
    assert busy[1]["unlike"].result() == 0
    (refused,) = Run(busy[0] / "unlike" / "run").records()
    assert refused.status == "failed"
    assert "не похож на машину этого прогона (отличается: cpu" in say(refused.reason)
    assert refused.machine == MACHINE
    assert "cores" in json.loads(refused.detail)


@NEEDS_SLURM
@pytest.mark.usefixtures("busy")
def test_what_sbatch_refuses_is_a_sentence(tmp_path, capsys):
    assert sweep(tmp_path, GRID + "slurm: {partition: nowhere}") == 2
    assert "invalid partition specified: nowhere" in capsys.readouterr().err


@NEEDS_SLURM
def test_a_time_limit_is_a_row(busy):
    assert busy[1]["limited"].result() == 0
    (limited,) = Run(busy[0] / "limited" / "run").records()
    assert limited.status == "failed"
    assert say(limited.reason).endswith("вышло время, отведённое заданию (5 мин; узел: bench)")
    assert "DUE TO TIME LIMIT" in limited.detail
