"""All sentences of a report, and what a section displays."""

from unittest import mock

from bench_lib.core.errors import InputError
from bench_lib.report.report import Report
from bench_lib.report.sections import (
    abstract,
    accuracy,
    aim,
    approaches,
    auto_precision,
    batch_sizes,
    image_sizes,
    interpretation,
    intervals,
    memory,
    method,
    recommendations,
    results,
    setting,
    time_parts,
    tuning,
)
from bench_lib.text.language import NBSP


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def everything(data: Report) -> str:
    """All text of the report."""
    parts = [
        abstract.abstract_html, aim.aim_text, method.conditions_text, method.method_text, results.columns_text,
        approaches.approaches_text, image_sizes.image_sizes_text, batch_sizes.batch_sizes_text, memory.memory_text,
        accuracy.accuracy_text,
        interpretation.interpretation_text, setting.setting_text, recommendations.advice_text, intervals.intervals_text,
        intervals.sampling_text, time_parts.time_parts_text, auto_precision.choices_text, tuning.tuning_text,
    ]  # fmt: skip
    return "\n".join(text(part(data)) for part in parts)


def displayed(section, show="show", *given):
    """What a section's module displays when its `show` (or another such function) is called, one output each."""
    with mock.patch.object(section, "display") as display:
        getattr(section, show)(*given)
    return [output for call in display.call_args_list for output in call.args]


def as_kept(output) -> dict[str, str]:
    """What a notebook keeps of an output."""
    html = output._repr_html_() if hasattr(output, "_repr_html_") else None
    return {"text/markdown": output.data} if html is None else {"text/html": html}


def accepted(function, *arguments):
    """What the function returns, or None where it refuses in one sentence."""
    try:
        return function(*arguments)
    except InputError as error:
        sentence = str(error)
        assert sentence.isprintable()
        assert 0 < len(sentence) < 2000
        return None
