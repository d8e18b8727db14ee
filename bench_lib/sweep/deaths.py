"""How a process that measured has ended without a result: by which signal or exit code, and whether for lack of memory.

A negative exit code is that of a signal, as in `subprocess` and `multiprocessing`.
"""

import re
import signal
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from bench_lib.core.case import LABELS
from bench_lib.core.reason import Reason, because
from bench_lib.measure import system
from bench_lib.measure.processor import ROOT, control_groups

LOST = 1 << 16  # in place of an exit code that nobody knows, because the fork server, which alone is told, has died
CRASHES = ("SIGSEGV", "SIGABRT", "SIGILL", "SIGBUS", "SIGFPE", "SIGTRAP", "SIGSYS")  # a process sends them to itself
PACKAGES = {  # of the engines, by which their version is known
    "pytorch": ["torch"], "onnx_runtime": ["onnxruntime-gpu", "onnxruntime"], "openvino": ["openvino"],
    "torch_tensorrt": ["torch-tensorrt", "torch-tensorrt-rtx"],
}  # fmt: skip


class KernelDied(Exception):
    """A notebook's process has ended by itself; `exit_code` is its own, or `LOST`."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(f"the notebook's process has died: {signal_name(exit_code) or f'exit code {exit_code}'}")


class WatchedProvisioner(LocalProvisioner):
    """Jupyter's provisioner of local kernels, except that it tells its manager how a kernel ended that nobody ended.

    The manager has a list `exit_codes`.
    """

    _is_ended_by_us = False

    async def poll(self) -> int | None:
        """The exit code, or None while the process runs."""
        code = await super().poll()
        if self.process and code is not None and not self._is_ended_by_us:
            self.parent.exit_codes.append(code)
        return code

    async def kill(self, restart: bool = False) -> None:
        """Send the process SIGKILL."""
        self._is_ended_by_us = True
        await super().kill(restart)


def watched(manager: type) -> type:
    """The kernel manager's class with a list `exit_codes` of its own, to which `WatchedProvisioner` appends."""
    return type(manager.__name__, (manager,), {"exit_codes": []})


def death(exit_code: int, engine: str, oom_kills_before: int) -> Reason:
    """Why a process that measured an engine ended; `oom_kills_before` is what `oom_kills` returned before that."""
    if exit_code == LOST:
        return because("process_lost")
    name = signal_name(exit_code)
    if not name:
        return because("process_exited", code=exit_code)
    if name in CRASHES:
        return because("process_crashed_by", signal=name, runtime=runtime(engine))
    if name == "SIGKILL" and oom_kills() > oom_kills_before:
        return because("process_killed_for_memory")
    return because("process_killed_by", signal=name)


def signal_name(exit_code: int) -> str:
    """The name of the signal that ended a process with this exit code; empty if it ended otherwise."""
    numbers: dict[int, Any] = {-number: number for number in signal.valid_signals()}
    found = numbers.get(exit_code)
    return "" if found is None else getattr(found, "name", f"SIG{found}")


def runtime(engine: str) -> str:
    """An engine's name and version, such as `ONNX Runtime 1.31.1`; the name alone where the version is not known."""
    versions = system.versions()
    version = next((versions[name] for name in PACKAGES.get(engine, []) if name in versions), "")
    return f"{LABELS.get(engine, engine)} {version}".rstrip()


def oom_kills(root: Path = ROOT) -> int:
    """How many processes of this one's control group the system has killed so far for lack of memory.

    Without a control group for memory, as many of the whole system; 0 where nothing tells.
    """
    groups = sorted(control_groups(root, "memory"), key=lambda folder: -len(folder.parts))  # the innermost first
    counters = [group / name for group in groups for name in ("memory.events", "memory.oom_control")]
    for path in (*counters, root / "proc/vmstat"):
        if path.is_file() and (found := re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)):
            return int(found[1])
    return 0
