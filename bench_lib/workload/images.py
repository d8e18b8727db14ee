"""The images of a case: synthetic, or decoded and preprocessed from a folder before inference is timed.

The times of decoding, preprocessing and copying to the GPU are measured apart from inference.
"""

import itertools
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.nn import functional

from bench_lib.core.case import Case
from bench_lib.core.engine import data_type
from bench_lib.core.errors import InputError
from bench_lib.core.real_images import Preprocessing, RealData
from bench_lib.core.reason import ReasonedError
from bench_lib.core.timing import Clock
from bench_lib.text.lists import spread_out
from bench_lib.workload.image_files import UnreadableImage, image_paths, load_picture
from bench_lib.workload.onnx_file import CHANNELS
from bench_lib.workload.preprocessing import preprocessing_of, transform

LEAST = 16  # the fewest images on which outputs are compared, because an error is relative to how answers differ
CHECKED = 64  # the least number of images on which outputs are compared, if the folder has that many; whole batches
COPIES = 20  # timed copies of a batch to the GPU
MOST_SKIPPED = 0.05  # a larger share is no accident of single files: the folder or its format is not what was meant
SCALES = (1, 2, 4, 8, 16)  # into how many squares a side is divided, for the parts of a synthetic image
PURPOSES = ("timing", "check", "weights", "calibration")  # synthetic images for different ones are different


class UnreadableImages(ReasonedError):
    """So many image files cannot be decoded that the folder is not what was meant, or that too few are left."""


@dataclass(frozen=True)
class RealImages:
    """Preprocessed images of a folder: `pixels` is float32, `[count, 3, image_size, image_size]`, on the host.

    `found` is how many images the folder has. `decode_ms` and `preprocess_ms` are the milliseconds that each of the
    `count` images took. `skipped` are those that were tried and cannot be decoded.
    """

    pixels: torch.Tensor
    preprocessing: Preprocessing
    found: int
    decode_ms: list[float]
    preprocess_ms: list[float]
    skipped: list[UnreadableImage]

    def facts(self, copy_ms: list[float] | None) -> RealData:
        """The facts about the images for a record; `copy_ms` is the result of `copy_times_ms`."""
        first = self.skipped[0] if self.skipped else None
        return RealData(
            found=self.found, used=len(self.pixels), decode_ms=self.decode_ms, preprocess_ms=self.preprocess_ms,
            copy_ms=copy_ms, skipped=len(self.skipped), first_skipped=first.name if first else "",
            first_fault=first.fault if first else "", preprocessing=self.preprocessing,
        )  # fmt: skip


def check_folder(folder: str) -> None:
    """Raise `InputError` unless the folder exists and has `LEAST` images or more in it and its subfolders."""
    if not os.path.isdir(folder):  # unlike Path.is_dir, it raises nothing for any text
        raise InputError(f"data {folder!r}: there is no such folder; give one with images in it")
    count = sum(1 for _ in itertools.islice(image_paths(folder), LEAST))
    if count < LEAST:
        held = {0: "no image", 1: "one image"}.get(count, f"{count} images")
        raise InputError(
            f"data {folder!r}: {held} in it; at least {LEAST} are needed to check what an engine answers, so put JPEG "
            "or PNG files there, or give another folder"
        )


def read_images(case: Case, device: torch.device, clock: Clock = time.perf_counter) -> RealImages:
    """Decode and preprocess images from the case's folder: `CHECKED` of them, rounded up to whole batches.

    If the folder has fewer, all are taken. Otherwise they are spread evenly over all images in the order of their
    paths; in place of one that cannot be decoded, another is taken. Raise `InputError` for a folder without images,
    `UnreadableImages` if too many cannot be decoded, and `InputTooLarge` if the images do not fit in memory.
    """
    check_folder(case.data)
    paths = sorted(image_paths(case.data))
    chosen = spread_out(paths, case.batch_size * math.ceil(CHECKED / case.batch_size))
    check_fits(max(len(chosen), case.batch_size), case, device)
    others = sorted(set(paths).difference(chosen))
    candidates = itertools.islice(itertools.chain(chosen, others), len(chosen) + most_skipped(len(chosen)) + 1)
    how = preprocessing_of(case)
    prepare = transform(how)
    pixels, decode_ms, preprocess_ms, skipped = [], [], [], []
    while len(pixels) < len(chosen) and (decoded := decode_next(candidates, skipped, clock)):
        start = clock()
        pixels.append(prepare(decoded[0]))
        preprocess_ms.append(1e3 * (clock() - start))
        decode_ms.append(decoded[1])
    check_skipped(skipped, len(pixels))
    return RealImages(torch.stack(pixels), how, len(paths), decode_ms, preprocess_ms, skipped)


