"""A network of one's own: a function, a file of weights or an ONNX file; and one sentence for what is none of these."""

import json
import os
import pickle
from pathlib import Path

import onnx
import pytest
import torch
from helpers.made import record, report
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bench_lib.cli import main
from bench_lib.core.case import Case, Limits, model_kind
from bench_lib.core.engine import Unavailable, build_engine
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.openvino import builder as openvino
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.shared.onnx_export import export_onnx
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import measure_case
from bench_lib.measure.reference import error_of, references
from bench_lib.report.phrases import unknown_accuracy
from bench_lib.report.sections import recommendations
from bench_lib.report.sections.accuracy import quantization_sentences
from bench_lib.report.sections.method import conditions_text, method_text
from bench_lib.results.run_folder import Run
from bench_lib.workload import onnx_file
from bench_lib.workload.answers import as_tuple
from bench_lib.workload.images import images_to_check, synthetic_images
from bench_lib.workload.network import load_network
from bench_lib.workload.onnx_reference import open_reference

CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
HERE = torch.device("cpu")
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)
AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1]}
NETS = """
import torch
from torch import nn

def build():
    layers = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(8, 10))

def fails():
    raise OSError("no checkpoint")

def string():
    return "net"

def gray():
    return nn.Conv2d(1, 8, 3)

number = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a module `own_nets` in it."""
    (tmp_path / "own_nets.py").write_text(NETS)
    (tmp_path / "broken_nets.py").write_text("import nothing_like_that")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "own_nets", raising=False)
    return tmp_path


def exported(name="net.onnx", batch=None, size=None, seed=0):
    """Write `own_nets:build` as ONNX, whose batch and size are fixed if they are given; return the network."""
    model = load_network("own_nets:build", seed)
    axes = {0: None if batch else "batch", 2: None if size else "height", 3: None if size else "width"}
    dynamic = {axis: name for axis, name in axes.items() if name}
    image = torch.zeros(batch or 2, 3, size or 32, size or 32)
    torch.onnx.export(model, (image,), name, dynamo=True, verbose=False, dynamic_shapes=(dynamic,))
    return model


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("resnet18", "torchvision"),
        ("package.module:build", "function"),
        ("nets:build", "function"),
        ("nets.onnx", "onnx"),
        ("path/to/net.ONNX", "onnx"),
        ("nets:", "torchvision"),
        ("a/b:build", "torchvision"),
    ],
)
def test_a_name_tells_what_it_is_of(name, kind):
    assert model_kind(name) == kind


def test_torchvision_before_a_name_says_nothing_more():
    plain, full = (Grid(**AXES, model=name) for name in ("mobilenet_v3_small", "torchvision:mobilenet_v3_small"))
    assert full == plain
    assert full.cases()[0].id == "mobilenet_v3_small-pytorch-fp32-32px-b1"


def test_a_title_that_is_not_given_is_the_model_s_name():
    assert Grid(**AXES).title == "ResNet-18"
    assert Grid(**AXES, model="torchvision:vgg11").title == "vgg11"
    assert Grid(**AXES, model="vgg11", title="VGG").title == "VGG"


def test_what_is_not_given_is_neither_in_a_case_s_name_nor_in_a_run_s_files():
    plain, own = Grid(**AXES), Grid(**AXES, weights="w.pt", data="photos")
    assert not {"weights", "data"} & (plain.model_dump().keys() | plain.cases()[0].model_dump().keys())
    assert {"weights", "data"} <= own.model_dump().keys() & own.cases()[0].model_dump().keys()
    ids = {Grid(**AXES, **given).cases()[0].id for given in ({}, {"data": "a"}, {"data": "b/a"}, {"weights": "a"})}
    assert len(ids) == 4
    assert own.cases()[0].id.startswith("resnet18-pytorch-fp32-32px-b1-weights=w.pt-data=photos-")
    # as it was before there were weights and data
    assert Case(engine="pytorch", model="a b").id == "a_b-pytorch-fp32-224px-b1-6cafe7ff1a69eb04"


def test_a_function_s_network_is_measured_as_it_is():
    first, again, other = (load_network("own_nets:build", seed) for seed in (0, 0, 1))
    assert not first.training
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    measured = measure_case(Case(engine="pytorch", model="own_nets:build", image_size=32, batch_size=2), SHORT)
    assert measured.status == "ok", measured.detail
    assert measured.work.flops == 2 * 2 * (15 * 15 * 27 * 8 + 8 * 10)


