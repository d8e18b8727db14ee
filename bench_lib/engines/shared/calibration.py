"""The images that int8 takes the ranges of activations from, the same for each runtime."""

import math
from collections.abc import Iterator

import torch

from bench_lib.workload.images import batches

IMAGES = 32  # at least; whole batches
SEED = 2**32 - 1  # the last that PyTorch tells from others, so hardly that of the images measured


def calibration_batches(shape: torch.Size, given: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
    """Batches of `shape`, of the `given` images (`[count, 3, height, width]`) or of synthetic ones ~ N(0, 1)."""
    if given is not None:
        yield from batches(given, shape[0])
        return
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(math.ceil(IMAGES / shape[0])):
        yield torch.randn(shape, generator=generator)


def calibration_count(shape: torch.Size, given: torch.Tensor | None = None) -> int:
    """How many images those are; the ones given count once, though a last batch may be filled up with some again."""
    return shape[0] * math.ceil(IMAGES / shape[0]) if given is None else len(given)


def calibration_kind(given: torch.Tensor | None) -> str:
    """What they are, for a record."""
    return "synthetic" if given is None else "real"
