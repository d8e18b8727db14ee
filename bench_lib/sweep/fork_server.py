"""Kernels forked from a process that has already imported what every case imports.

Starting Python and importing PyTorch takes longer than measuring a small case. The standard library's fork server
(`multiprocessing`, start method "forkserver") imports once, stays single, and forks a child for each case: still a
fresh process, which has built, allocated and computed nothing. It must not be used once CUDA is initialised: a CUDA
context does not survive a fork.
"""

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from tqdm import tqdm

CUDA_OPEN = 3  # exit code
CONTEXT = multiprocessing.get_context("forkserver") if "forkserver" in multiprocessing.get_all_start_methods() else None
if CONTEXT:
    CONTEXT.set_forkserver_preload(["bench_lib.cli.preload"])


def why_not() -> str:
    """Why kernels cannot be forked here, or an empty string: asks a forked child, which also starts the server."""
    if CONTEXT is None:
        return "this system has no fork server"
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # otherwise asking for a GPU initialises CUDA
    child = start_child(_probe)
    child.join(timeout=60)
    if child.exitcode == 0:
        return ""
    child.kill()
    return (
        "CUDA is initialised in the fork server" if child.exitcode == CUDA_OPEN else "a forked process does not compute"
    )


def start_child(function: Callable, *arguments: Any) -> Any:
    """Fork a child that calls the function, without first importing this program's main module, as it would.

    Where there is no fork server, it starts from nothing.
    """
    child, main = (CONTEXT or multiprocessing).Process(target=function, args=arguments), sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        child.start()
    finally:
        sys.modules["__main__"] = main
    return child


def _probe() -> None:
    """In a child: exit with `CUDA_OPEN` if the server left a GPU's device file open, then compute in parallel."""
    if holds_gpu():
        os._exit(CUDA_OPEN)
    import torch

    torch.ones(256, 256) @ torch.ones(256, 256)
    os._exit(0)


def holds_gpu(open_files: Path = Path("/proc/self/fd")) -> bool:
    """Whether this process has a GPU's device file open, as every process does once CUDA is initialised."""
    links = (os.readlink(path) for path in open_files.iterdir() if path.is_symlink())
    return any(link.startswith("/dev/nvidia") for link in links)


def become_kernel(arguments: list[str], environment: dict[str, str], folder: str | None) -> None:
    """In a child: run the Jupyter kernel that `arguments` describe, as `python -m ipykernel_launcher` would."""
    gc.freeze()  # what the server imported is garbage for nobody: to look through it would copy its memory
    os.setsid()  # a terminal's Ctrl-C is for the sweep
    tqdm.set_lock(threading.RLock())  # its usual one is a semaphore, which a killed kernel leaves to the server
    os.environ.clear()
    os.environ.update(environment)
    if folder:
        os.chdir(folder)
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={os.getppid()}"]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


def end_with_the_parent() -> None:
    """End this child once the process that asked for it does; Jupyter's own watch is on the fork server instead."""
    multiprocessing.parent_process().join()
    os._exit(1)


class ForkedProcess:
    """What Jupyter uses of `subprocess.Popen`, for a child of the fork server."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any) -> None:
        self._process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self) -> int | None:
        """Wait for its end and return the exit code."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send it SIGKILL."""
        self._process.kill()


class ForkedProvisioner(LocalProvisioner):
    """Jupyter's local kernel, but forked instead of started anew."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a child that becomes the kernel; `cmd` is `python … -m ipykernel_launcher ARGUMENTS`."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        folder = kwargs.get("cwd")
        child = start_child(become_kernel, arguments, dict(kwargs["env"]), folder)
        self.process, self.pid, self.pgid = ForkedProcess(child), child.pid, child.pid
        self.cwd = folder or Path.cwd()
        return self.connection_info


class ForkedKernelManager(AsyncKernelManager):
    """Starts its kernel with `ForkedProvisioner`."""

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        self.kernel_id = self.kernel_id or kwargs.pop("kernel_id", None) or os.urandom(8).hex()
        self.provisioner = ForkedProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**kwargs)
