"""The engines' promises on a machine without a GPU, through real runtimes on the CPU and faked ones."""

import contextlib
import gc
import inspect
import weakref
from types import SimpleNamespace
from typing import get_args

import onnxruntime
import pytest
import torch
from helpers.made import GPU, record, report, skipped

from bench_lib.analysis.case_row import own_memory_bytes
from bench_lib.core import engine as engine_module
from bench_lib.core.case import LABELS, Case, Precision
from bench_lib.core.engine import Unavailable, check_case_options, check_precision, compute_device, load_builder
from bench_lib.core.errors import InputError
from bench_lib.core.reason import say
from bench_lib.core.record import Memory
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.torch_tensorrt import builder as torch_tensorrt
from bench_lib.measure import accuracy, system
from bench_lib.measure.reference import references
from bench_lib.report.sections.method import conditions_text
from bench_lib.report.sections.results import columns_text, results_table
from bench_lib.workload.images import images_to_check, synthetic_images
from bench_lib.workload.network import load_network

PRECISIONS = get_args(Precision)
CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


def checked(engine, precision, memory_format=torch.contiguous_format):
    """An engine built for some images of this layout, and the check of its answers to others."""
    case = Case(engine="pytorch", image_size=64, batch_size=3)
    model, images = load_network(case.model, 0, image_size=64), images_to_check(case, 0)
    built = engine.build(model, synthetic_images(case, 0, compute_device()).to(memory_format=memory_format), precision)
    output = accuracy.answers(built, images, 3)[0]
    return built, accuracy.compare(output, references(model, images, compute_device(), 3)[0], precision)


@pytest.mark.parametrize("engine", [pytorch, onnx_runtime])
def test_an_engine_answers_like_the_reference(engine):
    built, compared = checked(engine, "fp32")
    assert built.outputs()[0].shape == (3, 1000)
    assert accuracy.is_acceptable(compared)
    assert compared.error < accuracy.FP32_BELOW * compared.rounding
    assert (compared.images, compared.top1_agreement, compared.actual_precision) == (18, 1, "fp32")


@CPU
def test_onnx_runtime_records_where_its_nodes_ran():
    images = synthetic_images(Case(engine="pytorch", image_size=32), 0, torch.device("cpu"))
    ran = onnx_runtime.build(load_network("resnet18", 0, image_size=32), images, "fp32").ran
    assert ran["provider"] == "CPUExecutionProvider"
    assert ran["nodes_by_provider"]["CPUExecutionProvider"] > 20
    assert ran["opset"] >= 18
    assert ran["version"] == onnxruntime.__version__


@CPU
def test_a_channels_last_input_is_not_misread():
    assert checked(onnx_runtime, "fp32", torch.channels_last)[1].actual_precision == "fp32"


@CPU
def test_a_session_that_fell_back_is_refused(monkeypatch):
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: session)
    with pytest.raises(RuntimeError, match="asked for CUDAExecutionProvider, the session runs on CPUExecutionProvider"):
        providers.open_session(b"", "cuda", {"device_id": "0"}, onnxruntime.SessionOptions())


@CPU
@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_tensorrt_without_a_gpu_is_a_reason(precision):
    with pytest.raises(Unavailable, match="needs an NVIDIA GPU") as caught:
        torch_tensorrt.check_support(precision)
    assert say(caught.value.reason) == "Torch-TensorRT работает только на GPU NVIDIA, а здесь его нет"


@CPU
@pytest.mark.parametrize(
    ("precision", "capabilities", "runs"),
    [
        ("fp16", {"avx512_fp16": True}, True),
        ("fp16", {"avx2": True, "avx512_bf16": True}, False),
        ("bf16", {"avx512_bf16": True}, True),
        ("bf16", {"amx_bf16": True}, True),
        ("bf16", {"avx2": True, "avx512_fp16": True, "amx_bf16": False}, False),
    ],
)
def test_a_half_precision_on_a_cpu_runs_only_where_the_cpu_computes_in_it(monkeypatch, precision, capabilities, runs):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with contextlib.nullcontext() if runs else pytest.raises(Unavailable, match=f"no {precision} arithmetic"):
        pytorch.check_support(precision)


