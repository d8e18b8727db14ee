"""The claims on what the batch size changes: FPS grows up to a batch of about 33, where it saturates."""

from collections.abc import Sequence
from typing import Any

from bench_lib.analysis import findings
from bench_lib.analysis.marks import FLAGS
from bench_lib.core import intervals
from bench_lib.report.claims.claim import (
    UNTESTED,
    Claim,
    Holds,
    at_least,
    comparisons,
    holding,
    if_steady,
    share_verdict,
    unsteady_sentence,
    with_defaults,
)
from bench_lib.report.phrases import change_words
from bench_lib.report.report import Report
from bench_lib.text.language import tr
from bench_lib.text.lists import spread_out
from bench_lib.text.numbers import percent

KNEE = range(32, 35)  # about 33: off by at most a unit of its last digit
GOOD = range(8, 34)  # 8 to 33
MOST_LINES = 4  # named in a claim's data
NEAR = 1 - findings.SATURATED_WITHIN  # FPS is at its highest from this share of the highest on
ALONG = [*findings.APPROACH, "image_size"]  # the columns that tell lines apart, and those that claims use
USED = ["name", "batch_size", "fps", "fps_values", "extra_sd", *FLAGS]
Line = list[dict[str, Any]]  # rows of `cases` of one approach and image size, by batch


def batch_grows(report: Report) -> Claim:
    """FPS grows with the batch, up to about 33."""
    text = tr("FPS grows with the batch, up to about 33")
    cases = with_defaults(report.measured)
    growth = findings.axis_ends(cases[cases.batch_size <= KNEE[-1]], "batch_size")
    if growth.empty:
        return Claim(text, tr("No two batch sizes up to 33 were measured."), UNTESTED)
    holds = [if_steady(holding(line.verdict, "faster"), *line.rows) for line in growth.itertuples()]
    data = tr("From the smallest batch to the largest up to 33, FPS {change}.", change=change_words(growth))
    return Claim(text, data + unsteady_sentence(growth.rows), share_verdict(holds))


def batch_peaks(report: Report) -> Claim:
    """The highest FPS is reached at a batch of about 33, and not before."""
    text = tr("FPS reaches its peak at a batch of about 33")
    found = [line for line in lines_around(report) if any(row["batch_size"] in KNEE for row in line)]
    if not found:
        return Claim(text, too_few(), UNTESTED)
    holds = [peak_holds(line) for line in found]
    data = tr(
        "Share of the highest FPS: {parts}; the peak begins where it is {near}.",
        parts="; ".join(shares_of_best(line) for line in spread_out(found, MOST_LINES)), near=percent(NEAR),
    )  # fmt: skip
    return Claim(text, data + unsteady_sentence(found), share_verdict(holds))


def peak_holds(line: Line) -> Holds:
    """Whether FPS is at its highest at about 33, and at the next smaller batch is not yet."""
    at = next(row for row in line if row["batch_size"] in KNEE)
    before = max((row for row in line if row["batch_size"] < KNEE[0]), key=lambda row: row["batch_size"])
    early = is_highest(before, line)
    reached = [is_highest(at, line), None if early is None else not early]
    return False if False in reached else None if None in reached else True


def batch_saturates(report: Report) -> Claim:
    """Beyond 33, FPS no longer grows."""
    text = tr("Beyond a batch of about 33 FPS saturates")
    found = [[row for row in line if row["batch_size"] >= KNEE[0]] for line in lines_around(report)]
    found = [line for line in found if line[0]["batch_size"] in KNEE]
    if not found:
        return Claim(text, too_few(), UNTESTED)
    holds = [is_highest(line[0], line) for line in found]
    data = tr(
        "At 33, FPS is at least {near} of the highest at larger batches {comparisons}.",
        near=percent(NEAR), comparisons=comparisons(holds),
    )  # fmt: skip
    return Claim(text, data + unsteady_sentence(found), share_verdict(holds))


def batches_8_to_33(report: Report) -> Claim:
    """Batches of 8 to 33 give the highest FPS, each of them."""
    text = tr("Batches of 8–33 give the highest performance")
    found = [(row, line) for line in lines_around(report) for row in line if row["batch_size"] in GOOD]
    if not found:
        return Claim(text, too_few(), UNTESTED)
    holds = [is_highest(row, line) for row, line in found]
    data = tr(
        "At these batches, FPS is at least {near} of the highest {comparisons}.",
        near=percent(NEAR), comparisons=comparisons(holds),
    )  # fmt: skip
    return Claim(text, data + unsteady_sentence([line for _, line in found]), share_verdict(holds))


def lines_around(report: Report) -> list[Line]:
    """The lines that have batches below 8 and above 33 both, of approaches with default options."""
    cases = with_defaults(report.measured).sort_values("batch_size", kind="stable")
    lines: dict[tuple, Line] = {}
    for row in cases[[*ALONG, *USED]].to_dict("records"):
        lines.setdefault(tuple(row[name] for name in ALONG), []).append(row)
    return [line for line in lines.values() if line[0]["batch_size"] < GOOD[0] and line[-1]["batch_size"] > KNEE[-1]]


def is_highest(row: dict[str, Any], line: Sequence[dict[str, Any]]) -> Holds:
    """Whether a row's FPS is at least `NEAR` of the highest of its line, by the interval of their ratio."""
    best = max(line, key=lambda other: other["fps"])
    if best is row:
        return if_steady(True, *line)
    sd = max(best["extra_sd"], row["extra_sd"])
    share = intervals.ratio(row["fps_values"], best["fps_values"], extra_sd=sd)
    return if_steady(at_least(share.low, share.high, NEAR), *line)


def shares_of_best(line: Line) -> str:
    """What part of its highest FPS a line has at about 33 and at the batch before."""
    best = max(line, key=lambda row: row["fps"])
    at = next(index for index, row in enumerate(line) if row["batch_size"] in KNEE)
    parts = [
        tr("{share} at batch {batch}", share=percent(row["fps"] / best["fps"]), batch=row["batch_size"])
        for row in line[at - 1 : at + 1]
    ]
    return tr(
        "{name}, {size}×{size}: {parts}", name=best["name"], size=best["image_size"], parts=", ".join(parts)
    )  # fmt: skip


def too_few() -> str:
    """That the batch sizes do not suffice for a peak."""
    return tr(
        "Too few batch sizes for this: some below 8, some above 33 and one at 33 are needed (params/batches.yaml)."
    )
