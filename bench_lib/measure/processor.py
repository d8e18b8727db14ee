"""The processor that a case ran on, as the system reports it: its name, its governor, and how much may be used."""

import contextlib
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def cpu_name() -> str:
    """The processor's name as the system reports it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cpu_governor(root: Path = ROOT) -> str | None:
    """What sets the cores' clock, such as `performance`; several are joined by commas, None if the system names none.

    Read from Linux's cpufreq below `root`. A virtual machine's clock is set outside, so it names none.
    """
    found = {text for path in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
             if (text := read_line(path))}  # fmt: skip
    return ", ".join(sorted(found)) or None


def cores() -> list[int]:
    """The numbers of the logical cores that this process may use, if the system reports that, otherwise of all."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def physical_cores(root: Path = ROOT) -> int:
    """How many physical cores those of `cores` lie on: two logical ones that share one are counted once."""
    topology = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    return len({read_line(root / topology.format(core)) or core for core in cores()})


def most_threads(workers: int = 1, root: Path = ROOT) -> int:
    """How many threads can compute at once in each of so many workers that share what this process may use.

    That is its cores or, if its control groups allow less time than that, their quota, rounded up.
    """
    quota = cpu_quota(root)
    whole = len(cores()) if quota is None else min(len(cores()), math.ceil(quota))
    return max(1, whole // workers)


def cpu_quota(root: Path = ROOT) -> float | None:
    """How many cores' time the process's control groups allow it, such as 0.5; None without a limit.

    Read below `root` from cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`). Each level above the process may set a
    limit, and the least of them holds.
    """
    limits = (quota_of(folder) for folder in control_groups(root, "cpu"))
    return min((limit for limit in limits if limit is not None), default=None)


def control_groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups that may limit its `cpu` or `memory`, each after those above it."""
    mounts = root / "sys/fs/cgroup"
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            # v2 has one hierarchy without controllers' names, beside v1 it is called `unified`.
            names = {controllers, controller} if controllers else {"", "unified"}
            parts = PurePosixPath(path).parts[1:]
            yield from (mounts / name / Path(*parts[:level]) for name in names for level in range(len(parts) + 1))


def quota_of(folder: Path) -> float | None:
    """The limit, in cores, that one control group sets; None if it sets none."""
    quota, period = [*read_line(folder / "cpu.max").split(), "", ""][:2]
    if not quota:
        quota, period = (read_line(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if not quota.isdecimal() or not period.isdecimal():  # `max` or -1 is no limit
        return None
    return int(quota) / int(period)


def read_line(path: Path) -> str:
    """A one-line file's text; empty if there is no such file."""
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return ""
