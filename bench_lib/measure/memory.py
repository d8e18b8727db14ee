"""Memory of a case's own process: resident on the host, used on the device. Bytes."""

import re
from pathlib import Path

import psutil

from bench_lib.measure.system import nvml


def host_bytes() -> int:
    """Resident memory of this process now."""
    return psutil.Process().memory_info().rss


def reset_host_peak() -> None:
    """Start the peak anew, so that it is this case's: write 5 to clear_refs (proc(5)); on Linux alone."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def host_peak_bytes() -> int:
    """The largest resident memory since `reset_host_peak` (VmHWM, proc(5)).

    `ru_maxrss` is not used: it inherits the parent process's peak. Elsewhere than Linux: resident memory now.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else host_bytes()


def device_bytes() -> int | None:
    """Memory in use on the GPU, by all processes, as NVML tells; None where there is no GPU.

    PyTorch's own counter is not used: it sees PyTorch's allocations alone.
    """
    with nvml() as (api, handle):
        return None if api is None else api.nvmlDeviceGetMemoryInfo(handle).used
