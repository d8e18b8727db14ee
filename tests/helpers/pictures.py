"""Small pictures on the disk."""

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
