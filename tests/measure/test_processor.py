"""A processor's governor and quota, read from made folders of the system; threads that follow; the code's commit."""

import os
import subprocess
import sys

import pytest
import torch

from bench_lib.core.case import Case, Limits
from bench_lib.measure import processor, system
from bench_lib.measure.measure_case import measure_case
from bench_lib.measure.processor import cpu_governor, cpu_quota, most_threads, physical_cores
from bench_lib.measure.threads import threads
from bench_lib.scenarios.worker import prepare_thread


def made(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


V1, V2 = "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/", {f"{V2}/cpu.max": "50000 100000"}, 0.5),  # half a core, as a container sees itself
        ("0::/", {f"{V2}/cpu.max": "max 100000"}, None),
        ("0::/", {}, None),
        ("0::/pod/box", {f"{V2}/pod/cpu.max": "150000 100000", f"{V2}/pod/box/cpu.max": "max 100000"}, 1.5),
        ("0::/pod/box", {f"{V2}/pod/cpu.max": "150000 100000", f"{V2}/pod/box/cpu.max": "400000 100000"}, 1.5),
        ("0::/pod", {f"{V2}/other/cpu.max": "50000 100000"}, None),  # another's group
        ("4:cpu,cpuacct:/box", {f"{V1}/cpu.cfs_quota_us": "50000", f"{V1}/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpu,cpuacct:/box", {f"{V1}/box/cpu.cfs_quota_us": "250000", f"{V1}/box/cpu.cfs_period_us": "100000"}, 2.5),
        ("4:cpu:/", {f"{V2}/cpu/cpu.cfs_quota_us": "-1", f"{V2}/cpu/cpu.cfs_period_us": "100000"}, None),
        ("3:cpuset:/", {f"{V2}/cpuset/cpu.cfs_quota_us": "1", f"{V2}/cpuset/cpu.cfs_period_us": "2"}, None),
        ("1:cpu:/\n0::/", {f"{V2}/unified/cpu.max": "70000 100000"}, 0.7),  # both versions at once
    ],
)
def test_the_quota_is_the_least_limit_of_the_groups_above_the_process(tmp_path, groups, files, cores):
    assert cpu_quota(made(tmp_path, {"proc/self/cgroup": groups} | files)) == cores


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert cpu_quota(tmp_path) is None


def test_the_governor_is_that_of_the_cores_and_none_where_the_system_names_none(tmp_path):
    assert cpu_governor(tmp_path) is None
    cores = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    made(tmp_path, {cores.format(0): "performance", cores.format(1): "performance"})
    assert cpu_governor(tmp_path) == "performance"
    made(tmp_path, {cores.format(11): "powersave"})
    assert cpu_governor(tmp_path) == "performance, powersave"


@pytest.mark.parametrize(
    ("quota", "workers", "count"),
    [("max", 1, 4), ("max", 3, 1), ("50000", 1, 1), ("100000", 1, 1), ("150000", 1, 2), ("300000", 2, 1),
     ("900000", 1, 4), ("900000", 8, 1)],
)  # fmt: skip
def test_no_more_threads_than_cores_and_than_the_quota_rounded_up(tmp_path, monkeypatch, quota, workers, count):
    monkeypatch.setattr(processor, "cores", lambda: [0, 1, 4, 5])
    made(tmp_path, {"proc/self/cgroup": "0::/", f"{V2}/cpu.max": f"{quota} 100000"})
    assert most_threads(workers, tmp_path) == count


def test_logical_cores_that_share_a_physical_one_are_one(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "cores", lambda: [0, 1, 2, 3])
    assert physical_cores(tmp_path) == 4  # as far as the system tells
    siblings = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    made(tmp_path, {siblings.format(core): "0,2" if core % 2 == 0 else "1,3" for core in range(4)})
    assert physical_cores(tmp_path) == 2


@pytest.fixture
def half_a_core(monkeypatch):
    """A quota of half a core, and the two threads that PyTorch takes by itself on two cores."""
    monkeypatch.setattr(processor, "cpu_quota", lambda _root: 0.5)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("half_a_core")
def test_a_case_in_half_a_core_s_time_is_built_and_computed_by_one_thread(monkeypatch):
    seen = []

    def build(*_given, **_options):
        seen.append(torch.get_num_threads())
        raise RuntimeError("enough")

    monkeypatch.setattr("bench_lib.measure.measure_case.build_engine", build)
    record = measure_case(Case(engine="pytorch", image_size=32), Limits())
    assert seen == [1]
    assert (record.machine["threads"], record.machine["cpu_quota"]) == (1, None)


@pytest.mark.usefixtures("half_a_core")
@pytest.mark.parametrize("cores", [None, 2])
def test_what_is_loaded_takes_no_more_threads_than_the_quota_either(cores):
    assert threads() == 1
    prepare_thread(Case(engine="pytorch"), cores)
    assert torch.get_num_threads() == 1


CODE = """
import os, sys
if sys.argv[1:]:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import torch
from bench_lib.measure import system, threads
on = system.describe()
threads.limit_threads()
print(on["threads"], torch.get_num_threads(), on["omp_num_threads"])
"""


@pytest.mark.parametrize(
    ("given", "one_core", "told"),
    [("1", [], "1 1 1"), ("4", ["one core"], "1 1 4")],  # PyTorch by itself would take two on that one core
)
def test_threads_are_as_few_as_the_environment_gives_and_the_cores_allow(given, one_core, told):
    found = subprocess.run(
        [sys.executable, "-c", CODE, *one_core],
        env=os.environ | {"OMP_NUM_THREADS": given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == told


def git(folder, *words):
    name = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}
    command = ["git", "-C", folder, "-c", "commit.gpgsign=false", *words]
    return subprocess.run(command, env=os.environ | name, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_has_a_mark_where_the_code_was_changed(tmp_path):
    made(tmp_path, {"bench_lib/a.py": "1", "outputs/b": "1"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "bench_lib")
    git(tmp_path, "commit", "-qm", "one")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert system.commit(tmp_path) == head  # outputs are no code
    made(tmp_path, {"bench_lib/a.py": "2"})
    assert system.commit(tmp_path) == f"{head}+changes"


def test_there_is_no_commit_outside_a_checkout_or_within_another_project_s(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert system.commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert system.commit(tmp_path) is None  # nothing is committed yet
    made(tmp_path, {"site-packages/bench_lib/a.py": "1"})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    assert system.commit(tmp_path / "site-packages") is None
    monkeypatch.setenv("PATH", "")
    assert system.commit(tmp_path) is None
