"""The section on the original report's claims, each held against the data: confirmed, refuted, or not tested."""

from collections.abc import Callable, Sequence

import pandas as pd
from IPython.display import display
from pandas.io.formats.style import Styler

from bench_lib.report.claims.balance import size_256, sizes_256_to_384
from bench_lib.report.claims.batches import batch_grows, batch_peaks, batch_saturates, batches_8_to_33
from bench_lib.report.claims.claim import Claim
from bench_lib.report.claims.memory import onnx_memory, tensorrt_memory
from bench_lib.report.claims.sizes import fp16_falls_less, size_lowers_fps
from bench_lib.report.claims.speed import (
    onnx_about_1_3,
    onnx_large_batches,
    onnx_small_batches,
    onnx_without_nvidia,
    tensorrt_about_11,
    tensorrt_best,
    tensorrt_over_onnx,
    tensorrt_over_pytorch,
)
from bench_lib.report.claims.unmeasured import (
    batches_stable,
    onnx_convenience,
    onnx_memory_limits,
    onnx_stable,
)
from bench_lib.report.phrases import appendix, heading
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import tr

HEADLINES: tuple[Callable[[Report], Claim], ...] = (  # what the original report concluded
    tensorrt_about_11, tensorrt_best, onnx_about_1_3, size_256, batches_8_to_33,
)  # fmt: skip
CLAIMS: tuple[Callable[[Report], Claim], ...] = (
    tensorrt_about_11, onnx_about_1_3, tensorrt_over_pytorch, tensorrt_over_onnx, tensorrt_best, onnx_stable,
    onnx_large_batches, onnx_small_batches, onnx_convenience, onnx_without_nvidia, size_lowers_fps, fp16_falls_less,
    size_256, sizes_256_to_384, batch_grows, batch_peaks, batch_saturates, batches_8_to_33, batches_stable,
    tensorrt_memory, onnx_memory, onnx_memory_limits,
)  # fmt: skip


def show(report: Report) -> None:
    """Display the section: its heading, and the table of all claims."""
    display(heading("### All claims of the original report"), claims_table(report))


def show_headlines(report: Report) -> None:
    """Display, in the main part, the claims that the original report concluded with."""
    display(heading("### Conclusions of the original report, checked"), claims_table(report, HEADLINES))


def claims_table(report: Report, claims: Sequence[Callable[[Report], Claim]] = CLAIMS) -> Styler:
    """Claims of the original report, what these data say, and the verdict."""
    rows = [claim(report) for claim in claims]
    table = pd.DataFrame([{"claim": row.text, "data": row.data, "verdict": tr(row.verdict)} for row in rows])
    caption = tr("The original report's claims against these data")
    if len(rows) < len(CLAIMS):
        more = tr("all {count}: {where}", count=len(CLAIMS), where=appendix("details"))
        caption = f"{caption}; {more}"
    headings = {
        "claim": tr("Claim of the original report"), "data": tr("What these data show"), "verdict": tr("Verdict"),
    }  # fmt: skip
    return styled(table, headings, caption)
