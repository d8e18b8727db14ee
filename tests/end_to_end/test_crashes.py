"""What goes wrong on a real machine, done to real processes: the table in docs/when-something-goes-wrong.md."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from bench_lib.cli import main
from bench_lib.core.grid import read_grid
from bench_lib.core.reason import say
from bench_lib.results.run_folder import Run
from bench_lib.sweep import runner
from bench_lib.sweep.execute import NOTEBOOKS
from bench_lib.sweep.runner import shuffled_cases

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300  # for what comes at once unless the machine is very busy
GRID = """
engines: [pytorch]
precisions: [fp32]
image_sizes: [32]
batch_sizes: [1, 2, 3]
limits: {warmup_min_s: 0.01, warmup_max_s: 0.5, min_count: 2, min_s: 0.02}
"""


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


def break_batch_2(tmp_path, monkeypatch, code):
    """Let measure.ipynb do `code` before it measures batch 2."""
    notebook = nbformat.read(NOTEBOOKS / "measure.ipynb", 4)
    place = 1 + next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    body = "if batch_size == 2:\n" + textwrap.indent(code, "    ")
    notebook.cells.insert(place, nbformat.v4.new_code_cell(body))
    nbformat.write(notebook, tmp_path / "measure.ipynb")
    monkeypatch.setattr(runner, "NOTEBOOKS", tmp_path)


def statuses(folder):
    return {record.case.batch_size: record.status for record in Run(folder).records()}


KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
HANG = "import time; time.sleep(10_000)"


def wait_briefly_for_batch_2(monkeypatch):
    """Let batch 2 alone have a short time limit: on a busy machine, one for all might end a case that only is slow."""
    execute = runner.execute_notebook

    def execute_briefly(notebook, output, parameters, timeout_s, **options):
        return execute(notebook, output, parameters, 3 if parameters["batch_size"] == 2 else timeout_s, **options)

    monkeypatch.setattr(runner, "execute_notebook", execute_briefly)


@pytest.mark.parametrize(
    ("code", "reason", "options"),
    [
        pytest.param(KILL, "остановлен сигналом SIGKILL", [], id="killed"),
        pytest.param(KILL, "остановлен сигналом SIGKILL", ["--plain"], id="killed-plain"),
        pytest.param(
            "import ctypes; ctypes.string_at(0)",
            "завершился (SIGSEGV): ошибка в машинном коде PyTorch 2",
            [],
            id="segfault",
        ),
        pytest.param(HANG, "не закончилось за 900 с", [], id="hangs"),
        pytest.param("raise RuntimeError('boom')", "прервано ошибкой", [], id="raises"),
    ],
)
def test_a_case_that_dies_hangs_or_raises_is_a_row_and_the_others_are_measured(
    tmp_path, monkeypatch, grid, code, reason, options
):
    break_batch_2(tmp_path, monkeypatch, code)
    if code == HANG:
        wait_briefly_for_batch_2(monkeypatch)
    assert main.main(["sweep", str(grid), "--output", str(tmp_path / "run"), *options]) == 0
    assert statuses(tmp_path / "run") == {1: "ok", 2: "failed", 3: "ok"}
    assert reason in say(Run(tmp_path / "run").records()[1].reason)


def test_a_killed_fork_server_is_replaced_and_its_case_is_measured(tmp_path, monkeypatch, grid):
    grid.write_text(GRID.replace("[1, 2, 3]", "[2, 3]"))
    once = tmp_path / "killed"
    break_batch_2(tmp_path, monkeypatch, f"""
import os, pathlib, signal
if not pathlib.Path({str(once)!r}).exists():
    pathlib.Path({str(once)!r}).touch()
    os.kill(os.getppid(), signal.SIGKILL)
