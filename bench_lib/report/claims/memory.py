"""The claims on who takes more memory."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import computed_in
from bench_lib.analysis.findings import pick_engine
from bench_lib.analysis.marks import Row
from bench_lib.core.intervals import ROPE
from bench_lib.report.claims.claim import (
    UNTESTED,
    Claim,
    Holds,
    combinations,
    not_measured_sentence,
    share_verdict,
    with_defaults,
)
from bench_lib.report.report import Report
from bench_lib.text.language import tr
from bench_lib.text.numbers import span


def tensorrt_memory(report: Report) -> Claim:
    """Torch-TensorRT fp16 takes the least memory."""
    text = tr("Torch-TensorRT is the most memory-efficient of all in fp16")
    ours = pick_engine(report.measured, "torch_tensorrt", "fp16")
    cases = with_defaults(report.measured)
    rest = computed_in(cases[cases.engine != "torch_tensorrt"], "fp16")
    others = rows_by_place(rest)
    pairs = [(rows[0], others[place]) for place, rows in rows_by_place(ours.reset_index()).items() if place in others]
    if ours.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    if not pairs:
        return Claim(text, tr("No other approach was measured in fp16 at the same sizes."), UNTESTED)
    holds = [is_less(row, rows) for row, rows in pairs]
    data = tr("Of the approaches in fp16 it takes the least memory {combinations}.", combinations=combinations(holds))
    return Claim(text, data, share_verdict(holds))


def onnx_memory(report: Report) -> Claim:
    """ONNX Runtime needs more memory."""
    text = tr("ONNX Runtime needs more memory")
    ours, usual = pick_engine(report.measured, "onnx_runtime", "fp32"), pick_engine(report.measured, "pytorch", "fp32")
    ratio = findings.ratio_to(ours, usual, "memory_mib")
    if ratio.empty:
        apart = tr("ONNX Runtime and PyTorch were not measured in fp32 under the same conditions.")
        return Claim(text, apart, UNTESTED)
    rows, usual_rows = (table.loc[ratio.index].to_dict("records") for table in (ours, usual))
    holds = [is_less(one, [other]) for one, other in zip(usual_rows, rows, strict=True)]
    data = tr(
        "It takes {ratios} the memory of PyTorch fp32; it needs more {combinations}.",
        ratios=span(ratio.min(), ratio.max(), "×"), combinations=combinations(holds),
    )  # fmt: skip
    if not report.machine.get("gpu"):
        data += " " + tr("This memory includes the export of the model, which runs in the same process.")
    return Claim(text, data, share_verdict(holds))


def rows_by_place(cases: pd.DataFrame) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The rows at each image and batch size."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in cases[[*findings.AXES, "memory_mib", "disturbed"]].to_dict("records"):
        found.setdefault((row["image_size"], row["batch_size"]), []).append(row)
    return found


def is_less(row: Row, others: Sequence[Row]) -> Holds:
    """Whether a row takes less memory than each of the others.

    None where the least of them is within `ROPE` of it, or where other processes were on the GPU: their memory would be
    taken for the case's.
    """
    if any("other_processes" in one["disturbed"] for one in (row, *others)):
        return None
    ratio = row["memory_mib"] / min(other["memory_mib"] for other in others)
    return True if ratio < 1 / (1 + ROPE) else False if ratio > 1 + ROPE else None
