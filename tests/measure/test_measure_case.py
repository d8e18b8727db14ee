"""One case: the exact record on a no-op engine, and measure.ipynb through papermill."""

import json
from types import SimpleNamespace

import nbformat
import papermill
import pytest
import torch
from helpers.made import FakeClock, Honest, NoOpEngine
from helpers.saboteurs import SABOTEURS, Another, First, Fp8, Mean, NotANumber, ScaledFp8, Stale, Zeros

from bench_lib.core import engine as engine_module
from bench_lib.core import timing
from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import InputError
from bench_lib.core.reason import say
from bench_lib.core.record import read_record
from bench_lib.measure import accuracy, memory
from bench_lib.measure import measure_case as measure_case_module
from bench_lib.measure.measure_case import measure_case
from bench_lib.measure.reference import Reference
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook
from bench_lib.sweep.notebook import refuse_unknown_parameters

CASE = Case(engine="pytorch", image_size=32)
REASONS = {
    None: {None}, Mean: {"constant_output"}, First: {"constant_output"}, Zeros: {"constant_output"},
    Another: {"too_inexact"}, (Another, 1): {"constant_output"}, Stale: {"too_inexact"}, Fp8: {"few_digits"},
    ScaledFp8: {"few_digits"}, NotANumber: {"not_finite"},
}  # fmt: skip
SHORT = {"warmup_min_s": 0.01, "warmup_max_s": 0.5, "min_count": 2, "min_s": 0.02}
# As ONNX Runtime 1.30 said it on an H200.
ORT_OUT_OF_MEMORY = (
    "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node. Name:'node_Conv_292' "
    "Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::"
    "AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size "
    "2147483648"
)


def measured(monkeypatch, build, case=CASE):
    """The record of a case whose engine is built by `build(clock, model, images)`."""
    clock = FakeClock()

    def built(model, images, _precision, **_options):
        return build(clock, model, images)

    module = SimpleNamespace(IMPORTS=(), check_support=lambda _: None, build=built)
    monkeypatch.setattr(engine_module, "load_builder", lambda _: module)
    monkeypatch.setattr("bench_lib.measure.measure_case.load_builder", lambda _: module)
    return measure_case(case, Limits(min_count=4, min_s=1.0), clock=clock)


def test_build_and_calls_are_timed_apart_and_exactly(monkeypatch):
    def build(clock, model, images):
        clock.now += 7
        return Honest(clock, model, images, 0.010, 0.090)

    record = measured(monkeypatch, build)
    assert (record.status, record.build_s) == ("ok", 7)
    assert record.timing.latency_ms == pytest.approx([100] * 10)
    assert (record.accuracy.error, record.accuracy.images) == (0, 16)
    assert record.accuracy.actual_precision == "fp32"


def test_the_memory_of_a_gpu_is_read_idle_with_a_context_built_and_at_its_peak(monkeypatch):
    steps = iter([500, 900, 1000, 1250])
    outputs = torch.randn(16, 10)
    monkeypatch.setattr(memory, "device_bytes", lambda: next(steps))
    monkeypatch.setattr("bench_lib.measure.measure_case.compute_device", lambda: torch.device("cuda"))
    for name in ("synchronize", "Stream", "set_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    monkeypatch.setattr(timing, "sample_device", lambda *_: [7.0])
    monkeypatch.setattr("bench_lib.measure.measure_case.synthetic_images", lambda *_: torch.zeros(1, 3, 32, 32))
    monkeypatch.setattr(
        "bench_lib.measure.measure_case.references", lambda *_: [Reference(outputs, outputs, "PyTorch fp64")]
    )
    monkeypatch.setattr(accuracy, "answers", lambda *_: (outputs,))

    def build(clock, _model, _images):
        return NoOpEngine(clock, 0.1)

    record = measured(monkeypatch, build)
    assert record.timing.device_ms == [7.0]
    assert record.timing.enqueue_ms == record.timing.latency_ms  # the engine waits for nothing
    assert "NVML" in str(record.energy_absent)
    taken = record.memory
    assert (taken.device_idle_bytes, taken.device_context_bytes) == (500, 900)
    assert (taken.device_built_bytes, taken.device_peak_bytes) == (1000, 1250)


class Doubling(Honest):
    """Answers twice what the network answers."""

    def outputs(self):
        return (2 * super().outputs()[0],)


def test_a_wrong_output_has_figures_but_no_speed(monkeypatch):
    record = measured(monkeypatch, lambda clock, model, images: Doubling(clock, model, images))
    assert record.status == "failed"
    assert "ошибка — 1" in say(record.reason)
    assert record.accuracy.error == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("batch_size", [1, 33])
@pytest.mark.parametrize("kind", [None, *SABOTEURS], ids=lambda kind: kind.__name__ if kind else "honest")
def test_an_engine_that_cheats_is_a_failed_row_with_its_reason(monkeypatch, kind, batch_size):
    def build(clock, model, images):
        engine = Honest(clock, model, images)
        return kind(engine) if kind else engine

    case = CASE.model_copy(update={"batch_size": batch_size})
    record = measured(monkeypatch, build, case)
    assert record.status == ("failed" if kind else "ok"), record.detail
    assert (record.reason.name if kind else None) in REASONS.get((kind, batch_size), REASONS[kind])
    assert record.accuracy.images == {1: 16, 33: 33}[batch_size]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), "не хватило памяти: out of memory. Tried to"),
        (
            RuntimeError(ORT_OUT_OF_MEMORY),
            "не хватило памяти: Failed to allocate memory for requested buffer of size",
        ),
        (MemoryError("no"), "не хватило памяти"),
        (
            RuntimeError(
                "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback"
                + " x" * 400
                + ("RuntimeError: unable to write to file </torch_31_24_0>: No space left on device (28)")
            ),
            "</torch_31_24_0>: No space left on device (28); увеличьте её, в Docker — например, ключом --shm-size=2g",
        ),
        (RuntimeError("asked for CUDA, the session runs on CPU"), "ошибка RuntimeError: asked for CUDA"),
        (Unavailable("engine_needs_gpu", engine="Рантайм"), "Рантайм работает только на GPU NVIDIA"),
    ],
)
def test_what_an_engine_raises_is_a_reason_on_the_row(monkeypatch, error, reason):
    def build(*_):
        raise error

    record = measured(monkeypatch, build)
    assert record.status == ("skipped" if isinstance(error, Unavailable) else "failed")
    assert reason in say(record.reason)
    assert bool(record.detail) == (record.status == "failed")


