"""A grid read from YAML, and one clear sentence for everything that can be wrong in it."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from corpus import networks

from bench_lib.cli import sweep
from bench_lib.core.case import Case, engine_names
from bench_lib.core.errors import InputError, validated
from bench_lib.core.grid import Grid, read_grid
from bench_lib.results.pipeline import PipelineGrid
from bench_lib.results.scaling import ScalingGrid
from bench_lib.results.serving import ServingGrid

LOADS = {"serving": ServingGrid, "scaling": ScalingGrid, "pipeline": PipelineGrid}
AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [224], "batch_sizes": [1]}
GOOD = "engines: [pytorch]\nprecisions: [fp32]\nimage_sizes: [224]\nbatch_sizes: [1]\n"


def read(tmp_path, text):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return read_grid(path)


def test_the_seed_grid_has_56_different_cases_in_three_processes_each():
    cases = read_grid("params/seed.yaml").cases()
    assert len(cases) == len({case.id for case in cases}) == 3 * 56
    assert len({case.first.id for case in cases}) == 56


@pytest.mark.parametrize("name", ["seed", "quick", "auto", "batches", "best", "cpu"])
def test_a_grid_with_rows_that_a_host_may_pace_measures_the_spread_between_processes(name):
    assert read_grid(f"params/{name}.yaml").repeats >= 3


@pytest.mark.parametrize("name", ["seed", "smoke", "batches"])
def test_each_grid_names_the_engines_of_the_original_report(name):
    assert read_grid(f"params/{name}.yaml").engines == ["pytorch", "onnx_runtime", "torch_tensorrt"]
    assert {"pytorch", "onnx_runtime", "torch_tensorrt"} <= set(engine_names())


@pytest.mark.parametrize("path", sorted(Path("params").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_grid_s_options_are_those_of_the_engines(path):
    grid = read_grid(path, LOADS.get(path.stem, Grid))
    own = {"weights": "", "data": "", "labels": ""}  # what an example makes first is not here
    sweep.check_grid(without_timm(grid).model_copy(update=own), path)
    assert unmeasured(grid) == []


def without_timm(grid):
    """The grid without the networks that need the extra `timm`, where that is not installed."""
    if find_spec("timm") or not grid.models:
        return grid
    return grid.model_copy(update={"models": [name for name in grid.models if not name.startswith("timm:")]})


def unmeasured(grid):
    """Names in `engines` that make no case, because the grid has none of their precisions."""
    asked = {name: grid.variant(name).precisions for name in grid.engines}
    return [name for name, at in asked.items() if at is not None and not set(at) & set(grid.precisions)]


def test_a_variant_that_a_grid_never_measures_is_found():
    variants = {"quick": {"engine": "pytorch", "precisions": ["int8"]}}
    axes = {"precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1]}
    assert unmeasured(Grid(engines=["pytorch", "quick"], variants=variants, **axes)) == ["quick"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("precisions", "precision"), ["unknown key 'precision'", "did you mean 'precisions'"]),
        (("[pytorch]", "[pytorhc]"), ["unknown engine 'pytorhc'", "onnx_runtime, openvino, pytorch, torch_tensorrt"]),
        (("[pytorch]", "[]"), ["engines", "empty"]),
        (("[pytorch]", "pytorch"), ["must be a list", "[pytorch]"]),
        (("[fp32]", "[fp23]"), ["'fp23'", "fp32", "fp16"]),
        (("[224]", "[0]"), ["image_sizes.0 is 0", "at least 1"]),
        (("[1]", "[-1]"), ["batch_sizes.0 is -1", "at least 1"]),
        (("[1]", '["33"]'), ["'33'", "whole number"]),
        (("[1]", "[true]"), ["True", "whole number"]),
        (("[1]", "[1.5]"), ["1.5", "whole number"]),
        (("[224]", "[224, 224]"), ["repeats a value"]),
        (("engines: [pytorch]\n", ""), ["engines is missing"]),
        (("batch_sizes: [1]", "batch_sizes: [1]\nlimits: {min_cuont: 3}"), ["min_cuont", "did you mean 'min_count'"]),
        (("batch_sizes: [1]", "batch_sizes: [1]\nlimits: {min_s: .nan}"), ["limits.min_s"]),
        (("engines:", "engines: ["), ["not a YAML file"]),
    ],
)
def test_a_wrong_grid_gets_one_sentence(tmp_path, change, words):
    assert change[0] in GOOD
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(*change))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(tmp_path / "grid.yaml"))
    assert [word for word in words if word not in sentence] == []


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "just words"])
def test_an_empty_grid_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="empty grid; write at least engines"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing.yaml: there is no such file"):
        read_grid(tmp_path / "nothing.yaml")


def test_options_are_a_part_of_a_case_and_its_id():
    plain, tuned = Case(engine="pytorch"), Case(engine="pytorch", options={"channels_last": True})
    assert plain.id == "resnet18-pytorch-fp32-224px-b1"
    assert tuned.id == "resnet18-pytorch-fp32-224px-b1-channels_last=True"


def test_jupyter_shows_the_sentence_alone():
    assert InputError("what to do")._render_traceback_() == ["InputError: what to do"]


def test_a_variant_is_an_engine_with_options_under_a_name_of_its_own():
    variants = {"nhwc": {"engine": "pytorch", "options": {"channels_last": True}, "precisions": ["fp16"]}}
    grid = Grid(**AXES | {"engines": ["pytorch", "nhwc"], "precisions": ["fp32", "fp16"], "variants": variants})
    assert [(case.engine, case.variant, case.precision, case.options) for case in grid.cases()] == [
        ("pytorch", "", "fp32", {}), ("pytorch", "", "fp16", {}), ("pytorch", "nhwc", "fp16", {"channels_last": True}),
    ]  # fmt: skip
    assert grid.cases()[2].id == "resnet18-pytorch+nhwc-fp16-224px-b1-channels_last=True"


def test_an_engine_in_only_is_measured_at_those_precisions_and_a_variant_of_it_at_the_grid_s():
    named = {"engines": ["pytorch", "onnx_runtime", "tuned"], "precisions": ["fp32", "tf32"]}
    grid = Grid(**AXES | named, only={"onnx_runtime": ["fp32"]}, variants={"tuned": {"engine": "onnx_runtime"}})
    assert [(case.engine, case.variant, case.precision) for case in grid.cases()] == [
        ("pytorch", "", "fp32"), ("pytorch", "", "tf32"), ("onnx_runtime", "", "fp32"),
        ("onnx_runtime", "tuned", "fp32"), ("onnx_runtime", "tuned", "tf32"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"variants": {"pytorch": {"engine": "pytorch"}}}, "is no name for a variant"),
        ({"variants": {"idle": {"engine": "pytorch"}}}, "'idle' is not in engines"),
        ({"variants": {"x": {"engine": "jax"}}, "engines": ["x"]}, "unknown engine 'jax'"),
        ({"engines": ["x"]}, "unknown engine 'x'"),
        ({"variants": {"x": {"engine": "pytorch", "options": {"slowdown": 0.1}}}, "engines": ["x"]}, "remove it"),
        ({"only": {"jax": ["fp32"]}}, "unknown engine 'jax'"),
        ({"only": {"pytorch": ["fp23"]}}, "'fp23'"),
        ({"only": {"pytorch": []}}, "empty"),
        ({"only": {"pytorch": ["fp16"]}}, "no engine has a precision that precisions names"),
        ({"variants": {"x": {"engine": "pytorch", "precisions": ["fp16"]}}, "engines": ["x"]}, "no engine has a prec"),
    ],
)
def test_a_wrong_variant_or_only_is_one_sentence(tmp_path, changed, words):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(AXES | changed))
    with pytest.raises(InputError, match=words) as raised:
        read_grid(path)
    assert "\n" not in str(raised.value)


def test_several_networks_are_the_outermost_axis_after_the_repeats():
    grid = Grid(**AXES | {"batch_sizes": [1, 8]}, models=["torchvision:resnet18", "vgg11"], repeats=2)
    assert grid.networks == ["resnet18", "vgg11"]
    assert [(case.repeat, case.model, case.batch_size) for case in grid.cases()] == [
        (repeat, model, batch) for repeat in (1, 2) for model in ("resnet18", "vgg11") for batch in (1, 8)
    ]  # fmt: skip
    assert [grid.of(name).networks for name in grid.networks] == [["resnet18"], ["vgg11"]]
    assert {case.id for name in grid.networks for case in grid.of(name).cases()} == {case.id for case in grid.cases()}


def test_a_grid_is_read_back_as_it_was_written_and_one_network_is_written_as_before():
    several = {"models": ["vgg11", "alexnet"], "weights": "DEFAULT"}
    for models in ({}, {"model": "vgg11"}, {"models": ["vgg11"]}, several):
        grid = Grid(**AXES, **models)
        assert Grid.model_validate_json(grid.model_dump_json()) == grid
    assert "models" not in Grid(**AXES).model_dump()
    assert Grid(**AXES).model_dump()["model"] == "resnet18"


def test_a_list_of_one_network_has_its_title_and_several_have_none():
    assert [Grid(**AXES, models=models).title for models in (["resnet18"], ["vgg11"], ["vgg11", "alexnet"])] == [
        "ResNet-18", "vgg11", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "vgg11", "models": ["vgg11", "alexnet"]}, "model and models are both given"),
        ({"models": ["vgg11", "torchvision:vgg11"]}, "repeats a value"),
        ({"models": []}, "models is an empty list"),
        ({"models": "vgg11"}, "must be a list, for example [vgg11]"),
        ({"models": ["vgg11", "alexnet"], "weights": "net.pt"}, "weights are those of one network, and models names 2"),
        ({"models": list(map(str, range(1000))), "batch_sizes": list(range(1, 102))}, "the grid has 101,000 cases"),
    ],
)
def test_wrong_networks_are_one_sentence(tmp_path, changed, words):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(AXES | changed))
    with pytest.raises(InputError, match=re.escape(words)) as raised:
        read_grid(path)
    assert "\n" not in str(raised.value)


def test_a_load_is_that_of_one_network():
    with pytest.raises(InputError, match="a load is that of one network; name it in model"):
        validated(ServingGrid, AXES | {"models": ["vgg11", "alexnet"]}, "load.yaml")


def test_before_a_sweep_the_one_of_several_networks_that_cannot_be_run_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    networks.make(tmp_path)
    for name, words in (("vgg99", "unknown model 'vgg99'"), ("nets:Words", "model 'nets:Words' does not take")):
        with pytest.raises(InputError, match=re.escape(f"some.yaml: {words}")):
            sweep.check_grid(Grid(**AXES | {"image_sizes": [32]}, models=["resnet18", name]), Path("some.yaml"))


@pytest.mark.parametrize(("name", "least"), [("zoo", 25), ("zoo-cpu", 10)])
def test_the_grids_of_many_networks_hold_as_many_as_they_say(name, least):
    grid = read_grid(f"params/{name}.yaml")
    assert len(grid.networks) >= least
    assert "pytorch" in grid.engines
    assert "fp32" in grid.precisions
