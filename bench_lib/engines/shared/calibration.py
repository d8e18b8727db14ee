"""Calibration images: the images from which int8 takes the ranges of activations, the same for every runtime."""

import math
from collections.abc import Iterator

import torch

from bench_lib.workload.images import batches, draw_images

IMAGES = 32  # the least number of synthetic images; it is rounded up to whole batches


def calibration_batches(shape: torch.Size, given: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
    """Batches of `shape`, `[batch_size, 3, height, width]`.

    They hold the `given` images (`[count, 3, height, width]`) or, if those are None, those of `draw_images`.
    """
    if given is not None:
        yield from batches(given, shape[0])
        return
    for number in range(math.ceil(IMAGES / shape[0])):
        yield draw_images(shape[0], shape[-1], number, "calibration")


def calibration_count(shape: torch.Size, given: torch.Tensor | None = None) -> int:
    """The number of different images in `calibration_batches`.

    Each `given` image counts once, even if it is used again to fill up the last batch.
    """
    return shape[0] * math.ceil(IMAGES / shape[0]) if given is None else len(given)


def calibration_kind(given: torch.Tensor | None) -> str:
    """The kind of the calibration images, for a record: `synthetic` or `real`."""
    return "synthetic" if given is None else "real"
