"""What sections and the first screen say of recognition: right answers, their intervals, what to take."""

import pandas as pd

from bench_lib.analysis import recognition
from bench_lib.core.intervals import Interval
from bench_lib.report.marks import marked_title
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr
from bench_lib.text.numbers import per_cent


def top1_text(row: pd.Series, figure: str = "top1") -> str:
    """A row's share of right answers with its interval: 81.3% (79.1–83.3); `figure` is `top1` or `top5`."""
    share, low, high = (number(100 * row[name], 1) for name in (figure, f"{figure}_low", f"{figure}_high"))
    return f"{per_cent(share)} ({low}–{high})"


def points_text(difference: Interval) -> str:
    """A difference of shares in percentage points with its interval, without the unit: −0.5 (−1.2 to 0.3)."""
    return tr(
        "{value} ({low} to {high})",
        value=signed(100 * difference.value), low=signed(100 * difference.low), high=signed(100 * difference.high),
    )  # fmt: skip


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign: +0.5, −0.5; what rounds to zero has none."""
    text = number(abs(value), digits)
    if float(f"{value:.{digits}f}") == 0:
        return text
    return f"+{text}" if value > 0 else f"−{text}"


def advice_sentence(report: Report) -> str:
    """What to take by speed and recognition together; empty where no right answers are known."""
    rows = recognition.points(report)
    if rows.empty:
        return ""
    floor = report.grid.limits.min_accuracy
    if floor is not None:
        return floor_sentence(rows, floor)
    margin, best = report.grid.limits.auto_max_loss, rows.loc[rows.top1.idxmax()]
    taken = recognition.fastest_without_loss(rows, recognition.answers_of(report), margin)
    if taken.case == best.case:
        return tr(
            "the most right answers (top-1), {share}, come from {best}; nothing faster is shown to lose less than "
            "{margin} percentage points.",
            share=top1_text(best), best=marked_title(best), margin=number(100 * margin, 1),
        )  # fmt: skip
    return tr(
        "take {taken}: {fps} FPS and {share} of right answers (top-1). It loses less than {margin} percentage points "
        "to the most accurate, {best}, with {most} at {slow} FPS.",
        taken=marked_title(taken), fps=number(taken.fps), share=top1_text(taken), margin=number(100 * margin, 1),
        best=marked_title(best), most=top1_text(best), slow=number(best.fps),
    )  # fmt: skip


def floor_sentence(rows: pd.DataFrame, floor: float) -> str:
    """What to take if at least this share of answers must be right."""
    asked, taken = per_cent(number(100 * floor, 1)), recognition.fastest_of_at_least(rows, floor)
    if taken is None:
        best = rows.loc[rows.top1.idxmax()]
        return tr(
            "nothing answers the {floor} of images right that `min_accuracy` asks for; the most, {share}, are answered "
            "by {best}.",
            floor=asked, share=top1_text(best), best=marked_title(best),
        )  # fmt: skip
    text = tr(
        "of what answers at least {floor} of images right (`min_accuracy`) take the fastest, {taken}: {fps} FPS, "
        "{share} of right answers (top-1).",
        floor=asked, taken=marked_title(taken), fps=number(taken.fps), share=top1_text(taken),
    )  # fmt: skip
    if taken.top1_low >= floor:
        return text
    return f"{text} {tr('So many images do not show for certain that it reaches the floor.')}"
