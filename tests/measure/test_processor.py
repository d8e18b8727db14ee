"""A processor's governor and quota, read from made folders of the system; threads, and the commit of the code."""

import os
import subprocess
import sys

import pytest

from bench_lib.measure import system
from bench_lib.measure.processor import cpu_governor, cpu_quota


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


def test_the_threads_are_those_that_the_environment_gives():
    code = "from bench_lib.measure import system; print(system.describe()['threads'])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "1\n"


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
