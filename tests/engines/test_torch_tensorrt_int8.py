"""int8 by NVIDIA's ModelOpt: the graph that TensorRT gets, where ModelOpt is installed, and the reasons where not."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import fx

from bench_lib.core.engine import Unavailable
from bench_lib.core.reason import say
from bench_lib.engines.shared.calibration import calibration_batches
from bench_lib.engines.torch_tensorrt import builder as torch_tensorrt
from bench_lib.engines.torch_tensorrt.quantize import (
    QUANTIZE,
    check_modelopt,
    check_rtx,
    count_kernels,
    export_quantized,
    is_step,
    lift_guard,
    quantize_model,
    rounded,
    rounded_by_axis,
)
from bench_lib.measure import accuracy
from bench_lib.measure.reference import references
from bench_lib.workload.images import draw_images
from bench_lib.workload.network import load_network

HERE = torch.device("cpu")
MODEL = load_network("resnet18", 0, image_size=64)
IMAGES = draw_images(16, 64, 0, "check")


def test_without_modelopt_there_is_a_reason_and_a_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "modelopt.torch.quantization", None)
    with pytest.raises(Unavailable, match="ModelOpt, which quantizes for TensorRT, is not installed") as caught:
        check_modelopt()
    assert say(caught.value.reason).startswith("NVIDIA ModelOpt, которая квантует для TensorRT, не установлена")
    assert caught.value.command.endswith("nvidia-modelopt")


def test_an_old_tensorrt_rtx_takes_no_activations_in_int8():
    check_rtx("1.4.0.76")
    with pytest.raises(Unavailable, match=r"TensorRT-RTX 1\.3\.0 takes weights alone") as caught:
        check_rtx("1.3.0")
    assert "только веса" in say(caught.value.reason)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_refusal_of_torch_tensorrt_is_lifted_where_it_is(monkeypatch, guarded):
    def refuse(_name, _dtype):
        raise NotImplementedError

    quantize = SimpleNamespace(**({"validate_int8_activation_quantization": refuse} if guarded else {}))
    package = ModuleType("torch_tensorrt.dynamo.conversion.impl")
    package.quantize = quantize
    for name in ("torch_tensorrt", "torch_tensorrt.dynamo", "torch_tensorrt.dynamo.conversion"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, package.__name__, package)
    lift_guard()
    assert hasattr(quantize, "validate_int8_activation_quantization") is guarded
    if guarded:
        quantize.validate_int8_activation_quantization("conv1.input_quantizer", "int8")


def test_rounding_is_to_steps_of_the_largest_value_over_127():
    values, largest = torch.tensor([[-3.0, 0.6], [1.0, 2.54]]), torch.tensor(2.54)
    assert torch.allclose(rounded(values, largest, 8, False, False),
                          torch.tensor([[-2.54, 0.6], [1.0, 2.54]]))  # fmt: skip
    by_row = rounded_by_axis(values, torch.tensor([1.27, 254.0]), 0, 8, False, False)
    assert torch.allclose(by_row, torch.tensor([[-1.27, 0.6], [0.0, 2.0]]))


def test_what_tensorrt_does_not_build_is_a_reason(monkeypatch):
    class Runtime:
        class dynamo:
            @staticmethod
            def compile(*_args, **_options):
                raise TypeError("deserialize_cuda_engine(): incompatible function arguments. Invoked with: None")

    monkeypatch.setattr(torch_tensorrt, "tensorrt_version", lambda: "1.4.0.76")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    with pytest.raises(Unavailable, match="builds no engine from this network in int8 on NVIDIA H100"):
        torch_tensorrt.compile_program(Runtime, None, IMAGES, "int8", {})
    with pytest.raises(TypeError):
        torch_tensorrt.compile_program(Runtime, None, IMAGES, "fp16", {})


class Simulated(fx.Interpreter):
    """Computes the rounding steps, for which PyTorch has no kernel on a CPU."""

    def call_function(self, target, args, kwargs):
        if str(target) != QUANTIZE:
            return super().call_function(target, args, kwargs)
        step = args[1].float() / 127
        return ((args[0].float() / step).round().clamp(-128, 127) * step).to(args[0].dtype)


@pytest.fixture(scope="module")
def quantized():
    try:
        check_modelopt()
    except Unavailable as error:
        pytest.skip(str(error))
    return quantize_model(MODEL, calibration_batches(IMAGES.shape))


@pytest.mark.filterwarnings("ignore")  # ModelOpt's own
@pytest.mark.parametrize("unquantized", ["fp32", "fp16"])
def test_the_graph_rounds_what_each_layer_reads_and_stays_near_fp32(quantized, unquantized):
    program = export_quantized(quantized, IMAGES, unquantized)
    assert count_kernels(program.graph, unquantized) == {"int8": 21}
    steps = [node for node in program.graph.nodes if is_step(node)]
    assert len(steps) == 21 + 20  # weights; the inputs of 17 convolutions, two pools and the last layer
    values = [node.args[0] for node in steps]
    assert len(set(values)) == len(values)
    assert all(len(value.users) == 1 for value in values)  # what is rounded is read as rounded alone
    given = program.state_dict | program.constants
    kinds = program.graph_signature.input_specs
    inputs = [IMAGES if spec.target is None else given[spec.target] for spec in kinds]
    with torch.no_grad():
        (output,) = Simulated(program.graph_module).run(*inputs)
    told = accuracy.compare(output, references(MODEL, IMAGES, HERE, 16)[0], "int8", {"int8": 21})
    assert output.dtype == torch.float32
    assert accuracy.is_acceptable(told)
    assert 0.02 < told.error < 0.3
