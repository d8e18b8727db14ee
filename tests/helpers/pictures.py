"""Small pictures on the disk, and a network that knows their colours."""

from pathlib import Path

import numpy as np
from PIL import Image


def write(folder: Path, count: int, kind: str = "jpg", side: int = 40) -> list[Path]:
    """Write so many pictures of noise, no two alike, `0000.jpg` and on."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(len(folder.name))
    paths = [folder / f"{number:04}.{kind}" for number in range(count)]
    for path in paths:
        Image.fromarray(draw.integers(0, 256, (side, side + 8, 3), dtype=np.uint8)).save(path)
    return paths


COLOURS = ("red", "green", "blue")
# A module with networks that answer the colour of an image: `colours` has the classes of `COLOURS`, and `many` has four
# more. Those come after the right colour and before the wrong ones.
NETS = """
import torch
from torch import nn

def network(weights):
    layer = nn.Linear(3, len(weights), bias=False)
    layer.weight = nn.Parameter(torch.tensor(weights))
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer)

def colours():
    return network([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

def many():
    return network([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], *[[0.0, 0.0, 0.0]] * 4])
"""


def write_classes(folder: Path, count: int = 6, names: tuple[str, ...] = COLOURS) -> list[Path]:
    """Write a folder of so many pictures for each colour, no two alike, in which that colour is clearly the brightest.

    Return their paths, sorted.
    """
    draw = np.random.default_rng(0)
    for name in names:
        for path in write(folder / name, count, "png"):
            pixels = draw.integers(0, 100, (32, 32, 3), dtype=np.uint8)
            pixels[..., COLOURS.index(name)] += draw.integers(100, 156, dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return sorted(folder.glob("*/*.png"))
