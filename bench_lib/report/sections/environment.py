"""The section on the environment: the machine, its GPU, and the versions of what ran."""

import pandas as pd
from IPython.display import display
from pandas.io.formats.style import Styler

from bench_lib.report.phrases import heading
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import number, tr, tr_n


def show(report: Report) -> None:
    """Display the section: its heading, and the table."""
    display(heading("### Environment"), machine_table(report))


def machine_table(report: Report) -> Styler:
    """The machine, its GPU, and the versions of what ran."""
    machine, gpu = report.machine, report.machine.get("gpu")
    rows = {
        tr("Processor"): f"{machine['cpu']}, {tr_n('{n}{nbsp}core', '{n}{nbsp}cores', machine['cores'])}",
        tr("Main memory"): tr("{number} GiB", number=gib(machine["memory_bytes"])),
        "GPU": tr("none") if gpu is None else f"{gpu['name']}, {tr('{number} GiB', number=gib(gpu['memory_bytes']))}",
        tr("GPU driver"): "—" if gpu is None else f"{gpu['driver']} (CUDA {gpu['cuda']})",
        tr("System"): machine["os"],
        "Python": machine["python"],
        **machine["versions"],
    }
    table = pd.DataFrame({"what": list(rows), "value": list(rows.values())})
    return styled(table, {"what": tr("What"), "value": tr("Value")}, tr("Machine and versions"))


def gib(size_bytes: int) -> str:
    """A size of memory in GiB, with one digit."""
    return number(size_bytes / 2**30, 1)
