"""What is decided where the spread between processes was measured, is assumed, or is not known."""

import html
import math

import pytest
from helpers.made import GPU, crowded_by, record, report
from hypothesis import given
from hypothesis import strategies as st

from bench_lib.analysis import findings, tuning
from bench_lib.analysis.case_table import compare_rows, tabulate
from bench_lib.analysis.comparison import row_difference
from bench_lib.core.case import Case
from bench_lib.core.intervals import ROPE
from bench_lib.report.report import Report
from bench_lib.report.sections import (
    abstract,
    approaches,
    charts,
    interpretation,
    intervals,
    method,
    recommendations,
    results,
)
from bench_lib.results.verdicts import HOST_PACED
from bench_lib.text import language
from bench_lib.text.language import NBSP


def text(shown):
    page = shown.data if hasattr(shown, "data") and isinstance(shown.data, str) else shown.to_html()
    return page.replace(NBSP, " ")


def processes(engine, *times_ms, share=0.9, case=None, **fields):
    """A record for each process; sending a call takes `share` of its time."""
    made = []
    for number, ms in enumerate(times_ms, 1):
        one = record(engine, ms=ms, **fields)
        enqueued = one.timing.model_copy(update={"enqueue_ms": [share * ms] * 4, "device_ms": [ms] * 4})
        named = (case or one.case).model_copy(update={"repeat": number})
        made.append(one.model_copy(update={"case": named, "timing": enqueued}))
    return made


def test_a_row_that_the_host_paces_in_one_process_is_undecided_however_large_the_difference():
    data = report(*processes("pytorch", 100.0), *processes("torch_tensorrt", 1.0), gpu=GPU)
    slow, fast = (row for _, row in data.cases.iterrows())
    assert (fast.speedup, fast.speedup_low, fast.speedup_high) == (pytest.approx(100), 0, math.inf)
    assert compare_rows(fast, slow) == compare_rows(slow, fast, "fps") == fast.verdict == "undecided"
    assert list(data.cases.leads) == [True, True]
    assert len(findings.blocks(data.measured)[0].leaders) == 2
    for table in (results.results_table, intervals.intervals_table):
        assert ">НЕ РЕШЕНО ‡<" in text(table(data))
    assert ">неизвестен<" in text(intervals.intervals_table(data))
    for section in (intervals.intervals_text, recommendations.advice_text):
        assert "а измерял один процесс: 2 из 2." in text(section(data))
    first = text(abstract.abstract_html(data))
    assert first.count("быстрее ли PyTorch fp32, не доказано ‡") == 2
    assert "‡: разброс неизвестен, разница не доказана." in first


def test_no_range_of_speedups_and_no_figure_takes_such_a_row_silently():
    lone = processes("pytorch", 100.0), processes("torch_tensorrt", 1.0)
    decided = record(ms=8.0, batch=33), record("torch_tensorrt", ms=4.0, batch=33)
    data = report(*lone[0], *lone[1], *decided, gpu=GPU)
    told = text(approaches.approaches_text(data))
    assert "не решено в 1 из 2 сочетаний. Ускорение там, где разброс между процессами известен, — 2,00×, раз" in told
    assert "100×" not in told
    page = text(interpretation.interpretation_text(data))
    assert "там, где разброс между процессами известен: Torch-TensorRT fp32 — 2,00×." in page
    assert "100×" not in page
    shown = text(charts.speedup_map(data))
    assert "† — держится на принятом" in shown
    assert "‡ — не решено" in shown
    points = text(charts.fps_vs_batch(data))
    assert "у точек, чей разброс между процессами неизвестен, их нет" in points
    assert "неизвестен" not in text(charts.fps_vs_batch(report(*decided, record(ms=1.0), gpu=GPU)))


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        ({"share": 0.9}, "undecided"),
        ({"share": HOST_PACED}, "undecided"),
        ({"share": HOST_PACED - 0.01}, "faster"),
    ],
)
def test_only_rows_that_the_host_paces_have_no_assumed_spread(made, verdict):
    data = report(*processes("pytorch", 10.0, **made), *processes("torch_tensorrt", 1.0, **made), gpu=GPU)
    assert data.cases.verdict[1] == verdict


def test_a_row_on_a_gpu_whose_record_does_not_tell_the_pace_has_no_assumed_spread():
    made = [one.model_copy(update={"timing": one.timing.model_copy(update={"enqueue_ms": None, "device_ms": None})})
            for name, ms in (("pytorch", 10.0), ("torch_tensorrt", 1.0)) for one in processes(name, ms)]  # fmt: skip
    data = report(*made, gpu=GPU)
    assert list(data.cases.host_paced) == [None, None]
    assert (data.cases.verdict[1], data.cases.spread_from[1]) == ("undecided", "unknown")
    assert (
        "возможно, задаёт процессор (сколько занимает отправка, в записях нет), а измерял один процесс: 2 из 2"
        in text(intervals.intervals_text(data))
    )
    assert report(*made).cases.verdict[1] == "faster"  # on a processor nothing is sent


