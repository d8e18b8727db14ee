"""The claims on what a measurement of speed and memory does not show: each is not tested, with the reason."""

from bench_lib.report.claims.claim import UNTESTED, Claim
from bench_lib.report.phrases import appendix
from bench_lib.report.report import Report
from bench_lib.text.language import tr


def onnx_stable(_report: Report) -> Claim:
    """ONNX Runtime behaves stably."""
    return Claim(tr("ONNX Runtime behaves stably"), unclear_stability(), UNTESTED)


def batches_stable(_report: Report) -> Claim:
    """Batches of 8 to 33 cost no stability."""
    return Claim(tr("Batches of 8–33 cost no stability"), unclear_stability(), UNTESTED)


def unclear_stability() -> str:
    """Why stability is not tested."""
    return tr(
        "The original does not say what is stable: the time, the answers or the work without failures. How the time "
        "varies: {where}.",
        where=appendix("rows"),
    )


def onnx_convenience(_report: Report) -> Claim:
    """ONNX Runtime is a compromise between convenience and speed."""
    text = tr("ONNX Runtime is a compromise between convenience and speed")
    return Claim(text, tr("Convenience is not measured; speed alone makes no compromise."), UNTESTED)


def onnx_memory_limits(_report: Report) -> Claim:
    """The memory of ONNX Runtime stays within limits."""
    text = tr("The memory of ONNX Runtime stays within acceptable limits")
    return Claim(text, tr("The original does not say what limits those are."), UNTESTED)
