"""A signal ends a command at once, with one line, and without a process or a temporary folder left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench_lib.cli import interrupt
from bench_lib.core.lifetime import PREFIX

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
COMMAND = """
import subprocess, sys, time
from bench_lib.cli import interrupt
from bench_lib.core.lifetime import hold_command_folder
interrupt.end_on_signals()
hold_command_folder()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
with interrupt.going_on(lambda: "To go on: once more."):
    print("begun", flush=True)
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass  # as a library may swallow it
"""


def begun(tmp_path, command, **environment):
    """A process of its own that has printed a line."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)} | environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline()
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_at_once_with_one_line(tmp_path, name):
    process, number = begun(tmp_path, [sys.executable, "-c", COMMAND]), signal.Signals[name]
    (child,) = psutil.Process(process.pid).children()
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
    process.send_signal(number)
    process.send_signal(number)  # an impatient person's second
    told = process.communicate(timeout=PATIENCE_S)[1]
    assert (process.returncode, told) == (128 + number, "\nbench: interrupted. To go on: once more.\n")
    assert psutil.wait_procs([child], PATIENCE_S)[1] == []
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_ctrl_c_while_the_command_is_imported_is_one_line_too(tmp_path):
    (tmp_path / "psutil.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(1000)\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    process = begun(tmp_path, [sys.executable, "-m", "bench_lib.cli.main", "doctor"], PYTHONPATH=path)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=PATIENCE_S)[1]
    assert (process.returncode, told) == (130, "\nbench: interrupted.\n")


LATE = """
import atexit, os, sys
atexit.register(os.kill, os.getpid(), {number})
sys.argv = ["bench", "report", "there is no such folder"]
from bench_lib.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_all_is_done_changes_nothing(tmp_path, number):
    ended = subprocess.run(
        [sys.executable, "-c", LATE.format(number=int(number))], cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "there is no such folder" in ended.stderr


def test_a_signal_that_is_ignored_stays_so(monkeypatch):
    kept = {}
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN if number == signal.SIGHUP else None)
    monkeypatch.setattr(signal, "signal", kept.__setitem__)
    interrupt.end_on_signals()
    assert set(kept) == {signal.SIGINT, signal.SIGTERM}
