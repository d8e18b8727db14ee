"""`bench report`, `bench compare` and `bench export`: what can be made from the records of runs."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from bench_lib.analysis.comparison import Comparison, differing, verdict_counts
from bench_lib.cli.parser import Regressed, add_command, add_path
from bench_lib.cli.terminal import coloured
from bench_lib.core.errors import InputError
from bench_lib.core.files import write_text
from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.results.run_folder import Run
from bench_lib.text import language
from bench_lib.text.language import DEFAULT, LANGUAGES


def add_report(commands: argparse._SubParsersAction) -> None:
    """Add `bench report` to the commands of `bench`."""
    words = "make report.html and report.pdf of a run, and its figures as PNG and SVG"
    made = add_command(
        commands, "report", words, "report outputs/cpu-2-cores", "report outputs/h200-best --summary --price-per-hour 4"
    )
    add_path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    made.add_argument("--lang", choices=LANGUAGES, help="the report's language, if not the grid's: report.en.html …")
    made.add_argument("--summary", action="store_true", help="make one page for who decides: summary.html and .pdf")
    made.add_argument(
        "--price-per-hour", type=price, metavar="PRICE", help="of the machine, for the summary, in any currency"
    )
    made.set_defaults(run=lambda given: run_report(given.folder, given.lang, given.summary, given.price_per_hour))


def price(text: str) -> float:
    """A price as it was typed; raise `ArgumentTypeError` unless it is a number of at least 0."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"the price is {text!r}; it must be a number of at least 0, such as 2.50")
    return found


def add_compare(commands: argparse._SubParsersAction) -> None:
    """Add `bench compare` to the commands of `bench`."""
    made = add_command(
        commands, "compare", "tell what differs between two runs, with verdicts",
        "compare outputs/h200-seed outputs/h200-batches --common",
        "compare outputs/before outputs/after --output outputs/compared",
        "compare outputs/main outputs/this --fail-on slower",
    )  # fmt: skip
    add_path(made, "first", metavar="RUN_A", help="the run to compare with")
    add_path(made, "second", metavar="RUN_B", help="the run that is judged")
    made.add_argument("--common", action="store_true", help="compare the cases that both have, if one has others too")
    made.add_argument("--fail-on", choices=["slower"], help="exit with status 1 if a case of RUN_B is slower")
    add_path(made, "--output", help="a folder for compare.html and compare.pdf")
    made.add_argument("--lang", choices=LANGUAGES, default=DEFAULT, help="their language (%(default)s)")
    made.set_defaults(
        run=lambda given: run_compare(given.first, given.second, given.common, given.fail_on, given.output, given.lang)
    )


def add_export(commands: argparse._SubParsersAction) -> None:
    """Add `bench export` to the commands of `bench`."""
    made = add_command(
        commands, "export", "write a run's table as CSV, Parquet and JSON lines, and its figures as SVG and PNG",
        "export outputs/cpu-2-cores --output outputs/tables",
    )  # fmt: skip
    add_path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    add_path(made, "--output", help="where to write (RUN/export)")
    made.set_defaults(run=lambda given: run_export(given.folder, given.output))


def run_report(
    folder: Path, lang: str | None, summary: bool = False, price_per_hour: float | None = None
) -> None:  # fmt: skip
    """Make report.html and report.pdf in the run's folder, in its grid's language.

    With another language in `lang`, the files are named after it: report.en.html and report.en.pdf. With `summary`,
    one page is made instead, summary.html and summary.pdf, which tells the price of images if an hour has one. Raise
    `InputError` for a price without a summary, and for the summary of a run of several networks.
    """
    grid = Run(folder).grid()
    suffix = "" if lang in (None, grid.lang) else f".{lang}"
    source = "networks" if len(grid.networks) > 1 else "report"
    if price_per_hour is not None and not summary:
        raise InputError("--price-per-hour is for the summary; add --summary")
    if summary and source == "networks":
        raise InputError(f"{folder}: holds several networks; a summary is of a run of one")
    given = {"run": ".", "suffix": suffix} | ({"price_per_hour": price_per_hour} if summary else {})
    name = f"{'summary' if summary else 'report'}{suffix}"
    write_report("summary" if summary else source, folder, given, lang or grid.lang, name, lambda: read_run(folder))


def read_run(folder: Path) -> None:
    """Read every file that a report is made from, and raise `InputError` for the first that is broken."""
    from bench_lib.analysis.case_table import tabulate
    from bench_lib.results import clock, verdicts
    from bench_lib.results.pipeline import Pipeline
    from bench_lib.results.result_file import read_result
    from bench_lib.results.scaling import Scaling
    from bench_lib.results.serving import Serving

    run = Run(folder)
    tabulate(run.grid(), run.records()[:1])
    for kind in (clock.Clock, verdicts.SelfCheck, Serving, Scaling, Pipeline):
        read_result(kind, folder)