@pytest.mark.parametrize(("capability", "absent"), [((7, 5), ["tf32", "bf16"]), ((8, 0), []), ((9, 0), [])])
def test_tf32_and_bf16_on_a_gpu_begin_with_ampere(monkeypatch, capability, absent):
    monkeypatch.setattr(engine_module, "compute_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    for precision in PRECISIONS:
        refused = pytest.raises(Unavailable, match=f"{precision.upper()} needs an NVIDIA GPU of compute")
        with refused if precision in absent else contextlib.nullcontext():
            check_precision(precision)


def test_unknown_names_and_options_are_told():
    with pytest.raises(InputError, match="known engines"):
        load_builder("tensorflow")
    with pytest.raises(InputError, match="did you mean 'cuda_graphs'"):
        check_case_options(Case(engine="torch_tensorrt", options={"cuda_graph": True}))


def test_each_engine_keeps_the_protocol():
    for name in LABELS:
        module = load_builder(name)
        assert list(inspect.signature(module.check_support).parameters) == ["precision"]
        assert list(inspect.signature(module.build).parameters)[:3] == ["model", "images", "precision"]


def test_compile_options_are_held_against_the_signature():
    def old(program, *, disable_tf32, use_explicit_typing, **rest): ...
    def new(program, *, disable_tf32, **rest): ...

    wanted = {"disable_tf32": True, "use_explicit_typing": True}
    assert torch_tensorrt.accepted_settings(old, wanted) == wanted
    assert torch_tensorrt.accepted_settings(new, wanted) == {"disable_tf32": True}
    with pytest.raises(TypeError, match="does not take enabled_precisions"):
        torch_tensorrt.accepted_settings(new, wanted | {"enabled_precisions": {}})


def test_the_installed_torch_tensorrt_takes_our_options():
    try:
        import torch_tensorrt as installed
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"torch_tensorrt does not import here: {error}")
    options = torch_tensorrt.compile_settings("fp32", "/tmp/x", optimization_level=5)
    assert (
        set(options) - set(torch_tensorrt.accepted_settings(installed.dynamo.compile, options))
        <= torch_tensorrt.DROPPED
    )


class Graphs:
    """Replays a module's launches, as `torch_tensorrt.runtime.enable_cudagraphs` does, until it is closed or gone."""

    made = []  # weak, so that only an engine keeps one

    def __init__(self, module):
        self.module, self.closed = module, False
        self.made.append(weakref.ref(self))

    def __enter__(self):
        return self.module

    def __exit__(self, *_):
        self.closed = True


def test_torch_tensorrt_keeps_its_cuda_graphs_as_long_as_the_engine(monkeypatch):
    fake = SimpleNamespace(
        runtime=SimpleNamespace(enable_cudagraphs=Graphs),
        dynamo=SimpleNamespace(compile=lambda program, **_: program.module()),
    )
    for name, made in (("runtime", lambda: fake), ("compute_device", lambda: torch.device("cpu")),
                       ("accepted_settings", lambda *_: {}), ("supports_this_gpu", lambda _: True),
                       ("tensorrt_version", lambda: "1")):  # fmt: skip
        monkeypatch.setattr(torch_tensorrt, name, made)
    engine = torch_tensorrt.build(torch.nn.Flatten(), torch.ones(2, 3, 2, 2), "fp32", cuda_graphs=True)
    gc.collect()
    (graphs,) = Graphs.made
    assert not graphs().closed
    engine.run()
    assert engine.outputs()[0].shape == (2, 12)
    del engine
    gc.collect()
    assert graphs() is None


def test_operations_left_in_pytorch_are_counted():
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    engine = graph.call_module("_run_on_acc_0", (x,))
    left = graph.call_function(torch.relu, (engine,))
    graph.output(left)
    root = torch.nn.Module()
    root._run_on_acc_0 = torch.nn.Identity()
    assert len(torch_tensorrt.left_in_pytorch(torch.fx.GraphModule(root, graph))) == 1


@CPU
def test_bf16_is_within_its_tolerance_and_labelled():
    built, compared = checked(pytorch, "bf16")
    assert built.ran["dtype"] == "bfloat16"
    assert compared.actual_precision == "bf16"
    assert compared.tolerance == accuracy.ALLOWED["bf16"] * compared.rounding
    assert accuracy.BF16_FROM * compared.rounding < compared.error < compared.tolerance / 1.5