def test_figures_that_no_record_can_hold_are_a_failed_row(monkeypatch):
    monkeypatch.setattr("bench_lib.measure.measure_case.measured_fields", lambda *_: {"status": "ok", "build_s": -1.0})
    record = measure_case(CASE, Limits())
    assert record.status == "failed"
    assert "build_s" in record.detail


def test_a_batch_that_cannot_fit_is_a_row_with_its_reason():
    record = measure_case(Case(engine="pytorch", batch_size=10**9), Limits())
    assert record.status == "failed"
    assert "не хватило памяти: один только вход занимает 560760,5 ГиБ" in say(record.reason)


@pytest.mark.parametrize("engine", ["pytorch", "onnx_runtime"])
def test_the_notebook_measures_and_shows_a_case(tmp_path, engine):
    path, shown = tmp_path / "record.json", tmp_path / "out.ipynb"
    parameters = {"engine": engine, "image_size": 64, "batch_size": 3, "limits": SHORT, "record_path": str(path)}
    execute_notebook(NOTEBOOKS / "measure.ipynb", shown, parameters)
    record = read_record(path)
    assert record.status == "ok"
    assert record.case == Case(engine=engine, image_size=64, batch_size=3)
    assert len(record.timing.latency_ms) >= 2
    assert record.accuracy.error < accuracy.FP32_BELOW * record.accuracy.rounding
    assert record.memory.host_peak_bytes > record.memory.host_before_build_bytes
    html = json.dumps(nbformat.read(shown, 4), ensure_ascii=False)
    assert "Результат измерения" in html
    assert "Задержка каждого вызова" in html


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"bach_size": 8}, "unknown key 'bach_size'.*did you mean 'batch_size'"),
        ({"engine": "tensorflow"}, "unknown engine 'tensorflow'; known engines: onnx_runtime, openvino, pytorch"),
        ({"image_size": 0}, "image_size is 0; it must be at least 1"),
        ({"batch_size": "33"}, "batch_size is '33'; it must be a whole number"),
        ({"model": "resnet81"}, "unknown model 'resnet81'"),
        ({"options": {"chanels_last": True}}, "did you mean 'channels_last'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_wrong_parameter_of_the_notebook_is_refused_before_anything_runs(tmp_path, parameters, words):
    path = tmp_path / "record.json"
    with pytest.raises(papermill.PapermillExecutionError, match=words):
        execute_notebook(NOTEBOOKS / "measure.ipynb", tmp_path / "out.ipynb", parameters | {"record_path": str(path)})
    assert not path.exists()


def test_cells_of_the_notebook_itself_are_not_taken_for_injected_parameters():
    refuse_unknown_parameters(["x = 1", "# Parameters\nengine = 'pytorch'\n"])
    with pytest.raises(InputError):
        refuse_unknown_parameters(["# Parameters\nx = 1\n"])


def test_the_reference_of_a_command_is_computed_once_and_still_refuses_a_wrong_answer(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_LIB_TEMPORARY", str(tmp_path))
    seen = []
    compute = measure_case_module.references
    monkeypatch.setattr(measure_case_module, "references", lambda *given: seen.append(1) or compute(*given))
    honest = measured(monkeypatch, Honest)
    assert measured(monkeypatch, Honest).accuracy == honest.accuracy
    assert honest.status == "ok"
    assert len(seen) == 1
    wrong = measured(monkeypatch, lambda clock, model, images: Zeros(Honest(clock, model, images)))
    assert (wrong.status, wrong.reason.name) == ("failed", "constant_output")
    measured(monkeypatch, Honest, CASE.model_copy(update={"batch_size": 3}))
    assert len(seen) == 2
