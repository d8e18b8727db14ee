"""Images of a folder: decoded and preprocessed before anything is timed, and what that costs beside inference."""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from bench_lib.core.case import Case
from bench_lib.core.engine import data_type
from bench_lib.core.errors import InputError, error_text
from bench_lib.core.reason import ReasonedError, because
from bench_lib.core.record import RealData
from bench_lib.core.timing import Clock
from bench_lib.text.lists import spread_out
from bench_lib.workload.onnx_file import CHANNELS

CHECKED = 64  # images that an output is compared on, at least, where the folder has so many; whole batches
COPIES = 20  # to the GPU, timed
RESIZED = 256 / 224  # the shorter side, to that of the square cut from its middle


class UnreadableImage(InputError):
    """A file that is named as an image and does not decode; `reason` is that of the record."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{path}: cannot be read as an image ({error_text(error)}); mend or remove it")
        self.reason = because("unreadable_image", name=path.name, error=error_text(error))


@dataclass(frozen=True)
class RealImages:
    """Images of a folder that has `found` of them, preprocessed: float32, `[count, 3, image_size, image_size]`.

    They are on the host. `decode_ms` and `preprocess_ms` hold a figure for each.
    """

    pixels: torch.Tensor
    found: int
    decode_ms: list[float]
    preprocess_ms: list[float]

    def facts(self, copy_ms: list[float] | None) -> RealData:
        """What a record tells of them."""
        return RealData(
            found=self.found, used=len(self.pixels), decode_ms=self.decode_ms, preprocess_ms=self.preprocess_ms,
            copy_ms=copy_ms,
        )  # fmt: skip


def image_paths(folder: str) -> Iterator[Path]:
    """Files in the folder and those below it whose names end as images' do."""
    from torchvision.datasets.folder import is_image_file

    return (path for path in Path(folder).rglob("*") if is_image_file(path.name) and path.is_file())


def check_folder(folder: str) -> None:
    """Raise `InputError` unless there is such a folder with an image in it, or in one below."""
    if not os.path.isdir(folder):  # unlike Path, it takes any text
        raise InputError(f"data {folder!r}: there is no such folder; give one with images in it")
    if next(image_paths(folder), None) is None:
        raise InputError(f"data {folder!r}: no image in it; put JPEG or PNG files there, or give another folder")


def read_images(case: Case, device: torch.device, clock: Clock = time.perf_counter) -> RealImages:
    """Decode and preprocess whole batches of the case's images, at least `CHECKED`, or all if the folder has fewer.

    They are taken evenly from all, in the order of their paths. Raise `InputError` for a folder without images,
    `UnreadableImage` for a broken one, and `InputTooLarge` if they do not fit in memory.
    """
    from torchvision.datasets.folder import default_loader

    check_folder(case.data)
    paths = sorted(image_paths(case.data))
    chosen = spread_out(paths, case.batch_size * math.ceil(CHECKED / case.batch_size))
    check_fits(max(len(chosen), case.batch_size), case, device)
    preprocess, times, pixels = imagenet_transform(case.image_size), [], []
    for path in chosen:
        start = clock()
        try:
            picture = default_loader(path)
        except Exception as error:  # Pillow's plugins raise anything
            raise UnreadableImage(path, error) from None
        decoded = clock()
        pixels.append(preprocess(picture))
        times.append((1e3 * (decoded - start), 1e3 * (clock() - decoded)))
    decode_ms, preprocess_ms = map(list, zip(*times, strict=True))
    return RealImages(torch.stack(pixels), len(paths), decode_ms, preprocess_ms)


def imagenet_transform(image_size: int) -> Callable[[Any], torch.Tensor]:
    """What torchvision's ImageNet classifiers want of a PIL image: a float32 tensor, `[3, image_size, image_size]`.

    The shorter side is resized to `RESIZED` times `image_size` pixels, a square is cut from the middle, and from each
    channel ImageNet's mean is taken and it is divided by ImageNet's standard deviation.
    """
    from torchvision.transforms._presets import ImageClassification  # what `weights.transforms()` makes

    return ImageClassification(crop_size=image_size, resize_size=round(image_size * RESIZED))


def copy_times_ms(batch: torch.Tensor, precision: str, device: torch.device, clock: Clock) -> list[float] | None:
    """Milliseconds that a batch takes to a GPU from page-locked memory, in the data type of `precision`; else None."""
    if device.type != "cuda":
        return None
    host = batch.to(data_type(precision)).pin_memory()
    target = torch.empty_like(host, device=device)
    samples = []
    for _ in range(COPIES + 1):
        start = clock()
        target.copy_(host, non_blocking=True)
        torch.cuda.synchronize()
        samples.append(1e3 * (clock() - start))
    return samples[1:]  # the first one sets up


class InputTooLarge(ReasonedError):
    """The images alone do not fit in memory."""


def synthetic_images(case: Case, seed: int, device: torch.device) -> torch.Tensor:
    """Synthetic images ~ N(0, 1), float32, `[batch_size, 3, image_size, image_size]`, the same for equal seeds.

    They are on the host: an engine puts its own copy on the device, so that no other one counts as its memory.
    Raise `InputTooLarge` if they alone do not fit in the host's free memory or, where `device` is a GPU, in its.
    """
    check_fits(case.batch_size, case, device)
    shape = (case.batch_size, CHANNELS, case.image_size, case.image_size)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator)


def batches(images: torch.Tensor, batch_size: int) -> list[torch.Tensor]:
    """Copies of the images in whole batches; the last one is filled up with the first images again."""
    padded = batch_size * math.ceil(len(images) / batch_size)
    return list(images[torch.arange(padded) % len(images)].split(batch_size))


def check_fits(count: int, case: Case, device: torch.device) -> None:
    """Raise `InputTooLarge` if `count` images do not fit on the host, or a batch of the case's not on the GPU."""
    image_bytes = 4 * CHANNELS * case.image_size**2
    needs = [(count * image_bytes, psutil.virtual_memory().available)]
    if device.type == "cuda":
        needs.append((case.batch_size * image_bytes, torch.cuda.mem_get_info(device)[0]))
    for asked, free in needs:
        if asked > free:
            raise InputTooLarge("input_too_large", asked=asked / 2**30, free=free / 2**30)
