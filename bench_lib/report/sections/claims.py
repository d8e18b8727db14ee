"""The original report's claims, each held against the data: confirmed, refuted, or not tested."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.io.formats.style import Styler

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import CaseTable
from bench_lib.analysis.findings import pick_engine, ratio_to
from bench_lib.core.case import LABELS
from bench_lib.core.files import PROJECT
from bench_lib.report.phrases import change_words, unknown_accuracy
from bench_lib.report.tables import styled
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import plain, span

YES, NO, PARTLY = mark("confirmed"), mark("not confirmed"), mark("partly confirmed")
UNTESTED, UNDECIDED = mark("not tested"), mark("not decided")
SEED = PROJECT / "outputs" / "seed" / "results.csv"  # as the original report printed them
MANIFOLD = 2  # a several-fold speedup: at least twice as fast


@dataclass(frozen=True)
class Claim:
    """What the original report says (shortened), what the data say, and the verdict, one of those above."""

    text: str
    data: str
    verdict: str


def not_measured_sentence(report: CaseTable, engine: str, precision: str) -> str:
    """Say that there are no figures of an engine at a precision."""
    asked = engine in report.grid.engines and precision in report.grid.precisions
    name = f"{LABELS[engine]} {precision}"
    return tr("{name} was not measured here.", name=name) if asked else tr("{name} was not run here.", name=name)


def share_verdict(holds: Sequence[bool | None]) -> str:
    """The verdict on what holds in all, some or no combinations; None is a combination that the data do not decide."""
    if all(holds):
        return YES
    if any(holds):
        return PARTLY
    return UNDECIDED if None in holds else NO


def holding(verdicts: Sequence[str], wanted: str) -> list[bool | None]:
    """For `share`: which verdicts are the wanted one, None where undecided."""
    return [None if verdict == "undecided" else verdict == wanted for verdict in verdicts]


def combinations(holds: Sequence[bool | None]) -> str:
    """“in 3 of 8 combinations of size and batch (2 not decided)”."""
    held, undecided = list(holds).count(True), list(holds).count(None)
    if undecided:
        return tr_n(
            "in {held} of {n}{nbsp}combination of size and batch ({undecided} not decided)",
            "in {held} of {n}{nbsp}combinations of size and batch ({undecided} not decided)",
            len(holds), held=held, undecided=undecided,
        )  # fmt: skip
    return tr_n(
        "in {held} of {n}{nbsp}combination of size and batch",
        "in {held} of {n}{nbsp}combinations of size and batch",
        len(holds), held=held,
    )  # fmt: skip


def as_it_comes(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases without a variant's options: the original report had none."""
    return cases[cases.variant == ""]


def tensorrt_speedup(report: CaseTable) -> Claim:
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
    return Claim(
        text,
        data,
        share_verdict([True if low >= MANIFOLD else None if high >= MANIFOLD else False for low, high in ends]),
    )


def tensorrt_best(report: CaseTable) -> Claim:
    """The best choice for performance."""
    text = tr("Torch-TensorRT fp16 is the best choice when performance matters")
    rows = pick_engine(report.measured, "torch_tensorrt", "fp16")
    if rows.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    led = {(block.image_size, block.batch_size): block.leaders for block in findings.blocks(report.measured)}
    ours = rows.name.iloc[0]
    holds = [led[place] == (ours,) or (None if ours in led[place] else False) for place in rows.index]
    others = sorted({names[0] for names in led.values()} - {ours})
    data = tr("It is the fastest {combinations}.", combinations=combinations(holds))
    if others:
        data += " " + tr("Sometimes faster: {names}.", names=listed(others))
    return Claim(text, data, share_verdict(holds))


def onnx_batches(report: CaseTable) -> Claim:
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


def size_lowers_fps(report: CaseTable) -> Claim:
    """FPS falls as the resolution grows."""
    text = tr("FPS falls predictably as the resolution grows")
    falls = findings.axis_ends(report.measured, "image_size")
    if falls.empty:
        return Claim(text, tr("Only one size was measured."), UNTESTED)
    data = tr("From the smallest size to the largest, FPS {change}.", change=change_words(falls))
    return Claim(text, data, share_verdict(holding(falls.verdict, "slower")))


def fp16_falls_less(report: CaseTable) -> Claim:
    """In fp16 the fall is less severe."""
    text = tr("In fp16 the fall of FPS with size is less severe")
    falls = findings.axis_ends(report.measured, "image_size")
    half, full = (falls[falls.precision_label == name].set_index(["label", "batch_size"]) for name in ("fp16", "fp32"))
    both = half.join(full.rows.rename("rows_full"), how="inner")
    if both.empty:
        return Claim(text, tr("No approach was measured in both fp16 and fp32 at two sizes."), UNTESTED)
    verdicts = [findings.compare_changes(*pair) for pair in zip(both.rows, both.rows_full, strict=True)]
    holds = holding(verdicts, "faster")
    held, undecided = holds.count(True), holds.count(None)
    if undecided:
        data = tr_n(
            "The fall in fp16 is smaller in {held} of {n}{nbsp}pair of approach and batch ({undecided} not decided).",
            "The fall in fp16 is smaller in {held} of {n}{nbsp}pairs of approach and batch ({undecided} not decided).",
            len(holds), held=held, undecided=undecided,
        )  # fmt: skip
    else:
        data = tr_n(
            "The fall in fp16 is smaller in {held} of {n}{nbsp}pair of approach and batch.",
            "The fall in fp16 is smaller in {held} of {n}{nbsp}pairs of approach and batch.",
            len(holds), held=held,
        )  # fmt: skip
    return Claim(text, data, share_verdict(holds))


