"""How exact a row's output is, in words: its error, and how often its first class is the reference's."""

from typing import Any

import pandas as pd

from bench_lib.report.report import Report
from bench_lib.text.language import tr, tr_n
from bench_lib.text.numbers import percent, scientific


def exactness_words(row: Any) -> str:
    """The error of a row of `cases` and the agreement of the first class; or that the check could not have failed."""
    if pd.isna(row.error):
        return tr("error not known (an earlier check, which a constant output passes)")
    return tr("error {error}, {matches}", error=scientific(row.error), matches=agreement_words(row))


def agreement_words(row: Any) -> str:
    """The share of images whose first class is the same as the reference's, and how many classes that has."""
    classes = tr_n("{n}{nbsp}class", "{n}{nbsp}different classes", int(row.answered_classes))
    if row.top1 == 1:
        return tr("the first class agrees for all images ({classes})", classes=classes)
    return tr("the first class agrees for {share} of images ({classes})", share=percent(row.top1), classes=classes)


def worst(rows: pd.DataFrame) -> pd.Series:
    """The largest error of the rows, and the least agreement and number of classes, as one row; NaN if any is NaN."""
    return pd.Series({
        "error": rows.error.max(skipna=False), "top1": rows.top1.min(skipna=False),
        "answered_classes": rows.answered_classes.min(skipna=False),
    })  # fmt: skip


def adapted_sentence(report: Report) -> str:
    """That random weights were adapted so that answers differ; empty for records of before that was done."""
    if any(record.accuracy and record.accuracy.is_of_old_check for record in report.records):
        return ""
    return tr(
        "They are adapted to synthetic images layer by layer, so that different images get different answers and a "
        "wrong answer can be told from a right one."
    )
