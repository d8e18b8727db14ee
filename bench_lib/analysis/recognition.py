"""Speed against recognition: what each approach and image size answers right, how fast, and what a step down costs.

An approach at an image size is one point: its row at the batch with the highest FPS, because the batch changes the
speed, and not which images are answered right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench_lib.analysis.case_table import APPROACH, CaseTable, is_baseline, records_by_case
from bench_lib.analysis.labelled import compare_top1
from bench_lib.core.proportions import SIGNIFICANT, Paired
from bench_lib.core.real_images import Labelled

Answers = dict[str, list[Labelled | None]]  # of each case's processes, by the id that the column `case` holds


@dataclass(frozen=True)
class Step:
    """A row of `cases` beside another that it is a step down from; `paired` are its answers less the other's.

    `is_told_apart` says whether the two differ in right answers, as `told_apart` decides for all steps together.
    """

    row: pd.Series
    other: pd.Series
    paired: Paired
    is_told_apart: bool


def answers_of(report: CaseTable) -> Answers:
    """What the processes of each measured case answered right; None for one without labels."""
    found = records_by_case([record for record in report.records if record.status == "ok"])
    return {name: [record.labelled for record in records] for name, records in found.items()}


def points(report: CaseTable) -> pd.DataFrame:
    """The row with the highest FPS of each approach and image size whose right answers are known."""
    cases = report.measured
    known = cases[cases.top1.notna()]
    return known.loc[known.groupby([*APPROACH, "image_size"], sort=False).fps.idxmax()]


def front(rows: pd.DataFrame) -> pd.DataFrame:
    """The Pareto front, fastest first: the rows that no other is both as fast as and as accurate as, by their figures.

    Of rows with the same FPS and top-1 the first counts.
    """
    ordered = rows.sort_values(["fps", "top1"], ascending=False)
    best = ordered.top1.cummax().shift(fill_value=-1.0)
    return ordered[ordered.top1 > best]


def told_apart(compared: Sequence[Paired]) -> list[bool]:
    """Which of several pairs differ in right answers, by McNemar's test with Holm's correction for their number.

    From Holm, "A simple sequentially rejective multiple test procedure", 1979: so the probability that any of them is
    told apart by chance alone stays below `SIGNIFICANT`.
    """
    decided, values = [False] * len(compared), [one.p_value for one in compared]
    for rank, number in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[number] >= SIGNIFICANT / (len(values) - rank):
            break
        decided[number] = True
    return decided


def steps(pairs: Sequence[tuple[pd.Series, pd.Series]], answers: Answers) -> list[Step]:
    """A step for each pair of rows that answered the same images."""
    known = [
        (row, other, paired) for row, other in pairs if (paired := compare_top1(answers[row.case], answers[other.case]))
    ]
    decided = told_apart([paired for _, _, paired in known])
    return [Step(*one, is_decided) for one, is_decided in zip(known, decided, strict=True)]


def approach_steps(rows: pd.DataFrame, answers: Answers) -> list[Step]:
    """Each of the points against PyTorch fp32 at the same image size."""
    usual = {row.image_size: row for _, row in rows[is_baseline(rows)].iterrows()}
    others = [row for _, row in rows[~is_baseline(rows)].iterrows() if row.image_size in usual]
    return steps([(row, usual[row.image_size]) for row in others], answers)


def size_steps(rows: pd.DataFrame, answers: Answers) -> list[Step]:
    """The points of one approach, each against that of the next larger image size, from the largest size down."""
    ordered = [row for _, row in one_approach(rows).sort_values("image_size", ascending=False).iterrows()]
    return steps(list(zip(ordered[1:], ordered[:-1], strict=True)), answers)


def one_approach(rows: pd.DataFrame) -> pd.DataFrame:
    """The points of PyTorch fp32 or, where that has none, of the approach with the most image sizes."""
    if is_baseline(rows).any():
        return rows[is_baseline(rows)]
    most = rows.groupby("name", sort=False).image_size.nunique().idxmax()
    return rows[rows["name"] == most]


def fastest_of_at_least(rows: pd.DataFrame, floor: float) -> pd.Series | None:
    """The fastest of the points that answer at least this share right; None if none does."""
    enough = rows[rows.top1 >= floor]
    return None if enough.empty else enough.loc[enough.fps.idxmax()]


def fastest_without_loss(rows: pd.DataFrame, answers: Answers, margin: float) -> pd.Series:
    """The fastest of the points that are not inferior to the most accurate one.

    Not inferior is what answers right at most `margin` less often, by the lower end of the 95 % interval of the paired
    difference. The most accurate point itself always is.
    """
    best = rows.loc[rows.top1.idxmax()]
    found = [best]
    for _, row in rows.iterrows():
        paired = compare_top1(answers[row.case], answers[best.case])
        if paired and paired.difference.low >= -margin:
            found.append(row)
    return max(found, key=lambda row: row.fps)