def test_a_network_whose_work_cannot_be_counted_is_measured_all_the_same(monkeypatch):
    monkeypatch.setattr("bench_lib.measure.flops.network_work", lambda *_: 1 / 0)
    measured = measure_case(Case(engine="pytorch", model="own_nets:build", image_size=32), SHORT)
    assert (measured.status, measured.work) == ("ok", None)


def test_weights_are_those_of_the_file_and_so_many_classes():
    torch.save(load_network("own_nets:build", 5).state_dict(), "w.pt")
    loaded = load_network("own_nets:build", 0, "w.pt")
    assert torch.equal(loaded[0].weight, load_network("own_nets:build", 5)[0].weight)
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=7).state_dict(), "seven.pt")
    assert load_network("squeezenet1_1", 0, "seven.pt")(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


class Trap:
    """What an untrusted pickle may be: it runs a command when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_a_pickle_is_not_run():
    for content in (pickle.dumps(Trap()), None):
        if content is None:
            torch.save({"net": Trap()}, "trap.pt")
        else:
            Path("trap.pt").write_bytes(content)
        with pytest.raises(
            InputError, match=r"'trap.pt': damaged, or not a file of tensors alone, and a pickle is not run; save net"
        ):
            load_network("resnet18", 0, "trap.pt")
    assert not os.path.exists("hacked")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "nowhere:build"}, "nowhere does not import: ModuleNotFoundError"),
        ({"model": "broken_nets:build"}, "broken_nets does not import: ModuleNotFoundError: No module named 'nothing"),
        ({"model": "own_nets:bild"}, "own_nets has no function bild"),
        ({"model": "own_nets:number"}, "own_nets has no function number"),
        ({"model": "own_nets:fails"}, "cannot be built: OSError: no checkpoint"),
        ({"model": "own_nets:string"}, "returned str; it must return a torch.nn.Module"),
        ({"model": "own_nets:gray"}, "does not take [1, 3, 32, 32]"),
        ({"model": "net.pt"}, "unknown model 'net.pt'; allowed: torchvision's networks"),
        ({"model": "fasterrcnn_resnet50_fpn"}, "chooses boxes midway, as many as an image has, so the answers of"),
        ({"model": "nothing.onnx"}, "there is no such file; give the path of an ONNX file"),
        ({"model": "own_nets.py.onnx"}, "not an ONNX model"),
        ({"model": "empty.onnx"}, "not an ONNX model"),
        ({"model": "add.onnx"}, "inputs and outputs are a float [2], b float [2], c float [2]; it must take one input"),
        ({"model": "gray.onnx"}, "inputs and outputs are x float [1, 1, 8, 8], y float [1, 4]"),
        ({"model": "double.onnx"}, "x double [1, 3, 8, 8], y double [1, 4]; it must take one input"),
        ({"model": "net.onnx", "weights": "w.pt"}, "net.onnx holds its own; remove weights"),
        ({"weights": "nothing.pt"}, "weights 'nothing.pt': there is no such file"),
        ({"weights": "own_nets.py"}, "not a file of tensors alone"),
        ({"weights": "list.pt"}, "not a state_dict"),
        ({"weights": "nested.pt"}, "not a state_dict"),
        ({"weights": "w.pt"}, "weights 'w.pt' are not those of resnet18: "),
    ],
)  # fmt: skip
def test_what_is_no_network_gets_one_sentence_before_anything_runs(folder, capsys, given, words):
    def write(name, kind, channels, nodes, names="xy"):
        shapes = [[1, channels, 8, 8], [1, 4]] if len(names) == 2 else [[2]] * 3
        infos = [helper.make_tensor_value_info(*pair) for pair in zip(names, [kind] * 3, shapes, strict=False)]
        graph = helper.make_graph([helper.make_node(*nodes)], "g", infos[:-1], infos[-1:])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), name)

    torch.save(load_network("own_nets:build", 0).state_dict(), "w.pt")
    torch.save([torch.zeros(1)], "list.pt")
    torch.save({"epoch": 3, "net": {}}, "nested.pt")
    (folder / "own_nets.py.onnx").write_text(NETS)
    (folder / "empty.onnx").write_bytes(b"")
    write("add.onnx", TensorProto.FLOAT, 3, ("Add", ["a", "b"], ["c"]), "abc")
    write("gray.onnx", TensorProto.FLOAT, 1, ("Flatten", ["x"], ["y"]))
    write("double.onnx", TensorProto.DOUBLE, 3, ("Flatten", ["x"], ["y"]))
    (folder / "net.onnx").write_bytes(b"")
    (folder / "grid.yaml").write_text(json.dumps(AXES | given))
    assert main.main(["sweep", "grid.yaml", "--output", "run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench: grid.yaml: ")
    assert len(said.splitlines()) == 1
    assert words in said
    assert not (folder / "run").exists()


@CPU
@pytest.mark.parametrize("engine", [onnx_runtime, openvino])
def test_an_onnx_file_runs_as_the_network_that_it_was_made_of(engine):
    network = exported()
    case = Case(engine="pytorch", image_size=48, batch_size=3)
    for precision in ("fp32", "int8"):
        try:
            engine.check_support(precision)
        except Unavailable as error:
            pytest.skip(str(error))
        made = engine.build(load_network("net.onnx", 0), synthetic_images(case, 0, HERE), precision)
        images = images_to_check(case, 0)
        output = accuracy.answers(made, images, 3)[0]
        told = accuracy.compare(output, references(network, images, HERE, 3)[0], precision, made.ran.get("kernels"))
        assert made.outputs()[0].shape == (3, 10)
        assert accuracy.is_acceptable(told)
        assert told.actual_precision == precision


@CPU
def test_the_reference_of_an_onnx_file_is_onnx_runtime_s_and_pytorch_agrees():
    network, images = exported(), torch.randn(5, 3, 40, 40)
    against = references(load_network("net.onnx", 0), images, HERE, batch_size=2)[0]
    same = references(network, images, HERE, batch_size=2)[0]
    assert (against.name, same.name) == ("ONNX Runtime CPU fp32", "PyTorch fp32")
    assert error_of(against.outputs, same.outputs) < 1e-5
    assert against.rounding == pytest.approx(same.rounding, rel=0.05)
    measured = measure_case(Case(engine="onnx_runtime", model="net.onnx", image_size=32, batch_size=2), SHORT)
    assert measured.status == "ok", measured.detail
    assert (measured.accuracy.reference, measured.accuracy.actual_precision) == (against.name, "fp32")
    assert measured.work is None
    assert measured.ran["opset"] >= 18


@CPU
@pytest.mark.parametrize(("size", "batch", "runs"), [(32, 1, True), (48, 1, False), (32, 2, False)])
def test_a_shape_that_an_onnx_file_fixes_is_a_row_with_its_reason(size, batch, runs):
    exported(batch=1, size=32)
    measured = measure_case(Case(engine="onnx_runtime", model="net.onnx", image_size=size, batch_size=batch), SHORT)
    reason = f"вход в ONNX-файле закреплён как 1×3×32×32, а здесь нужен {batch}×3×{size}×{size}"
    assert (measured.status, say(measured.reason)) == (("ok", "") if runs else ("skipped", reason))


def test_an_engine_of_pytorch_networks_says_that_it_takes_no_onnx_file():
    exported()
    model, images = load_network("net.onnx", 0), torch.zeros(1, 3, 32, 32)
    for name in ("pytorch", "torch_tensorrt"):
        with pytest.raises(Unavailable, match="takes PyTorch networks alone") as caught:
            build_engine(Case(engine=name, model="net.onnx"), model, images)
        assert "сеть задана ONNX-файлом" in say(caught.value.reason)


def test_an_onnx_file_is_converted_to_fp16_for_a_gpu_and_not_to_bf16():
    network, images = exported(), torch.randn(2, 3, 32, 32)
    half = export_onnx(load_network("net.onnx", 0), images.half())
    assert {one.type.tensor_type.elem_type for one in (*half.graph.input, *half.graph.output)} == {TensorProto.FLOAT16}
    assert TensorProto.FLOAT not in {one.data_type for one in half.graph.initializer}
    import onnxruntime

    session = onnxruntime.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
    output = torch.from_numpy(session.run(None, {half.graph.input[0].name: images.half().numpy()})[0])
    assert output.dtype == torch.float16
    assert 1e-5 < error_of(output, network(images).detach()) < 1e-1
    with pytest.raises(Unavailable, match="no converter of an ONNX file to bf16"):
        export_onnx(load_network("net.onnx", 0), images.bfloat16())


def test_weights_among_the_inputs_of_an_old_file_are_no_inputs(folder):
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 1, 1])
    weight = numpy_helper.from_array(torch.randn(3, 4).numpy(), "w")
    listed = helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 4])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [listed, shape], [answer], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=3), "old.onnx")
    model = onnx_file.read_onnx(folder / "old.onnx")
    assert [one.name for one in onnx_file.model_of_shape(model, torch.Size((2, 3, 1, 1))).graph.input] == ["x"]
    images = torch.randn(2, 3, 1, 1)
    expected = images.flatten(1) @ torch.tensor(onnx.numpy_helper.to_array(weight))
    assert torch.allclose(open_reference(model, images.shape)[1](images)[0], expected)


def test_a_run_does_not_go_on_with_another_file_of_the_same_name(folder):
    exported()
    grid = Grid(**AXES | {"engines": ["onnx_runtime"]}, model="net.onnx")
    Run("run").start(grid, {})
    Run("run").start(grid, {})
    exported(seed=1)
    with pytest.raises(InputError, match="holds a run of another model"):
        Run("run").start(grid, {})
    Run("plain").start(Grid(**AXES), {})
    assert not (folder / "plain" / "model.json").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "(<code>resnet18</code> из torchvision) со случайными весами (seed 0)"),
        ({"weights": "a*b.pt"}, "(<code>resnet18</code> из torchvision) с весами из файла <code>a&#42;b.pt</code>"),
        ({"model": "nets:build"}, "(функция <code>nets:build</code>) с весами, какие даёт функция (seed 0)"),
        ({"model": "nets:build", "weights": "w.pt"}, "(функция <code>nets:build</code>) с весами из файла"),
        ({"model": "net.onnx"}, "(ONNX-файл <code>net.onnx</code>) с весами из того же файла"),
    ],
)
def test_the_report_says_where_the_network_comes_from(given, words):
    data = report(record(), **given)
    assert words in conditions_text(data).data
    by_onnx = "эталоном — ONNX Runtime fp32 на процессоре" in method_text(data).data
    assert by_onnx is given.get("model", "").endswith(".onnx")
    own = "Сеть своя, а изображения синтетические" in recommendations.real_data_sentence(data)
    assert own is bool(given)


def test_a_trained_network_is_still_not_said_to_recognise():
    plain, own = report(record()), report(record(), weights="w.pt")
    assert unknown_accuracy(plain.grid) == ["веса случайные", "изображения синтетические"]
    assert unknown_accuracy(own.grid) == ["изображения синтетические"]
    ran = {"calibration_images": 33}
    told = quantization_sentences(report(record(), record("openvino", "int8", ran=ran), weights="w.pt"))[0]
    assert "калибруйте сеть своими изображениями (параметр `data`)" in told
    assert "Веса" not in told


def test_pytorch_s_own_network_is_left_as_it_was():
    model, images = load_network("own_nets:build", 0), torch.zeros(1, 3, 32, 32)
    weights = [one.clone() for one in model.state_dict().values()]
    pytorch.build(model, images, "fp32", channels_last=True)
    assert all(torch.equal(*pair) for pair in zip(model.state_dict().values(), weights, strict=True))
    assert isinstance(model, nn.Module)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"])
def test_a_network_that_a_command_has_made_is_the_same_again(name, tmp_path, monkeypatch):
    image = torch.randn(1, 3, 64, 64)
    made = load_network(name, 0, image_size=64)
    monkeypatch.setenv("BENCH_LIB_TEMPORARY", str(tmp_path))
    for _ in range(2):
        again = load_network(name, 0, image_size=64)
        with torch.inference_mode():
            assert all(map(torch.equal, as_tuple(again(image)), as_tuple(made(image))))
    assert len(list(tmp_path.glob("once-*"))) == 1
    load_network(name, 1, image_size=64)
    assert len(list(tmp_path.glob("once-*"))) == 2


def test_a_function_is_called_for_each_case(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_LIB_TEMPORARY", str(tmp_path))
    load_network("own_nets:build", 0, image_size=32)
    assert not list(tmp_path.glob("once-*"))
