"""The section on memory: how much each approach takes."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.analysis.case_table import PLACE, by_approach, main_names
from bench_lib.report.phrases import bullets, heading, nothing_text
from bench_lib.report.report import Report
from bench_lib.text.language import tr, tr_n
from bench_lib.text.numbers import span


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Memory"), memory_text(report))


def memory_text(report: Report) -> Markdown:
    """How much memory each approach takes, and which take the least."""
    cases = report.measured
    if cases.empty:
        return nothing_text()
    lines = []
    for approach, rows in by_approach(main_names(cases)):
        figures = {"name": approach.name, "memory": span(rows.memory_mib.min(), rows.memory_mib.max(), digits=0)}
        if report.machine.get("gpu"):
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of GPU memory.", **figures))
        else:
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of process memory (build included).", **figures))
    least = cases.loc[cases.groupby(PLACE).memory_mib.idxmin()]
    if cases.name.nunique() > 1:
        named = [
            tr_n(
                "{name} in {count} of {n}{nbsp}combination", "{name} in {count} of {n}{nbsp}combinations", len(least),
                name=name, count=count,
            )
            for name, count in least.name.value_counts().items()
        ]  # fmt: skip
        lines.append(tr("Takes the least memory: {named}.", named="; ".join(named)))
    return bullets(lines + shared_sentences(cases))


def shared_sentences(cases: pd.DataFrame) -> list[str]:
    """How many rows shared the GPU with other processes, whose memory is then in their figures; nothing if none did."""
    count = sum("other_processes" in names for names in cases.disturbed)
    if not count:
        return []
    return [
        tr("⚑ In {count} of {total} rows other processes were on the GPU: what they took or freed is in these figures.",
           count=count, total=len(cases))
    ]  # fmt: skip
