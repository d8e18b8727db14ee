"""What only a real GPU can show: run there with `pytest -m gpu`."""

import warnings

import pytest
import torch
from helpers import pictures
from helpers.saboteurs import judged, saboteurs

from bench_lib.analysis import roofline
from bench_lib.core import intervals
from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Unavailable, build_engine, compute_device
from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.core.references import ONNX_FILE
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.pytorch import rewrites
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import measure_case
from bench_lib.measure.reference import references
from bench_lib.results.clock import EVENTS
from bench_lib.results.pipeline import PipelineGrid
from bench_lib.results.scaling import ScalingGrid
from bench_lib.results.serving import ServingGrid, best_point
from bench_lib.scenarios import clock, pipeline, scaling, serving
from bench_lib.workload.images import COPIES, draw_images, images_to_check, synthetic_images
from bench_lib.workload.network import load_network

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")]
ENGINES = ["pytorch", "onnx_runtime", "torch_tensorrt"]
LIMITS = Limits(warmup_min_s=0.05, warmup_max_s=2.0, min_count=3, min_s=0.05)


def measured(engine, precision, **fields):
    return measure_case(Case(engine=engine, precision=precision, image_size=64, batch_size=2, **fields), LIMITS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_each_engine_and_precision_runs_and_says_what_it_was(engine, precision):
    record = measured(engine, precision)
    if engine == "onnx_runtime" and precision == "bf16" and record.status == "skipped":
        pytest.skip(str(record.reason))  # its CUDA provider has not every operation in bf16
    assert record.status == "ok", record.detail
    assert record.ran["device"].startswith("cuda")
    assert record.accuracy.reference == "PyTorch fp64"
    assert min(record.memory.device_context_bytes, record.memory.device_peak_bytes) > 0
    assert record.gpu_busy["sm_clock_mhz"] > 0
    if engine != "torch_tensorrt":  # TensorRT-RTX may compute in TF32 when asked for fp32: the label tells
        assert record.accuracy.actual_precision == precision


def test_strict_fp32_is_orders_closer_to_fp64_than_tf32():
    strict, tf32 = (measured("pytorch", precision).accuracy for precision in ("fp32", "tf32"))
    assert strict.error / strict.rounding < accuracy.FP32_BELOW < tf32.error / tf32.rounding


@pytest.mark.parametrize("batch_size", [1, 33])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_every_saboteur_is_caught(engine, precision, batch_size):
    torch.cuda.set_stream(torch.cuda.Stream())
    case = Case(engine=engine, precision=precision, image_size=64, batch_size=batch_size)
    model, images = load_network(case.model, 0, image_size=64), images_to_check(case, 0)
    against = references(model, images, compute_device(), batch_size)[0]
    try:
        built = build_engine(case, model, synthetic_images(case, 0, compute_device()))
    except Unavailable as error:
        pytest.skip(str(error))
    assert judged(built, images, batch_size, precision, against)[1]
    for kind in saboteurs(precision):
        built.fill(synthetic_images(case, 0, compute_device()))
        assert not judged(kind(built), images, batch_size, precision, against)[1], kind


def test_onnx_runtime_runs_every_node_on_the_gpu():
    assert set(measured("onnx_runtime", "fp32").ran["nodes_by_provider"]) == {"CUDAExecutionProvider"}


NHWC = {"channels_last": True, "cudnn_benchmark": True}
FROZEN = {"channels_last": True, "compile": "default", "freezing": True}
TUNED = [
    {"fold_batch_norm": True, **NHWC},
    {"fuse_conv_relu": True, **NHWC},
    {"cuda_graph": True},
    {"cuda_graph": True, "fuse_conv_relu": True, "first_conv": "pad4", **NHWC},
    {"cuda_graph": True, "fuse_conv_relu": True, "first_conv": "space_to_depth", **NHWC},
    {"cuda_graph": True, "graph_parts": 2, "graph_streams": 2, "fold_batch_norm": True, **NHWC},
    {"compile": "default"},
    {**FROZEN, "first_conv": "pad8", "inductor": "conv_1x1_as_mm"},
    {**FROZEN, "compile": "reduce-overhead"},
    {**FROZEN, "cuda_graph": True},
    {**FROZEN, "cuda_graph": True, "fuse_conv_relu": True, "first_conv": "space_to_depth"},
]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("options", TUNED, ids=lambda options: "+".join(options))
def test_each_way_to_tune_pytorch_is_measured_and_computes_as_asked(options, precision):
    record = measured("pytorch", precision, options=options)
    assert record.status == "ok", record.detail
    assert record.accuracy.actual_precision == precision
    compiled = record.ran.get("compiled", {"graphs": 1, "inputs": 1, "cudagraph_skips": 0})
    assert (compiled["graphs"], compiled["cudagraph_skips"]) == (1, 0)
    assert compiled["inputs"] == 1 or not options.get("freezing")
    wide = options.get("first_conv", "pad4") != "pad4"  # its 4 channels are too few for a fused kernel
    assert record.ran["fused_convolutions"] == (16 + wide) * ("fuse_conv_relu" in options)


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (pytorch, {"cuda_graph": True}),
        (pytorch, {"cuda_graph": True, "first_conv": "space_to_depth", **NHWC}),
        (pytorch, {**FROZEN, "cuda_graph": True}),
        (pytorch, {**FROZEN, "compile": "reduce-overhead"}),
        (onnx_runtime, {"cuda_graph": True}),
        (onnx_runtime, {"cuda_graph": True, "prefer_nhwc": True, "fuse_conv_bias": True}),
    ],
    ids=str,
)
def test_a_replayed_graph_computes_from_what_the_images_hold_now(engine, options):
    torch.cuda.set_stream(torch.cuda.Stream())
    model = load_network("resnet18", 0, image_size=64)
    images = draw_images(16, 64, 0, "check")
    built = engine.build(model, images, "fp32", **options)
    for sign in (1, -1):
        built.fill(sign * images)
        built.synchronize()
        built.run()
        built.synchronize()
        assert engine is pytorch or built.ran["cuda_graph"] == "1"
        compared = accuracy.compare(
            built.outputs()[0], references(model, sign * images, compute_device(), 16)[0], "fp32"
        )
        assert accuracy.is_acceptable(compared)
        assert compared.actual_precision == "fp32"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_real_images_are_compared_and_their_copying_is_timed(tmp_path, engine, precision):
    pictures.write(tmp_path, 17)
    record = measured(engine, precision, data=str(tmp_path))
    assert record.status == "ok", record.detail
    assert record.data.used == 17
    assert len(record.data.copy_ms) == COPIES
    assert max(record.data.copy_ms) < 1000  # of 48 KiB


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16"])
def test_an_onnx_file_computes_as_asked(tmp_path, precision):
    path, image = str(tmp_path / "net.onnx"), torch.zeros(2, 3, 64, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of older PyTorch, about itself
        torch.onnx.export(load_network("resnet18", 0, image_size=64), (image,), path, dynamo=True, verbose=False,
                          dynamic_shapes=({0: "batch", 2: "height", 3: "width"},))  # fmt: skip
    record = measured("onnx_runtime", precision, model=path)
    assert record.status == "ok", record.detail
    assert (record.accuracy.reference, record.accuracy.actual_precision) == (ONNX_FILE, precision)
    assert set(record.ran["nodes_by_provider"]) == {"CUDAExecutionProvider"}


def test_cudnn_s_fused_kernels_compute_what_the_steps_do():
    images, added, kernel, bias = (
        torch.randn(*shape, device="cuda").half().to(memory_format=torch.channels_last)
        for shape in ((2, 16, 9, 9), (2, 8, 9, 9), (8, 16, 3, 3), (1, 8, 1, 1))
    )
    for other in (None, added):
        step = rewrites.conv_relu(images, kernel, bias.flatten(), other, [1, 1], [1, 1])
        expected = rewrites._by_steps(images.double(), kernel.double(), bias.flatten().double(), other, [1, 1], [1, 1])
        torch.testing.assert_close(step.double(), expected, rtol=2e-3, atol=1e-2)


@pytest.mark.parametrize("provider", ["tensorrt", "tensorrt_rtx"])
@pytest.mark.parametrize("graph", [False, True])
def test_tensorrt_s_providers_run_or_say_why_not(provider, graph):
    record = measured("onnx_runtime", "fp16", options={"provider": provider, "cuda_graph": graph})
    if record.status == "skipped":
        pytest.skip(str(record.reason))
    assert record.status == "ok", record.detail
    assert record.ran["provider"] == providers.NAMES[provider]
    assert set(record.ran["nodes_by_provider"]) == {record.ran["provider"]}


def test_torch_tensorrt_leaves_nothing_in_pytorch_with_and_without_cuda_graphs():
    for graphs in (False, True):
        record = measured("torch_tensorrt", "fp16", options={"cuda_graphs": graphs})
        assert record.status == "ok", record.detail
        assert record.ran["left_in_pytorch"] == []
        assert record.ran["cuda_graphs"] is graphs


@pytest.mark.parametrize("engine", ["pytorch", "onnx_runtime"])
def test_out_of_device_memory_is_a_row_and_the_next_case_runs(engine):
    left = 2**30
    ballast = torch.empty(torch.cuda.mem_get_info()[0] - left, dtype=torch.uint8, device="cuda")
    record = measure_case(Case(engine=engine, image_size=512, batch_size=128), LIMITS)  # the first layer alone is 2 GiB
    del ballast
    assert record.status == "failed"
    assert say(record.reason).startswith("не хватило памяти")
    assert "GiB" in str(record.reason) or "buffer of size" in str(record.reason)  # how much was asked
    torch.cuda.empty_cache()
    assert measured("pytorch", "fp32").status == "ok"


def test_what_is_measured_is_possible_by_the_documented_peaks():
    record = measured("pytorch", "fp16")
    known = roofline.gpu_peaks(record.machine["gpu"])
    if known is None:
        pytest.skip(f"bench_lib/analysis/peaks.yaml does not know {record.machine['gpu']['name']}")
    assert (
        roofline.least_ms(record.work, known, "fp16")
        < roofline.record_ceiling(record).ms
        < min(record.timing.latency_ms)
    )


def test_all_clocks_time_a_case_alike():
    grid = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[64], batch_sizes=[33],
                limits=LIMITS.model_copy(update={"max_s": 0.1}))  # fmt: skip
    timed, _ = clock.clock_case(grid.cases()[0], grid, 6)
    assert timed.failed is None
    assert EVENTS not in timed.absent
    for by_clock in timed.ms.values():
        medians = [intervals.median(ms) for ms in by_clock.values()]
        assert max(medians) < 1.5 * min(medians)


