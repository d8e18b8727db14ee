"""The claims on the best balance of speed and accuracy, held against right answers to labelled images."""

import pandas as pd

from bench_lib.analysis import recognition
from bench_lib.core.proportions import Paired
from bench_lib.report.claims.claim import NO, UNDECIDED, UNTESTED, YES, Claim, Holds
from bench_lib.report.phrases import unknown_accuracy
from bench_lib.report.recognition_words import points_text
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr


def size_256(report: Report) -> Claim:
    """256 is the best balance of speed and accuracy."""
    return balance(report, tr("The best size for the balance of speed and accuracy is 256"), 256, 256)


def sizes_256_to_384(report: Report) -> Claim:
    """256 to 384 are the best balance, as the conclusions say."""
    return balance(report, tr("Sizes of 256–384 are the best balance"), 256, 384)


def balance(report: Report, text: str, least: int, most: int) -> Claim:
    """Whether sizes from `least` to `most` are the best balance, which the original does not define.

    Here it means: every smaller size answers fewer images right, and no larger one answers more. A smaller size that
    loses less than the margin is as good and faster, so that the claim does not hold.
    """
    rows = recognition.points(report)
    if rows.empty:
        return Claim(text, unknown_balance(report), UNTESTED)
    rows, answers = recognition.one_approach(rows), recognition.answers_of(report)
    inside = rows[rows.image_size.between(least, most)]
    if inside.empty or len(inside) == len(rows):
        return Claim(text, tr("No size in this range, or none beside it, was measured with labels."), UNTESTED)
    best = inside.loc[inside.top1.idxmax()]
    others = [row for _, row in rows.drop(inside.index).sort_values("image_size").iterrows()]
    steps = recognition.steps([(row, best) for row in others], answers)
    holds = [holds_against(step, best, report.grid.limits.auto_max_loss) for step in steps]
    return Claim(text, balance_sentence(best, steps, report.grid.limits.auto_max_loss), balance_verdict(holds))


def holds_against(step: recognition.Step, best: pd.Series, margin: float) -> Holds:
    """Whether the claim holds against one size outside the range, `step.row`; None where the data do not decide it."""
    paired, is_smaller = step.paired, step.row.image_size < best.image_size
    if step.is_told_apart:
        return paired.difference.value < 0
    within = is_within(paired, margin)
    return None if not within else not is_smaller


def is_within(paired: Paired, margin: float) -> bool:
    """Whether two shares of right answers differ by at most the margin, by the whole interval."""
    return -margin <= paired.difference.low and paired.difference.high <= margin


def balance_verdict(holds: list[Holds]) -> str:
    """The verdict from whether the claim holds against each other size: one that refutes it is enough."""
    if False in holds:
        return NO
    return UNDECIDED if None in holds or not holds else YES


def balance_sentence(best: pd.Series, steps: list[recognition.Step], margin: float) -> str:
    """How the right answers at the other sizes differ from the best in the range."""
    told = "; ".join(f"{step.row.image_size}: {points_text(step.paired.difference)}" for step in steps)
    return tr(
        "The balance is taken so: a smaller size answers fewer images right, a larger one no more (differences up to "
        "{margin} pp count as none). Against {size}, the best in the range, in percentage points: {told}.",
        margin=number(100 * margin, 1), size=best.image_size, told=told,
    )  # fmt: skip


def unknown_balance(report: Report) -> str:
    """Why a balance of speed and accuracy is not tested."""
    why = ", ".join(unknown_accuracy(report.grid)) or tr("no labelled figures are here")
    return tr("How recognition accuracy depends on the size was not measured: {why}.", why=why)
