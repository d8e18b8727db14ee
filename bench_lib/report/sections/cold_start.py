"""The report's section on what a start costs: imports, build, first call, time until the speed is steady."""

from IPython.display import HTML
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import CaseTable
from bench_lib.report.tables import styled
from bench_lib.text.language import tr, tr_n


def cold_start_table(report: CaseTable) -> Styler | HTML:
    """What a cold start costs, each engine and precision: medians over all sizes and batches, and the longest build."""
    cases = report.measured
    if cases.empty:
        return HTML(f"<p>{tr('No cold start was measured.')}</p>")
    by_name = cases.groupby(["label", "precision_label"], sort=False)
    medians = by_name[["import_s", "build_s", "first_ms", "settle_s"]].median()
    medians["first_ms"] /= 1e3
    shown = medians.assign(longest=by_name.build_s.max()).reset_index()
    shown = shown[["label", "precision_label", "import_s", "build_s", "longest", "first_ms", "settle_s"]]
    shown.columns = [
        tr("Optimisation"), tr("Precision"), tr("Import (s)"), tr("Build (s)"), tr("Longest build (s)"),
        tr("First call (s)"), tr("Until steady speed (s)"),
    ]  # fmt: skip
    caption = tr_n(
        "Cold start: medians over {n}{nbsp}configuration", "Cold start: medians over {n}{nbsp}configurations",
        len(cases),
    )  # fmt: skip
    return styled(shown.dropna(axis="columns", how="all"), caption)
