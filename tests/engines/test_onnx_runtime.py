"""ONNX Runtime's options: providers that load or say why not, bf16, CUDA graphs, threads."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import onnx
import onnxruntime
import pytest
import torch

from bench_lib.core.case import Case
from bench_lib.core.engine import Unavailable, check_case_options, data_type
from bench_lib.core.errors import InputError
from bench_lib.core.reason import say
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.shared.onnx_export import count_int8_products, export_onnx, quantize_qdq_for_tensorrt
from bench_lib.measure import accuracy
from bench_lib.measure.reference import references
from bench_lib.workload.images import draw_images, images_to_check, synthetic_images
from bench_lib.workload.network import load_network

CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
CASE = Case(engine="onnx_runtime", image_size=32, batch_size=2)


def built(**options):
    images = synthetic_images(CASE, 0, torch.device("cpu"))
    return onnx_runtime.build(load_network("resnet18", 0, image_size=32), images, "fp32", **options)


@pytest.fixture
def on_gpu(monkeypatch):
    """A GPU as far as choosing and telling a provider goes."""
    monkeypatch.setattr(providers, "compute_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=77))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)


@pytest.mark.usefixtures("on_gpu")
def test_each_provider_is_told_all_that_matters():
    cuda = {"prefer_nhwc": "1"}
    assert providers.provider_settings("cuda", "tf32", True, cuda) == {
        "device_id": "3", "user_compute_stream": "77", "enable_cuda_graph": "1", "use_tf32": "1",
        "cudnn_conv_use_max_workspace": "1", "prefer_nhwc": "1",
    }  # fmt: skip
    assert providers.provider_settings("cuda", "fp32", False, {})["use_tf32"] == "0"
    tensorrt = {
        precision: providers.provider_settings("tensorrt", precision, True, cuda)
        for precision in ("fp32", "fp16", "bf16")
    }
    assert tensorrt["fp16"] == {
        "device_id": "3", "user_compute_stream": "77", "trt_cuda_graph_enable": "1", "trt_fp16_enable": "1",
        "trt_bf16_enable": "0", "trt_int8_enable": "0", "trt_engine_cache_enable": "0", "trt_timing_cache_enable": "0",
    }  # fmt: skip
    assert [(given["trt_fp16_enable"], given["trt_bf16_enable"]) for given in tensorrt.values()] == [
        ("0", "0"), ("1", "0"), ("0", "1"),
    ]  # fmt: skip
    assert providers.provider_settings("tensorrt_rtx", "fp16", False, cuda) == {
        "has_user_compute_stream": "1", "user_compute_stream": "77", "enable_cuda_graph": "0",
    }  # fmt: skip
    assert providers.provider_settings("cpu", "fp32", False, cuda) == {}


@pytest.mark.usefixtures("on_gpu")
def test_the_provider_is_the_device_s_unless_another_is_named():
    assert providers.choose_provider(None) == "cuda"
    assert providers.choose_provider("tensorrt") == "tensorrt"
    assert providers.choose_provider("tensorrt_rtx", "int8") == "tensorrt_rtx"
    with pytest.raises(Unavailable, match="CUDA provider has no int8 convolution"):
        providers.choose_provider("cuda", "int8")


@CPU
@pytest.mark.parametrize("options", [{"provider": "cuda"}, {"provider": "tensorrt_rtx"}, {"cuda_graph": True}])
def test_what_only_a_gpu_has_is_a_reason_on_a_cpu(options):
    assert providers.choose_provider(None) == "cpu"
    with pytest.raises(Unavailable, match="needs an NVIDIA GPU") as raised:
        built(**options)
    assert "GPU NVIDIA" in say(raised.value.reason)


@CPU
def test_a_provider_that_does_not_load_says_why_in_its_own_words(capfd):
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no TensorRT provider")
    model = export_onnx(load_network("resnet18", 0, image_size=32), synthetic_images(CASE, 0, torch.device("cpu")))
    with pytest.raises(Unavailable, match=r"TensorrtExecutionProvider cannot run .*TensorRT libraries"):
        providers.open_session(model.SerializeToString(), "tensorrt", {}, onnxruntime.SessionOptions())
    assert "Falling back" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for MaxPool(22)", True),
        ("nodes are assigned to the CPU EP, but fallback to CPU EP has been explicitly disabled by the user", True),
        ("Failed to allocate memory for requested buffer of size 1", False),
    ],
)
def test_a_provider_that_lacks_an_operation_is_skipped_and_other_faults_are_not(monkeypatch, words, expected):
    def refuse(*_, **__):
        raise RuntimeError(words)

    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    with pytest.raises(Unavailable if expected else RuntimeError, match=re.escape(words)) as raised:
        providers.open_session(b"", "cuda", {"device_id": "0"}, onnxruntime.SessionOptions())
    assert isinstance(raised.value, Unavailable) == expected
    with pytest.raises(RuntimeError):
        providers.open_session(b"", "cpu", {}, onnxruntime.SessionOptions())


def test_tensorrt_rtx_is_a_package_that_is_registered_and_given_its_device(monkeypatch):
    done = []
    options = SimpleNamespace(add_provider_for_devices=lambda devices, given: done.append((devices, given)))
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_nv_tensorrt_rtx", None)
    with pytest.raises(Unavailable, match="not installed") as raised:
        providers.add_plugin(options, {})
    package = raised.value.command.split()[-1]
    assert f"{package}==" in CONSTRAINTS.read_text()  # what the command says can be done

    name = providers.NAMES["tensorrt_rtx"]
    plugin = SimpleNamespace(get_ep_name=lambda: name, get_library_path=lambda: "x.so")
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_nv_tensorrt_rtx", plugin)
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *given: done.append(given))
    devices = [SimpleNamespace(ep_name="CPUExecutionProvider"), *[SimpleNamespace(ep_name=name) for _ in range(2)]]
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: devices)
    providers.add_plugin(options, {"enable_cuda_graph": "1"})
    assert done == [(name, "x.so"), ([devices[1]], {"enable_cuda_graph": "1"})]
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: devices[:1])
    with pytest.raises(Unavailable, match="finds no GPU"):
        providers.add_plugin(options, {})


def test_a_network_in_bf16_is_exported_in_bf16_alone():
    images = synthetic_images(CASE, 0, torch.device("cpu")).bfloat16()
    proto = export_onnx(load_network("resnet18", 0, image_size=32), images)
    onnx.checker.check_model(proto, full_check=True)
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    types = {tensor.data_type for tensor in proto.graph.initializer} & set(floats)
    assert types == {onnx.TensorProto.BFLOAT16}
    assert proto.opset_import[0].version == 22
    assert not any(node.op_type == "BatchNormalization" for node in proto.graph.node)


def test_types_are_those_of_onnx():
    names = {torch.float32: "FLOAT", torch.float16: "FLOAT16", torch.bfloat16: "BFLOAT16", torch.uint8: "UINT8"}
    assert {kind: getattr(onnx.TensorProto, name) for kind, name in names.items()} == onnx_runtime.ONNX_TYPES
    assert set(names) - {torch.uint8} == {data_type(precision) for precision in ("fp32", "tf32", "fp16", "bf16")}


@CPU
def test_threads_are_pytorch_s_or_those_asked_for():
    engine = built(intra_op_threads=1)
    assert engine.ran["threads"] == 1
    assert built().ran["threads"] == torch.get_num_threads()
    images = images_to_check(CASE, 0)
    against = references(load_network("resnet18", 0, image_size=32), images, torch.device("cpu"), 2)[0]
    compared = accuracy.compare(accuracy.answers(engine, images, 2)[0], against, "fp32")
    assert accuracy.is_acceptable(compared)
    assert compared.actual_precision == "fp32"


@CPU
def test_what_is_quantized_for_tensorrt_is_symmetric_and_leaves_room_to_fuse():
    model, images = load_network("resnet18", 0, image_size=32), draw_images(16, 32, 0, "check")
    proto, told = quantize_qdq_for_tensorrt(export_onnx(model, images), iter([images]))
    made = {name: node.op_type for node in proto.graph.node for name in node.output}
    read = {
        kind: {made.get(name) for node in proto.graph.node if node.op_type == kind for name in node.input}
        for kind in ("Relu", "Add", "MaxPool")
    }
    assert read == {"Relu": {"Conv", "Add"}, "Add": {"Conv", "DequantizeLinear"}, "MaxPool": {"Relu"}}
    zeros = [onnx.numpy_helper.to_array(one) for one in proto.graph.initializer if "zero_point" in one.name]
    assert {(str(zero.dtype), bool(zero.any())) for zero in zeros} == {("int8", False)}
    assert count_int8_products(proto) == {"int8": 21}
    assert (told["activations"], told["reduce_range"]) == ("s8", False)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    output = torch.from_numpy(session.run(None, {proto.graph.input[0].name: images.numpy()})[0])
    compared = accuracy.compare(output, references(model, images, torch.device("cpu"), 16)[0], "int8", {"int8": 21})
    assert 0.01 < compared.error < compared.tolerance / 2


@CPU
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_on_a_cpu_is_a_reason(precision):
    with pytest.raises(Unavailable, match=f"{precision}"):
        onnx_runtime.check_support(precision)


def test_a_wrong_provider_is_told_with_those_that_there_are():
    with pytest.raises(InputError, match="provider is 'openvino'; allowed: 'cuda', 'tensorrt' or 'tensorrt_rtx'"):
        check_case_options(Case(engine="onnx_runtime", options={"provider": "openvino"}))