def test_the_device_is_the_gpu():
    assert compute_device().type == "cuda"


@pytest.mark.parametrize("engine", ["pytorch", "onnx_runtime", "openvino"])
def test_int8_is_a_row_with_its_reason(engine):
    record = measured(engine, "int8")
    assert record.status == "skipped"
    assert record.reason


TENSORRT_INT8 = [
    ("torch_tensorrt", {}),
    ("torch_tensorrt", {"unquantized": "fp32"}),
    ("torch_tensorrt", {"cuda_graphs": True, "optimization_level": 5}),
    ("onnx_runtime", {"provider": "tensorrt_rtx"}),
    ("onnx_runtime", {"provider": "tensorrt_rtx", "cuda_graph": True}),
]


@pytest.mark.parametrize(("engine", "options"), TENSORRT_INT8, ids=str)
def test_tensorrt_computes_in_int8_or_says_why_not(engine, options):
    record = measured(engine, "int8", options=options)
    if record.status == "skipped":
        pytest.skip(str(record.reason))
    assert record.status == "ok", record.detail
    assert record.ran["kernels"] == {"int8": 21}
    assert record.ran.get("left_in_pytorch", []) == []
    assert record.accuracy.actual_precision == "int8"
    assert 0.02 < record.accuracy.error < 0.3