def test_three_processes_of_a_row_that_the_host_paces_decide():
    data = report(*processes("pytorch", 10.0, 10.2, 9.9), *processes("torch_tensorrt", 1.0, 1.1, 1.05), gpu=GPU)
    assert list(data.cases.verdict) == ["", "faster"]
    assert set(data.cases.spread_from) == {"processes"}
    lost = report(*processes("pytorch", 10.0, 10.2, 9.9), *processes("torch_tensorrt", 1.0), gpu=GPU)
    assert list(lost.cases.verdict) == ["", "undecided"]


def test_changes_over_sizes_and_batches_of_such_rows_are_undecided_too():
    made = [one for batch in (1, 33) for size in (224, 448)
            for one in processes("pytorch", 1.0 * batch, size=size, batch=batch)]  # fmt: skip
    data = report(*made, gpu=GPU)
    for axis in findings.AXES:
        ends = findings.axis_ends(data.measured, axis)
        assert set(ends.verdict) == {"undecided"}
        assert findings.compare_changes(ends.rows[0], ends.rows[1]) == "undecided"
    assert findings.pixel_rates(data.measured).tied.all()
    assert findings.speedup_trend(data.measured, findings.approach_of(data.cases.iloc[0])) == ""


def test_a_variant_of_such_a_row_gains_nothing_decided_and_two_runs_of_it_do_not_differ():
    case = Case(engine="pytorch", variant="graph", options={"cuda_graph": True})
    data = report(*processes("pytorch", 100.0), *processes("pytorch", 1.0, case=case), gpu=GPU)
    assert [(pair.outcome, pair.outcome_from) for pair in tuning.default_and_best(data.measured)] == [
        ("undecided", "unknown")
    ]
    a, b = (row.add_suffix(end) for (_, row), end in zip(data.cases.iterrows(), ("_a", "_b"), strict=True))
    found = row_difference(dict(a) | dict(b))
    assert (found["verdict"], found["verdict_from"], found["ratio_high"]) == ("undecided", "unknown", math.inf)


times = st.lists(st.floats(9, 11), min_size=1, max_size=9)


@given(times, times, st.sampled_from([0.1, 0.9]))
def test_the_speedup_that_is_shown_and_the_verdict_never_contradict_each_other(ours, theirs, share):
    made = processes("pytorch", *theirs, share=share), processes("onnx_runtime", *ours, share=share)
    row = report(*made[0], *made[1], gpu=GPU).cases.iloc[1]
    is_same = row.speedup_low * (1 + 1e-12) >= 1 / (1 + ROPE) and row.speedup_high <= (1 + ROPE) * (1 + 1e-12)
    expected = "faster" if row.speedup_low > 1 else "slower" if row.speedup_high < 1 else "undecided"
    assert row.verdict == ("same" if is_same else expected)


def tf32_report(**fields) -> Report:
    made = [record(ms=8.0, batch=33), record(precision="tf32", ms=4.0, batch=33),
            record("torch_tensorrt", "fp16", ms=1.0, batch=33)]  # fmt: skip
    return report(*made, gpu=GPU, **fields)


def test_speedups_are_over_pytorchs_own_default_too_where_it_was_measured():
    data = tf32_report()
    assert list(data.cases.speedup) == [1, 2, 8]
    assert list(data.cases.speedup_tf32) == [0.5, 1, 4]
    low, high = data.cases.speedup_tf32_low[2], data.cases.speedup_tf32_high[2]
    assert low < 4 < high
    for table, name in (
        (results.results_table, "Ускорение относительно TF32"),
        (intervals.intervals_table, "Ускорение относительно TF32 (раз), 99 %"),
    ):
        assert f">{name}<" in text(table(data))
        assert name not in text(table(report(record(ms=8.0), gpu=GPU)))
    told = text(abstract.abstract_html(data))
    assert told.count("8,00× к PyTorch fp32 (99 % ДИ") == 2
    assert told.count("4,00× к PyTorch tf32 (99 % ДИ") == 2


def test_a_row_that_was_asked_for_tf32_and_computed_otherwise_is_no_baseline():
    data = report(record(ms=8.0), record(precision="tf32", actual="fp32", ms=8.0), record("onnx_runtime", ms=4.0))
    assert data.cases.speedup_tf32.isna().all()


def test_the_baseline_is_said_not_to_be_pytorchs_default_on_a_gpu_alone():
    on_gpu = text(results.columns_text(tf32_report()))
    assert "не в строгом fp32, а в TF32. «Ускорение относительно TF32» — относительно этого режима" in on_gpu
    without = text(results.columns_text(report(record(), gpu=GPU)))
    assert "PyTorch tf32 здесь не измерялся" in without
    assert "TF32" not in text(results.columns_text(report(record())))


def test_a_row_with_options_that_have_no_name_is_called_by_them_and_is_no_default():
    case = Case(engine="pytorch", options={"cuda_graph": True, "graph_parts": 2})
    data = report(record(ms=2.0, case=case), record("onnx_runtime", ms=4.0))
    assert data.cases["name"][0] == "PyTorch (cuda_graph, graph_parts=2) fp32"
    assert data.cases.speedup.isna().all()
    assert ">PyTorch (cuda_graph, graph_parts=2)<" in html.unescape(text(results.results_table(data)))


