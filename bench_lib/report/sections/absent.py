"""The report's section on configurations without a result: which they are, and why."""

import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import record_reason
from bench_lib.analysis.case_table import STATUS, CaseTable
from bench_lib.core.record import Record
from bench_lib.report.tables import in_words, styled
from bench_lib.text.language import tr


def absent_table(report: CaseTable) -> Styler | HTML:
    """Cases without figures and why, one row for those of one engine, precision and reason."""
    absent = pd.concat([report.cases[report.cases.status != "ok"], lost_repeats(report)])
    if absent.empty:
        return HTML(f"<p>{tr('There are no such configurations: all are measured.')}</p>")
    grouped = absent.groupby(["label", "precision", "status", "reason"], sort=False)
    table = grouped.agg(
        sizes=("image_size", lambda v: ", ".join(map(str, v.unique()))),
        batches=("batch_size", lambda v: ", ".join(map(str, v.unique()))),
        count=("engine", "size"),
    ).reset_index()
    table["status"] = in_words(table.status, STATUS)
    table = table[["label", "precision", "sizes", "batches", "count", "status", "reason"]]
    table.columns = [
        tr("Optimisation"), tr("Precision"), tr("Sizes"), tr("Batches"), tr("Number"), tr("Status"), tr("Reason"),
    ]  # fmt: skip
    return styled(table, tr("Configurations without a result, and why"))


def lost_repeats(report: CaseTable) -> pd.DataFrame:
    """A row for each repeat that failed where others of its case did not; the reason says which."""
    cases = report.measured[report.measured.lost.map(len) > 0]
    rows = [
        {**case, "status": record.status, "reason": lost_reason(record)}
        for case in cases.to_dict("records") for record in case["lost"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=report.cases.columns)


def lost_reason(record: Record) -> str:
    """Which repeat failed, and why."""
    return tr("repeat {number}: {reason}", number=record.case.repeat, reason=record_reason(record))
