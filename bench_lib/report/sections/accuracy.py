"""The section on accuracy: how far outputs are from the reference, and which precision really ran."""

from IPython.display import Markdown, display

from bench_lib.analysis import findings, roofline
from bench_lib.analysis.case_table import by_approach, main_names
from bench_lib.core.case import AUTO
from bench_lib.core.grid import Grid
from bench_lib.core.record import Accuracy, Record
from bench_lib.core.references import QUANTIZED_FILE
from bench_lib.report.exactness import exactness_words, worst
from bench_lib.report.phrases import bullets, has_random_weights, heading, nothing_text
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import span


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Accuracy of the computation"), accuracy_text(report))


def checked_sentences(report: Report) -> list[str]:
    """What outputs were compared on, and what an error is relative to; or that the check could not have failed."""
    checked = [record.accuracy for record in report.records if record.accuracy]
    known = [one for one in checked if not one.is_of_old_check]
    lines = []
    if len(known) < len(checked):
        lines.append(
            tr(
                "**These outputs are not known to be right** ({count} of {total} records): they were compared by an "
                "earlier check, which an output that does not depend on the image passes. Measure them again.",
                count=len(checked) - len(known), total=len(checked),
            )
        )  # fmt: skip
    if known:
        lines.append(
            tr(
                "**How outputs were compared.** On {images} per configuration. An error is the root mean square of the "
                "differences from the reference, relative to how the reference's answers to different images differ: "
                "an output that does not depend on the image has an error of 1 or more. It may be at most "
                "{allowed}, depending on the precision and on how this network magnifies rounding.",
                images=images_words(report, known),
                allowed=span(min(one.tolerance for one in known), max(one.tolerance for one in known)),
            )
        )
    return lines


def images_words(report: Report, checked: list[Accuracy]) -> str:
    """How many images, and of which kind, the outputs of a case were compared on."""
    count = span(min(one.images for one in checked), max(one.images for one in checked), digits=0)
    if report.grid.data:
        return tr("{count} real images", count=count)
    return tr("{count} synthetic images that were not timed", count=count)


def quantization_sentences(report: Report) -> list[str]:
    """What int8's ranges were taken from, and what its error does not show; nothing if int8 was not measured."""
    if any(record.accuracy and record.accuracy.reference == QUANTIZED_FILE for record in report.records):
        return [
            tr(
                "**int8** is the file's own: the network in it is quantised already, and was measured as it is. An "
                "error is that of a runtime against the same quantised network, so it does not show what "
                "quantisation cost: compare with the network that the file was made from."
            )
        ]
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
    if grid.labels:
        return tr("What int8 costs in recognition is shown by the right answers to labelled images.")
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
    lines = checked_sentences(report)
    for approach, rows in by_approach(main_names(cases)):
        if rows.error.notna().any():
            lines.append(tr("**{name}:** {exactness}.", name=approach.name, exactness=exactness_words(worst(rows))))
    lines += quantization_sentences(report)
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


def is_inexact(record: Record) -> bool:
    """Whether a failed record failed because of its outputs.

    That is so if they were compared and the reason is not an impossible speed.
    """
    return record.accuracy is not None and not roofline.is_impossible(record)
