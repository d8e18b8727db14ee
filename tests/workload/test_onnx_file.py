"""ONNX files of every kind: a row says what computes, what a runtime runs is not refused, and else one sentence."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from corpus import onnx_files
from helpers.made import record, report
from onnx import TensorProto

from bench_lib.core.case import Case
from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.core.record import Accuracy
from bench_lib.core.references import BY_STANDARD, ONNX_FILE, QUANTIZED_FILE
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.openvino import builder as openvino
from bench_lib.engines.shared.onnx_export import export_onnx
from bench_lib.measure import accuracy
from bench_lib.measure.reference import Reference, error_of, references
from bench_lib.report.exactness import reference_name
from bench_lib.report.sections.accuracy import quantization_sentences
from bench_lib.results.run_folder import Run
from bench_lib.workload import onnx_size
from bench_lib.workload.images import draw_images, images_to_check
from bench_lib.workload.onnx_file import OnnxFile, read_onnx
from bench_lib.workload.onnx_reference import NoReference, by_standard, open_reference
from bench_lib.workload.preprocessing import MEAN, STD

CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
ENGINES = pytest.mark.parametrize("engine", [onnx_runtime, openvino], ids=["onnx_runtime", "openvino"])
HERE, SIZE, BATCH = torch.device("cpu"), 32, 8
IMAGES = images_to_check(Case(engine="onnx_runtime", image_size=SIZE, batch_size=BATCH), 0)[:16]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The folder with every file of the corpus."""
    folder = tmp_path_factory.mktemp("onnx_files")
    onnx_files.make(folder)
    return folder


def read(files: Path, name: str) -> OnnxFile:
    return read_onnx(files / f"{name}.onnx")


def built(engine, network: OnnxFile, precision: str = "fp32", batch: int = BATCH):
    """The file's network, built by the engine; skips the test where the engine is not installed."""
    try:
        engine.check_support(precision)
    except Unavailable as error:
        pytest.skip(str(error))
    return engine.build(network, draw_images(batch, SIZE, 0, "check"), precision)


def judged(engine, network: OnnxFile, precision: str = "fp32", batch: int = BATCH) -> Accuracy:
    """What the check of answers says of the file in the engine."""
    made = built(engine, network, precision, batch)
    outputs = accuracy.answers(made, IMAGES, batch)
    against = references(network, IMAGES, HERE, batch)
    return accuracy.compare_all(outputs, against, network.output_names, precision, made.ran["kernels"])


@CPU
@ENGINES
@pytest.mark.parametrize("name", ["qdq", "qoperator", "dynamic", "weights_only"])
def test_a_file_that_is_quantized_already_runs_as_it_is_and_is_called_what_it_computes(files, engine, name):
    network = read(files, name)
    told = judged(engine, network, "int8")
    assert accuracy.is_acceptable(told)
    assert told.error < 0.02  # quantized a second time, it would be further off
    assert told.reference == QUANTIZED_FILE
    computed = {"weights_only": "fp32", "dynamic": "fp32"} if engine is openvino else {}
    assert told.actual_precision == computed.get(name, "int8")
    with pytest.raises(Unavailable, match="quantized already and runs as it is: measure it in int8"):
        built(engine, network, "fp32")


@CPU
def test_a_file_that_is_quantized_already_is_not_quantized_again(files, monkeypatch):
    quantized = []
    monkeypatch.setattr("onnxruntime.quantization.quantize_static", lambda *_, **__: quantized.append(1) or 1 / 0)
    assert built(onnx_runtime, read(files, "qdq"), "int8").ran["calibration"] == "in the file"
    with pytest.raises(ZeroDivisionError):
        built(onnx_runtime, read(files, "plain"), "int8")
    assert quantized == [1]


def test_sums_that_overflow_on_this_processor_are_not_the_reference(files):
    network = read(files, "overflowing")
    _, evaluate = open_reference(network, IMAGES.shape)
    exact = torch.from_numpy(by_standard(network.proto)({"x": IMAGES.numpy()})[0])
    assert error_of(evaluate(IMAGES)[0], exact) < 1e-5


def test_a_quantized_network_may_be_as_far_off_as_rounding_makes_it_and_no_further():
    expected = torch.randn(16, 10)
    rounded = expected + 0.03 * torch.randn(16, 10)
    against = Reference(expected, rounded, QUANTIZED_FILE, is_quantized=True)
    for share, right in ((0.03, True), (0.28, False)):
        told = accuracy.compare(expected + share * torch.randn(16, 10), against, "int8", {"int8": 2})
        assert accuracy.is_acceptable(told) is right
    assert accuracy.compare(expected, against, "int8", {"int8": 1, "fp32": 1}).actual_precision == "int8"
    assert accuracy.compare(expected, against, "int8", {"int8": 1, "fp32": 2}).actual_precision == "fp32"


