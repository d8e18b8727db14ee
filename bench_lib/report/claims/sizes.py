"""The claims on what the image size and the batch size change."""

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import computed_in
from bench_lib.report.claims.claim import UNTESTED, Claim, holding, share_verdict, with_defaults
from bench_lib.report.phrases import change_words, unknown_accuracy
from bench_lib.report.report import Report
from bench_lib.text.language import tr, tr_n


def size_lowers_fps(report: Report) -> Claim:
    """FPS falls as the resolution grows."""
    text = tr("FPS falls predictably as the resolution grows")
    falls = findings.axis_ends(report.measured, "image_size")
    if falls.empty:
        return Claim(text, tr("Only one size was measured."), UNTESTED)
    data = tr("From the smallest size to the largest, FPS {change}.", change=change_words(falls))
    return Claim(text, data, share_verdict(holding(falls.verdict, "slower")))


def fp16_falls_less(report: Report) -> Claim:
    """In fp16 the fall is less severe."""
    text = tr("In fp16 the fall of FPS with size is less severe")
    falls = findings.axis_ends(report.measured, "image_size")
    keys = ["engine", "variant", "batch_size"]
    half, full = (computed_in(falls, precision).set_index(keys) for precision in ("fp16", "fp32"))
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


def best_size(report: Report) -> Claim:
    """256 (or 256–384) is the best balance of speed and accuracy."""
    text = tr("The best size for the balance of speed and accuracy is 256 (256–384 in the conclusions)")
    why = ", ".join(unknown_accuracy(report.grid))
    data = tr("How recognition accuracy depends on the size was not measured: {why}.", why=why)
    return Claim(text, data, UNTESTED)


def batch_saturates(report: Report) -> Claim:
    """FPS grows up to a batch of about 33, then saturates; batches of 8–33 are the best."""
    text = tr("FPS grows up to a batch of about 33, then saturates; batches of 8–33 give the highest performance")
    points = findings.saturations(with_defaults(report.measured))
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
