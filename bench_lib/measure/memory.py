"""Memory in bytes: resident memory of this process on the host, and memory in use on the GPU by all processes."""

import contextlib
import ctypes
import gc
import re
from pathlib import Path

import psutil

from bench_lib.measure.system import nvml


def host_bytes() -> int:
    """The resident memory of this process at this moment."""
    return psutil.Process().memory_info().rss


def return_freed_memory() -> None:
    """Give memory that was freed back to the system, so that what follows does not reuse it unseen; needs glibc."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def reset_host_peak() -> None:
    """Reset the peak of `host_peak_bytes`, so that it belongs to the current case; does nothing outside Linux.

    Writing 5 to /proc/self/clear_refs resets it, see proc(5).
    """
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def host_peak_bytes() -> int:
    """The largest resident memory since `reset_host_peak` (VmHWM, proc(5)); outside Linux, the present one.

    `ru_maxrss` is not used, because it inherits the peak of the parent process.
    """
    status = Path("/proc/self/status")
    match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(match[1]) * 1024 if match else host_bytes()


def device_bytes() -> int | None:
    """Memory in use on the GPU by all processes, as NVML reports it; None without a GPU.

    PyTorch's own counter is not used, because it counts only PyTorch's allocations.
    """
    with nvml() as (api, handle):
        return None if api is None else api.nvmlDeviceGetMemoryInfo(handle).used
