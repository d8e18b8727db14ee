"""What only a real GPU can show: run there with `pytest -m gpu`."""

import pytest
import torch

from bench_lib import accuracy, ceilings, checks, clockcheck, engines, statistics
from bench_lib.cases import Case, Grid, Limits
from bench_lib.measure import measure

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")]
ENGINES = ["pytorch", "onnx_runtime", "torch_tensorrt"]
LIMITS = Limits(warmup_min_s=0.05, warmup_max_s=2.0, min_count=3, min_s=0.05)


def measured(engine, precision, **fields):
    return measure(Case(engine=engine, precision=precision, image_size=64, batch_size=2, **fields), LIMITS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_each_engine_and_precision_runs_and_says_what_it_was(engine, precision):
    record = measured(engine, precision)
    if engine == "onnx_runtime" and precision == "bf16" and record.status == "skipped":
        pytest.skip(record.detail)  # its CUDA provider has not every operation in bf16
    assert record.status == "ok", record.detail
    assert record.ran["device"].startswith("cuda")
    assert record.accuracy.reference == "PyTorch fp64"
    assert min(record.memory.device_context_bytes, record.memory.device_peak_bytes) > 0
    assert record.gpu_busy["sm_clock_mhz"] > 0
    if engine != "torch_tensorrt":  # TensorRT-RTX may compute in TF32 when asked for fp32: the label tells
        assert record.accuracy.actual_precision == precision


def test_strict_fp32_is_orders_closer_to_fp64_than_tf32():
    strict, tf32 = (measured("pytorch", precision).accuracy.max_relative_error for precision in ("fp32", "tf32"))
    assert strict < accuracy.FP32_BELOW < tf32


def test_onnx_runtime_runs_every_node_on_the_gpu():
    assert set(measured("onnx_runtime", "fp32").ran["nodes_by_provider"]) == {"CUDAExecutionProvider"}


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
    record = measure(Case(engine=engine, image_size=512, batch_size=128), LIMITS)  # the first layer alone is 2 GiB
    del ballast
    assert record.status == "failed"
    assert record.reason.startswith("не хватило памяти")
    assert "GiB" in record.reason or "buffer of size" in record.reason  # how much was asked
    torch.cuda.empty_cache()
    assert measured("pytorch", "fp32").status == "ok"


def test_what_is_measured_is_possible_by_the_documented_peaks():
    record = measured("pytorch", "fp16")
    known = ceilings.peaks(record.machine["gpu"])
    if known is None:
        pytest.skip(f"bench_lib/peaks.yaml does not know {record.machine['gpu']['name']}")
    assert ceilings.least_ms(record.work, known, "fp16") < ceilings.of(record).ms < min(record.timing.latency_ms)


def test_all_clocks_time_a_case_alike():
    grid = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[64], batch_sizes=[33],
                limits=LIMITS.model_copy(update={"max_s": 0.1}))  # fmt: skip
    timed, _ = clockcheck.check_case(grid.cases()[0], grid, 6)
    assert timed.failed is None
    assert checks.EVENTS not in timed.absent
    for by_clock in timed.ms.values():
        medians = [statistics.median(ms) for ms in by_clock.values()]
        assert max(medians) < 1.5 * min(medians)


def test_the_device_is_the_gpu():
    assert engines.device().type == "cuda"
