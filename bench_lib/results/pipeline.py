"""`pipeline.json`, which `bench pipeline` writes: how fast each stage from JPEG files to answers is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench_lib.core.case import Case
from bench_lib.core.quantities import Bytes, Count
from bench_lib.core.reason import Reason
from bench_lib.results.load_grid import LoadGrid, PerSecond
from bench_lib.results.result_file import ResultFile, check_complete

Stage = Literal["decode", "copy", "infer"]
Side = Annotated[int, Field(ge=1, le=20_000)]


class PipelineGrid(LoadGrid):
    """A grid whose cases are fed with JPEG images, by `workers` processes (0: one for each core that a quota allows).

    The images are those of the folder `data` or, without one, `photos` generated images of `photo_width` ×
    `photo_height` pixels. Each stage alone, and all together, run for `window_s` seconds.
    """

    workers: int = Field(0, ge=0, le=1024)
    photos: int = Field(64, ge=1, le=10_000)
    photo_width: Side = 500  # a common size of ImageNet's photographs
    photo_height: Side = 375
    window_s: float = Field(2.0, gt=0, le=1e5)


class Pipelined(BaseModel):
    """The throughput of one case, in images a second: each stage alone, and the whole pipeline (`whole_ips`).

    `decode_ips` is reading, decoding and preprocessing in `workers` processes, `copy_ips` copying batches to where the
    engine reads them, `infer_ips` the engine alone (calls back to back).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    case: Case
    workers: Count | None = None
    decode_ips: PerSecond | None = None
    copy_ips: PerSecond | None = None
    infer_ips: PerSecond | None = None
    whole_ips: PerSecond | None = None
    failed: Reason | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Pipelined":
        check_complete(self, "workers", "decode_ips", "copy_ips", "infer_ips", "whole_ips")
        return self

    @property
    def bottleneck(self) -> Stage:
        """The stage that handles the fewest images a second."""
        return min(("decode", "copy", "infer"), key=lambda stage: getattr(self, f"{stage}_ips"))

    @property
    def expected_ips(self) -> float:
        """Images a second that the whole pipeline should reach, computed from its stages.

        Workers decode while a batch is copied and inferred, but copying and inference take turns.
        """
        return min(self.decode_ips, 1 / (1 / self.copy_ips + 1 / self.infer_ips))


class Pipeline(ResultFile):
    """`pipeline.json`: each case fed from JPEG files; `images` is their number, `image_bytes` their mean size."""

    file, command = "pipeline.json", "bench pipeline params/load/pipeline.yaml"
    grid: PipelineGrid
    images: Count
    image_bytes: Bytes
    cases: list[Pipelined]

    @property
    def measured(self) -> list[Pipelined]:
        """The cases with figures."""
        return [case for case in self.cases if not case.failed]

    def batches(self, one: Pipelined) -> int:
        """About how many batches the whole pipeline handled while it was timed, from its rate and the window."""
        return max(1, round(one.whole_ips * self.grid.window_s / one.case.batch_size))
