"""The short section on conditions in the main part: what was measured, on what, and how; the details are appended."""

from IPython.display import Markdown, display

from bench_lib.report.company_words import alone_sentence
from bench_lib.report.conditions import date_sentence
from bench_lib.report.images_words import images_sentence
from bench_lib.report.network_words import network_sentence, networks_sentence
from bench_lib.report.phrases import appendix, bullets, device_name, engines_of
from bench_lib.report.report import Report
from bench_lib.text.language import tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.markup import quoted


def show(report: Report) -> None:
    """Display the section's sentences."""
    display(setting_text(report))


def setting_text(report: Report) -> Markdown:
    """The network, the images, the grid, the machine, how it was timed, and where the details are."""
    lines = [
        networks_sentence(report) if report.several_networks else network_sentence(report),
        images_sentence(report),
        grid_sentence(report),
        f"{machine_sentence(report)} {date_sentence(report)} {alone_sentence(report)}",
        timing_sentence(report),
    ]
    return bullets(lines)


def grid_sentence(report: Report) -> str:
    """What was varied."""
    grid = report.grid
    return tr(
        "**Measured:** {engines}; precision {precisions}; images of {sizes} pixels; batches of {batches}.",
        engines=listed(engines_of(grid)), precisions=listed(grid.precisions),
        sizes=listed(list(map(str, grid.image_sizes))), batches=listed(list(map(str, grid.batch_sizes))),
    )  # fmt: skip


def machine_sentence(report: Report) -> str:
    """The machine, its driver, and where its versions are listed."""
    gpu = report.machine.get("gpu")
    driver = tr(", driver {driver}", driver=quoted(gpu["driver"])) if gpu else ""
    return tr(
        "**Machine:** {place}{driver}; versions: {where}.",
        place=device_name(report), driver=driver, where=appendix("absent"),
    )  # fmt: skip


def timing_sentence(report: Report) -> str:
    """What latency and throughput are, from how many processes, and where the timer's validation is."""
    return tr_n(
        "**Timing:** latency is the median time of one call followed by a synchronisation; throughput (images/s) is "
        "that of calls sent back to back. {n}{nbsp}process per configuration; answers are compared with a reference. "
        "Details and validation: {where}.",
        "**Timing:** latency is the median time of one call followed by a synchronisation; throughput (images/s) is "
        "that of calls sent back to back. {n}{nbsp}processes per configuration; answers are compared with a reference. "
        "Details and validation: {where}.",
        report.grid.repeats, where=appendix("validation"),
    )  # fmt: skip