def test_openvino_leaves_the_gpu_to_the_others():
    assert (
        say(measured("openvino", "fp32").reason) == "OpenVINO считает на процессоре, а здесь сравнивается работа на GPU"
    )


LOAD = {"engines": ["pytorch"], "precisions": ["fp16"], "image_sizes": [64], "batch_sizes": [4], "limits": LIMITS}


@pytest.mark.parametrize("way", ["processes", "threads"])
def test_two_at_once_tell_the_gpu_s_utilisation_and_memory(way):
    grid = ScalingGrid(**LOAD, window_s=1.0)
    found = scaling.measure_crowd(grid.cases()[0], way, 2, grid, cores=2)
    assert found.failed is None, found.failed
    assert found.device_bytes > 2**27  # a CUDA context at least
    assert 0 < found.busy <= 1
    assert min(found.each_ips) > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_fed_from_files(engine, tmp_path):
    grid = PipelineGrid(**LOAD | {"engines": [engine]}, workers=2, window_s=0.5)
    found = pipeline.measure_pipeline_case(grid.cases()[0], grid, pictures.write(tmp_path, 4), 2)
    assert found.failed is None, found.failed
    assert 0 < found.whole_ips < 1.2 * found.infer_ips


def test_an_engine_is_served_on_the_gpu():
    pytest.importorskip("mlperf_loadgen")
    grid = ServingGrid(**LOAD | {"batch_sizes": [1, 8]}, point_s=0.2)
    for options in ({}, {"cuda_graph": True}):
        cases = [case.model_copy(update={"options": options}) for case in grid.groups()[0]]
        found, log = serving.serve_case(cases, grid)
        assert found.failed is None, found.failed
    assert found.device_bytes > 2**27
    assert "Scenario : Server" in log
    assert best_point(found.points, grid.p99_ms) is not None
