"""Calibration images: the images from which int8 takes the ranges of activations, the same for every runtime."""

import math
from collections.abc import Iterator

import torch

from bench_lib.workload.images import batches

IMAGES = 32  # the least number of synthetic images; it is rounded up to whole batches
SEED = 2**32 - 1  # PyTorch's largest distinct seed, so hardly the seed of the images that are measured


def calibration_batches(shape: torch.Size, given: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
    """Batches of `shape`, `[batch_size, 3, height, width]`.

    They hold the `given` images (`[count, 3, height, width]`) or, if those are None, synthetic images ~ N(0, 1).
    """
    if given is not None:
        yield from batches(given, shape[0])
        return
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(math.ceil(IMAGES / shape[0])):
        yield torch.randn(shape, generator=generator)


def calibration_count(shape: torch.Size, given: torch.Tensor | None = None) -> int:
    """The number of different images in `calibration_batches`.

    Each `given` image counts once, even if it is used again to fill up the last batch.
    """
    return shape[0] * math.ceil(IMAGES / shape[0]) if given is None else len(given)


def calibration_kind(given: torch.Tensor | None) -> str:
    """The kind of the calibration images, for a record: `synthetic` or `real`."""
    return "synthetic" if given is None else "real"
