"""The claims on which runtime is faster, and by how much."""

import math

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import approach_of
from bench_lib.analysis.findings import pick_engine
from bench_lib.analysis.marks import FLAGS
from bench_lib.report.claims.claim import (
    UNTESTED,
    Claim,
    at_least,
    combinations,
    holding,
    if_steady,
    named,
    neither_measured,
    not_measured_sentence,
    share_verdict,
    speedups,
    unsteady_sentence,
    within,
)
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed
from bench_lib.text.numbers import plain, span

PYTORCH, ONNX, TENSORRT = ("pytorch", "fp32"), ("onnx_runtime", "fp32"), ("torch_tensorrt", "fp16")
MANIFOLD = 2  # a several-fold speedup: at least twice as fast
PLACE = (224, 33)  # the image and batch size of the original report's rows


def tensorrt_over_pytorch(report: Report) -> Claim:
    """Torch-TensorRT fp16 is several times as fast as PyTorch."""
    return manifold(report, tr("Torch-TensorRT fp16 is several times as fast as PyTorch"), PYTORCH)


def tensorrt_over_onnx(report: Report) -> Claim:
    """Torch-TensorRT fp16 is several times as fast as ONNX Runtime."""
    return manifold(report, tr("Torch-TensorRT fp16 is several times as fast as ONNX Runtime"), ONNX)


def manifold(report: Report, text: str, theirs: tuple[str, str]) -> Claim:
    """Whether Torch-TensorRT fp16 is at least `MANIFOLD` times as fast as another engine at its precision."""
    found = speedups(report, TENSORRT, theirs)
    if found.empty:
        return Claim(text, neither_measured(report, TENSORRT, theirs), UNTESTED)
    holds = [if_steady(at_least(row.speedup_low, row.speedup_high, MANIFOLD), *row.rows) for row in found.itertuples()]
    data = tr(
        "The speedup over {other} is {speedups}; it is at least {manifold}× {combinations}.",
        other=named(*theirs), speedups=span(found.speedup.min(), found.speedup.max(), "×"), manifold=MANIFOLD,
        combinations=combinations(holds),
    )  # fmt: skip
    return Claim(text, data + unsteady_sentence(found.rows), share_verdict(holds))


def tensorrt_about_11(report: Report) -> Claim:
    """About 11 times as fast as PyTorch fp32, at 224 and batch 33."""
    return about(report, tr("Torch-TensorRT fp16 gives a speedup of about 11× (224, batch 33)"), TENSORRT, 11, 1)


def onnx_about_1_3(report: Report) -> Claim:
    """About 1.3 times as fast as PyTorch fp32, at 224 and batch 33."""
    words = tr("ONNX Runtime fp32 gives a speedup of about {figure}× (224, batch 33)", figure=plain(1.3))
    return about(report, words, ONNX, 1.3, 0.1)


def about(report: Report, text: str, ours: tuple[str, str], claimed: float, unit: float) -> Claim:
    """Whether the speedup over PyTorch fp32 at `PLACE` is about `claimed`, by that row's own interval.

    About means: off by at most a `unit` of the last digit written. Rounding takes half of that, and the original's own
    times, 182.5 and 17.1 ms, make 10.7 of its “~11×”.
    """
    found = speedups(report, ours, PYTORCH)
    if PLACE not in found.index:
        missing = tr("This was not measured at 224, batch 33.")
        return Claim(text, missing if len(found) else neither_measured(report, ours, PYTORCH), UNTESTED)
    row, (least, most) = found.loc[PLACE], (claimed - unit, claimed + unit)
    data = tr(
        "Here it is {speedup}×{interval}; “about {claimed}” is taken as {least} to {most}: a unit of its last digit "
        "either way.",
        speedup=number(row.speedup, 2), interval=interval_words(row.speedup_low, row.speedup_high),
        claimed=plain(claimed), least=plain(least), most=plain(most),
    )  # fmt: skip
    holds = [if_steady(within(row.speedup_low, row.speedup_high, least, most), *row.rows)]
    return Claim(text, data + unsteady_sentence([row.rows]), share_verdict(holds))


