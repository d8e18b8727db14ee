"""`scaling.json`, which `bench scale` writes: a case several times at once on one device."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench_lib.core.case import Case
from bench_lib.core.quantities import Bytes, Count, Milliseconds
from bench_lib.core.reason import Reason
from bench_lib.results.load_grid import LoadGrid, PerSecond
from bench_lib.results.result_file import ResultFile, check_complete

Way = Literal["processes", "threads"]
Workers = Annotated[int, Field(ge=1, le=256)]
SATURATED = 0.95  # of the largest throughput


class ScalingGrid(LoadGrid):
    """A grid whose cases run `workers` times at once on one device, as processes or as threads of one process.

    Each worker infers one batch after another, waiting for each. All workers run during the same `window_s` seconds.
    """

    workers: list[Workers] = Field([1, 2, 4, 8], min_length=1)
    ways: list[Way] = Field(["processes", "threads"], min_length=1)
    window_s: float = Field(3.0, gt=0, le=1e5)

    @field_validator("workers")
    @classmethod
    def _with_one(cls, workers: list[int]) -> list[int]:
        if 1 not in workers or len(set(workers)) < len(workers):
            raise ValueError(f"workers is {workers}; it must hold 1, which the others are compared with, and each once")
        return sorted(workers)


class Crowd(BaseModel):
    """The figures of `workers` workers that ran one case at once, as processes or as threads of one process.

    `each_ips` are the images a second of each worker; `p50_ms` and `p99_ms` are latencies over the `calls` of all
    workers, of which older files lack the number. With fewer than `P99_COUNT` calls only older files have a p99. `busy`
    is the GPU's utilisation (NVML) or, on a CPU, the share of all cores' time. `device_bytes` is the memory that the
    workers added on the GPU, `host_bytes` the host memory that their processes do not share with any other process
    (unique set size). `cores` is how many cores each worker may use on a CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    way: Way
    workers: Count
    cores: Count
    each_ips: list[PerSecond] = []
    p50_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None = None
    calls: Count | None = None
    busy: float | None = Field(None, ge=0, le=2)
    device_bytes: Bytes | None = None
    host_bytes: Bytes | None = None
    failed: Reason | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Crowd":
        check_complete(self, "each_ips", "p50_ms")
        return self

    @property
    def ips(self) -> float:
        """Images a second of all workers together."""
        return sum(self.each_ips)


class Scaled(BaseModel):
    """One case, and the crowds of it that were measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case
    crowds: list[Crowd]

    def measured(self, way: Way) -> list[Crowd]:
        """Its crowds of one way (processes or threads) that have figures, the fewest workers first."""
        return sorted((c for c in self.crowds if c.way == way and c.each_ips), key=lambda crowd: crowd.workers)


class Scaling(ResultFile):
    """`scaling.json`: each case alone and several at once."""

    file, command = "scaling.json", "bench scale params/load/scaling.yaml"
    grid: ScalingGrid
    cases: list[Scaled]

    def calls(self, scaled: Scaled, crowd: Crowd) -> int:
        """The calls behind a crowd's percentiles; in older files about as many, from its rate and the window."""
        return crowd.calls or self.calls_at(scaled, crowd.ips)

    def calls_at(self, scaled: Scaled, ips: float) -> int:
        """About how many calls a window of the case holds at so many images a second, at least 1."""
        return max(1, round(ips * self.grid.window_s / scaled.case.batch_size))


def alike(scaled: Scaled) -> float:
    """How well two equal measurements agree: the throughput of one process over that of one thread, or the inverse.

    At most `SATURATED`, which also stands for a case that lacks one of the two.
    """
    alone = [crowd.ips for crowd in scaled.crowds if crowd.each_ips and crowd.workers == 1]
    return min(SATURATED, min(alone) / max(alone)) if alone else SATURATED


def largest_crowd(crowds: Sequence[Crowd]) -> Crowd:
    """The crowd with the largest throughput; there must be at least one crowd."""
    return max(crowds, key=lambda crowd: crowd.ips)


def saturation_crowd(crowds: Sequence[Crowd]) -> Crowd:
    """The smallest crowd whose throughput reaches the share `SATURATED` of the largest one.

    `crowds` are ordered by their number of workers.
    """
    most = largest_crowd(crowds)
    return next(crowd for crowd in crowds if crowd.ips >= SATURATED * most.ips)


def added_bytes(crowds: Sequence[Crowd], name: str) -> float | None:
    """The bytes that each further worker adds, from the crowd with the fewest workers (first) to the largest (last).

    `name` is `device_bytes` or `host_bytes`. None if either crowd lacks that figure, or both have as many workers.
    """
    few, many = crowds[0], crowds[-1]
    before, after = getattr(few, name), getattr(many, name)
    if before is None or after is None or few.workers == many.workers:
        return None
    return (after - before) / (many.workers - few.workers)
