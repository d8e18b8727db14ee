"""OpenVINO and int8 on a processor: what really computes, through the real runtimes and faked ones."""

import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.made import GPU, record, report
from torch import nn

from bench_lib.analysis import roofline
from bench_lib.core.case import Case
from bench_lib.core.engine import Unavailable, data_type
from bench_lib.core.reason import say
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.openvino import builder as openvino
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.pytorch.quantize import count_kernels
from bench_lib.engines.shared.calibration import calibration_batches, calibration_count
from bench_lib.engines.shared.onnx_export import Calibration, needs_reduced_range
from bench_lib.engines.torch_tensorrt import builder as torch_tensorrt
from bench_lib.measure import accuracy
from bench_lib.measure.flops import count_work
from bench_lib.measure.reference import references
from bench_lib.report.sections.accuracy import accuracy_text
from bench_lib.workload.images import images_to_check, synthetic_images
from bench_lib.workload.network import load_network

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
HERE = torch.device("cpu")
CASE = Case(engine="openvino", image_size=64, batch_size=3)
MODEL, IMAGES = load_network("resnet18", 0, image_size=64), synthetic_images(CASE, 0, HERE)


def built(engine, precision, model=MODEL, images=IMAGES):
    """The engine after one call; skips where this processor has no such arithmetic."""
    try:
        engine.check_support(precision)
    except Unavailable as error:
        pytest.skip(str(error))
    made = engine.build(model, images, precision)
    made.run()
    made.synchronize()
    return made


def compared(made, precision, model=MODEL):
    """The check of the engine's answers to images that it was not built with."""
    images = images_to_check(CASE, 0)
    output = accuracy.answers(made, images, CASE.batch_size)[0]
    against = references(model, images, HERE, CASE.batch_size)[0]
    return accuracy.compare(output, against, precision, made.ran["kernels"])


@pytest.mark.parametrize(
    ("precision", "least", "most"), [("fp32", 0, accuracy.FP32_BELOW), ("fp16", 0.05, 0.5), ("bf16", 0.5, 4)]
)
def test_openvino_computes_in_the_precision_asked_for_and_tells_so(precision, least, most):
    made = built(openvino, precision)
    told = compared(made, precision)
    assert accuracy.is_acceptable(told)
    assert least <= told.error / told.rounding < most
    assert told.actual_precision == precision
    assert made.ran["kernels"] == {precision: 21}  # 20 convolutions and the last layer
    assert made.ran["inference_precision"] == openvino.TYPES[data_type(precision)]
    assert made.outputs()[0].dtype == data_type(precision)
    assert (made.ran["streams"], made.ran["threads"]) == (1, torch.get_num_threads())


def test_options_are_read_back():
    assert openvino.core().get_property("CPU", "ENABLE_CPU_PINNING") is True  # its own default is ours
    assert openvino.build(MODEL, IMAGES, "fp32").ran["cpu_pinning"] is True
    made = openvino.build(MODEL, IMAGES, "fp32", performance_hint="THROUGHPUT", streams=2, threads=2, cpu_pinning=False)
    assert made.ran["cpu_pinning"] is False
    assert made.ran["performance_hint"].endswith("THROUGHPUT")
    assert (made.ran["streams"], made.ran["threads"]) == (2, 2)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8"])
def test_input_and_output_are_pytorch_s_memory(precision):
    made = built(openvino, precision, images=IMAGES.clone())
    place, first = made.outputs()[0].data_ptr(), made.outputs()[0].clone()
    made._images.zero_()
    made.run()
    assert made.outputs()[0].data_ptr() == place
    assert not torch.equal(made.outputs()[0], first)


class Sum(nn.Module):
    """Sums its channels."""

    def __init__(self, channels):
        super().__init__()
        self.sum = nn.Conv2d(channels, 16, 1, bias=False)
        self.sum.weight.data.fill_(1)

    def forward(self, images):
        return self.sum(images).amax((2, 3))


@pytest.mark.parametrize("engine", [pytorch, openvino])
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precisions_are_summed_in_fp32(engine, precision):
    """A sum of ones kept in fp16 would end at 2048, in bf16 at 256: the next number is 2 further."""
    made = built(engine, precision, Sum(8192), torch.ones(1, 8192, 4, 4))
    assert made.outputs()[0].unique().tolist() == [8192]


