"""Who computed on the cores that this process may use, between two moments: all processes together, and this one.

In a container the system's counters are the host's, which is right, because the cores are shared.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from bench_lib.core.machine import ProcessorTime
from bench_lib.measure.processor import ROOT, control_groups, cores, physical_cores

COMPUTING = (0, 1, 2, 7)  # the columns user, nice and system, and steal: what other virtual machines took


class Counters(NamedTuple):
    """The counters of one moment: the time, and what `ProcessorTime` holds, since the system or the process started."""

    at_s: float
    busy_s: float
    own_s: float
    stopped: int


def read_counters(root: Path = ROOT) -> Counters | None:
    """The counters now, the system's read below `root`; None if it has no /proc/stat."""
    children_s = descendants_s()  # the slowest to read, so first
    if (busy_s := cores_busy_s(root)) is None:
        return None
    return Counters(time.perf_counter(), busy_s, time.process_time() + children_s, times_stopped(root))


def time_since(before: Counters | None, root: Path = ROOT) -> ProcessorTime | None:
    """Who computed since the counters were read; None if they could not be read."""
    after = read_counters(root)
    if before is None or after is None:
        return None
    at_s, busy_s, own_s, stopped = (max(0, new - old) for new, old in zip(after, before, strict=True))
    return {
        "seconds": at_s, "cores": len(cores()), "physical_cores": physical_cores(root), "busy_s": busy_s,
        "own_s": own_s, "stopped": stopped,
    }  # fmt: skip


def cores_busy_s(root: Path) -> float | None:
    """Seconds that anyone computed on the cores of this process, since the system started; None if it does not tell."""
    names, ticks = {f"cpu{core}" for core in cores()}, 0
    try:
        lines = [line.split() for line in (root / "proc/stat").read_text().splitlines()]
    except OSError:
        return None
    for name, *counts in filter(None, lines):
        if name in names:
            ticks += sum(int(counts[column]) for column in COMPUTING)
    return ticks / os.sysconf("SC_CLK_TCK")


def descendants_s() -> float:
    """Seconds that this process's children and theirs have computed, those included that have ended."""
    ended = os.times()
    seconds = ended.children_user + ended.children_system
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            seconds += sum(child.cpu_times()[:4])  # of itself and of its ended children
    return seconds


def times_stopped(root: Path) -> int:
    """How often a quota has stopped the control groups of this process."""
    count = 0
    folders = {folder.resolve() for folder in control_groups(root, "cpu")}  # version 1 has one under several names
    for folder in folders:
        with contextlib.suppress(OSError):
            told = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            count += int(told.get("nr_throttled", 0))
    return count
