"""The section on accuracy: how far outputs are from the reference, and which precision really ran."""

from IPython.display import Markdown, display

from bench_lib.analysis import findings, roofline
from bench_lib.analysis.case_table import by_approach, main_names
from bench_lib.core.case import AUTO
from bench_lib.core.grid import Grid
from bench_lib.core.record import Record
from bench_lib.report.phrases import bullets, has_random_weights, heading, nothing_text, records_with_images
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import percent, scientific, span


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Accuracy of the computation"), accuracy_text(report))


def compared_sentences(report: Report) -> list[str]:
    """On how many real images outputs were compared; nothing where the images were synthetic."""
    used = [one.used for one in records_with_images(report.records)]
    if not used:
        return []
    each = span(min(used), max(used), digits=0)
    return [tr("Outputs were compared on real images, {count} per configuration.", count=each)]


def quantization_sentences(report: Report) -> list[str]:
    """What int8's ranges were taken from, and what its error does not show; nothing if int8 was not measured."""
    ran = [record.ran for record in report.records if record.status == "ok" and record.case.precision == "int8"]
    counts = [one["calibration_images"] for one in ran if "calibration_images" in one]
    if not counts:
        return []
    ranges = (
        mark(
            "**int8** is quantisation after training: the ranges were taken from real images ({count} of them), the "
            "same that the error was measured on."
        )
        if report.grid.data
        else mark(
            "**int8** is quantisation after training: the ranges were taken from synthetic random images ({count} of "
            "them), of the same kind as those that the error was measured on."
        )
    )
    return [f"{tr(ranges, count=span(min(counts), max(counts), digits=0))} {untold_of_int8(report.grid)}"]


def untold_of_int8(grid: Grid) -> str:
    """What the error of int8 does not show, and how to find it out."""
    if has_random_weights(grid) and grid.data:
        return tr(
            "The weights are random, so these rows do not say what int8 costs in recognition: check that on your own "
            "trained network."
        )
    if has_random_weights(grid):
        return tr(
            "The weights are random as well, so these rows do not say what int8 costs in recognition: check that on "
            "your own trained network, calibrated with your own images."
        )
    if grid.data:
        return tr("They have no labels: check the share of right answers in int8 on labelled images.")
    return tr(
        "These rows do not say what int8 costs in recognition: calibrate the network with your own images (parameter "
        "`data`)."
    )


def accuracy_text(report: Report) -> Markdown:
    """How far the outputs are from the reference, and which precision really ran."""
    cases = report.measured
    if cases.empty:
        return nothing_text()
    lines = []
    for approach, rows in by_approach(main_names(cases)):
        lines.append(exactness_sentence(approach.name, rows.error.max(), rows.top1.min()))
    lines += compared_sentences(report) + quantization_sentences(report)
    relabelled = cases[(cases.actual_precision != cases.precision) & (cases.precision != AUTO)]
    columns = ["engine", "variant", "label", "precision", "actual_precision"]
    for (_, _, label, asked, actual), rows in relabelled.groupby(columns, sort=False):
        lines.append(tr_n(
            "{label} computed {n}{nbsp}configuration in {actual}, not in {asked} as asked. The table labels this row "
            "so, and shows no speedup for it.",
            "{label} computed {n}{nbsp}configurations in {actual}, not in {asked} as asked. The table labels these "
            "rows so, and shows no speedup for them.",
            len(rows), label=label, asked=asked, actual=actual.upper(),
        ))  # fmt: skip
    if len(inexact := findings.failed_cases(report, is_inexact)):
        lines.append(tr_n(
            "{n}{nbsp}configuration is out of tolerance; its speed is not shown: {names}.",
            "{n}{nbsp}configurations are out of tolerance; their speed is not shown: {names}.",
            len(inexact), names=listed(sorted(set(inexact.name))),
        ))  # fmt: skip
    return bullets(lines)


def exactness_sentence(name: str, error: float, top1: float) -> str:
    """The largest error of an engine and precision, and the least share of images with the reference's first class."""
    figures = {"name": name, "error": scientific(error)}
    if top1 == 1:
        return tr(
            "**{name}:** the largest relative error is {error}; the first class agrees with the reference for all "
            "images.",
            **figures,
        )
    return tr(
        "**{name}:** the largest relative error is {error}; the first class agrees with the reference for at least "
        "{share} of the images.",
        **figures, share=percent(top1),
    )  # fmt: skip


def is_inexact(record: Record) -> bool:
    """Whether a failed record failed because of its outputs.

    That is so if they were compared and the reason is not an impossible speed.
    """
    return record.accuracy is not None and not roofline.is_impossible(record)
