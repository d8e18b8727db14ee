"""The claims on which runtime is faster, and by how much."""

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import approach_of
from bench_lib.analysis.findings import pick_engine
from bench_lib.report.claims.claim import (
    NO,
    UNDECIDED,
    UNTESTED,
    YES,
    Claim,
    combinations,
    holding,
    not_measured_sentence,
    share_verdict,
)
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed
from bench_lib.text.numbers import span

MANIFOLD = 2  # a several-fold speedup: at least twice as fast


def tensorrt_speedup(report: Report) -> Claim:
    """Several times faster in fp16 than PyTorch and ONNX Runtime."""
    text = tr("Torch-TensorRT fp16 shows a several-fold speedup (about 11× at 224, batch 33)")
    rows = pick_engine(report.measured, "torch_tensorrt", "fp16").dropna(subset="speedup")
    if rows.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    data = tr(
        "The speedup over PyTorch fp32 is {speedups}.", speedups=span(rows.speedup.min(), rows.speedup.max(), "×")
    )
    if (224, 33) in rows.index:
        data += " " + tr("At 224, batch 33, it is {speedup}×.", speedup=number(rows.speedup[224, 33], 2))
    ends = zip(rows.speedup_low, rows.speedup_high, strict=True)
    holds = [True if low >= MANIFOLD else None if high >= MANIFOLD else False for low, high in ends]
    return Claim(text, data, share_verdict(holds))


def tensorrt_best(report: Report) -> Claim:
    """The best choice for performance."""
    text = tr("Torch-TensorRT fp16 is the best choice when performance matters")
    rows = pick_engine(report.measured, "torch_tensorrt", "fp16")
    if rows.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    led = {(block.image_size, block.batch_size): block.leaders for block in findings.blocks(report.measured)}
    ours = approach_of(rows.iloc[0])
    holds = [led[place] == (ours,) or (None if ours in led[place] else False) for place in rows.index]
    others = sorted({leaders[0].name for leaders in led.values() if leaders[0] != ours})
    data = tr("It is the fastest {combinations}.", combinations=combinations(holds))
    if others:
        data += " " + tr("Sometimes faster: {names}.", names=listed(others))
    return Claim(text, data, share_verdict(holds))


def onnx_batches(report: Report) -> Claim:
    """ONNX Runtime wins only at large batches."""
    text = tr("ONNX Runtime has an advantage only at large batches")
    rows = pick_engine(report.measured, "onnx_runtime", "fp32").dropna(subset="speedup")
    by_batch = rows.groupby("batch_size")
    medians = by_batch.speedup.median()
    if len(medians) < 2:
        return Claim(text, tr("ONNX Runtime fp32 was not measured at two or more batch sizes."), UNTESTED)
    (small, low), (large, high) = (medians.index[0], medians.iloc[0]), (medians.index[-1], medians.iloc[-1])
    data = tr(
        "Median speedup of ONNX Runtime fp32: {low}× at batch {small}, {high}× at {large}.",
        low=number(low, 2), small=small, high=number(high, 2), large=large,
    )  # fmt: skip
    gains = [share_verdict(holding(by_batch.get_group(batch).verdict, "faster")) for batch in (small, large)]
    return Claim(text, data, UNDECIDED if UNDECIDED in gains else YES if gains == [NO, YES] else NO)


def onnx_compromise(report: Report) -> Claim:
    """ONNX Runtime is a compromise, above all without NVIDIA."""
    text = tr("ONNX Runtime is a compromise between convenience and speed, especially without NVIDIA")
    if report.machine.get("gpu"):
        return Claim(text, tr("This run is on an NVIDIA GPU; a machine without one needs a run of its own."), UNTESTED)
    rows = pick_engine(report.measured, "onnx_runtime", "fp32").dropna(subset="speedup")
    if rows.empty:
        return Claim(text, not_measured_sentence(report, "onnx_runtime", "fp32"), UNTESTED)
    holds = holding(rows.verdict, "faster")
    data = tr(
        "There is no NVIDIA GPU here; ONNX Runtime is faster than PyTorch {combinations}. Convenience is not measured.",
        combinations=combinations(holds),
    )
    return Claim(text, data, share_verdict(holds))