def run_compare(first: Path, second: Path, common: bool, fail_on: str | None, folder: Path | None, lang: str) -> None:
    """Print the cases of two runs with the verdicts on the second; with a `folder`, write compare.html and .pdf there.

    `common` lets each run have cases that the other has not. Raise `Regressed` if any case has the verdict `fail_on`,
    and `InputError` if the runs cannot be compared.
    """
    from bench_lib.analysis import comparison

    found = comparison.compare_runs(first, second, common)
    print(*comparison_lines(found), sep="\n")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        runs = {"run_a": str(first.absolute()), "run_b": str(second.absolute()), "common": common}
        write_report("compare", folder, runs, lang, "compare")
    if fail_on and (count := comparison.verdict_counts(found)[fail_on]):
        raise Regressed(f"{count} of {len(found.cases)} cases are {fail_on} in {second} than in {first}")


def run_export(folder: Path, output: Path | None) -> None:
    """Write the run's table and figures as files for other tools, into `output` or RUN/export; print their paths."""
    from bench_lib.report.data_files import write_data_files
    from bench_lib.report.report import read_report

    print(*write_data_files(read_report(folder), output or folder / "export"), sep="\n")


def write_report(
    source: str, folder: Path, parameters: dict, lang: str, name: str, read: Callable[[], None] = lambda: None
) -> None:
    """Run the notebook `source` with the parameters, write it and its HTML and PDF into the folder; print the paths.

    The files are called `name`. The notebook is written once, at its end; by itself papermill would
    write it, with all its tables, after every cell. If a cell fails, `read` is called, to raise an `InputError` that
    names the broken file. If `read` raises nothing, an `InputError` reports the cell's own error, or that the process
    died. Without Pango there is no PDF, and standard error says so.
    """
    import nbformat
    from papermill.exceptions import PapermillExecutionError

    from bench_lib.report.exporters import PDFUnavailable, write_html, write_pdf
    from bench_lib.sweep.deaths import KernelDied
    from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook

    notebook = folder / f"{name}.ipynb"
    try:
        made = execute_notebook(NOTEBOOKS / f"{source}.ipynb", None, parameters | {"lang": lang}, cwd=folder)
    except PapermillExecutionError as error:
        read()
        raise InputError(
            f"{folder}: the report cannot be made ({error.ename}: {error.evalue}); run notebooks/{source}.ipynb to see"
        ) from None
    except KernelDied as error:
        raise InputError(
            f"{folder}: the report cannot be made ({error}); run notebooks/{source}.ipynb to see"
        ) from None
    language.use(lang)
    made.metadata.update(lang=lang, title=language.tr(made.metadata.title))
    write_text(notebook, nbformat.writes(made) + "\n")
    print(write_html(notebook, folder / f"{name}.html"))
    try:
        print(write_pdf(notebook, folder / f"{name}.pdf"))
    except PDFUnavailable as error:
        print(f"bench: no {name}.pdf. {error}", file=sys.stderr)


def milliseconds_text(value: float) -> str:
    """Milliseconds with their unit, or a dash where a case was not measured (NaN)."""
    return "-" if math.isnan(value) else f"{value:.4g} ms"


SPREADS = {
    "assumed": f" (a spread of {ASSUMED_SD:.0%} between processes is assumed)",
    "crowded": " (other processes computed)",
    "unknown": " (the host sets the pace, or may, and the spread between processes is not known)",
}
COLOURS = {"faster": "green", "slower": "red", "same": "yellow", "undecided": "yellow"}


def comparison_lines(found: Comparison) -> list[str]:
    """Lines for the terminal: both latencies and the verdict of each case, then what else differs, and counts."""
    first, second = found.names
    lines = [f"{'case':52}{first[:18]:>20}{second[:18]:>20}  ratio  99 % interval  verdict on {second}"]
    for row in found.cases.itertuples():
        ms = f"{milliseconds_text(row.latency_ms_a):>20}{milliseconds_text(row.latency_ms_b):>20}"
        if row.verdict:
            known = math.isfinite(row.ratio_high)
            interval = f"{row.ratio_low:.3f}–{row.ratio_high:.3f}" if known else "-"
            ms += f"  {row.ratio:5.3f}  {interval:15}"
            ms += coloured(row.verdict, COLOURS[row.verdict]) + SPREADS.get(row.verdict_from, "")
        lines.append(f"{row.case:52}{ms}")
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdict_counts(found).items())
    unlike = differing(found)
    if unlike:
        lines.append(f"The runs' conditions differ in: {', '.join(unlike)}.")
    return [*lines, f"{second} against {first}: {told} of {len(found.cases)} cases."]
