"""What the marks of rows say, and that a record, a range and a headline from a marked row say it."""

from pathlib import Path

import pytest
from helpers.made import GPU, crowded_by, record, report, retimed
from helpers.sentences import text

from bench_lib.analysis.case_row import figures_disagree
from bench_lib.core.case import Case
from bench_lib.core.record import Energy
from bench_lib.report.marks import marked_title, marks_among, marks_text
from bench_lib.report.sections import (
    abstract,
    approaches,
    batch_sizes,
    charts,
    image_sizes,
    interpretation,
    memory,
    method,
    results,
    seed_rows,
    time_parts,
    tuning,
)


def plain(words):
    return words.replace("\u00a0", " ")


def test_marks_are_said_once_with_their_sections():
    assert marks_text([]) == ""
    assert marks_text(["drift", "sw_power_cap", "drift"]) == "⚑ дрейф, предел мощности: приложение Б"
    assert marks_text(["cold", "outliers"]) == "⚑ прогрев не стал устойчивым, выбросы: приложения А и Б"
    assert marks_text(["a reason of a later driver"]) == "⚑ другая причина: приложение Б"


def test_a_title_has_its_row_s_marks_and_a_sound_row_s_has_none():
    sound, cold = (row for _, row in report(record(), retimed(record(batch=33), warm=False)).measured.iterrows())
    assert marked_title(sound) == "PyTorch fp32, 224×224, батч 1"
    assert marked_title(cold) == "PyTorch fp32, 224×224, батч 33 (⚑ прогрев не стал устойчивым: приложение А)"


def test_a_range_says_how_many_of_its_rows_are_marked():
    rows = report(record(), retimed(record(batch=33), warm=False)).measured
    assert plain(marks_among(rows)) == (
        "Это выведено из 2 строк, из них помечено 1 (⚑ прогрев не стал устойчивым — 1: приложение А). "
        "Не установились: PyTorch fp32, 224×224, батч 33."
    )
    assert marks_among(rows.iloc[:1]) == ""


COLD = "⚑ прогрев не стал устойчивым: приложение А"
FLAGGED = {
    COLD: ({"warm": False}, {}),
    "⚑ выборке не хватило времени: приложение А": ({"latency_stopped_by": "time"}, {}),
    "⚑ дрейф: приложение Б": ({"latency_ms": [1.0 + 0.005 * call for call in range(80)]}, {"ms": 1.2}),
    "⚑ две моды: приложение Б": ({"latency_ms": [1.0, 1.2] * 40}, {"ms": 1.1}),
    "⚑ выбросы: приложение Б": ({"latency_ms": [1.0 + 0.001 * (call % 7) for call in range(79)] + [9.0]}, {}),
    "⚑ предел мощности: приложение Б": ({}, {"gpu_busy": {"throttling": ["sw_power_cap"]}}),
    "⚑ другие процессы на GPU: приложение Б": ({}, {"gpu_idle": {"processes": 1}}),
    "⚑ другие процессы на процессоре: приложение Б": ({}, {"processor": crowded_by(1.9)}),
    "⚑ остановки из-за квоты процессора: приложение Б": ({}, {"processor": crowded_by(0.0, stopped=9)}),
}


def flagged(words, **more):
    """ONNX Runtime's record at batch 1, many times as fast as PyTorch's, with one fault."""
    timing, fields = FLAGGED[words]
    return retimed(record("onnx_runtime", **({"ms": 1.0} | fields | more)), **timing)


@pytest.mark.parametrize("words", FLAGGED)
def test_a_headline_from_a_flagged_row_says_so_and_one_from_a_sound_row_does_not(words):
    told = text(abstract.abstract_html(report(record(ms=10), flagged(words), gpu=GPU)))
    line = next(line for line in told.split("<li>") if "Наибольшая пропускная способность" in line)
    assert "ONNX Runtime fp32, 224×224, батч 1: " in line
    assert f"{words.partition(': ')[0]}." in line
    assert "⚑" not in text(abstract.abstract_html(report(record(ms=10), record("onnx_runtime", ms=1), gpu=GPU)))


def test_a_headline_against_a_flagged_baseline_says_so():
    told = text(abstract.abstract_html(report(retimed(record(ms=10), warm=False), record("onnx_runtime", ms=1))))
    assert told.count("× к PyTorch fp32 ⚑ (99 % ДИ") == 2
    sound = text(abstract.abstract_html(report(record(ms=10), record("onnx_runtime", ms=1))))
    assert sound.count("× к PyTorch fp32 (99 % ДИ") == 2


def test_a_range_of_speedups_names_the_rows_that_did_not_settle():
    rows = record(ms=10), record(size=448, ms=40), record("onnx_runtime", ms=5), flagged(COLD, size=448, ms=2.0)
    data = report(*rows)
    for shown in (approaches.approaches_text, image_sizes.image_sizes_text, interpretation.interpretation_text):
        assert "Не установились: ONNX Runtime fp32, 448×448, батч 1." in text(shown(data)), shown.__name__
        assert "⚑" not in text(shown(report(*rows[:3], record("onnx_runtime", size=448, ms=2.0))))


