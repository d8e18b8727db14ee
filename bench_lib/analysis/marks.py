"""Which rows of `cases` have samples that deserve caution, and why: the keys that the report's marks stand for."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

FLAGS = ["settled", "noisy", "apart", "trouble", "disturbed"]  # the columns of `cases` that the marks are from
HOST = ("busy_cores", "cpu_quota")  # values of `disturbed` that are of the processor; the others are of the GPU
Row = Mapping[str, Any] | pd.Series


def marks_of(row: Row) -> list[str]:
    """The keys of what a measured row's samples suffer from; empty for a sound row.

    They are `cold` (a warm-up did not settle), `noisy` (sampling ran out of time), `apart` (latency and throughput
    disagree), those of `trouble` (see `bench_lib.analysis.anomalies`) and those of `disturbed` (see
    `bench_lib.analysis.case_row.disturbances`).
    """
    flags = {"cold": not row["settled"], "noisy": row["noisy"], "apart": row["apart"]}
    return [*(key for key, is_set in flags.items() if is_set), *row["trouble"], *row["disturbed"]]


def is_steady(row: Row) -> bool:
    """Whether a measured row's speed had settled: its warm-up did, and its latency does not drift.

    A row that is not steady decides no claim: what it measured had not come to its end. The other marks ask for caution
    alone, because the intervals hold the noise.
    """
    return bool(row["settled"]) and "drift" not in row["trouble"]
