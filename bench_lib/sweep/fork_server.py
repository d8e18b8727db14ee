"""Jupyter kernels that are forked from a process which has already imported what every case imports.

Starting Python and importing PyTorch takes longer than measuring a small case. The standard library's fork server
(`multiprocessing`, start method "forkserver") imports once, stays single-threaded, and forks a child for each case. The
child is still a fresh process that has built, allocated and computed nothing. The fork server cannot be used if CUDA
was initialised in it, because a CUDA context does not survive a fork.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

from bench_lib.core.lifetime import end_with_parent, interrupts_blocked
from bench_lib.core.sockets import shorten_socket_paths
from bench_lib.sweep.deaths import LOST, WatchedProvisioner
from bench_lib.sweep.kernels import OwnKernelManager

CUDA_OPEN = 3  # the probe's exit code if CUDA is initialised
UNKNOWN = 255  # the exit code that `multiprocessing` gives a child if the fork server has died
STARTS, PAUSE_S = 5, 0.1  # how often to try to start a child, and how long to wait in between
CONTEXT = None  # None on a system without a fork server
if "forkserver" in multiprocessing.get_all_start_methods():
    CONTEXT = multiprocessing.get_context("forkserver")
    CONTEXT.set_forkserver_preload(["bench_lib.sweep.tied_process", "bench_lib.cli.preload"])


def why_not() -> str:
    """The reason why kernels cannot be forked on this machine, or an empty string if they can.

    It starts the fork server and forks a child from it to find out.
    """
    if CONTEXT is None:
        return "this system has no fork server"
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # otherwise looking for a GPU initialises CUDA
    code = probe()
    if code == UNKNOWN:  # the fork server has died, which says nothing about this machine
        code = probe()
    if code == 0:
        return ""
    return "CUDA is initialised in the fork server" if code == CUDA_OPEN else "a forked process does not compute"


def probe() -> int | None:
    """The exit code of a child that runs `_probe`; None if it does not end within a minute."""
    child = start_child(_probe)
    child.join(timeout=60)
    code = child.exitcode
    child.kill()
    return code


def start_child(function: Callable, *arguments: Any, forked: bool = True) -> Any:
    """Start a child process that calls the function, and return it.

    It is forked if there is a fork server, unless `forked` is unset: then it is a new interpreter.

    `multiprocessing` would first import this program's main module in the child. An empty main module in its place
    prevents that. Where the fork server has just died, `multiprocessing` starts a new one.
    """
    shorten_socket_paths()
    context = (CONTEXT or multiprocessing) if forked else multiprocessing.get_context("spawn")
    child = context.Process(target=function, args=arguments)
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with interrupts_blocked():
            start(child)
    finally:
        sys.modules["__main__"] = main_module
    return child


def start(child: Any) -> None:
    """Start the process, trying again if the fork server dies meanwhile; raise what the last of `STARTS` raises."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(EOFError, ConnectionError):
            child.start()
            return
        time.sleep(PAUSE_S)  # until the system shows that it has died
    child.start()


def _probe() -> None:
    """Run in a child: exit with `CUDA_OPEN` if the server has a GPU's device file open; else test a computation."""
    if holds_gpu():
        os._exit(CUDA_OPEN)
    import torch

    torch.ones(256, 256) @ torch.ones(256, 256)
    os._exit(0)


def holds_gpu(open_files: Path = Path("/proc/self/fd")) -> bool:
    """Whether this process has an NVIDIA GPU's device file open, as every process with CUDA initialised does."""
    links = (os.readlink(path) for path in open_files.iterdir() if path.is_symlink())
    return any(link.startswith("/dev/nvidia") for link in links)


def become_kernel(arguments: list[str], environment: dict[str, str], folder: str | None) -> None:
    """Run a Jupyter kernel in this child process, as `python -m ipykernel_launcher ARGUMENTS` would.

    `environment` replaces the environment variables, and `folder`, if given, becomes the current folder.
    """
    begin_child(environment)
    gc.freeze()  # garbage collection of what the server imported would copy its memory into this process
    os.setsid()  # Ctrl-C in a terminal then reaches only the sweep
    tqdm.set_lock(threading.RLock())  # the usual lock is a semaphore, which a killed kernel would leave to the server
    if folder:
        os.chdir(folder)
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={os.getppid()}"]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


def begin_child(environment: dict[str, str]) -> None:
    """Let this child of the fork server be as one that its parent started itself: it ends with it.

    `environment` is that of the parent, and replaces the environment variables.
    """
    end_with_parent()  # the fork server
    os.environ.clear()
    os.environ.update(environment)
    threading.Thread(target=end_with_the_parent, daemon=True).start()


def end_with_the_parent() -> None:
    """End this child process when the process that started it ends.

    Jupyter's own check does not do that: it watches the fork server, which is this process's parent.
    """
    multiprocessing.parent_process().join()
    os._exit(1)


class ForkedProcess:
    """A child of the fork server with the part of the interface of `subprocess.Popen` that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any) -> None:
        self._process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """The exit code, or None while the process runs; `LOST` if the fork server has died."""
        code = self._process.exitcode
        if code != UNKNOWN:
            return code
        with contextlib.suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)  # if the server died before this process had asked to end with it
        return LOST

    def wait(self) -> int | None:
        """Wait until the process ends, and return its exit code."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send the process SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send the process SIGKILL."""
        self._process.kill()


class ForkedProvisioner(WatchedProvisioner):
    """The provisioner of our kernels, except that it forks a kernel instead of starting a new program."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a child that becomes the kernel, and return the connection to it.

        `cmd` is the command of an ordinary kernel: `python … -m ipykernel_launcher ARGUMENTS`.
        """
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        folder = kwargs.get("cwd")
        child = start_child(become_kernel, arguments, dict(kwargs["env"]), folder)
        self.process, self.pid, self.pgid = ForkedProcess(child), child.pid, child.pid
        self.cwd = folder or Path.cwd()
        return self.connection_info


class ForkedKernelManager(OwnKernelManager):
    """The manager of our kernels, except that it starts its kernel with `ForkedProvisioner`."""

    provisioner_class = ForkedProvisioner
