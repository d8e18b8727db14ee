"""What it ran on: processor, memory, GPU, driver, versions. Asks the system; takes no flag's word."""

import contextlib
import os
import platform
import time
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("torch", "torchvision", "onnx", "onnxscript", "onnxruntime-gpu", "onnxruntime",
            "onnxruntime-ep-nv-tensorrt-rtx-cu13", "torch-tensorrt", "torch-tensorrt-rtx", "tensorrt", "tensorrt-rtx",
            "openvino", "numpy", "papermill")  # fmt: skip


def describe() -> dict[str, Any]:
    """The machine as plain JSON data: `cpu`, `cores`, `memory_bytes`, `gpu` (None without one), `os`, versions."""
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": gpu(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "versions": versions(),
    }


def cpu_name() -> str:
    """The processor's name as the system reports it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide the figures."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextlib.contextmanager
def nvml():
    """The NVML module with the first visible device's handle, or `(None, None)` where there is no NVIDIA GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception:  # no package, no driver, no device: there is no GPU to ask
            yield None, None
            return
    try:
        yield pynvml, handle_of(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0")
    finally:
        pynvml.nvmlShutdown()


def gpus() -> list[str]:
    """UUIDs of the GPUs that a sweep may use: those like the first visible one; empty where there is none."""
    with nvml() as (api, _):
        if api is None:
            return []
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        places = range(api.nvmlDeviceGetCount()) if named is None else filter(None, named.split(","))
        handles = [handle_of(api, str(place)) for place in places]
        return [
            api.nvmlDeviceGetUUID(handle)
            for handle in handles
            if api.nvmlDeviceGetName(handle) == api.nvmlDeviceGetName(handles[0])
        ]


def handle_of(api: Any, place: str) -> Any:
    """NVML's handle of a GPU as CUDA_VISIBLE_DEVICES names it: by number or UUID."""
    return api.nvmlDeviceGetHandleByIndex(int(place)) if place.isdigit() else api.nvmlDeviceGetHandleByUUID(place)


def gpu() -> dict[str, Any] | None:
    """Name, memory, driver and compute capability of the GPU; None where there is none."""
    with nvml() as (api, handle):
        if api is None:
            return None
        major, minor = api.nvmlDeviceGetCudaComputeCapability(handle)
        return {
            "name": api.nvmlDeviceGetName(handle),
            "memory_bytes": api.nvmlDeviceGetMemoryInfo(handle).total,
            "driver": api.nvmlSystemGetDriverVersion(),
            "cuda": cuda_version(api.nvmlSystemGetCudaDriverVersion()),
            "compute_capability": f"{major}.{minor}",
        }


# Reasons for lower clocks that disturb a measurement, by their bits in NVML (nvmlClocksEventReason*).
THROTTLING = {
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
}


def gpu_state() -> dict[str, Any] | None:
    """The GPU now: which it is, clocks, temperature, power, throttle reasons, number of processes that compute on it.

    What the driver does not tell is None; all of it is None where there is no GPU.
    """
    with nvml() as (api, handle):
        if api is None:
            return None

        def ask(name: str, *arguments: int) -> Any:
            try:
                return getattr(api, name)(handle, *arguments)
            except api.NVMLError:
                return None

        bits, power_mw = ask("nvmlDeviceGetCurrentClocksThrottleReasons"), ask("nvmlDeviceGetPowerUsage")
        processes = ask("nvmlDeviceGetComputeRunningProcesses")
        return {
            "uuid": ask("nvmlDeviceGetUUID"),
            "sm_clock_mhz": ask("nvmlDeviceGetClockInfo", api.NVML_CLOCK_SM),
            "memory_clock_mhz": ask("nvmlDeviceGetClockInfo", api.NVML_CLOCK_MEM),
            "temperature_c": ask("nvmlDeviceGetTemperature", api.NVML_TEMPERATURE_GPU),
            "power_w": None if power_mw is None else power_mw / 1e3,
            "throttling": None if bits is None else [name for bit, name in THROTTLING.items() if bits & bit],
            "processes": None if processes is None else len(processes),
        }


def watch_gpu(seconds: float, every_s: float = 0.1) -> list[float] | None:
    """Shares of the time just past in which the GPU computed anything, told by NVML again and again for so long.

    NVML tells of the last second at most, and of a kernel on one multiprocessor as of all of them. The list is empty
    where the driver does not tell; where there is no GPU, this waits all the same, and returns None.
    """
    end, shares = time.perf_counter() + seconds, []
    with nvml() as (api, handle):
        while (left := end - time.perf_counter()) > 0:
            if api is not None:
                with contextlib.suppress(api.NVMLError):
                    shares.append(api.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
            time.sleep(min(every_s, left))
        return None if api is None else shares


def cuda_version(number: int) -> str:
    """NVML's CUDA driver version (1000 × major + 10 × minor) as text, for example `13.0`."""
    return f"{number // 1000}.{number % 1000 // 10}"
