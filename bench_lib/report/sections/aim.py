"""The section on the aim: why this was measured."""

from IPython.display import Markdown, display

from bench_lib.report.phrases import engines_of
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr
from bench_lib.text.lists import listed
from bench_lib.text.markup import quoted


def show(report: Report) -> None:
    """Display the aim."""
    display(aim_text(report))


def aim_text(report: Report) -> Markdown:
    """What is compared or measured here, and what the report answers."""
    grid = report.grid
    task = (
        mark(
            "The aim is to compare the inference time of {title} on this machine: {engines}, precision {precisions}, "
            "various image and batch sizes."
        )
        if len(grid.engines) > 1
        else mark(
            "The aim is to measure the inference time of {title} on this machine: {engines}, precision {precisions}, "
            "various image and batch sizes."
        )
    )
    engines, precisions = listed(engines_of(grid)), listed(grid.precisions)
    answers = tr(
        "The report says which of them is fastest here, by how much and under what conditions. Every sentence about "
        "the results is computed from the measurements; the claims of the original report, from which this work began, "
        "are checked against the same data."
    )
    return Markdown(f"{tr(task, title=quoted(grid.title), engines=engines, precisions=precisions)} {answers}")
