"""What follows from the table of cases: who is fastest, how throughput changes with a size, where it stops growing."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench_lib.analysis.case_table import (
    APPROACH,
    PLACE,
    Approach,
    CaseTable,
    approach_of,
    compare_rows,
    computed_in,
    is_baseline,
    is_of,
    records_by_case,
)
from bench_lib.analysis.marks import FLAGS
from bench_lib.core import intervals
from bench_lib.core.record import Record

AXES = ["image_size", "batch_size"]
SATURATED_WITHIN = 0.05  # of the best FPS


@dataclass(frozen=True)
class Block:
    """Who is fastest for a network at one image size and batch size; `measured` is the number of measured cases there.

    `leaders` are the approach with the least time per batch and those that the data do not distinguish from it, fastest
    first.
    """

    image_size: int
    batch_size: int
    leaders: tuple[Approach, ...]
    measured: int


def blocks(cases: pd.DataFrame) -> list[Block]:
    """Who has the least time per batch, for each network, image size and batch size that measured cases have."""
    ordered = cases.sort_values([*PLACE, "latency_ms"])[[*PLACE, *APPROACH, "name", "leads"]].to_dict("records")
    found = []
    for (_, size, batch), block in itertools.groupby(ordered, key=lambda row: tuple(row[name] for name in PLACE)):
        rows = list(block)
        found.append(Block(size, batch, tuple(approach_of(row) for row in rows if row["leads"]), len(rows)))
    return found


def wins(contests: list[Block]) -> dict[Approach, int]:
    """In how many blocks each approach is certainly the fastest, most often first; without those that never are."""
    return dict(Counter(block.leaders[0] for block in contests if len(block.leaders) == 1).most_common())


def speedup_trend(cases: pd.DataFrame, approach: Approach) -> str:
    """Whether an approach's speedup over the baseline is "higher" or "lower" at its largest batch than at its least.

    Empty unless the data decide it, and with the same result, for every network and image size where both approaches
    were measured at both batches.
    """
    ours = cases[is_of(cases, approach)]
    small, large = ours.batch_size.min(), ours.batch_size.max()
    usual, tried = ({(row.model, row.image_size, row.batch_size): row for row in rows.itertuples()}
                    for rows in (cases[is_baseline(cases)], ours))  # fmt: skip
    verdicts = set()
    for model, size in cases[["model", "image_size"]].drop_duplicates().itertuples(index=False):
        four = [places.get((model, size, batch)) for places in (usual, tried) for batch in (small, large)]
        if small < large and all(four):
            (base_small, base_large, our_small, our_large) = (row.latency_values for row in four)
            sd = max(row.extra_sd for row in four)
            ratio = intervals.contrast([base_large, our_small], [our_large, base_small], extra_sd=sd)
            verdicts.add(intervals.judge(ratio))
    return {("slower",): "higher", ("faster",): "lower"}.get(tuple(verdicts), "")


def failed_cases(report: CaseTable, why: Callable[[Record], object]) -> pd.DataFrame:
    """The failed cases for whose first record `why` is true.

    `why` is asked of the record because the reasons in the table are already in the report's language.
    """
    first = {name: records[0] for name, records in records_by_case(report.records).items()}
    cases = report.cases[report.cases.status == "failed"]
    return cases.loc[[bool(why(first[name])) for name in cases.case]]


def axis_ends(cases: pd.DataFrame, axis: str) -> pd.DataFrame:
    """FPS at the least and at the largest value of `axis`: a row for each line of the plots that has both.

    Columns: those of `APPROACH`, model, name, label, the other axis, `first` and `last` (FPS), `ratio` (last over
    first), `verdict` (on the last against the first), `rows` (the two, as `compare_rows` and `compare_changes` take
    them).
    """
    other = next(name for name in AXES if name != axis)
    keys, lines, found = [*APPROACH, "model", "name", "label", other], {}, []
    for row in cases[[*keys, axis, "fps", "fps_values", "extra_sd", *FLAGS]].to_dict("records"):
        lines.setdefault(tuple(row[key] for key in keys), []).append(row)
    for key, line in lines.items():
        first, last = (end(line, key=lambda row: row[axis]) for end in (min, max))
        if len(line) > 1:
            rates = first["fps"], last["fps"], last["fps"] / first["fps"]
            found.append((*key, *rates, compare_rows(last, first, "fps"), (first, last)))
    return pd.DataFrame(found, columns=[*keys, "first", "last", "ratio", "verdict", "rows"])


def compare_changes(one: Sequence, other: Sequence) -> intervals.Verdict:
    """The verdict on how FPS changes from first to last in `one`, against `other`: "faster" if it changes better.

    Both are pairs of rows, as the column `rows` of `axis_ends` holds them.
    """
    (first, last), (other_first, other_last) = one, other
    sd = max(row["extra_sd"] for row in (first, last, other_first, other_last))
    over, under = (first, other_last), (last, other_first)
    values = ([row["fps_values"] for row in rows] for rows in (over, under))
    return intervals.judge(intervals.contrast(*values, extra_sd=sd))


@dataclass(frozen=True)
class Saturation:
    """Where the FPS of one approach at one image size stops growing.

    `batch_size` is the least batch whose FPS is within `SATURATED_WITHIN` of the best; None where only the largest
    batch reaches that. `best_fps` is the highest FPS, at the batch `best_batch`.
    """

    name: str
    image_size: int
    batch_size: int | None
    best_fps: float
    best_batch: int


def saturations(cases: pd.DataFrame) -> list[Saturation]:
    """Where FPS stops growing, for each approach, network and image size with three batches or more, by name."""
    found = []
    for (name, *_, size), line in cases.groupby(["name", *APPROACH, "model", "image_size"]):
        if len(line) < 3:
            continue
        line = line.sort_values("batch_size")
        best = line.loc[line.fps.idxmax()]
        enough = int(line.batch_size[line.fps >= (1 - SATURATED_WITHIN) * best.fps].min())
        reached = enough if enough < line.batch_size.max() else None
        found.append(Saturation(name, size, reached, best.fps, int(best.batch_size)))
    return found


def pixel_rates(cases: pd.DataFrame) -> pd.DataFrame:
    """For each image size, the row with the most pixels a second.

    Two columns are added: `rate` (Mpixel/s), and `tied` (whether the data do not distinguish it from the best of the
    sizes).
    """
    megapixels = cases.image_size**2 / 1e6
    cases = cases.assign(rate=cases.fps * megapixels)
    best = cases.loc[cases.groupby("image_size").rate.idxmax()]
    pixels = [np.array(values) * size**2 for values, size in zip(best.fps_values, best.image_size, strict=True)]
    top, sds = int(np.argmax(best.rate)), best.extra_sd.tolist()
    # A verdict compares times, where less is faster. For rates more is faster, so the two are swapped.
    verdicts = [intervals.verdict(pixels[top], one, max(sd, sds[top])) for one, sd in zip(pixels, sds, strict=True)]
    return best.assign(tied=[verdict != "slower" for verdict in verdicts])


def pick_engine(cases: pd.DataFrame, engine: str, precision: str) -> pd.DataFrame:
    """The rows of an engine with its default options that computed in the precision asked for.

    They are indexed by image size and batch size.
    """
    chosen = computed_in(cases, precision)
    return chosen[(chosen.engine == engine) & (chosen.variant == "")].set_index(AXES).sort_index()


def ratio_to(a: pd.DataFrame, b: pd.DataFrame, column: str) -> pd.Series:
    """`a[column] / b[column]` at the image and batch sizes that both have; `pick_engine` makes such tables."""
    return (a[column] / b[column]).dropna()
