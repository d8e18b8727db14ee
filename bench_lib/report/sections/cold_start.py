"""The section on what a start costs: imports, build, first call, time until the speed is steady."""

from IPython.display import HTML, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import APPROACH
from bench_lib.report.phrases import heading
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import tr, tr_n


def show(report: Report) -> None:
    """Display the section: its heading, and the table."""
    display(heading("### What a start costs"), cold_start_table(report))


def cold_start_table(report: Report) -> Styler | HTML:
    """What a cold start takes, a row for each approach: medians over its cases, and the longest build of them."""
    cases = report.measured
    if cases.empty:
        return HTML(f"<p>{tr('No cold start was measured.')}</p>")
    by_approach = cases.groupby([*APPROACH, "label", "precision_label"], sort=False)
    medians = by_approach[["import_s", "build_s", "first_ms", "settle_s"]].median()
    medians["first_s"] = medians.first_ms / 1e3
    shown = medians.assign(longest_s=by_approach.build_s.max()).reset_index()
    headings = {
        "label": tr("Optimisation"), "precision_label": tr("Precision"), "import_s": tr("Import (s)"),
        "build_s": tr("Build (s)"), "longest_s": tr("Longest build (s)"), "first_s": tr("First call (s)"),
        "settle_s": tr("Until steady speed (s)"),
    }  # fmt: skip
    caption = tr_n(
        "Cold start: medians over {n}{nbsp}configuration", "Cold start: medians over {n}{nbsp}configurations",
        len(cases),
    )  # fmt: skip
    return styled(shown[list(headings)].dropna(axis="columns", how="all"), headings, caption)
