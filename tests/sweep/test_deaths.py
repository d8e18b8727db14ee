"""How a process ended: its signal or exit code, and lack of memory only where the system has counted it."""

import signal

import pytest

from bench_lib.core.reason import because
from bench_lib.measure import system
from bench_lib.sweep import deaths
from bench_lib.sweep.deaths import LOST, death, oom_kills

VERSIONS = {"torch": "2.14.1", "onnxruntime": "1.31.1"}


def crash(name, runtime):
    return because("process_crashed_by", signal=name, runtime=runtime)


@pytest.mark.parametrize(
    ("exit_code", "engine", "reason"),
    [
        (-signal.SIGSEGV, "onnx_runtime", crash("SIGSEGV", "ONNX Runtime 1.31.1")),
        (-signal.SIGABRT, "pytorch", crash("SIGABRT", "PyTorch 2.14.1")),
        (-signal.SIGILL, "openvino", crash("SIGILL", "OpenVINO")),
        (-signal.SIGTERM, "pytorch", because("process_killed_by", signal="SIGTERM")),
        (-signal.SIGRTMIN - 1, "pytorch", because("process_killed_by", signal=f"SIG{signal.SIGRTMIN + 1}")),
        (-signal.SIGKILL, "pytorch", because("process_killed_by", signal="SIGKILL")),
        (0, "pytorch", because("process_exited", code=0)),
        (255, "pytorch", because("process_exited", code=255)),
        (LOST, "pytorch", because("process_lost")),
    ],
)  # fmt: skip
def test_a_death_is_told_by_its_signal_or_exit_code(monkeypatch, exit_code, engine, reason):
    monkeypatch.setattr(system, "versions", lambda: VERSIONS)
    monkeypatch.setattr(deaths, "oom_kills", lambda: 7)
    assert death(exit_code, engine, 7) == reason


def test_memory_is_blamed_for_a_sigkill_alone_and_only_where_the_system_counted_one(monkeypatch):
    monkeypatch.setattr(deaths, "oom_kills", lambda: 8)
    assert death(-signal.SIGKILL, "pytorch", 7) == because("process_killed_for_memory")
    assert death(-signal.SIGTERM, "pytorch", 7) == because("process_killed_by", signal="SIGTERM")


OWN_V2 = {
    "proc/self/cgroup": "0::/a/b",
    "sys/fs/cgroup/a/b/memory.events": "oom 5\noom_kill 3\noom_group_kill 9",
}
OWN_V1 = {
    "proc/self/cgroup": "4:memory:/a\n0::/",
    "sys/fs/cgroup/memory/a/memory.oom_control": "oom_kill 4",
}
ABOVE = {"sys/fs/cgroup/memory.events": "oom_kill 70", "sys/fs/cgroup/memory/memory.oom_control": "oom_kill 80"}
WHOLE = {"proc/vmstat": "nr_free_pages 1\noom_kill 90"}


@pytest.mark.parametrize(
    ("files", "count"),
    [
        (OWN_V2 | ABOVE | WHOLE, 3),
        (OWN_V1 | ABOVE | WHOLE, 4),
        ({"proc/self/cgroup": "1:cpu:/a\n0::/"} | WHOLE, 90),
        ({"proc/self/cgroup": "0::/"}, 0),
    ],
    ids=["v2", "v1", "the whole system", "nothing"],
)
def test_processes_killed_for_lack_of_memory_are_counted_in_the_own_control_group(tmp_path, files, count):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert oom_kills(tmp_path) == count
