"""The machine that a case ran on: processor, memory, GPU, driver and versions, all as the system reports them."""

import contextlib
import hashlib
import os
import platform
import subprocess
import time
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench_lib.core.files import PROJECT
from bench_lib.measure.processor import cores, cpu_governor, cpu_name, cpu_quota
from bench_lib.measure.threads import threads

PACKAGES = ("torch", "torchvision", "onnx", "onnxscript", "onnxruntime-gpu", "onnxruntime",
            "onnxruntime-ep-nv-tensorrt-rtx-cu13", "torch-tensorrt", "torch-tensorrt-rtx", "tensorrt", "tensorrt-rtx",
            "openvino", "timm", "numpy", "papermill")  # fmt: skip


def describe() -> dict[str, Any]:
    """The machine as plain JSON data, see `bench_lib.core.machine.Machine`; `gpu` is None without a GPU.

    `cores` are the logical cores that this process may use, `cpu_quota` is the time on them that its control groups
    allow, in cores (None: all), and `omp_num_threads` is what the user gave in OMP_NUM_THREADS (None: nothing).
    """
    return {
        "cpu": cpu_name(),
        "cpu_governor": cpu_governor(),
        "cores": len(cores()),
        "cpu_quota": cpu_quota(),
        "threads": threads(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": gpu(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "versions": versions(),
        "commit": commit(),
    }


def commit(project: Path = PROJECT) -> str | None:
    """The commit of this code, with `+changes` if its files differ from it; None where it is not in a git checkout."""
    try:
        top, found = ask_git(project, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if Path(top) != project.resolve():  # installed below another project's checkout
            return None
        changes = ask_git(project, "status", "--porcelain", "--", "bench_lib", "notebooks")
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return f"{found}+changes" if changes else found


def ask_git(folder: Path, *words: str) -> str:
    """What git answers in the folder; raise `OSError` or `SubprocessError` if it is missing, fails or hangs."""
    return subprocess.run(
        ["git", "-C", folder, *words], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def host() -> str:
    """A text that is the same for all processes on this host until it restarts, and tells nothing else about it.

    It is part of a digest of the boot id that Linux draws at random; elsewhere, of the host's name.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    mark = boot_id.read_text() if boot_id.exists() else platform.node()
    return hashlib.sha256(mark.encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """The versions of the packages that influence the figures, by package; packages not installed are left out."""
    installed = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


@contextlib.contextmanager
def nvml():
    """Yield the NVML module and the handle of the first visible GPU, or `(None, None)` if there is no NVIDIA GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception:  # without the package, the driver or a device, there is no GPU to ask
            yield None, None
            return
    try:
        first_visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
        yield pynvml, handle_of(pynvml, first_visible)
    finally:
        pynvml.nvmlShutdown()


def gpus() -> list[str]:
    """The UUIDs of the GPUs that a sweep may use: the visible GPUs of the same name as the first; empty without one."""
    with nvml() as (api, _):
        if api is None:
            return []
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is None:
            places = [str(number) for number in range(api.nvmlDeviceGetCount())]
        else:
            places = [place for place in visible.split(",") if place]
        handles = [handle_of(api, place) for place in places]
        return [
            api.nvmlDeviceGetUUID(handle)
            for handle in handles
            if api.nvmlDeviceGetName(handle) == api.nvmlDeviceGetName(handles[0])
        ]


def handle_of(api: Any, place: str) -> Any:
    """NVML's handle of a GPU; `place` is its number or its UUID, as in CUDA_VISIBLE_DEVICES."""
    return api.nvmlDeviceGetHandleByIndex(int(place)) if place.isdigit() else api.nvmlDeviceGetHandleByUUID(place)


def gpu() -> dict[str, Any] | None:
    """The GPU's name, memory (bytes), driver, CUDA version and compute capability; None without a GPU."""
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


# The reasons for lower clocks that disturb a measurement, by their bits in NVML (nvmlClocksEventReason*).
THROTTLING = {
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
}


def gpu_state() -> dict[str, Any] | None:
    """The GPU's present state, see `bench_lib.core.machine.GpuState`; None without a GPU.

    It holds the GPU's UUID, clocks (MHz), temperature (°C), power (W), reasons for throttling, and the number of
    processes that compute on it. A value that the driver does not report is None.
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
    """Read the GPU's utilization from NVML every `every_s` for `seconds`; return the values, each from 0 to 1.

    A value is the share of the time just past, at most the last second, in which the GPU computed anything. A kernel on
    one multiprocessor counts as much as one on all of them. The list is empty if the driver does not report
    utilization. Without a GPU, wait for the same time and return None.
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
    """NVML's CUDA driver version, a number (1000 × major + 10 × minor), as text: `13.0` for 13000."""
    return f"{number // 1000}.{number % 1000 // 10}"
