"""The claims on what the image size changes."""

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import computed_in
from bench_lib.report.claims.claim import (
    UNTESTED,
    Claim,
    comparisons,
    holding,
    if_steady,
    share_verdict,
    unsteady_sentence,
)
from bench_lib.report.phrases import change_words
from bench_lib.report.report import Report
from bench_lib.text.language import tr


def size_lowers_fps(report: Report) -> Claim:
    """FPS falls as the resolution grows."""
    text = tr("FPS falls predictably as the resolution grows")
    falls = findings.axis_ends(report.measured, "image_size")
    if falls.empty:
        return Claim(text, tr("Only one size was measured."), UNTESTED)
    holds = [if_steady(holding(line.verdict, "slower"), *line.rows) for line in falls.itertuples()]
    data = tr("From the smallest size to the largest, FPS {change}.", change=change_words(falls))
    return Claim(text, data + unsteady_sentence(falls.rows), share_verdict(holds))


def fp16_falls_less(report: Report) -> Claim:
    """In fp16 the fall is less severe."""
    text = tr("In fp16 the fall of FPS with size is less severe")
    falls = findings.axis_ends(report.measured, "image_size")
    keys = ["engine", "variant", "batch_size"]
    half, full = (computed_in(falls, precision).set_index(keys) for precision in ("fp16", "fp32"))
    both = half.join(full.rows.rename("rows_full"), how="inner")
    if both.empty:
        return Claim(text, tr("No approach was measured in both fp16 and fp32 at two sizes."), UNTESTED)
    pairs = list(zip(both.rows, both.rows_full, strict=True))
    holds = [if_steady(holding(findings.compare_changes(*pair), "faster"), *pair[0], *pair[1]) for pair in pairs]
    data = tr("The fall in fp16 is smaller {comparisons}.", comparisons=comparisons(holds))
    return Claim(text, data + unsteady_sentence([(*one, *other) for one, other in pairs]), share_verdict(holds))
