"""How exact a row's output is, in words: its error, how often its first class is the reference's, and which that is."""

from typing import Any

import pandas as pd

from bench_lib.core import references
from bench_lib.core.case import model_kind
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.numbers import percent, scientific

OF_ONNX_FILES = {
    references.ONNX_FILE: mark("ONNX Runtime fp32 on the processor, without graph optimisation"),
    references.QUANTIZED_FILE: mark("the same quantised file in ONNX Runtime on the processor"),
    references.BY_STANDARD: mark("the evaluator of the ONNX standard (package onnx)"),
}


def reference_name(report: Report) -> str:
    """What the outputs are compared with, in words."""
    kinds, names = set(map(model_kind, report.grid.networks)), []
    if kinds != {"onnx"}:
        names.append(tr("PyTorch fp32 on the processor or fp64 on the GPU"))
    if "onnx" in kinds:
        recorded = {record.accuracy.reference for record in report.records if record.accuracy}
        known = [name for name in OF_ONNX_FILES if name in recorded] or [references.ONNX_FILE]
        names += [tr(OF_ONNX_FILES[name]) for name in known]
    return "; ".join(names)


def exactness_words(row: Any) -> str:
    """The error of a row of `cases` and the agreement of the first class; or that the check could not have failed."""
    if pd.isna(row.error):
        return tr("error not known (an earlier check, which a constant output passes)")
    return tr("error {error}, {matches}", error=scientific(row.error), matches=agreement_words(row))


def agreement_words(row: Any) -> str:
    """The share of images whose first class is the same as the reference's, and how many classes that has."""
    classes = tr_n("{n}{nbsp}class", "{n}{nbsp}different classes", int(row.answered_classes))
    if row.agreement == 1:
        return tr("the first class agrees for all images ({classes})", classes=classes)
    return tr("the first class agrees for {share} of images ({classes})", share=percent(row.agreement), classes=classes)


def worst(rows: pd.DataFrame) -> pd.Series:
    """The largest error of the rows, and the least agreement and number of classes, as one row; NaN if any is NaN."""
    return pd.Series({
        "error": rows.error.max(skipna=False), "agreement": rows.agreement.min(skipna=False),
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
