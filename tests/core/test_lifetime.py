"""What ends with a command: child processes, whatever they compute, and temporary folders."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from bench_lib.core import lifetime

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def test_a_child_that_never_returns_from_native_code_ends_with_its_parent():
    child = "from bench_lib.core.lifetime import end_with_parent; end_with_parent(); print(flush=True); 9 ** 10 ** 9"
    parent = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); print(p.pid); p.wait()"
    with subprocess.Popen(
        [sys.executable, "-uc", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        number = int(process.stdout.readline())
        process.stdout.readline()  # the child computes, and holds Python's lock for years
        found = psutil.Process(number)
        process.kill()
    assert psutil.wait_procs([found], PATIENCE_S)[1] == []


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder for all temporary files, in place of the system's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(lifetime.VARIABLE, raising=False)
    return tmp_path


def test_folders_of_ended_commands_are_deleted_and_others_stay(places):
    (places / "bench-lib-old" / "inner").mkdir(parents=True)
    (places / "elsewhere").mkdir()
    (places / "bench-lib-link").symlink_to(places / "elsewhere")
    (places / "other").mkdir()
    lock = lifetime.lock_folder(places / "other")
    assert lifetime.lock_folder(places / "other") is None  # as another process would find it
    (places / "other").rename(places / "bench-lib-running")
    lifetime.clear_stale_folders()
    assert {path.name for path in places.iterdir()} == {"elsewhere", "bench-lib-link", "bench-lib-running"}
    os.close(lock)


def test_a_temporary_folder_is_in_the_command_s_own_if_there_is_one(places, monkeypatch):
    with lifetime.temporary_folder() as folder:
        assert Path(folder).parent == places
    own = lifetime.claim_folder()
    monkeypatch.setenv(lifetime.VARIABLE, str(own))
    with lifetime.temporary_folder() as folder:
        assert Path(folder).parent == own
    lifetime.delete_command_folder()
    assert list(places.iterdir()) == []
    with lifetime.temporary_folder() as folder:  # of a command that has ended
        assert Path(folder).parent == places


def test_ctrl_c_waits_while_processes_are_started():
    reached = []
    with pytest.raises(KeyboardInterrupt), lifetime.interrupts_blocked():
        reached.append(signal.pthread_kill(threading.get_ident(), signal.SIGINT))  # not to a thread that does not wait
    assert reached == [None]
