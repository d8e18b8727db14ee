"""Who computed on the cores while a case was timed: exact on made counters, and beside real processes that spin."""

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
from helpers.made import Sleeper

from bench_lib.core.case import Limits
from bench_lib.core.timing import time_engine
from bench_lib.measure import processor_time
from bench_lib.measure.processor_time import read_counters, time_since

STAT = """cpu  1 1 1 1 1 1 1 1 0 0
cpu0 {user} 20 30 4000 50 60 70 {steal} 0 0
cpu2 {user} 20 30 4000 50 60 70 {steal} 0 0
cpu3 9999{user} 20 30 4000 50 60 70 80 0 0
intr 5 6
"""
SPIN = [sys.executable, "-S", "-c", "while True: pass"]


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system whose counters are set by `tell`; the process may use two of its cores, and core 1 is off."""
    monkeypatch.setattr(processor_time, "cores", lambda: [0, 2])
    monkeypatch.setattr(processor_time, "descendants_s", lambda: 1.0)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/pod/box\n")

    def tell(now_s, own_s, user, steal, stopped):
        clock = SimpleNamespace(perf_counter=lambda: now_s, process_time=lambda: own_s)
        monkeypatch.setattr(processor_time, "time", clock)
        (tmp_path / "proc/stat").write_text(STAT.format(user=user, steal=steal))
        for name, count in {"pod": 7, "pod/box": stopped}.items():
            group = tmp_path / "sys/fs/cgroup" / name
            group.mkdir(parents=True, exist_ok=True)
            (group / "cpu.stat").write_text(f"usage_usec 5\nnr_periods 90\nnr_throttled {count}\n")

    return SimpleNamespace(tell=tell, root=tmp_path)


def test_what_all_computed_on_these_cores_what_we_did_and_how_often_a_quota_stopped_us(system):
    system.tell(now_s=100.0, own_s=5.0, user=1000, steal=10, stopped=3)
    before = read_counters(system.root)
    system.tell(now_s=102.0, own_s=6.5, user=1100, steal=60, stopped=5)
    assert time_since(before, system.root) == {
        "seconds": 2.0, "cores": 2, "physical_cores": 2, "busy_s": 3.0, "own_s": 1.5, "stopped": 2,
    }  # fmt: skip


def test_what_a_system_does_not_tell_is_not_known(system):
    assert read_counters(system.root) is None
    assert time_since(None, system.root) is None


@contextlib.contextmanager
def another():
    """A process that spins and is no child of this one, as the shell that started it has ended."""
    shell = subprocess.run(["sh", "-c", '"$@" >/dev/null & echo $!', "sh", *SPIN], stdout=subprocess.PIPE, check=True)
    process = psutil.Process(int(shell.stdout))
    try:
        yield process
    finally:
        process.kill()


def computed_s(process):
    return sum(process.cpu_times()[:2])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_process_that_spins_meanwhile_is_another_and_a_child_of_ours_is_not():
    with another() as theirs, subprocess.Popen(SPIN) as child:
        ours = psutil.Process(child.pid)
        before = read_counters()
        began = [computed_s(one) for one in (theirs, ours)]
        time_engine(Sleeper(run_s=0.01), Limits(warmup_min_s=0.1, warmup_max_s=0.1, min_count=5, min_s=0.3, max_s=0.3))
        theirs_s, ours_s = (computed_s(one) - start for one, start in zip((theirs, ours), began, strict=True))
        used = time_since(before)
        child.kill()
    tick_s = 0.01
    assert used["own_s"] >= ours_s - tick_s
    assert used["busy_s"] - used["own_s"] >= theirs_s - 3 * tick_s * used["cores"]
    assert used["seconds"] >= 0.7
