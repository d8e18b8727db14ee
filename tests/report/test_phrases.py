"""Names of cases in sentences: whatever tells a case from the engine's default is in its name."""

from helpers.made import record, report

from bench_lib.core.case import Case, engine_and_precision, options_text
from bench_lib.core.grid import Grid, Variant
from bench_lib.core.record import Trial
from bench_lib.report.phrases import case_title, engines_of, load_title
from bench_lib.report.sections.auto_precision import choices_text
from bench_lib.text.language import NBSP

GRAPH = {"cuda_graph": True, "graph_parts": 2}
AXES = {"precisions": ["fp32"], "image_sizes": [224], "batch_sizes": [1]}


def test_options_are_named_and_those_that_are_just_on_have_no_value():
    assert options_text(GRAPH) == "cuda_graph, graph_parts=2"
    assert options_text({"freezing": False, "compile": "default"}) == "compile=default, freezing=False"
    assert options_text({}) == ""


def test_a_case_is_named_by_its_variant_or_its_options_and_whole_by_both():
    plain, lone, named = Case(engine="pytorch"), *(Case(engine="pytorch", options=GRAPH, variant=v) for v in ("", "g"))
    assert [engine_and_precision(case) for case in (plain, lone, named)] == [
        "PyTorch fp32", "PyTorch (cuda_graph, graph_parts=2) fp32", "PyTorch (g) fp32",
    ]  # fmt: skip
    assert case_title(named).startswith("PyTorch (g: cuda_graph, graph_parts=2) fp32")
    assert load_title(lone, Grid(engines=["pytorch"], **AXES)) == "PyTorch (cuda_graph, graph_parts=2) fp32, батч 1"


def test_a_variant_or_an_option_cannot_put_markup_into_a_name():
    case = Case(engine="pytorch", options={"<b>": "[x](//e.org) _y_ www.e.org"})
    assert engine_and_precision(case) == "PyTorch (?b?=?x???/e.org? ?y? www?e.org) fp32"
    assert engine_and_precision(Case(engine="pytorch", variant="*graph_2*")) == "PyTorch (?graph_2?) fp32"


def test_the_grid_s_engines_are_named_with_their_options():
    variants = {"graph": Variant(engine="pytorch", options=GRAPH)}
    grid = Grid(engines=["pytorch", "graph"], options={"pytorch": {"channels_last": True}}, variants=variants, **AXES)
    assert engines_of(grid) == ["PyTorch (channels_last) (и graph)"]
    assert engines_of(grid.model_copy(update={"options": {}})) == ["PyTorch (и graph)"]
    assert engines_of(Grid(engines=["graph"], options={"pytorch": {"x": 1}}, variants=variants, **AXES)) == [
        "PyTorch (graph)"
    ]


def test_processes_that_chose_the_same_precision_have_one_line():
    trials = [Trial(precision="fp16", latency_ms=1.0, error=1e-3)]
    made = [record(precision="auto", actual="fp16", ms=1.0, trials=trials) for _ in range(3)]
    cases = [one.case.model_copy(update={"repeat": number, "options": GRAPH}) for number, one in enumerate(made, 1)]
    shown = report(*(one.model_copy(update={"case": case}) for one, case in zip(made, cases, strict=True)))
    told = choices_text(shown).data.replace(NBSP, " ")
    assert told.count("PyTorch (cuda&#95;graph, graph&#95;parts=2), 224×224, батч 1:** fp16 — 1,00 мс") == 1
    assert "столько даёт и случай, если разброс между процессами — 3,0 %, как здесь принято без измерения" in told