@CPU
@pytest.mark.parametrize("name", ["half", "half_inside", "brain_inside"])
def test_numbers_stored_in_half_precision_are_computed_in_the_precision_asked_for(files, name):
    network = read(files, name)
    told = judged(onnx_runtime, network)
    assert (told.actual_precision, told.reference) == ("fp32", ONNX_FILE)
    stored = torch.bfloat16 if name == "brain_inside" else torch.float16
    weights = {key: torch.tensor(value).to(stored).float().numpy() for key, value in onnx_files.weights().items()}
    same = OnnxFile(onnx_files.model(onnx_files.plain_nodes(), weights))
    answers = [open_reference(one, IMAGES.shape)[1](IMAGES)[0] for one in (network, same)]
    assert error_of(*answers) < 1e-6
    half = export_onnx(network, IMAGES.half())
    onnx.checker.check_model(half, full_check=True)
    values = [*half.graph.input, *half.graph.output, *onnx.shape_inference.infer_shapes(half).graph.value_info]
    assert {one.type.tensor_type.elem_type for one in values} == {TensorProto.FLOAT16}


@CPU
@ENGINES
@pytest.mark.parametrize(
    "name",
    [
        "view", "expand", "known_by_running", "no_output_type", "no_output_shape", "no_input_shape", "no_names",
        "nodes_reversed", "old_shapes", "beside", "opset_8",
    ],
)  # fmt: skip
def test_what_a_runtime_runs_is_not_refused(files, engine, name):
    plain = open_reference(read(files, "plain"), IMAGES[:BATCH].shape)[1]
    made = built(engine, read(files, name))
    made.fill(IMAGES[:BATCH])
    made.run()
    assert made.outputs()[0].shape == (BATCH, onnx_files.CLASSES)
    assert error_of(made.outputs()[0], plain(IMAGES[:BATCH])[0]) < 1e-5


@CPU
@pytest.mark.parametrize("name", ["opset_8", "opset_12"])
def test_a_file_of_an_old_opset_is_converted_before_it_is_quantized(files, name):
    told = judged(onnx_runtime, read(files, name), "int8")
    assert (accuracy.is_acceptable(told), told.actual_precision) == (True, "int8")


@CPU
def test_an_opset_that_cannot_be_converted_is_a_reason(files):
    with pytest.raises(Unavailable, match=r"needs opset 13 of the ONNX file, it has 12 .* no registered schema"):
        built(onnx_runtime, read(files, "unknown_operator"), "int8")


@CPU
@pytest.mark.parametrize(("name", "versions"), [("opset_99", "opset 99, IR 8"), ("ir_99", "opset 18, IR 99")])
def test_a_file_too_new_for_one_runtime_is_measured_in_the_other(files, name, versions):
    network = read(files, name)
    for precision, asked in (("fp32", "ONNX Runtime"), ("int8", "ONNX Runtime (quantize_static)")):
        with pytest.raises(Unavailable) as raised:
            built(onnx_runtime, network, precision)
        words = say(raised.value.reason)
        assert words.startswith(asked)
        assert f"не принимает этот ONNX-файл ({versions})" in words
        assert "onnxruntime_src" not in words
    told = judged(openvino, network)
    assert accuracy.is_acceptable(told)
    assert told.reference == BY_STANDARD


@CPU
@ENGINES
def test_a_file_that_nothing_evaluates_is_a_reason_and_so_is_its_reference(files, engine):
    network = read(files, "foreign_operator")
    with pytest.raises(Unavailable, match=r"my\.own.Rectify"):
        built(engine, network)
    with pytest.raises(
        NoReference, match=r"cannot be checked; ONNX Runtime says: .*my\.own:Rectify.* not a registered"
    ):
        open_reference(network, IMAGES.shape)


@CPU
def test_a_fault_that_is_not_the_file_s_stays_what_it_is(files, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("Failed to allocate memory for requested buffer of size 1")

    monkeypatch.setattr("onnxruntime.InferenceSession", full)
    with pytest.raises(RuntimeError, match="allocate"):
        built(onnx_runtime, read(files, "plain"))
    with pytest.raises(RuntimeError, match="allocate"):
        open_reference(read(files, "plain"), IMAGES.shape)


@CPU
@ENGINES
def test_one_answer_for_all_images_is_a_reason(files, engine):
    with pytest.raises(Unavailable, match=r"answers \[1, 10\] to images \[8, 3, 32, 32\]"):
        built(engine, read(files, "one_answer"))


@CPU
@ENGINES
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_each_output_of_a_file_is_compared_under_its_name(files, engine, precision):
    told = judged(engine, read(files, "another_output"), precision)
    assert accuracy.is_acceptable(told), told
    assert told.actual_precision == precision
    assert [(one.name, one.shape) for one in told.outputs] == [("y", [10]), ("f", [8])]


@CPU
@ENGINES
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["channels_last", "uint8_input", "pixels_last", "features"])
def test_images_come_in_the_layout_and_type_that_the_file_takes(files, engine, name, precision):
    told = judged(engine, read(files, name), precision)
    assert accuracy.is_acceptable(told), told
    assert told.actual_precision == precision