def test_cases_beside_each_other_are_undecided_where_the_host_paces_them_although_they_have_three_processes():
    together = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:09+00:00"}
    slow, fast = (
        {"engine": "pytorch", "times": (10.0, 10.2, 9.9)},
        {"engine": "onnx_runtime", "times": (1.0, 1.1, 1.0)},
    )
    made = [one for kind in (slow, fast) for one in processes(kind["engine"], *kind["times"], share=0.9)]
    alone = report(*made, gpu=GPU)
    assert (list(alone.cases.company), alone.cases.verdict[1]) == ([0, 0], "faster")
    made[0], made[3] = (made[index].model_copy(update=together) for index in (0, 3))
    data = Report.of(tabulate(alone.grid, [one.model_copy(update={"machine": alone.machine}) for one in made]))
    assert list(data.cases.company) == [1, 1]
    assert (data.cases.verdict[1], data.cases.spread_from[1]) == ("undecided", "unknown")
    assert "одновременно шли другие измерения: 2 из 2." in text(intervals.intervals_text(data))
    told = "измерено конфигураций: не меньше 2 из 2 (других одновременно — до 1)"
    for section in (recommendations.load_sentence, lambda found: text(method.method_text(found))):
        assert told in section(data).replace(NBSP, " ")
        assert "измерена одна на машине" in section(alone).replace(NBSP, " ")
        assert "измерена одна на машине" not in section(data).replace(NBSP, " ")


BUSY = {"processor": crowded_by(1.0), "ran": {"threads": 2}}
SHARED = {"gpu_idle": {"processes": 1}}


def sides(beside, count):
    """PyTorch and ONNX Runtime, ten times as fast, in `count` processes each; `beside` is what one of them met."""
    gpu = GPU if beside is SHARED else None
    made = [one for name, ms in (("pytorch", 10.0), ("onnx_runtime", 1.0))
            for one in processes(name, *(ms * (1 + 0.001 * i) for i in range(count)), share=0.1)]  # fmt: skip
    if not gpu:
        made = [one.model_copy(update={"timing": one.timing.model_copy(update={"enqueue_ms": None})}) for one in made]
    return made, gpu


@pytest.mark.parametrize("beside", [BUSY, SHARED], ids=["busy cores", "shared GPU"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("which", [0, -1], ids=["the baseline", "the other"])
def test_nothing_is_decided_on_a_row_that_other_processes_computed_beside(beside, count, which):
    made, gpu = sides(beside, count)
    alone = report(*made, gpu=gpu)
    assert alone.cases.verdict[1] == "faster"
    made[which] = made[which].model_copy(update=beside)
    data = report(*made, gpu=gpu)
    row = data.cases.iloc[which]
    assert (row.spread_from, row.latency_high, list(row.disturbed)) == (
        "crowded", math.inf, ["busy_cores" if beside is BUSY else "other_processes"],
    )  # fmt: skip
    assert (data.cases.verdict[1], data.cases.verdict_from[1]) == ("undecided", "crowded")
    assert compare_rows(data.cases.iloc[0], data.cases.iloc[1], "fps") == "undecided"
    for lang, words in LANGUAGES.items():
        language.use(lang)
        try:
            check_told(data, alone, words)
        finally:
            language.use(language.DEFAULT)


LANGUAGES = {
    "ru": {
        "cell": ">НЕ РЕШЕНО ‡<", "note": "‡ — ничего не решено: пока измерялась эта строка",
        "why": "находились другие процессы — строк таких 1 из 2", "source": ">неизвестен: считали другие процессы<",
        "first": "‡: рядом работали другие процессы, разница не доказана.",
        "beside": "измерено конфигураций: 1 из 2.", "alone": "измерена одна на машине",
    },
    "en": {
        "cell": ">UNDECIDED ‡<", "note": "‡: nothing is decided, as other processes computed",
        "why": "In 1 of 2 rows other processes computed", "source": ">not known: other processes computed<",
        "first": "‡: other processes computed, and nothing is decided.",
        "beside": "or were on the same GPU: 1 of 2 configurations.", "alone": "was measured alone on the machine",
    },
}  # fmt: skip


def check_told(data, alone, words):
    """Hold the report of a row that others computed beside, and that of the same rows alone, against the words."""

    def both(section):
        return text(section(data)).replace("**", ""), text(section(alone)).replace("**", "")

    told, sound = both(results.results_table)
    assert words["cell"] in told
    assert "⚠" in told
    assert "⚠" not in sound
    assert words["source"] in both(intervals.intervals_table)[0]
    for section, key in (
        (results.columns_text, "note"), (intervals.intervals_text, "why"), (abstract.abstract_html, "first"),
        (method.method_text, "beside"),
    ):  # fmt: skip
        told, sound = both(section)
        assert words[key] in told
        assert words[key] not in sound
    told, sound = both(method.method_text)
    assert words["alone"] not in told
    assert words["alone"] in sound
    for section in (charts.speedup_map, approaches.approaches_text, recommendations.advice_text):
        section(data)
