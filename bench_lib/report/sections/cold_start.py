"""The section on what a start costs: imports, build, first call, time until the speed is steady."""

import pandas as pd
from IPython.display import HTML, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import APPROACH
from bench_lib.report.phrases import heading
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import tr, tr_n


def show(report: Report) -> None:
    """Display the section: its heading, and the table."""
    display(heading("### Start-up cost"), cold_start_table(report))


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
    return styled(shown[list(headings)].dropna(axis="columns", how="all"), headings, caption_of(cases))


def caption_of(cases: pd.DataFrame) -> str:
    """What the table holds: a start with its imports or, where none was timed, without; and where it did not settle."""
    if cases.import_s.isna().all():
        caption = tr_n(
            "Build and first calls (imports were not timed): medians over {n}{nbsp}configuration",
            "Build and first calls (imports were not timed): medians over {n}{nbsp}configurations", len(cases),
        )  # fmt: skip
    else:
        caption = tr_n(
            "Cold start: medians over {n}{nbsp}configuration", "Cold start: medians over {n}{nbsp}configurations",
            len(cases),
        )  # fmt: skip
    restless = int((~cases.settled).sum())
    if not restless:
        return caption
    return f"{caption}; {tr('in {count} of them the speed did not settle in the time allowed', count=restless)}"