def test_saturation_from_a_row_that_did_not_settle_says_so():
    rows = [record(batch=batch, ms=batch / fps * 1e3) for batch, fps in {1: 100, 16: 970, 33: 990, 64: 1000}.items()]
    assert "⚑" not in text(batch_sizes.batch_sizes_text(report(*rows)))
    rows[-1] = retimed(rows[-1], warm=False)
    assert "Не установились: PyTorch fp32, 224×224, батч 64." in text(batch_sizes.batch_sizes_text(report(*rows)))


def test_the_least_energy_of_a_flagged_row_says_so():
    spent = Energy(joules=1, images=1000, seconds=1.0, source="NVML")
    told = text(time_parts.time_parts_text(report(record(ms=10), flagged(COLD, energy=spent), gpu=GPU)))
    assert f"1,00 мДж — у ONNX Runtime fp32, 224×224, батч 1 ({COLD})" in told


def test_figures_and_tables_show_the_sign_and_its_meaning():
    rows = record(ms=10), record(batch=33, ms=300), record("onnx_runtime", ms=5), flagged(COLD, batch=33, ms=100.0)
    data, sound = report(*rows), report(*rows[:3], record("onnx_runtime", batch=33, ms=100))
    for draw in (charts.speedup_map, charts.fps_vs_batch, charts.latency_vs_throughput):
        assert "помечено 1 (⚑ прогрев не стал устойчивым — 1: приложение А)" in text(draw(data))
        assert "⚑" not in text(draw(sound))
    assert f"наибольшее 3,00× — ONNX Runtime fp32, 224×224, батч 33 ({COLD})" in text(charts.speedup_map(data))
    labels = list(results.results_table(data).data["Оптимизация"])
    assert [label for label in labels if "⚑" in label] == ["ONNX Runtime\u00a0⚑"]
    assert "**⚑** — скорость не установилась" in text(results.columns_text(data))
    assert "⚑" not in text(results.columns_text(sound))
    assert "помечено 1" in plain(seed_rows.seed_rows(data).caption)
    assert "⚑" not in seed_rows.seed_rows(sound).caption


def test_the_best_options_of_a_flagged_row_are_marked():
    case = Case(engine="onnx_runtime", variant="nhwc", options={"prefer_nhwc": True})
    data = report(record(ms=10), record("onnx_runtime", ms=5), flagged(COLD, case=case, ms=2.0))
    assert f"быстрее всех ONNX Runtime (nhwc) fp32 ({COLD}): 2,00 мс" in text(tuning.tuning_text(data))
    assert "nhwc\u00a0⚑" in list(tuning.tuning_table(data).data["Лучший вариант"])
    assert "; ⚑: прогрев не стал устойчивым (приложение А)" in tuning.tuning_table(data).caption
    assert "+ prefer_nhwc ⚑: 2,00 мс" in text(tuning.waterfall_figure(data))


def test_memory_beside_other_processes_is_said_to_hold_theirs():
    words = "⚑ другие процессы на GPU: приложение Б"
    assert "⚑ В 1 из 2 строк на GPU были другие процессы" in text(
        memory.memory_text(report(record(), flagged(words), gpu=GPU))
    )
    assert "⚑" not in text(memory.memory_text(report(record(), flagged(COLD), gpu=GPU)))


def test_on_a_processor_latency_and_fps_are_one_time_and_rows_where_they_differ_are_named():
    data = report(record(ms=10), record("onnx_runtime", ms=10, fps=120))
    told = text(method.method_text(data))
    assert "На процессоре вызовы не накладываются друг на друга" in told
    assert "между двумя измерениями скорость машины изменилась: ONNX Runtime fp32, 224×224, батч 1." in told
    assert list(data.cases.apart) == [False, True]
    assert "расходятся" not in text(method.method_text(report(record(ms=10, fps=100.5))))


def test_on_a_gpu_latency_and_fps_are_two_figures_that_may_differ():
    data = report(record(ms=10, fps=300), gpu=GPU)
    assert list(data.cases.apart) == [False]
    told = text(method.method_text(data))
    assert "Это разные величины" in told
    assert "не накладываются" not in told


def test_of_several_processes_the_two_figures_are_compared_within_each():
    assert not figures_disagree([10.0, 13.0, 16.0], [100.0, 1000 / 13, 1000 / 16], 1, 3)
    assert figures_disagree([10.0, 13.0, 16.0], [90.0, 900 / 13, 900 / 16], 1, 3)


def silent(sources):
    """Modules that pick a row as the best or the worst and do not know the marks."""
    picks = {name for name, source in sources.items() if "idxmax(" in source or "idxmin(" in source}
    return sorted(name for name in picks if "bench_lib.report.marks" not in sources[name])


def test_no_section_takes_a_record_without_its_marks():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in Path(results.__file__).parent.glob("*.py")}
    assert silent(sources) == ["memory"]  # memory is no time; what disturbs it is said in its own sentence
    assert silent({"a": "cases.loc[cases.fps.idxmax()]", "b": "cases.fps.max()"}) == ["a"]
