"""Types of the plain dicts in which a record describes the machine, the state of the GPU and what the engine ran.

Keys that are not named here are kept as they are.
"""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

_OPEN = with_config(ConfigDict(extra="allow", allow_inf_nan=False))
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Count = Annotated[int, Field(ge=0, le=10**12)]


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
    cpu_governor: NotRequired[str | None]  # these five are absent in older records
    cpu_quota: NotRequired[float | None]
    threads: NotRequired[int]
    omp_num_threads: NotRequired[str | None]
    commit: NotRequired[str | None]


@_OPEN
class ProcessorTime(TypedDict):
    """What `bench_lib.measure.processor_time.time_since` returns: who computed on the cores of a process for a while.

    That lasted `seconds`. The process may use so many `cores`, which lie on `physical_cores`. On them all processes
    together computed for `busy_s` seconds; the process and its children for `own_s`. `stopped` is how often the quota
    of a control group stopped it.
    """

    seconds: Seconds
    cores: Count
    physical_cores: Count
    busy_s: Seconds
    own_s: Seconds
    stopped: Count


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
