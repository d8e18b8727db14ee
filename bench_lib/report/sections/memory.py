"""The report's section on memory: how much each engine and precision takes."""

from IPython.display import Markdown

from bench_lib.analysis import findings
from bench_lib.analysis.case_table import CaseTable, main_names
from bench_lib.report.phrases import bullets, nothing_text
from bench_lib.text.language import tr, tr_n
from bench_lib.text.numbers import span


def memory_text(report: CaseTable) -> Markdown:
    """How much memory each approach takes."""
    cases = report.measured
    if cases.empty:
        return nothing_text()
    lines = []
    for name, rows in main_names(cases).groupby("name", sort=False):
        figures = {"name": name, "memory": span(rows.memory_mib.min(), rows.memory_mib.max(), digits=0)}
        if report.machine.get("gpu"):
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of GPU memory.", **figures))
        else:
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of process memory (build included).", **figures))
    least = cases.loc[cases.groupby(findings.AXES).memory_mib.idxmin()]
    if cases.name.nunique() > 1:
        named = [
            tr_n(
                "{name} in {count} of {n}{nbsp}combination", "{name} in {count} of {n}{nbsp}combinations", len(least),
                name=name, count=count,
            )
            for name, count in least.name.value_counts().items()
        ]  # fmt: skip
        lines.append(tr("Takes the least memory: {named}.", named="; ".join(named)))
    return bullets(lines)
