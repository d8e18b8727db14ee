"""Tidy tables → what the report's sentences are about: leaders, ties, trends, the batch where FPS saturates."""

import itertools
from dataclasses import dataclass

import pandas as pd

from bench_lib.statistics import alike

AXES = ["image_size", "batch_size"]


@dataclass(frozen=True)
class Block:
    """Cases of one image size and batch size: the fastest, and those alike with it (`leaders`, the fastest first)."""

    image_size: int
    batch_size: int
    leaders: tuple[str, ...]
    measured: int


def blocks(cases: pd.DataFrame) -> list[Block]:
    """Who has the least time per batch at each image size and batch size, for all of them that hold a figure."""
    ordered = cases.sort_values([*AXES, "latency_ms"])  # by several keys, which keeps the order of equal ones
    columns = (ordered[name].tolist() for name in (*AXES, "name", "latency_ms"))
    found = []
    for (size, batch), rows in itertools.groupby(zip(*columns, strict=True), key=lambda row: row[:2]):
        names, latencies_ms = list(zip(*rows, strict=True))[2:]
        leaders = tuple(name for name, ms in zip(names, latencies_ms, strict=True) if alike(ms, latencies_ms[0]))
        found.append(Block(size, batch, leaders, len(names)))
    return found


def wins(contests: list[Block]) -> dict[str, int]:
    """How many blocks each name leads alone, most first."""
    alone = pd.Series([block.leaders[0] for block in contests if len(block.leaders) == 1], dtype=object)
    return alone.value_counts().to_dict()


def ends(cases: pd.DataFrame, axis: str) -> pd.DataFrame:
    """FPS at the least and the largest value of `axis` for each line of the plots that has both.

    Columns: name, label, precision_label, the other axis, `first`, `last` (FPS), `ratio` (last over first).
    """
    other = next(name for name in AXES if name != axis)
    rows = []
    keys = ["name", "label", "precision_label", other]
    for key, line in cases.groupby(keys, sort=False):
        line = line.sort_values(axis)
        if len(line) > 1:
            first, last = line.fps.iloc[0], line.fps.iloc[-1]
            rows.append((*key, first, last, last / first))
    return pd.DataFrame(rows, columns=[*keys, "first", "last", "ratio"])


@dataclass(frozen=True)
class Saturation:
    """The least batch whose FPS is alike with the best of its line, or None where even the largest still grows."""

    name: str
    image_size: int
    batch_size: int | None
    best_fps: float
    best_batch: int


def saturations(cases: pd.DataFrame) -> list[Saturation]:
    """Where FPS stops growing, for each line of at least three batch sizes."""
    found = []
    for (name, size), line in cases.groupby(["name", "image_size"]):
        if len(line) < 3:
            continue
        line = line.sort_values("batch_size")
        best = line.loc[line.fps.idxmax()]
        enough = int(line.batch_size[[alike(fps, best.fps) for fps in line.fps]].min())
        reached = enough if enough < line.batch_size.max() else None
        found.append(Saturation(name, size, reached, best.fps, int(best.batch_size)))
    return found


def megapixels_per_s(cases: pd.DataFrame) -> pd.Series:
    """FPS times the image's area: work done in a second, which lets image sizes be compared."""
    return cases.fps * cases.image_size**2 / 1e6


def pick(cases: pd.DataFrame, engine: str, precision: str) -> pd.DataFrame:
    """The rows of an engine at a precision that it really computed in, indexed by image size and batch size."""
    return cases[(cases.engine == engine) & (cases.precision_label == precision)].set_index(AXES).sort_index()


def against(a: pd.DataFrame, b: pd.DataFrame, column: str) -> pd.Series:
    """`a[column] / b[column]` at the image and batch sizes that both have, both indexed as `pick` does."""
    return (a[column] / b[column]).dropna()
