"""Images of a folder: decoded and preprocessed before anything is timed, and what that costs beside inference."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench_lib import engines, models
from bench_lib.cases import Case, InputError
from bench_lib.faults import reason
from bench_lib.records import RealData
from bench_lib.timing import Clock
from bench_lib.words import spread_out

CHECKED = 64  # images that an output is compared on, at least, where the folder has so many; whole batches
COPIES = 20  # to the GPU, timed
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels, as torchvision's weights take them
RESIZED = 256 / 224  # the shorter side, to that of the square cut from its middle


class UnreadableImage(InputError):
    """A file that is named as an image and does not decode; `reason` says so to the report's reader (Russian)."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{path}: cannot be read as an image ({reason(error)}); mend or remove it")
        self.reason = f"изображение {path.name} не читается ({reason(error)})"


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


def read(case: Case, device: torch.device, clock: Clock = time.perf_counter) -> RealImages:
    """Decode and preprocess whole batches of the case's images, at least `CHECKED`, or all if the folder has fewer.

    They are taken evenly from all, in the order of their paths. Raise `InputError` for a folder without images,
    `UnreadableImage` for a broken one, and `InputTooLarge` if they do not fit in memory.
    """
    from torchvision.datasets.folder import default_loader

    check_folder(case.data)
    paths = sorted(image_paths(case.data))
    chosen = spread_out(paths, case.batch_size * -(-CHECKED // case.batch_size))
    models.check_fits(max(len(chosen), case.batch_size), case, device)
    preprocess, times, pixels = standard(case.image_size), [], []
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


def standard(image_size: int) -> Callable[[Any], torch.Tensor]:
    """What torchvision does for its ImageNet classifiers, to squares of this side (pixels); PIL image → `[3, H, W]`."""
    from torchvision.transforms import v2

    return v2.Compose([
        v2.Resize(round(image_size * RESIZED)), v2.CenterCrop(image_size), v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, SD),
    ])  # fmt: skip


def copy_ms(batch: torch.Tensor, precision: str, device: torch.device, clock: Clock) -> list[float] | None:
    """Milliseconds that a batch takes to a GPU from page-locked memory, in the data type of `precision`; else None."""
    if device.type != "cuda":
        return None
    host = batch.to(engines.dtype(precision)).pin_memory()
    target = torch.empty_like(host, device=device)
    samples = []
    for _ in range(COPIES + 1):
        start = clock()
        target.copy_(host, non_blocking=True)
        torch.cuda.synchronize()
        samples.append(1e3 * (clock() - start))
    return samples[1:]  # the first one sets up
