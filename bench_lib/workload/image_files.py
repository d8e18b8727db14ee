"""Image files: which files of a folder are images, and how one is decoded.

An image is decoded as torchvision's `default_loader` decodes ImageNet's, because the networks were trained on such:
transparency is dropped, CMYK is converted, of several frames the first is taken, and the orientation in EXIF is not
applied. Unlike there, 16-bit grey is scaled to 8 bits instead of being cut off at 255, which would make it white.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_lib.core.errors import InputError, error_text

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF")  # not EPS, for which Pillow starts another program
NOT_PICTURES = ("__MACOSX", "@eaDir")  # folders of a Mac's archives and of a Synology disk: they hold previews
MOST_OBLONG = 100  # the longer side relative to the shorter; resized for a network, such a line would fill the memory
FULL_16_BIT, FULL_8_BIT = 65535, 255


class UnreadableImage(Exception):
    """A file that is named as an image and cannot be decoded; `name` and `fault` are texts that a record can hold."""

    def __init__(self, path: Path, fault: str) -> None:
        self.name, self.fault = shown(path.name), shown(fault)
        super().__init__(f"{self.name}: {self.fault}")


def shown(text: str) -> str:
    """A file's name, or a text with one, in which bytes that are not UTF-8 are written as `\\xe9`.

    No record could hold them as they are.
    """
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def image_paths(folder: str) -> Iterator[Path]:
    """The files in the folder and its subfolders whose names have an extension of images, in no particular order.

    Links are followed, but a folder that is reached twice counts once. Hidden files and folders are left out. Raise
    `InputError` for a subfolder that cannot be read.
    """
    from torchvision.datasets.folder import is_image_file

    seen = set()
    for place, folders, files in os.walk(folder, onerror=refuse_folder, followlinks=True):
        found = os.stat(place)
        if (found.st_dev, found.st_ino) in seen:
            folders.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        folders[:] = sorted(name for name in folders if is_shown(name))
        paths = (Path(place, name) for name in files if is_shown(name) and is_image_file(name))
        yield from (path for path in paths if path.is_file())


def refuse_folder(error: OSError) -> None:
    """Raise `InputError` for a folder that cannot be listed: its images would be missed silently."""
    raise InputError(f"data: {error_text(error)}; make it readable, or move it away") from None


def is_shown(name: str) -> bool:
    """Whether a file or folder is not hidden, such as `._photo.jpg`, and not one of `NOT_PICTURES`."""
    return not name.startswith(".") and name not in NOT_PICTURES


def load_picture(path: Path) -> Any:
    """Decode a file into a PIL image in RGB; raise `UnreadableImage` if that is not possible."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")  # of transparency, of broken EXIF, of more than 89 million pixels
            return to_rgb(Image.open(file, formats=FORMATS))  # which refuses twice as many pixels
    except UnidentifiedImageError:  # its words are those of a Python object
        fault = f"not one of {', '.join(FORMATS)}" if path.stat().st_size else "the file is empty"
        raise UnreadableImage(path, fault) from None
    except Exception as error:  # Pillow's plugins may raise any exception
        raise UnreadableImage(path, error_text(error)) from None


def to_rgb(image: Any) -> Any:
    """A PIL image of any kind in RGB; raise `ValueError` if its pixels have no known range, or it is a mere line."""
    if max(image.size) > MOST_OBLONG * min(image.size):
        raise ValueError(f"{image.width}×{image.height} pixels: one side is over {MOST_OBLONG} times the other")
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return from_16_bits(image)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no known range")
    return image.convert("RGB")


def from_16_bits(image: Any) -> Any:
    """An image of 16-bit grey in RGB: black stays black, and the largest value becomes white."""
    import numpy as np
    from PIL import Image

    grey = np.asarray(image).astype(np.uint32)
    scaled = (grey * FULL_8_BIT + FULL_16_BIT // 2) // FULL_16_BIT
    return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
