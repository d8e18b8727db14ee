"""Sentences on what was measured at once on one host."""

from bench_lib.analysis.case_table import CaseTable
from bench_lib.text.language import tr


def alone_sentence(report: CaseTable) -> str:
    """That every case was measured alone on its machine or, where that is not so, how many were not."""
    cases = report.measured
    if crowded := (cases.spread_from == "crowded").sum():
        return tr(
            "Measured while other processes computed on the same cores, or were on the same GPU: {count} of {total} "
            "configurations.",
            count=crowded, total=len(cases),
        )  # fmt: skip
    beside = cases[cases.company > 0]
    if beside.empty:
        return tr("Each configuration was measured alone on the machine.")
    return tr(
        "Measured while others were being measured on the same host: at least {count} of {total} configurations (up to "
        "{most} others at once); they shared its processor and memory.",
        count=len(beside), total=len(cases), most=beside.company.max(),
    )  # fmt: skip
