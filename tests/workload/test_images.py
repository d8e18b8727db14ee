"""Real images: what is taken and how, what it costs, that outputs are compared on all, and what the report says."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
from helpers import pictures
from helpers.made import GPU, FakeClock, Honest, TickingClock, record, report
from PIL import Image

from bench_lib.cli import main
from bench_lib.core import engine as engine_module
from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Slowed, Unavailable
from bench_lib.core.reason import say
from bench_lib.core.record import RealData, Record, read_record
from bench_lib.engines.onnx_runtime import builder as onnx_runtime
from bench_lib.engines.openvino import builder as openvino
from bench_lib.engines.pytorch import builder as pytorch
from bench_lib.engines.shared.calibration import calibration_batches
from bench_lib.engines.torch_tensorrt import builder as torch_tensorrt
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import measure_case
from bench_lib.measure.reference import references
from bench_lib.report.phrases import unknown_accuracy
from bench_lib.report.sections import recommendations, time_parts
from bench_lib.report.sections.accuracy import accuracy_text
from bench_lib.report.sections.method import conditions_text
from bench_lib.report.tables import record_card
from bench_lib.results.run_folder import Run
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook
from bench_lib.text.language import NBSP
from bench_lib.workload import images as images_module
from bench_lib.workload.images import COPIES, batches, copy_times_ms, draw_images, read_images
from bench_lib.workload.network import load_network

CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
HERE = torch.device("cpu")
SHORT = {"warmup_min_s": 0.01, "warmup_max_s": 0.5, "min_count": 2, "min_s": 0.02}
ROOT = Path(__file__).parents[2]


def case(folder, batch=2, **fields):
    return Case(**{"engine": "pytorch", "image_size": 32, "batch_size": batch, "data": str(folder)} | fields)


@pytest.fixture(scope="module")
def resnet18():
    return load_network("resnet18", 0, image_size=32)


@pytest.mark.parametrize(
    ("there", "batch", "used"), [(17, 2, 17), (17, 32, 17), (70, 1, 64), (70, 33, 66), (140, 100, 100), (64, 64, 64)]
)
def test_whole_batches_of_at_least_64_images_are_taken_or_all_that_there_are(tmp_path, there, batch, used):
    pictures.write(tmp_path, there, side=8)
    read = read_images(case(tmp_path, batch, image_size=4), HERE)
    assert (read.found, len(read.pixels), len(read.decode_ms), len(read.preprocess_ms)) == (there, used, used, used)


def test_images_of_all_folders_are_taken_evenly_in_the_order_of_their_paths(tmp_path, monkeypatch):
    for name in ("b/cats", "a"):
        pictures.write(tmp_path / name, 100, side=8)
    (tmp_path / "a" / "labels.txt").write_text("cat")
    seen = []

    def loader(path):
        seen.append(path.relative_to(tmp_path))
        return Image.open(path)

    monkeypatch.setattr(images_module, "load_picture", loader)
    read_images(case(tmp_path, 64, image_size=4), HERE)
    assert seen == sorted(seen)
    assert (str(seen[0]), str(seen[-1])) == ("a/0000.jpg", "b/cats/0099.jpg")
    assert [path.parts[0] for path in seen].count("a") == 32


def test_decoding_and_preprocessing_are_timed_apart(tmp_path, monkeypatch):
    pictures.write(tmp_path, 16)
    clock = FakeClock()

    def taking(seconds, answer):
        def act(_):
            clock.now += seconds
            return answer

        return act

    monkeypatch.setattr(images_module, "load_picture", taking(0.003, None))
    monkeypatch.setattr(images_module, "transform", lambda _: taking(0.005, torch.zeros(3, 32, 32)))
    read = read_images(case(tmp_path), HERE, clock)
    assert read.decode_ms == pytest.approx([3] * 16)
    assert read.preprocess_ms == pytest.approx([5] * 16)


def test_the_last_batch_is_filled_up_with_the_first_images():
    images = torch.arange(5).reshape(5, 1)
    assert [batch.flatten().tolist() for batch in batches(images, 2)] == [[0, 1], [2, 3], [4, 0]]
    assert [batch.flatten().tolist() for batch in batches(images, 7)] == [[0, 1, 2, 3, 4, 0, 1]]
    batches(images, 5)[0].zero_()
    assert images.sum() == 10  # they are copies


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("nowhere", "data 'nowhere': there is no such folder; give one with images in it"),
        ("empty", "data 'empty': no image in it; at least 16 are needed to check what an engine answers, so put JPEG"),
        ("one", "data 'one': one image in it; at least 16"),
        ("few", "data 'few': 15 images in it; at least 16"),
        ("photo.jpg", "data 'photo.jpg': there is no such folder"),
    ],
)
def test_a_folder_with_too_few_images_gets_one_sentence(tmp_path, monkeypatch, capsys, data, words):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("empty/readme.txt").write_text("no image")
    pictures.write(tmp_path / "one", 1)
    pictures.write(tmp_path / "few", 15, side=8)
    pictures.write(tmp_path, 1)[0].rename("photo.jpg")
    axes = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1], "data": data}
    Path("grid.yaml").write_text(json.dumps(axes))
    assert main.main(["sweep", "grid.yaml", "--output", "run"]) == 2
    assert f"bench: grid.yaml: {words}" in capsys.readouterr().err


def test_images_that_do_not_fit_in_memory_are_a_row(tmp_path):
    pictures.write(tmp_path, 16)
    told = measure_case(case(tmp_path, 10**9), Limits(**SHORT))
    assert told.status == "failed"
    assert say(told.reason).startswith("не хватило памяти: один только вход занимает")


@CPU
@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (pytorch, {}),
        (pytorch, {"channels_last": True, "first_conv": "pad8"}),
        (pytorch, {"channels_last": True, "first_conv": "space_to_depth"}),
        (onnx_runtime, {}),
        (openvino, {}),
    ],
)
def test_an_engine_answers_for_images_that_it_was_not_built_with(resnet18, engine, options):
    images = draw_images(17, 32, 0, "check")
    try:
        engine.check_support("fp32")
    except Unavailable as error:
        pytest.skip(str(error))
    built = engine.build(resnet18, draw_images(2, 32, 0, "timing"), "fp32", **options)
    for made in (built, Slowed(built, 0.01)):
        output = accuracy.answers(made, images, 2)[0]
        assert output.shape == (17, 1000)
        against = references(resnet18, images, HERE, 2)[0]
        assert accuracy.compare(output, against, "fp32").actual_precision == "fp32"
    whole = references(resnet18, images, HERE, 17)[0]
    torch.testing.assert_close(against.outputs, whole.outputs, rtol=1e-4, atol=1e-4)


def test_torch_tensorrt_reads_what_it_is_filled_with():
    made = torch_tensorrt.TorchTensorRTEngine(torch.nn.Flatten(), torch.zeros(2, 3, 2, 2), {})
    images = torch.randn(2, 3, 2, 2)
    made.fill(images)
    made.run()
    assert torch.equal(made.outputs()[0], images.flatten(1))


class Answering(Honest):
    """Answers as the network does, but for the first image of each batch after so many right ones."""

    def __init__(self, clock, model, images, right):
        super().__init__(clock, model, images)
        self.right, self.filled = right, 0

    def fill(self, images):
        super().fill(images)
        self.filled += 1

    def outputs(self):
        output = super().outputs()[0].clone()
        if self.filled > self.right:
            output[0] = output[0].flip(0)
        return (output,)


@pytest.mark.parametrize(("right", "status"), [(9, "ok"), (8, "failed")])
def test_outputs_are_compared_on_all_images_and_not_on_the_first_batch_alone(tmp_path, monkeypatch, right, status):
    pictures.write(tmp_path, 17, kind="png")
    clock = TickingClock()

    def build(model, images, _precision, **_options):
        return Answering(clock, model, images, right)

    module = SimpleNamespace(IMPORTS=(), check_support=lambda _: None, build=build)
    monkeypatch.setattr(engine_module, "load_builder", lambda _: module)
    told = measure_case(case(tmp_path), Limits(min_count=4, min_s=1.0), clock=clock)
    assert told.status == status, told.detail
    assert told.accuracy.top1_agreement == pytest.approx(1 if status == "ok" else 16 / 17)
    assert (told.data.found, told.data.used, len(told.data.decode_ms)) == (17, 17, 17)


@CPU
@pytest.mark.parametrize(
    ("engine", "ranges"), [("onnx_runtime", "min-max"), ("openvino", "min-max"), ("pytorch", "histogram")]
)
def test_int8_is_calibrated_on_those_images(tmp_path, small_network, engine, ranges):
    pictures.write(tmp_path, 17)
    told = measure_case(case(tmp_path, engine=engine, precision="int8", model=small_network), Limits(**SHORT))
    if told.status == "skipped":
        pytest.skip(str(told.reason))
    assert told.status == "ok", told.detail
    assert (told.ran["calibration"], told.ran["calibration_images"]) == (f"{ranges}, real images", 17)
    given = torch.randn(5, 3, 8, 8)
    read = list(calibration_batches(torch.Size((2, 3, 8, 8)), given))
    assert torch.equal(torch.cat(read), given[[0, 1, 2, 3, 4, 0]])


def test_copying_to_a_gpu_is_timed_in_the_precision_s_type(monkeypatch):
    clock, copied = FakeClock(), []

    class Target:
        def copy_(self, host, non_blocking):
            assert non_blocking
            copied.append(host.dtype)
            clock.now += 0.002

    def wait():
        clock.now += 0.001

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(torch, "empty_like", lambda *_, **__: Target())
    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    batch = torch.zeros(2, 3, 4, 4)
    assert copy_times_ms(batch, "fp16", torch.device("cuda"), clock) == pytest.approx([3] * COPIES)
    assert set(copied) == {torch.float16}
    assert copy_times_ms(batch, "fp16", HERE, clock) is None


@CPU
def test_the_notebook_measures_on_a_folder_and_shows_what_preparing_costs(tmp_path):
    pictures.write(tmp_path / "photos", 17)
    path, shown = tmp_path / "record.json", tmp_path / "out.ipynb"
    given = {"engine": "pytorch", "image_size": 32, "batch_size": 2, "limits": SHORT, "record_path": str(path)}
    execute_notebook(NOTEBOOKS / "measure.ipynb", shown, given | {"data": str(tmp_path / "photos")})
    told = read_record(path)
    assert told.status == "ok", told.detail
    assert (told.data.used, told.data.copy_ms, told.case.data) == (17, None, str(tmp_path / "photos"))
    text = json.dumps(nbformat.read(shown, 4), ensure_ascii=False)
    assert "Декодирование (мс" in text
    assert "Копирование на GPU" not in text


def test_a_record_of_before_has_no_images():
    old = json.loads(record().model_dump_json())
    del old["data"]
    assert Record.model_validate(old).data is None


DATA = RealData(found=900, used=64, decode_ms=[3.0, 3.0, 9.0], preprocess_ms=[2.0], copy_ms=[0.5, 0.5, 9.0])
ON_CPU = DATA.model_copy(update={"copy_ms": None})


def text(markdown):
    return getattr(markdown, "data", markdown).replace(NBSP, " ")


def test_the_report_shows_preparing_and_copying_beside_inference():
    slow, fast = record(ms=40, batch=4, data=DATA), record("onnx_runtime", ms=10, batch=4, data=DATA)
    told = text(time_parts.time_parts_text(report(slow, fast, gpu=GPU, data="photos")))
    assert (
        "**Подготовка изображения** 224×224 (один поток процессора, вне замеров скорости): декодирование — 3,00 мс, "
        "размер и нормировка — 2,00 мс. Инференс, где FPS наибольший (ONNX Runtime fp32, 224×224, батч 4), занимает "
        "2,50 мс на изображение: чтобы за ним успевать, нужно не меньше 2 таких потоков. Копирование того же батча на "
        "GPU — 0,500 мс, 5,0 % его времени/батч." in told
    )
    swapped = record("onnx_runtime", ms=80, batch=4, data=DATA)
    told = text(time_parts.time_parts_text(report(slow, swapped, gpu=GPU, data="photos")))
    assert "(PyTorch fp32, 224×224, батч 4), занимает 10,0 мс на изображение: одного такого потока хватает" in told
    assert "0,500 мс, 1,2 % его времени/батч" in told
    on_cpu = text(time_parts.time_parts_text(report(record(data=ON_CPU), data="photos")))
    assert "Копирования на устройство нет" in on_cpu
    assert "Копирование того же батча" not in on_cpu
    assert "Подготовка" not in text(time_parts.time_parts_text(report(record(), gpu=GPU)))


def test_the_report_says_whether_images_were_real():
    real, synthetic = report(record(data=ON_CPU), data="my*photos"), report(record())
    told = text(conditions_text(real))
    assert "реальные изображения из папки <code>my&#42;photos</code> (в ней 900, взято 64, равномерно по" in told
    assert "синтетический" not in told
    assert "**Формат данных:** синтетический" in text(conditions_text(synthetic))
    told = text(recommendations.advice_text(real))
    assert (
        "Изображения реальные, а декодирование и подготовка в скорость не входят: в одном потоке они занимают" in told
    )
    assert "5,00 мс на изображение (приложение В) и нужны сверх этих цифр. Веса случайные" in told
    assert "Здесь изображения синтетические, а веса случайные" in text(recommendations.advice_text(synthetic))
    trained = text(recommendations.advice_text(report(record(data=ON_CPU), data="photos", weights="w.pt")))
    assert "Веса случайные" not in trained
    assert "В каждой конфигурации — на реальных изображениях (16)" in text(accuracy_text(real))
    assert "на реальных изображениях" not in text(accuracy_text(synthetic))
    assert unknown_accuracy(real.grid) == ["веса случайные", "меток у изображений нет"]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, None),
        (1, "Пропущен 1 нечитаемый файл; первый — <code>a&#42;.jpg</code> (the file is empty)."),
        (3, "Пропущено 3 нечитаемых файла; первый — <code>a&#42;.jpg</code> (the file is empty)."),
    ],
)
def test_the_report_says_what_was_skipped(count, words):
    more = ON_CPU.model_copy(update={"skipped": count, "first_skipped": "a*.jpg", "first_fault": "the file is empty"})
    told = text(conditions_text(report(record(data=ON_CPU), record("onnx_runtime", data=more), data="photos")))
    assert (words in told) if words else "Пропущен" not in told
    assert dict(record_card(record(data=more)).data.itertuples(index=False)).get("Пропущено файлов") == (
        str(count) if count else None
    )


def test_the_report_says_that_int8_was_calibrated_on_real_images():
    int8 = record("openvino", "int8", ms=1, ran={"calibration_images": 64}, data=ON_CPU)
    random = text(accuracy_text(report(record(data=ON_CPU), int8, data="photos")))
    assert (
        "диапазоны взяты с реальных изображений (их 64), тех же, на которых измерена ошибка. Веса случайные" in random
    )
    trained = text(accuracy_text(report(record(data=ON_CPU), int8, data="photos", weights="w.pt")))
    assert "Меток у них нет: долю верных ответов в int8 проверьте на размеченных изображениях" in trained


def test_the_card_of_a_record_tells_of_its_images():
    shown = dict(record_card(record(data=DATA)).data.itertuples(index=False))
    assert shown["Изображений взято (в папке)"] == "64 (900)"
    assert (shown["Декодирование (мс/изобр.)"], shown["Копирование на GPU (мс/батч)"]) == ("3,00", "0,500")
    assert "Изображений взято (в папке)" not in dict(record_card(record()).data.itertuples(index=False))


@CPU
def test_the_example_in_docs_runs_as_written(tmp_path, monkeypatch, capsys):
    section = (
        (ROOT / "docs" / "measure-your-own.md")
        .read_text()
        .partition("## Your own network and images")[2]
        .partition("\n## ")[0]
    )
    grid, commands = re.search(r"```yaml\n(.+?)```\n\n```sh\n(.+?)```", section, re.DOTALL).groups()
    monkeypatch.chdir(tmp_path)
    path = Path(re.match(r"# (params/\w+\.yaml)\n", grid)[1])
    path.parent.mkdir()
    path.write_text(grid)
    pictures.write(tmp_path / re.search(r"^data: (\w+)", grid, re.MULTILINE)[1], 17)
    for command in commands.splitlines():
        program, *arguments = shlex.split(command, comments=True)
        assert (program, main.main(arguments)) == (".venv/bin/bench", 0)
    measured = Run("outputs/mine").records()
    assert {told.status for told in measured} == {"ok"}
    assert {(told.case.model, told.data.used) for told in measured} == {("mobilenet_v3_small", 17)}
    html = Path("outputs/mine/report.html").read_text().replace(NBSP, " ")
    assert "реальные изображения из папки" in html
    assert "Подготовка изображения" in html
    assert "report.html" in capsys.readouterr().out
