"""The section on configurations without a result: which they are, and why."""

import pandas as pd
from IPython.display import HTML, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import record_reason
from bench_lib.analysis.case_table import STATUS
from bench_lib.core.record import Record
from bench_lib.report.phrases import heading
from bench_lib.report.report import Report
from bench_lib.report.tables import in_words, styled
from bench_lib.text.language import tr
from bench_lib.text.lists import listed_few

MOST_NETWORKS = 40  # named in a row


def show(report: Report) -> None:
    """Display the section: its heading, and the table."""
    display(heading("### Skipped and failed configurations"), absent_table(report))


def absent_table(report: Report) -> Styler | HTML:
    """Cases without figures; those with the same engine, variant, precision and reason are one row.

    Where there are several networks, a row names them, and rows with the same reason follow each other.
    """
    absent = pd.concat([report.cases[report.cases.status != "ok"], lost_repeats(report)])
    if absent.empty:
        return HTML(f"<p>{tr('There are no such configurations: all are measured.')}</p>")
    grouped = absent.groupby(["engine", "variant", "label", "precision", "status", "reason"], sort=False)
    table = grouped.agg(
        networks=("network", lambda v: listed_few(list(v.unique()), MOST_NETWORKS)),
        sizes=("image_size", lambda v: ", ".join(map(str, v.unique()))),
        batches=("batch_size", lambda v: ", ".join(map(str, v.unique()))),
        count=("case", "size"),
    ).reset_index()
    if report.several_networks:
        order = list(table.reason.unique())
        table = table.sort_values("reason", key=lambda reasons: reasons.map(order.index), kind="stable")
    table["status"] = in_words(table.status, STATUS)
    networks = {"networks": tr("Networks")} if report.several_networks else {}
    headings = networks | {
        "label": tr("Optimisation"), "precision": tr("Precision"), "sizes": tr("Sizes"), "batches": tr("Batches"),
        "count": tr("Number"), "status": tr("Status"), "reason": tr("Reason"),
    }  # fmt: skip
    return styled(table[list(headings)], headings, tr("Configurations without a result, and why"))


def lost_repeats(report: Report) -> pd.DataFrame:
    """Rows like those of `cases`, one for each repeat that failed although others of its case were measured."""
    cases = report.measured[report.measured.lost.map(len) > 0]
    rows = [
        {**case, "status": record.status, "reason": lost_reason(record)}
        for case in cases.to_dict("records") for record in case["lost"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=report.cases.columns)


def lost_reason(record: Record) -> str:
    """Which repeat failed, and why."""
    return tr("repeat {number}: {reason}", number=record.case.repeat, reason=record_reason(record))
