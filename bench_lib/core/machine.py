"""What a record tells of the machine, of the GPU's state and of what ran: plain dicts whose known keys have a type.

Keys that are not named here are kept as they are.
"""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

_OPEN = with_config(ConfigDict(extra="allow", allow_inf_nan=False))


@_OPEN
class Gpu(TypedDict):
    """The GPU of `machine.gpu`."""

    name: str
    memory_bytes: int
    driver: str
    cuda: str


@_OPEN
class Machine(TypedDict):
    """What `machine.describe` returns."""

    cpu: str
    cores: int
    memory_bytes: int
    gpu: Gpu | None
    os: str
    python: str
    versions: dict[str, str]


@_OPEN
class GpuState(TypedDict, total=False):
    """What `machine.gpu_state` returns; None is what the driver did not tell."""

    uuid: str | None
    sm_clock_mhz: float | None
    memory_clock_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    throttling: list[str] | None
    processes: int | None


@_OPEN
class Ran(TypedDict, total=False):
    """What an engine says of itself that the report speaks of."""

    flavour: str
    tensorrt_version: str
    documented_support: bool
    kernels: dict[str, int]  # convolutions and matrix products by the precision that they compute in
    calibration_images: int
