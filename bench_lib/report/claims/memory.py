"""The claims on who takes more memory."""

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import computed_in
from bench_lib.analysis.findings import pick_engine, ratio_to
from bench_lib.report.claims.claim import (
    UNTESTED,
    Claim,
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
    ours = pick_engine(report.measured, "torch_tensorrt", "fp16").memory_mib
    cases = with_defaults(report.measured)
    rest = computed_in(cases[cases.engine != "torch_tensorrt"], "fp16")
    least = rest.groupby(findings.AXES).memory_mib.min()
    ratio = (ours / least).dropna()
    if ratio.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    holds = (ratio < 1).tolist()
    data = tr("Of the approaches in fp16 it takes the least memory {combinations}.", combinations=combinations(holds))
    return Claim(text, data, share_verdict(holds))


def onnx_memory(report: Report) -> Claim:
    """ONNX Runtime needs more memory."""
    text = tr("ONNX Runtime needs more memory")
    ratio = ratio_to(
        pick_engine(report.measured, "onnx_runtime", "fp32"),
        pick_engine(report.measured, "pytorch", "fp32"),
        "memory_mib",
    )
    if ratio.empty:
        apart = tr("ONNX Runtime and PyTorch were not measured in fp32 under the same conditions.")
        return Claim(text, apart, UNTESTED)
    holds = (ratio > 1).tolist()
    data = tr(
        "It takes {ratios} the memory of PyTorch fp32; it needs more {combinations}.",
        ratios=span(ratio.min(), ratio.max(), "×"), combinations=combinations(holds),
    )  # fmt: skip
    if not report.machine.get("gpu"):
        data += " " + tr("This memory includes the export of the model, which runs in the same process.")
    return Claim(text, data, share_verdict(holds))