def test_pixels_are_those_that_the_picture_had(files):
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 3, 16, 16)
    mean, deviation = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))
    normalized = (pixels / 255 - mean) / deviation  # as torchvision's preprocessing does
    assert torch.equal(read(files, "uint8_input").arranged(normalized), pixels)
    assert torch.equal(read(files, "pixels_last").arranged(normalized), pixels.permute(0, 2, 3, 1))
    assert torch.equal(read(files, "channels_last").arranged(normalized), normalized.permute(0, 2, 3, 1))
    assert read(files, "plain").arranged(normalized) is normalized


@CPU
def test_a_file_with_a_fixed_batch_is_checked_in_that_batch(files):
    network = read(files, "batch_20")
    assert accuracy.is_acceptable(judged(onnx_runtime, network, batch=20))
    with pytest.raises(Unavailable, match=r"fixes its input as 20×3×\?×\?, this case is 8×3×32×32"):
        built(onnx_runtime, network)


@CPU
@ENGINES
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_weights_beyond_what_protobuf_holds_go_into_a_file_beside_the_model(files, monkeypatch, engine, precision):
    network = read(files, "plain")
    monkeypatch.setattr(onnx_size, "LIMIT_BYTES", 100)
    with onnx_size.loadable(network.proto) as source:
        assert Path(source).with_name("weights").stat().st_size > 1000
        assert onnx.load(source, load_external_data=False).graph.initializer[0].external_data
    assert not Path(source).exists()
    told = judged(engine, network, precision)
    assert accuracy.is_acceptable(told)
    assert told.actual_precision == precision
    half = export_onnx(network, IMAGES.half())
    assert {tensor.data_type for tensor in half.graph.initializer} == {TensorProto.FLOAT16}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "another_input",
            "x float [None, 3, None, None], mask bool [None], y float [None, 10]; it must take one input",
        ),
        ("integer_output", "k int64 [None, 1]; it must take one input"),
        ("scalar_output", "m float []; it must take one input"),
        ("sequence_output", "ys sequence; it must take one input"),
        ("int64_input", "x int64 [None, 3, None, None]"),
        ("double_inside", "it computes in DOUBLE, and only fp32, tf32, fp16, bf16 and int8 are measured"),
        ("in_a_circle", "its nodes read one another's outputs in a circle"),
        ("missing", "its weights cannot be read (Data of TensorProto ( tensor name: w) should be stored in"),
        ("truncated", "its weights cannot be read (External data length (864) exceeds available data (100 bytes"),
        ("outside", "points outside the directory"),
        ("absolute", "should be a relative path, but it is an absolute path: /etc/hosts"),
    ],
)
def test_what_cannot_be_measured_gets_one_sentence(files, name, words):
    with pytest.raises(InputError) as raised:
        read(files, name)
    assert words in str(raised.value)
    assert f"{name}.onnx'" in str(raised.value)


def test_weights_in_four_bits_are_refused_because_no_row_could_name_them(tmp_path):
    proto = onnx_files.plain()
    proto.graph.initializer[1].CopyFrom(onnx.helper.make_tensor("v", TensorProto.INT4, [8, 10], np.zeros(80, np.int8)))
    onnx.save(proto, tmp_path / "four.onnx")
    with pytest.raises(InputError, match="it computes in INT4"):
        read_onnx(tmp_path / "four.onnx")


def test_a_run_does_not_go_on_with_other_weights_beside_the_file(files, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("beside.onnx", "beside.bin"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
    axes = {"engines": ["onnx_runtime"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1]}
    grid = Grid(**axes, model="beside.onnx")
    Run("run").start(grid, {})
    Run("run").start(grid, {})
    (tmp_path / "beside.bin").write_bytes((files / "beside.bin").read_bytes()[::-1])
    with pytest.raises(InputError, match="holds a run of another model"):
        Run("run").start(grid, {})


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (ONNX_FILE, "ONNX Runtime fp32 на процессоре, без оптимизации графа"),
        (QUANTIZED_FILE, "тот же квантованный файл в ONNX Runtime на процессоре"),
        (BY_STANDARD, "вычислитель стандарта ONNX (пакет onnx)"),
    ],
)
def test_the_report_says_which_reference_an_error_is_against(reference, words):
    told = record().accuracy.model_copy(update={"reference": reference})
    data = report(record("onnx_runtime", "int8", accuracy=told), model="net.onnx")
    assert reference_name(data) == words
    own = "цены квантования она не показывает" in " ".join(quantization_sentences(data))
    assert own is (reference == QUANTIZED_FILE)