def interval_words(low: float, high: float) -> str:
    """An interval in brackets, with a space before it; empty where too few samples give none."""
    return f" ({tr('interval {ends}', ends=span(low, high, '×', 2))})" if math.isfinite(high) else ""


def tensorrt_best(report: Report) -> Claim:
    """The best choice for performance."""
    text = tr("Torch-TensorRT fp16 is the best choice when performance matters")
    rows = pick_engine(report.measured, *TENSORRT)
    if rows.empty:
        return Claim(text, not_measured_sentence(report, *TENSORRT), UNTESTED)
    led = {(block.image_size, block.batch_size): block.leaders for block in findings.blocks(report.measured)}
    ours, leaders = approach_of(rows.iloc[0]), report.measured[report.measured.leads]
    contests = {place: [row] for place, row in rows[FLAGS].to_dict("index").items()}
    for row in leaders[[*findings.AXES, *FLAGS]].to_dict("records"):
        contests.get((row["image_size"], row["batch_size"]), []).append(row)
    holds = [
        if_steady(led[place] == (ours,) or (None if ours in led[place] else False), *contest)
        for place, contest in contests.items()
    ]
    others = sorted({leaders[0].name for leaders in led.values() if leaders[0] != ours})
    data = tr("It is the fastest {combinations}.", combinations=combinations(holds))
    if others:
        data += " " + tr("Sometimes faster: {names}.", names=listed(others))
    return Claim(text, data + unsteady_sentence(list(contests.values())), share_verdict(holds))


def onnx_large_batches(report: Report) -> Claim:
    """ONNX Runtime wins at large batches."""
    return onnx_at(report, tr("ONNX Runtime has an advantage at large batches"), -1, wins=True)


def onnx_small_batches(report: Report) -> Claim:
    """ONNX Runtime does not win at small batches."""
    return onnx_at(report, tr("ONNX Runtime has no advantage at small batches"), 0, wins=False)


def onnx_at(report: Report, text: str, which: int, *, wins: bool) -> Claim:
    """Whether ONNX Runtime fp32 is faster than PyTorch fp32, or is not, at the least (0) or the largest (-1) batch."""
    found = speedups(report, ONNX, PYTORCH)
    batches = sorted(set(found.index.get_level_values("batch_size")))
    if len(batches) < 2:
        few = tr("ONNX Runtime fp32 and PyTorch fp32 were not both measured at two or more batch sizes.")
        return Claim(text, few, UNTESTED)
    rows = found.xs(batches[which], level="batch_size")
    faster = [if_steady(holding(row.verdict, "faster"), *row.rows) for row in rows.itertuples()]
    data = tr(
        "At batch {batch} its speedup over PyTorch fp32 is {speedups}; it is faster {combinations}.",
        batch=batches[which], speedups=span(rows.speedup.min(), rows.speedup.max(), "×"),
        combinations=combinations(faster),
    )  # fmt: skip
    holds = [None if fast is None else fast == wins for fast in faster]
    return Claim(text, data + unsteady_sentence(rows.rows), share_verdict(holds))


def onnx_without_nvidia(report: Report) -> Claim:
    """ONNX Runtime is fast without NVIDIA."""
    text = tr("Without NVIDIA, ONNX Runtime pays off in speed")
    if report.machine.get("gpu"):
        return Claim(text, tr("This run is on an NVIDIA GPU; a machine without one needs a run of its own."), UNTESTED)
    found = speedups(report, ONNX, PYTORCH)
    if found.empty:
        return Claim(text, neither_measured(report, ONNX, PYTORCH), UNTESTED)
    holds = [if_steady(holding(row.verdict, "faster"), *row.rows) for row in found.itertuples()]
    data = tr(
        "There is no NVIDIA GPU here; ONNX Runtime is faster than PyTorch {combinations}.",
        combinations=combinations(holds),
    )
    return Claim(text, data + unsteady_sentence(found.rows), share_verdict(holds))
