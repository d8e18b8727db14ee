"""Types of the plain dicts in which a record describes the machine, the state of the GPU and what the engine ran.

Keys that are not named here are kept as they are.
"""

from typing import NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

_OPEN = with_config(ConfigDict(extra="allow", allow_inf_nan=False))


@_OPEN
class Gpu(TypedDict):
    """What `bench_lib.measure.system.gpu` returns: the GPU, its memory, its driver and the driver's CUDA version."""

    name: str
    memory_bytes: int
    driver: str
    cuda: str


@_OPEN
class Machine(TypedDict):
    """What `bench_lib.measure.system.describe` returns: hardware, operating system and versions; no GPU: None."""

    cpu: str
    cores: int
    memory_bytes: int
    gpu: Gpu | None
    os: str
    python: str
    versions: dict[str, str]
    cpu_governor: NotRequired[str | None]  # these four are absent in older records
    cpu_quota: NotRequired[float | None]
    threads: NotRequired[int]
    commit: NotRequired[str | None]


@_OPEN
class GpuState(TypedDict, total=False):
    """What `bench_lib.measure.system.gpu_state` returns; None stands for a value that the driver does not report."""

    uuid: str | None
    sm_clock_mhz: float | None
    memory_clock_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    throttling: list[str] | None
    processes: int | None


@_OPEN
class Ran(TypedDict, total=False):
    """The keys of an engine's `ran` that the report uses."""

    flavour: str
    tensorrt_version: str
    documented_support: bool
    kernels: dict[str, int]  # number of convolutions and matrix products by the precision that they compute in
    calibration_images: int
