"""The section on the batch size: how throughput follows it, and where it stops growing."""

from IPython.display import Markdown, display

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import by_approach, main_names
from bench_lib.report.marks import with_marks
from bench_lib.report.phrases import bullets, change_words, few, heading
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr, tr_n

BATCHES = "params/batches.yaml"


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Effect of the batch size"), batch_sizes_text(report))


def batch_sizes_text(report: Report) -> Markdown:
    """How FPS follows the batch size, and where it saturates."""
    cases = report.measured
    growth = findings.axis_ends(main_names(cases), "batch_size")
    if growth.empty:
        return Markdown(tr(
            "Only one batch size was measured: there are no data on its effect. `bench sweep {params}` gives them.",
            params=BATCHES,
        ))  # fmt: skip
    small, large = cases.batch_size.min(), cases.batch_size.max()
    lines = []
    for approach, rows in by_approach(growth):
        lines.append(tr(
            "**{name}:** as the batch grows from {small} to {large}, FPS {change}.",
            name=approach.name, small=small, large=large, change=change_words(rows),
        ))  # fmt: skip
    found = findings.saturations(main_names(cases))
    lines += few(found, saturation_sentence)
    if not found:
        lines.append(tr_n(
            "{n}{nbsp}batch size does not show where FPS saturates. To find out, run `bench sweep {params}`.",
            "{n}{nbsp}batch sizes do not show where FPS saturates. To find out, run `bench sweep {params}`.",
            cases.batch_size.nunique(), params=BATCHES,
        ))  # fmt: skip
    return bullets(with_marks(lines, main_names(cases)))


def saturation_sentence(point: findings.Saturation) -> str:
    """From which batch on FPS hardly grows, for one approach and image size, or that it still grows."""
    best = {"name": point.name, "size": point.image_size, "fps": number(point.best_fps), "batch": point.best_batch}
    if point.batch_size is None:
        return tr(
            "{name}, {size}×{size}: the highest FPS is {fps}, at batch {batch}; FPS grows up to the largest batch "
            "measured, and saturation is not reached.",
            **best,
        )
    return tr(
        "{name}, {size}×{size}: the highest FPS is {fps}, at batch {batch}; from batch {enough} on, FPS stays within "
        "5% of it: that is saturation.",
        **best, enough=point.batch_size,
    )  # fmt: skip
