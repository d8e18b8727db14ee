"""The tidy table → findings: who leads, how figures follow an axis, where they saturate."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench_lib.analysis.case_table import BASELINE_NAME, CaseTable, compare_rows, records_by_case
from bench_lib.core import intervals
from bench_lib.core.record import Record

AXES = ["image_size", "batch_size"]
SATURATED_WITHIN = 0.05  # of the best FPS


@dataclass(frozen=True)
class Block:
    """Cases of one image and batch size: `leaders` are the fastest, and those not told from it, the fastest first."""

    image_size: int
    batch_size: int
    leaders: tuple[str, ...]
    measured: int


def blocks(cases: pd.DataFrame) -> list[Block]:
    """Who has the least time per batch at each image size and batch size, for all of them that hold a figure."""
    ordered = cases.sort_values([*AXES, "latency_ms"])
    columns = (ordered[column].tolist() for column in (*AXES, "name", "leads"))
    found = []
    for (size, batch), rows in itertools.groupby(zip(*columns, strict=True), key=lambda row: row[:2]):
        names, leads = list(zip(*rows, strict=True))[2:]
        found.append(Block(size, batch, tuple(itertools.compress(names, leads)), len(names)))
    return found


def wins(contests: list[Block]) -> dict[str, int]:
    """How many blocks each name leads alone, most first."""
    alone = pd.Series([block.leaders[0] for block in contests if len(block.leaders) == 1], dtype=object)
    return alone.value_counts().to_dict()


def speedup_trend(cases: pd.DataFrame, name: str) -> str:
    """Whether the speedup over the baseline is "higher" or "lower" at the largest batch than at the least.

    Nothing unless that is decided, and alike, for each image size that has both.
    """
    batches = cases[cases["name"] == name].batch_size
    small, large = batches.min(), batches.max()
    compared_with = cases[cases["name"].isin([name, BASELINE_NAME]) & cases.batch_size.isin([small, large])]
    places = {(row.name, row.image_size, row.batch_size): row for row in compared_with.itertuples()}
    verdicts = set()
    for size in cases.image_size.unique():
        four = [places.get((who, size, batch)) for who in (BASELINE_NAME, name) for batch in (small, large)]
        if small < large and all(four):
            (base_small, base_large, our_small, our_large) = (row.latency_values for row in four)
            sd = max(row.extra_sd for row in four)
            verdicts.add(intervals.judged([base_large, our_small], [our_large, base_small], sd))
    return {("slower",): "higher", ("faster",): "lower"}.get(tuple(verdicts), "")


def failed_cases(report: CaseTable, why: Callable[[Record], object]) -> pd.DataFrame:
    """The cases that failed and whose first record `why` holds for."""
    first = {name: records[0] for name, records in records_by_case(report.records).items()}
    cases = report.cases[report.cases.status == "failed"]
    return cases.loc[[bool(why(first[name])) for name in cases.case]]


def axis_ends(cases: pd.DataFrame, axis: str) -> pd.DataFrame:
    """FPS at the least and the largest value of `axis` for each line of the plots that has both.

    Columns: name, label, precision_label, the other axis, `first`, `last` (FPS), `ratio` (last over first), `verdict`
    (on the last against the first), `rows` (both, of the columns that verdicts are taken from).
    """
    other = next(name for name in AXES if name != axis)
    keys, lines, found = ["name", "label", "precision_label", other], {}, []
    for row in cases[[*keys, axis, "fps", "fps_values", "extra_sd"]].to_dict("records"):
        lines.setdefault(tuple(row[key] for key in keys), []).append(row)
    for key, line in lines.items():
        first, last = (end(line, key=lambda row: row[axis]) for end in (min, max))
        if len(line) > 1:
            rates = first["fps"], last["fps"], last["fps"] / first["fps"]
            found.append((*key, *rates, compare_rows(last, first, "fps"), (first, last)))
    return pd.DataFrame(found, columns=[*keys, "first", "last", "ratio", "verdict", "rows"])


def compare_changes(one: Sequence, other: Sequence) -> intervals.Verdict:
    """Whether FPS changes for the better ("faster") from the first to the last of `one` than of `other` (rows each)."""
    (first, last), (other_first, other_last) = one, other
    sd = max(row["extra_sd"] for row in (first, last, other_first, other_last))
    over, under = (first, other_last), (last, other_first)
    return intervals.judged(*([row["fps_values"] for row in rows] for rows in (over, under)), sd)


@dataclass(frozen=True)
class Saturation:
    """The least batch whose FPS is within `SATURATED_WITHIN` of its line's best; None where the last still grows."""

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
        enough = int(line.batch_size[line.fps >= (1 - SATURATED_WITHIN) * best.fps].min())
        reached = enough if enough < line.batch_size.max() else None
        found.append(Saturation(name, size, reached, best.fps, int(best.batch_size)))
    return found


def pixel_rates(cases: pd.DataFrame) -> pd.DataFrame:
    """The row of the most pixels a second for each image size, with `rate` (Mpixel/s) and `tied` with the best size."""
    megapixels = cases.image_size**2 / 1e6
    cases = cases.assign(rate=cases.fps * megapixels)
    best = cases.loc[cases.groupby("image_size").rate.idxmax()]
    pixels = [np.array(values) * size**2 for values, size in zip(best.fps_values, best.image_size, strict=True)]
    top, sds = int(np.argmax(best.rate)), best.extra_sd.tolist()
    # More pixels a second is faster, so the rates change sides.
    verdicts = [intervals.verdict(pixels[top], one, max(sd, sds[top])) for one, sd in zip(pixels, sds, strict=True)]
    return best.assign(tied=[verdict != "slower" for verdict in verdicts])


def pick_engine(cases: pd.DataFrame, engine: str, precision: str) -> pd.DataFrame:
    """The rows of an engine as it is, at a precision that it really computed in, indexed by image and batch size."""
    chosen = cases[(cases.engine == engine) & (cases.variant == "") & (cases.precision_label == precision)]
    return chosen.set_index(AXES).sort_index()


def ratio_to(a: pd.DataFrame, b: pd.DataFrame, column: str) -> pd.Series:
    """`a[column] / b[column]` at the image and batch sizes that both have, both indexed as `pick` does."""
    return (a[column] / b[column]).dropna()