def best_size(report: CaseTable) -> Claim:
    """256 (or 256–384) is the best balance of speed and accuracy."""
    text = tr("The best size for the balance of speed and accuracy is 256 (256–384 in the conclusions)")
    why = ", ".join(unknown_accuracy(report.grid))
    data = tr("How recognition accuracy depends on the size was not measured: {why}.", why=why)
    return Claim(text, data, UNTESTED)


def batch_saturates(report: CaseTable) -> Claim:
    """FPS grows up to a batch of about 33, then saturates; batches of 8–33 are the best."""
    text = tr("FPS grows up to a batch of about 33, then saturates; batches of 8–33 give the highest performance")
    points = findings.saturations(as_it_comes(report.measured))
    largest = report.measured.batch_size.max()
    if not points or largest <= 33:
        few = tr("Too few batch sizes for this: some below and some above 33 are needed (params/batches.yaml).")
        return Claim(text, few, UNTESTED)
    parts = [
        tr("{name}, not reached", name=point.name) if point.batch_size is None
        else tr("{name}, from batch {batch}", name=point.name, batch=point.batch_size)
        for point in points
    ]  # fmt: skip
    holds = [point.batch_size is not None and 8 <= point.batch_size <= 33 for point in points]
    data = tr("Saturation: {parts} (measured up to batch {largest}).", parts="; ".join(parts), largest=largest)
    return Claim(text, data, share_verdict(holds))


def tensorrt_memory(report: CaseTable) -> Claim:
    """Torch-TensorRT fp16 takes the least memory."""
    text = tr("Torch-TensorRT is the most memory-efficient of all in fp16")
    ours = pick_engine(report.measured, "torch_tensorrt", "fp16").memory_mib
    cases = as_it_comes(report.measured)
    rest = cases[(cases.precision_label == "fp16") & (cases.engine != "torch_tensorrt")]
    least = rest.groupby(findings.AXES).memory_mib.min()
    ratio = (ours / least).dropna()
    if ratio.empty:
        return Claim(text, not_measured_sentence(report, "torch_tensorrt", "fp16"), UNTESTED)
    holds = (ratio < 1).tolist()
    data = tr("Of the approaches in fp16 it takes the least memory {combinations}.", combinations=combinations(holds))
    return Claim(text, data, share_verdict(holds))


def onnx_memory(report: CaseTable) -> Claim:
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


def onnx_compromise(report: CaseTable) -> Claim:
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


CLAIMS: tuple[Callable[[CaseTable], Claim], ...] = (
    tensorrt_speedup, tensorrt_best, onnx_batches, onnx_compromise, size_lowers_fps, fp16_falls_less, best_size,
    batch_saturates, tensorrt_memory, onnx_memory,
)  # fmt: skip


def claims_table(report: CaseTable) -> Styler:
    """Every claim of the original report, what these data say, and the verdict."""
    rows = [claim(report) for claim in CLAIMS]
    table = pd.DataFrame([(row.text, row.data, tr(row.verdict)) for row in rows])
    table.columns = [tr("Claim of the original report"), tr("What these data show"), tr("Verdict")]
    return styled(table, tr("The original report's claims against these data"))


def seed_rows(report: CaseTable) -> Styler:
    """The original report's three rows beside the same cases here; its machine is not known."""
    seed = pd.read_csv(SEED, dtype=str)
    rows = []
    for _, row in seed.iterrows():
        here = pick_engine(report.measured, row.engine, row.precision)
        place = (int(row.image_size), int(row.batch_size))
        known = place in here.index
        rows.append([
            LABELS[row.engine], row.precision, *place, plain(float(row.latency_ms)), row.fps, row.speedup,
            *(here.loc[place, name] if known else float("nan") for name in ("latency_ms", "fps", "speedup")),
        ])  # fmt: skip
    table = pd.DataFrame(rows)
    figures = tr("Time/batch (ms)"), tr("FPS"), tr("Speedup")
    table.columns = [
        tr("Optimisation"), tr("Precision"), tr("Size"), tr("Batch"),
        *(tr("{figure}: original report", figure=figure) for figure in figures),
        *(tr("{figure}: here", figure=figure) for figure in figures),
    ]  # fmt: skip
    caption = tr(
        "Examples from the original report and the same configurations here. It is not known which machine the "
        "original figures come from"
    )
    return styled(table, caption)