""")  # fmt: skip
    assert main.main(["sweep", str(grid), "--output", str(tmp_path / "run")]) == 0
    assert once.exists()
    assert statuses(tmp_path / "run") == {2: "ok", 3: "ok"}
    assert {record.process for record in Run(tmp_path / "run").records()} == {"forked"}


def test_a_host_without_memory_is_a_row_and_failed_cases_can_be_measured_again(tmp_path, monkeypatch, grid):
    used = "int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()"
    with monkeypatch.context() as patch:
        break_batch_2(tmp_path, patch, f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({used},) * 2)")
        assert main.main(["sweep", str(grid), "--output", str(tmp_path / "run")]) == 0
    assert statuses(tmp_path / "run") == {1: "ok", 2: "failed", 3: "ok"}
    kept = {path.name: path.read_bytes() for path in (tmp_path / "run" / "records").glob("*b[13].json")}
    assert main.main(["sweep", str(grid), "--output", str(tmp_path / "run"), "--retry", "failed"]) == 0
    assert statuses(tmp_path / "run") == {1: "ok", 2: "ok", 3: "ok"}
    assert {name: (tmp_path / "run" / "records" / name).read_bytes() for name in kept} == kept
    assert len(list((tmp_path / "run" / "set_aside").iterdir())) == 1


def started(grid, folder):
    """A sweep in a process of its own, once its first record is written; its temporary files are beside `folder`."""
    command = [sys.executable, "-m", "bench_lib.cli.main", "sweep", str(grid), "--output", str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"TMPDIR": str(folder.parent)}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob("records/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_a_sweep_that_is_killed_or_interrupted_leaves_no_process_and_goes_on(tmp_path, grid, number):
    folder = tmp_path / "run"
    process = started(grid, folder)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)  # as a terminal sends Ctrl-C, to all of the command
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    told = process.communicate(timeout=PATIENCE_S)[1]
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in told
        assert list(tmp_path.glob("bench-lib-*")) == []
        assert f"to go on: bench sweep {grid} --output {folder}" in told
    assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
    kept = {path: path.read_bytes() for path in folder.glob("records/*.json")}
    assert 0 < len(kept) < 3
    assert main.main(["sweep", str(grid), "--output", str(folder)]) == 0
    assert statuses(folder) == {1: "ok", 2: "ok", 3: "ok"}
    assert {path: path.read_bytes() for path in kept} == kept


def test_ctrl_c_ends_a_sweep_although_the_tests_were_started_in_the_background(tmp_path):
    """Run the test of Ctrl-C itself in a process that ignores SIGINT, as a shell starts one in the background."""
    test = f"{Path(__file__)}::test_a_sweep_that_is_killed_or_interrupted_leaves_no_process_and_goes_on"
    command = [sys.executable, "-m", "pytest", "-q", "-k", "Ctrl-C", "--basetemp", str(tmp_path / "inner"), test]
    told = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command], cwd=ROOT, capture_output=True, text=True
    )  # fmt: skip
    assert told.returncode == 0, told.stdout


def test_a_second_sweep_into_the_same_folder_is_refused_and_the_first_goes_on(tmp_path, grid, capsys):
    process = started(grid, tmp_path / "run")
    assert main.main(["sweep", str(grid), "--output", str(tmp_path / "run")]) == 2
    assert "another sweep is measuring into it" in capsys.readouterr().err
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert statuses(tmp_path / "run") == {1: "ok", 2: "ok", 3: "ok"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_stops_the_sweep_with_a_sentence_and_it_goes_on(tmp_path, grid, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine lets nothing be mounted")
    try:
        assert main.main(["sweep", str(grid), "--output", str(disk / "run")]) == 1
        told = capsys.readouterr().err
        assert "No space left on device" in told
        assert f"go on: bench sweep {grid} --output {disk / 'run'}" in told
        assert list(disk.rglob("*.tmp")) == []
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert main.main(["sweep", str(grid), "--output", str(disk / "run"), "--retry", "failed"]) == 0
        assert statuses(disk / "run") == {1: "ok", 2: "ok", 3: "ok"}
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("fault", ["truncated", "foreign"])
def test_a_truncated_or_foreign_record_is_refused_by_the_report_and_measured_again(run, tmp_path, capsys, fault):
    """The run is of its own grid; here it is read again with one record spoilt."""
    import shutil

    folder = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("report.*"))
    case, other = Run(folder).grid().cases()[:2]
    path = Run(folder).record_path(case)
    path.write_text(path.read_text()[:100] if fault == "truncated" else Run(folder).record_path(other).read_text())
    assert main.main(["report", str(folder)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    (tmp_path / "grid.yaml").write_text((run.parent / "grid.yaml").read_text())
    assert main.main(["sweep", str(tmp_path / "grid.yaml"), "--output", str(folder)]) == 0
    assert Run(folder).finished(case).status == "ok"
    assert len(list((folder / "set_aside").iterdir())) == 1


def test_the_order_of_cases_is_drawn_from_the_seed():
    drawn = read_grid("params/seed.yaml")
    order = shuffled_cases(drawn)
    assert order == shuffled_cases(drawn) != drawn.cases()
    assert sorted(case.id for case in order) == sorted(case.id for case in drawn.cases())
    assert order != shuffled_cases(drawn.model_copy(update={"seed": 1}))