class FakeNvml:
    """NVML as a driver that cannot tell the power would answer."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _):
        return 0x1 | 0x4 | 0x40

    def nvmlDeviceGetPowerUsage(self, _):
        raise self.NVMLError("Not Supported")

    def nvmlDeviceGetComputeRunningProcesses(self, _):
        return [SimpleNamespace(pid=1), SimpleNamespace(pid=2)]

    def nvmlDeviceGetClockInfo(self, _, which):
        return 1980 if which == self.NVML_CLOCK_SM else 3201

    def nvmlDeviceGetTemperature(self, *_):
        return 61

    def nvmlDeviceGetCount(self):
        return 3

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return int(uuid.removeprefix("GPU-"))

    def nvmlDeviceGetUUID(self, handle):
        return f"GPU-{handle or 1}"

    def nvmlDeviceGetName(self, handle):
        return "A2" if handle == 2 else "H200"


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["GPU-1", "GPU-1"]),
        ("1", ["GPU-1"]),
        ("GPU-2", ["GPU-2"]),
        ("2,1", ["GPU-2"]),
        ("1,GPU-3", ["GPU-1", "GPU-3"]),
        ("", []),
    ],
)
def test_a_sweep_uses_the_visible_gpus_that_are_alike(monkeypatch, visible, uuids):
    monkeypatch.setattr(system, "nvml", lambda: contextlib.nullcontext((FakeNvml(), None)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert system.gpus() == uuids


def test_the_gpu_s_state_is_read_and_what_the_driver_does_not_tell_is_none(monkeypatch):
    monkeypatch.setattr(system, "nvml", lambda: contextlib.nullcontext((FakeNvml(), None)))
    assert system.gpu_state() == {
        "uuid": "GPU-1", "sm_clock_mhz": 1980, "memory_clock_mhz": 3201, "temperature_c": 61, "power_w": None,
        "throttling": ["sw_power_cap", "hw_thermal_slowdown"], "processes": 2,
    }  # fmt: skip


def test_a_disturbed_case_is_flagged_in_the_table_and_named_in_the_text():
    calm = record(gpu_idle={"processes": 0}, gpu_busy={"throttling": [], **STATE})
    hot = record("onnx_runtime", gpu_idle={"processes": 2}, gpu_busy={"throttling": ["hw_thermal_slowdown"], **STATE})
    data = report(calm, hot, gpu=GPU)
    labels = list(results_table(data).data["Оптимизация"])
    assert [label for label in labels if "⚠" in label] == ["ONNX Runtime\u00a0⚠"]
    text = columns_text(data).data
    assert "(аппаратная защита от перегрева — 1; другие процессы на GPU — 1)" in text
    assert "⚠" not in columns_text(report(calm, gpu=GPU)).data
    assert "частота 1\u00a0980\u00a0МГц, температура 61\u00a0°C" in conditions_text(data).data


STATE = {"sm_clock_mhz": 1980, "memory_clock_mhz": 3201, "temperature_c": 61, "power_w": None, "processes": 1}


def test_memory_on_a_gpu_is_the_device_s_peak_minus_what_was_used_before():
    idle, context, built, peak = (mib * 2**20 for mib in (500, 900, 1000, 1250))
    steps = Memory(
        host_before_build_bytes=1,
        host_peak_bytes=2,
        device_idle_bytes=idle,
        device_context_bytes=context,
        device_built_bytes=built,
        device_peak_bytes=peak,
    )
    assert own_memory_bytes(steps) == 750 * 2**20
    assert report(record(memory=steps), gpu=GPU).cases.memory_mib[0] == 750


def test_an_unsupported_flavour_is_said_beside_the_figures():
    ran = {"flavour": "torch-tensorrt-rtx", "tensorrt_version": "1.4.0.76", "documented_support": False}
    data = report(record("torch_tensorrt", "fp16", ran=ran), skipped("torch_tensorrt"), gpu=GPU)
    assert "поддержка этого варианта не включает этот GPU" in conditions_text(data).data
    data = report(record("torch_tensorrt", "fp16", ran=ran | {"documented_support": True}), gpu=GPU)
    assert "не включает" not in conditions_text(data).data
