"""The section on what was not measured: one list, with the command that measures each."""

from IPython.display import display

from bench_lib.report.phrases import bullets, heading
from bench_lib.report.report import Report
from bench_lib.results.clock import Clock
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import Serving
from bench_lib.results.verdicts import SelfCheck
from bench_lib.text.language import mark, tr

WORDS = {
    SelfCheck: mark("how often the verdicts are wrong"),
    Clock: mark("the timer against others"),
    Serving: mark("latency under load"),
    Scaling: mark("several instances at once"),
    Pipeline: mark("the path from JPEG files to answers"),
}


def show(report: Report) -> None:
    """Display the section; nothing where all was measured."""
    if lines := unmeasured_lines(report):
        display(heading("### Not measured"), bullets(lines))


def unmeasured_lines(report: Report) -> list[str]:
    """What was not measured, a line each, with the command that measures it into this run's folder."""
    absent = [kind for kind in WORDS if report.result(kind) is None]
    return [f"{tr(WORDS[kind])}: `{kind.command} --output {folder_name(report)}`" for kind in absent]


def folder_name(report: Report) -> str:
    """The run's folder as a person would type it; RUN where only records are known."""
    if report.folder is None:
        return "RUN"
    folder = report.folder.resolve()
    return f"outputs/{folder.name}" if folder.parent.name == "outputs" else folder.name