def test_importing_openvino_sends_nothing_and_starts_no_thread():
    code = (
        "import sys, threading; from bench_lib.engines.openvino.builder import runtime; module = runtime(); "
        "sys.exit(sys.modules['openvino_telemetry'] is not None or threading.active_count() > 1 "
        "or 'stub' not in sys.modules['openvino.tools.ovc'].telemetry.__class__.__module__)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_signal_is_handled_after_several_openvino_engines_are_gone():
    code = (
        "import signal; from bench_lib.core.case import Case; from bench_lib.core.engine import build_engine, "
        "load_builder; "
        "from bench_lib.workload.images import synthetic_images; from bench_lib.workload.network import load_network; "
        "import torch; case = Case(engine='openvino', image_size=32); load_builder('openvino').check_support('fp32'); "
        "images = synthetic_images(case, 0, torch.device('cpu')); "
        "made = [build_engine(case, load_network('resnet18', 0, image_size=32), images) "
        "for _ in range(2)]; made.pop(0); made.clear(); "
        "signal.signal(signal.SIGUSR1, lambda *_: print('handled')); signal.raise_signal(signal.SIGUSR1)"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "handled\n"), run.stderr


def test_without_openvino_there_is_a_reason_and_a_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(Unavailable, match="OpenVINO is not installed") as caught:
        openvino.check_support("fp32")
    assert say(caught.value.reason).startswith("OpenVINO не установлен")
    assert caught.value.command.endswith("'.[openvino]'")


def test_beside_a_gpu_openvino_is_a_row_with_its_reason(monkeypatch):
    monkeypatch.setattr(openvino, "compute_device", lambda: torch.device("cuda"))
    with pytest.raises(Unavailable, match="computes on the processor") as caught:
        openvino.check_support("fp32")
    assert say(caught.value.reason) == "OpenVINO считает на процессоре, а здесь сравнивается работа на GPU"
    assert caught.value.command == ""


def test_what_openvino_does_not_compute_in_is_a_reason(monkeypatch):
    core = SimpleNamespace(get_property=lambda *_: ["FP32", "INT8"])
    monkeypatch.setattr(openvino, "core", lambda: core)
    monkeypatch.setattr(openvino, "check_precision", lambda _: None)
    openvino.check_support("int8")
    with pytest.raises(Unavailable, match="does not compute in bf16 on this processor"):
        openvino.check_support("bf16")


def test_a_kernel_s_name_tells_what_it_computes_in():
    names = {"brgconv_avx512_amx_I8": 16, "brgconv_avx512_f32": 2, "gemm_mlas_f32": 1, "jit_avx2_1x1_f16": 3, "ref": 9}
    assert openvino.count_kernels(names) == {"int8": 16, "fp32": 3, "fp16": 3}


@pytest.mark.parametrize("engine", [pytorch, onnx_runtime, openvino])
def test_int8_computes_in_int8_and_stays_near_fp32(engine):
    made = built(engine, "int8")
    told = compared(made, "int8")
    assert made.ran["kernels"] == {"int8": 21}
    assert told.actual_precision == "int8"
    assert accuracy.is_acceptable(told)
    assert 0.02 < told.error < 0.3
    assert (made.ran["calibration_images"], made.ran["per_channel"]) == (33, True)
    assert made.outputs()[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("engine", "words"),
    [(pytorch, "только матричные произведения"), (torch_tensorrt, "NVIDIA ModelOpt"), (onnx_runtime, "QLinearConv")],
)
def test_engines_without_int8_on_a_gpu_say_why(monkeypatch, engine, words):
    for module in (engine, providers):
        monkeypatch.setattr(module, "compute_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: engine is pytorch)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(torch_tensorrt, "runtime", lambda: None)
    monkeypatch.setitem(sys.modules, "modelopt.torch.quantization", None)
    if engine is onnx_runtime:  # TensorRT's providers have it, so it depends on an option
        engine.check_support("int8")
    ask = partial(engine.build, MODEL, IMAGES) if engine is onnx_runtime else engine.check_support
    with pytest.raises(Unavailable) as caught:
        ask("int8")
    assert words in say(caught.value.reason)


def test_without_torchao_there_is_a_reason_and_a_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao.quantization.pt2e.quantizer", None)
    with pytest.raises(Unavailable, match="torchao, which quantizes for PyTorch, is not installed") as caught:
        pytorch.check_support("int8")
    assert say(caught.value.reason).startswith("torchao, которая квантует для PyTorch, не установлена")
    assert caught.value.command.endswith("torchao")


def test_steps_of_a_quantized_graph_tell_their_precision():
    steps = [
        "functools.partial(<function f.<locals>.qconv at 0x1>)", "<locals>.qconv_binary at 0x2>, aten.mm", "aten.add",
        "functools.partial(<function f.<locals>.qlinear at 0x3>)", "aten.convolution.default", "aten.addmm.default",
        "mkldnn._convolution_pointwise.default",
    ]  # fmt: skip
    assert count_kernels(steps) == {"int8": 3, "fp32": 3}


def test_a_model_that_int8_spoils_is_outside_the_tolerance():
    """Where one channel is far larger than the others, it takes all the steps there are, and they become zeros."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 10, 3)
    first.weight.data[0] *= 1e4
    second.weight.data[:, 0] *= 1e-4
    model = nn.Sequential(first, nn.ReLU(), second, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    told = compared(onnx_runtime.build(model, IMAGES, "int8"), "int8", model)
    assert told.actual_precision == "int8"
    assert not accuracy.is_acceptable(told)


@pytest.mark.parametrize(("batch", "batches"), [(1, 32), (3, 11), (33, 1)])
def test_calibration_takes_whole_batches_the_same_each_time(batch, batches):
    shape = torch.Size((batch, 3, 8, 8))
    read = list(calibration_batches(shape))
    assert (len(read), calibration_count(shape)) == (batches, batches * batch)
    assert {tuple(one.shape) for one in read} == {(batch, 3, 8, 8)}
    assert torch.equal(torch.cat(read), torch.cat(list(calibration_batches(shape))))
    data = Calibration("x", calibration_batches(shape))
    assert all(np.array_equal(given["x"], one) for given, one in zip(iter(data.get_next, None), read, strict=True))
    measured = synthetic_images(Case(engine="pytorch", image_size=8, batch_size=batch), 0, HERE)
    assert not torch.equal(read[0], measured)


@pytest.mark.parametrize(
    ("capabilities", "reduced"),
    [
        ({"architecture": "x86_64", "avx2": True}, True),
        ({"architecture": "x86_64", "avx512_vnni": True}, False),
        ({"architecture": "x86_64", "avx_vnni": True}, False),
        ({"architecture": "aarch64", "neon": True}, False),
    ],
)
def test_weights_are_of_seven_bits_where_sums_would_overflow(capabilities, reduced):
    assert needs_reduced_range(capabilities) is reduced


@pytest.mark.parametrize(
    ("roundings", "kernels", "dtype", "label"),
    [
        (4.0, {"int8": 20, "fp32": 1}, torch.float32, "int8"),
        (4.0, {"int8": 1, "fp32": 20}, torch.float32, "bf16"),  # what the error alone would say
        (1e-5, {"int8": 21}, torch.float32, "fp32"),
        (0.1, {"fp32": 21}, torch.float16, "fp32"),  # fp16 that is converted and computed in fp32
        (0.1, {"fp16": 21}, torch.float16, "fp16"),
        (0.1, {}, torch.float16, "fp16"),
    ],
)
def test_kernels_are_believed_as_far_as_the_error_agrees(roundings, kernels, dtype, label):
    assert accuracy.computed_in(dtype, roundings, kernels) == label


def test_int8_moves_a_byte_a_weight_and_has_a_ceiling_of_its_own():
    fp32, int8 = (count_work(Case(engine="pytorch", precision=name), MODEL) for name in ("fp32", "int8"))
    ends = 4 * (3 * 224**2 + 1000)
    assert int8.bytes_least - ends == (fp32.bytes_least - ends) / 4
    assert int8.flops == fp32.flops
    h200, v100 = roofline.known_peaks()["H200"], roofline.known_peaks()["Tesla V100-SXM2-16GB"]
    assert roofline.roofline_ceiling(int8, h200, "int8").ms < roofline.roofline_ceiling(fp32, h200, "fp16").ms
    assert roofline.roofline_ceiling(int8, v100, "int8") is None


@pytest.mark.parametrize("name", [name for name, known in roofline.known_peaks().items() if known.int8])
def test_documented_int8_peaks_are_dense(name):
    known = roofline.known_peaks()[name]
    assert known.int8 / known.fp16 == pytest.approx(2, rel=0.015)


def test_the_report_says_that_int8_was_calibrated_on_synthetic_images():
    plain = accuracy_text(report(record())).data
    ran = {"calibration_images": 33}
    told = accuracy_text(report(record(), record("openvino", "int8", ms=1, ran=ran))).data
    assert "int8" not in plain
    assert "синтетических случайных изображений (их 33)" in told
    assert "OpenVINO int8" in told


def test_int8_that_computed_in_fp32_is_labelled_and_has_no_speedup():
    data = report(record(), record("openvino", "int8", ms=1, actual="fp32"), gpu=GPU)
    row = data.cases.iloc[1]
    assert (row.precision_label, row.verdict) == ("int8 (факт.: FP32)", "")
    assert "OpenVINO в 1 конфигурации считал не в int8, как просили: на деле это FP32" in (
        accuracy_text(data).data.replace("\N{NO-BREAK SPACE}", " ")
    )