def decode_next(candidates: Iterator[Path], skipped: list[UnreadableImage], clock: Clock) -> tuple[Any, float] | None:
    """The next of the files that can be decoded, and the milliseconds it took; None if there is no such file left.

    Those that cannot are appended to `skipped`.
    """
    for path in candidates:
        start = clock()
        try:
            picture = load_picture(path)
        except UnreadableImage as error:
            skipped.append(error)
        else:
            return picture, 1e3 * (clock() - start)
    return None


def check_readable(paths: list[Path]) -> None:
    """Raise `InputError` if too many of the image files cannot be decoded, as far as `CHECKED` of them tell."""
    skipped, tried = [], spread_out(paths, CHECKED)
    candidates = iter(tried)
    while decode_next(candidates, skipped, time.perf_counter):
        pass
    try:
        check_skipped(skipped, len(tried) - len(skipped))
    except UnreadableImages as error:
        raise InputError(f"data: {error}; mend or remove them, or give another folder") from None


def check_skipped(skipped: list[UnreadableImage], decoded: int) -> None:
    """Raise `UnreadableImages` if too many images were skipped, or fewer than `LEAST` are left for that."""
    if skipped and (decoded < LEAST or len(skipped) > most_skipped(decoded)):
        raise UnreadableImages(
            "unreadable_images", bad=len(skipped), tried=decoded + len(skipped), name=skipped[0].name,
            error=skipped[0].fault,
        )  # fmt: skip


def most_skipped(decoded: int) -> int:
    """How many files may be skipped beside so many images: one in any case, and otherwise the share `MOST_SKIPPED`."""
    return max(1, int(MOST_SKIPPED * decoded))


def copy_times_ms(batch: torch.Tensor, precision: str, device: torch.device, clock: Clock) -> list[float] | None:
    """Milliseconds of each of `COPIES` copies of a batch from page-locked memory to the GPU; None without a GPU.

    The batch is copied in the data type of `precision`.
    """
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
    return samples[1:]  # the first copy includes setup


class InputTooLarge(ReasonedError):
    """The images alone do not fit in memory."""


def synthetic_images(case: Case, seed: int, device: torch.device) -> torch.Tensor:
    """The synthetic batch that a case is timed on, as `draw_images` makes it; equal seeds give equal images.

    It is on the host: an engine puts its own copy on the device, and no other copy may count as its memory. Raise
    `InputTooLarge` if the images alone do not fit in the free memory of the host or, if `device` is a GPU, of the GPU.
    """
    check_fits(case.batch_size, case, device)
    return draw_images(case.batch_size, case.image_size, seed, "timing")


def images_to_check(case: Case, seed: int) -> torch.Tensor:
    """The synthetic images on which a case's outputs are compared: at least `LEAST`, in whole batches.

    None of them is in the batch that is timed, so that an engine which answers what it answered before is found.
    """
    count = case.batch_size * math.ceil(LEAST / case.batch_size)
    return draw_images(count, case.image_size, seed, "check")


def draw_images(count: int, image_size: int, seed: int, purpose: str) -> torch.Tensor:
    """Synthetic images, float32, `[count, 3, image_size, image_size]`; every pixel is ~ N(0, 1).

    An image is a sum of random squares of several sizes, from the whole image down to one pixel, so that images differ
    in brightness, colour and structure as photographs do. Images of independent pixels would all look alike to a
    network. `purpose` is one of `PURPOSES`.
    """
    generator = torch.Generator().manual_seed((seed * len(PURPOSES) + PURPOSES.index(purpose)) % 2**63)
    sides = [side for side in SCALES if side < image_size] + [image_size]
    images = torch.zeros(count, CHANNELS, image_size, image_size)
    for side in sides:
        squares = torch.randn(count, CHANNELS, side, side, generator=generator)
        images += functional.interpolate(squares, size=(image_size, image_size), mode="nearest")
    return images / len(sides) ** 0.5


def batches(images: torch.Tensor, batch_size: int) -> list[torch.Tensor]:
    """Copies of the images, cut into whole batches; the last batch is filled up with the first images again."""
    padded_count = batch_size * math.ceil(len(images) / batch_size)
    return list(images[torch.arange(padded_count) % len(images)].split(batch_size))


def check_fits(count: int, case: Case, device: torch.device) -> None:
    """Raise `InputTooLarge` if `count` images do not fit on the host, or one batch of the case does not fit on the GPU.

    Only free memory counts, and images are float32.
    """
    image_bytes = 4 * CHANNELS * case.image_size**2  # 4 bytes of float32
    needs = [(count * image_bytes, psutil.virtual_memory().available)]
    if device.type == "cuda":
        needs.append((case.batch_size * image_bytes, torch.cuda.mem_get_info(device)[0]))
    for asked, free in needs:
        if asked > free:
            raise InputTooLarge("input_too_large", asked=asked / 2**30, free=free / 2**30)
