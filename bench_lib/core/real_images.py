"""What a record holds of the images of a folder: how they were prepared, what that cost, which were answered right."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bench_lib.core.case import StrictModel
from bench_lib.core.quantities import Count, Milliseconds

TOP = 5  # a second accuracy counts an image as right if its class is among so many first answers
Verdicts = Annotated[str, Field(pattern="^[01]+$", max_length=10**8)]  # of one image each: "1" right, "0" wrong
Channels = Annotated[list[float], Field(min_length=3, max_length=3)]


class Preprocessing(StrictModel):
    """How an image was made the network's input, see `bench_lib.workload.preprocessing`.

    Its shorter side was resized to `resize` pixels (both sides, if it was `squashed`), and a square of `crop` pixels
    was cut from the middle; then `mean` was taken from each channel (0 to 1: red, green, blue) and it was divided by
    `std`. `source` is where these are from: what torchvision or timm publishes with the weights, or what is usual for
    ImageNet.
    """

    resize: Count
    squashed: bool = False
    crop: Count
    mean: Channels
    std: Channels
    interpolation: Literal["nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos"]
    source: Literal["torchvision_weights", "timm", "imagenet"]


class RealData(StrictModel):
    """The images of a folder, see `bench_lib.workload.images`: how many were `found` in it, and `used` in the case.

    `decode_ms` and `preprocess_ms` hold the time of each image used, in one thread. On a GPU, `copy_ms` holds the times
    of several copies of one batch to it. `skipped` files were tried and cannot be decoded; `first_skipped` is the name
    of the first, `first_fault` what is wrong with it. Records written before these were recorded have none, nor
    `preprocessing`, which was ImageNet's.
    """

    found: Count
    used: Count
    skipped: int = Field(0, ge=0, le=10**12)
    first_skipped: str = ""
    first_fault: str = ""
    decode_ms: list[Milliseconds] = Field(min_length=1)
    preprocess_ms: list[Milliseconds] = Field(min_length=1)
    copy_ms: list[Milliseconds] | None = Field(None, min_length=1)
    preprocessing: Preprocessing | None = None


class Labelled(StrictModel):
    """Which of the labelled images were answered right, see `bench_lib.measure.labelled`.

    `top1` and `top5` hold a character for each image in the order of the sorted paths: "1" if its class is the first
    answer, or among the first five, otherwise "0". `top5` is None for a network of at most five `classes`. `images_id`
    is equal where the same images with the same labels were answered. `skipped` files cannot be decoded and are not
    counted; `first_skipped` is the name of the first, `first_fault` what is wrong with it.
    """

    top1: Verdicts
    top5: Verdicts | None
    images_id: str = Field(pattern="^[0-9a-f]{64}$")
    classes: Count
    preprocessing: Preprocessing
    skipped: int = Field(0, ge=0, le=10**12)
    first_skipped: str = ""
    first_fault: str = ""

    @property
    def top1_share(self) -> float:
        """The share of images whose first answer is right."""
        return self.top1.count("1") / len(self.top1)

    @model_validator(mode="after")
    def _fits(self) -> "Labelled":
        if (self.top5 is None) != (self.classes <= TOP):
            raise ValueError(f"top5 is for networks of more than {TOP} classes, and there it must be given")
        if self.top5 is not None and len(self.top5) != len(self.top1):
            raise ValueError(f"top1 has {len(self.top1)} images, top5 {len(self.top5)}")
        if self.top5 is not None and any(one > five for one, five in zip(self.top1, self.top5, strict=True)):
            raise ValueError("an image is right in top1 and wrong in top5")
        return self
