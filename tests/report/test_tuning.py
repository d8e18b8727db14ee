"""What can still be had: defaults beside the best options, the ladder of steps, its figure, and their words."""

import pytest
from helpers.made import GPU, record, report
from helpers.sentences import displayed

from bench_lib.analysis import tuning
from bench_lib.analysis.case_table import main_names
from bench_lib.core.case import Case
from bench_lib.report import plots
from bench_lib.report.sections import approaches
from bench_lib.report.sections import tuning as tuning_section
from bench_lib.report.sections.tuning import tuning_table, tuning_text, variants_table, waterfall_figure
from bench_lib.text.language import NBSP

NHWC = {"channels_last": True}
GRAPH = {**NHWC, "cuda_graph": True}


def variant(name, options, ms, engine="pytorch", precision="fp16", **fields):
    """A measured record of a variant."""
    case = Case(engine=engine, precision=precision, variant=name, options=options)
    return record(engine, precision, ms=ms, case=case, **fields)


def tuned(*more, **fields):
    """PyTorch fp32 and fp16 as they come, and three variants of it; ONNX Runtime as it comes."""
    return report(
        record(ms=10.0), record(precision="fp16", ms=8.0), record("onnx_runtime", "fp16", ms=4.0),
        variant("nhwc", NHWC, 6.0), variant("graph", GRAPH, 2.0, build_s=21.0, fps=1000),
        variant("streams", {"graph_streams": 2}, 9.0), *more, gpu=GPU, **fields,
    )  # fmt: skip


def test_each_engine_has_its_default_beside_its_fastest_variant_the_fastest_first():
    found = tuning.default_and_best(tuned().measured)
    assert [(p.best["name"], p.default.latency_ms, p.best.latency_ms) for p in found] == [
        ("PyTorch (graph) fp16", 8.0, 2.0), ("ONNX Runtime fp16", 4.0, 4.0), ("PyTorch fp32", 10.0, 10.0),
    ]  # fmt: skip
    assert [(p.gain, p.outcome) for p in found] == [(4.0, "faster"), (1.0, ""), (1.0, "")]
    assert list(tuning_table(tuned()).data["Вердикт"]) == [f"БЫСТРЕЕ{NBSP}†", "—", "—"]
    (lone,) = tuning.default_and_best(report(variant("graph", GRAPH, 2.0)).measured)
    assert lone.default is None
    assert lone.outcome == lone.outcome_from == ""
    assert lone.gain != lone.gain


def test_a_gain_within_the_spread_between_processes_is_not_called_one():
    (best, *_) = tuning.default_and_best(report(record(precision="fp16", ms=10.0), variant("nhwc", NHWC, 9.8)).measured)
    assert (best.outcome, best.outcome_from) == ("undecided", "assumed")


def test_the_ladder_is_the_longest_chain_of_options_that_hold_one_another():
    shown = tuned()
    best = shown.cases[shown.cases.variant == "graph"].iloc[0]
    steps = tuning.ladder(shown, best)
    assert [(step.added, step.row.latency_ms) for step in steps] == [
        ("PyTorch fp32", 10.0), ("PyTorch fp16", 8.0), ("+ channels_last", 6.0), ("+ cuda_graph", 2.0),
    ]  # fmt: skip
    other = shown.cases[shown.cases.engine == "onnx_runtime"].iloc[0]
    assert [step.added for step in tuning.ladder(shown, other)] == ["PyTorch fp32", "ONNX Runtime fp16"]
    base = shown.cases[shown.cases.name == "PyTorch fp32"].iloc[0]
    assert [step.added for step in tuning.ladder(shown, base)] == ["PyTorch fp32"]


def test_the_text_tells_the_gain_the_price_and_the_accuracy():
    text = tuning_text(tuned()).data
    assert "**224×224, батч 1:** быстрее всех PyTorch (graph) fp16: 2,00\u00a0мс, 1\u00a0000\u00a0FPS" in text
    assert "по умолчанию — ONNX Runtime fp16, 4,00\u00a0мс: настройка быстрее в\u00a02\u00a0раза" in text
    assert "Его выход: ошибка 1,0·10⁻⁶, первый класс совпал у всех изображений (12\u00a0разных классов)." in text
    # 20 s more to build, by 1/125 - 1/1000 s an image
    assert "21,0\u00a0с вместо 1,00\u00a0с; окупается через 2\u00a0857\u00a0изображений" in text
    slower = tuning_text(report(record(ms=1.0), variant("nhwc", NHWC, 3.0))).data
    assert "быстрее всех PyTorch fp32" in slower
    assert "настройка быстрее" not in slower


def test_an_undecided_gain_is_told_so():
    text = tuning_text(report(record(ms=9.9), record(precision="fp16", ms=10.0), variant("nhwc", NHWC, 9.8))).data
    assert "данные не отличают от него PyTorch fp32 и PyTorch fp16" in text
    assert "быстрее ли настройка, не решено" in text


def test_images_for_a_watt_are_the_reverse_of_joules_for_an_image():
    energy = {"images": 10, "seconds": 1.0, "source": "NVML"}
    shown = report(
        record(energy={"joules": 5.0, **energy}), variant("graph", GRAPH, 2.0, energy={"joules": 1.0, **energy})
    )
    assert "**FPS на ватт:** больше всего — 10,0 — даёт PyTorch (graph) fp16" in tuning_text(shown).data
    assert "у PyTorch fp32 — не больше 2,00 (батч 1)" in tuning_text(shown).data
    assert list(tuning_table(shown).data["FPS на ватт"]) == pytest.approx([10, 2])
    assert "FPS на ватт" not in tuning_table(tuned()).data


def test_the_figure_and_the_tables_are_there_where_there_are_variants(tmp_path):
    shown = tuned(folder=tmp_path)
    figure = waterfall_figure(shown).data
    assert "PyTorch fp32: 10,0 мс, PyTorch fp16: 8,00 мс, + channels_last: 6,00 мс, + cuda_graph: 2,00 мс" in figure
    assert (tmp_path / "waterfall.png").stat().st_size > 1000
    assert list(variants_table(shown).data["Настройки"])[1] == "channels_last, cuda_graph"
    plain = report(record(), record(precision="fp16", ms=5.0))
    assert waterfall_figure(plain).data == tuning_table(plain).data == ""
    assert displayed(tuning_section, "show", plain) == []


def test_of_many_names_the_defaults_and_the_best_variants_stand_for_all():
    few = tuned()
    assert len(main_names(few.measured)) == len(few.measured)
    many = tuned(*(variant(f"slow{number}", {"graph_streams": number}, 50.0) for number in range(3, 12)))
    names = main_names(many.measured)["name"].tolist()
    assert names == ["PyTorch fp32", "PyTorch fp16", "ONNX Runtime fp16", "PyTorch (graph) fp16"]
    assert plots.drawn_cases(many)[1].startswith(". Из вариантов показан лучший")
    assert plots.drawn_cases(few)[1] == ""
    told = approaches.approaches_text(many).data
    assert "PyTorch (graph) fp16" in told
    assert "slow3" not in told
    assert "Названы 4 из 15" in told
