"""All sentences of a report, from its tables."""

from functools import partial
from pathlib import Path

from bench_lib.analysis.case_table import CaseTable
from bench_lib.report.sections import (
    abstract,
    accuracy,
    approaches,
    auto_precision,
    batch_sizes,
    image_sizes,
    intervals,
    memory,
    recommendations,
    time_parts,
    tuning,
)
from bench_lib.report.sections.method import aim_text, conditions_text, method_text
from bench_lib.report.sections.results import columns_text
from bench_lib.text.language import NBSP

NOWHERE = Path("no-such-folder")  # where nothing was measured under load


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def everything(data: CaseTable) -> str:
    """All text of the report."""
    sections = [
        abstract.abstract_html, aim_text, conditions_text, method_text, columns_text,
        approaches.approaches_text, image_sizes.image_sizes_text, batch_sizes.batch_sizes_text, memory.memory_text,
        accuracy.accuracy_text, recommendations.choice_text, partial(recommendations.advice_text, folder=NOWHERE),
        intervals.intervals_text, intervals.sampling_text, time_parts.time_parts_text, auto_precision.choices_text,
        tuning.tuning_text,
    ]  # fmt: skip
    return "\n".join(text(section(data)) for section in sections)
