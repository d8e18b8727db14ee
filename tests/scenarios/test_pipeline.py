"""From JPEG files to answers: rates exact on a fake clock, and one short real run whose answers are right."""

import os

import pytest
import torch
from helpers.made import LOAD, FakeClock, pipelined, record, report
from helpers.pictures import write

from bench_lib.cli import main
from bench_lib.cli.parser import PARAMS
from bench_lib.core.case import Case
from bench_lib.core.engine import build_engine, compute_device
from bench_lib.core.errors import InputError
from bench_lib.core.grid import read_grid
from bench_lib.core.reason import say
from bench_lib.engines.pytorch.builder import PyTorchEngine
from bench_lib.report.sections import pipeline
from bench_lib.results.pipeline import Pipeline, PipelineGrid
from bench_lib.results.result_file import read_result
from bench_lib.scenarios import pipeline as pipeline_module
from bench_lib.scenarios import worker
from bench_lib.scenarios.pipeline import (
    Photos,
    fill_and_infer,
    images_per_second,
    measure_pipeline_case,
    photographs,
    write_photo,
)
from bench_lib.scenarios.worker import attempt
from bench_lib.text.language import NBSP
from bench_lib.workload.images import LEAST, synthetic_images
from bench_lib.workload.network import load_network
from bench_lib.workload.preprocessing import of_imagenet, transform

LIMITS = {"warmup_min_s": 0.01, "warmup_max_s": 0.2, "min_count": 3, "min_s": 0.02}
GRID = PipelineGrid(**LOAD | {"batch_sizes": [2]}, workers=1, photos=4, window_s=0.1, limits=LIMITS)


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def test_a_rate_counts_what_comes_after_what_was_prepared_ahead():
    clock, steps = FakeClock(), []

    def step():
        clock.now += 2**-7 if len(steps) < 3 else 2**-4
        steps.append(clock.now)

    assert images_per_second(step, images=4, seconds=1.0, ahead=3, clock=clock) == 4 * 16
    assert len(steps) == 3 + 16
    assert images_per_second(step, images=4, seconds=0.01, ahead=0, clock=clock) == 4 * 16


@pytest.mark.parametrize(
    ("rates", "slowest"), [((400, 9000, 1000), "decode"), ((4000, 900, 1000), "copy"), ((4000, 9000, 1000), "infer")]
)
def test_the_bottleneck_is_the_slowest_stage(rates, slowest):
    assert pipelined(1, *rates).bottleneck == slowest


def test_the_stages_allow_decoding_beside_copying_and_inference():
    assert pipelined(1, decode=400.0, copy=3000.0, infer=1000.0).expected_ips == 400
    assert pipelined(1, decode=4000.0, copy=3000.0, infer=1000.0).expected_ips == pytest.approx(750)


def test_made_photographs_are_jpeg_of_the_size_asked_for_no_two_alike_and_gone_after():
    from PIL import Image

    with photographs(GRID) as paths:
        assert len(paths) == 4
        assert len({path.read_bytes() for path in paths}) == 4
        with Image.open(paths[0]) as picture:
            assert (picture.format, picture.size) == ("JPEG", (500, 375))
        again = write_photo(paths[0].with_name("again.jpg"), 0, GRID)
        assert again.read_bytes() == paths[0].read_bytes()
    assert not paths[0].exists()


def test_the_folders_own_images_are_taken_and_one_without_any_is_told(tmp_path):
    files = write(tmp_path / "photos", LEAST, side=8)
    grid = GRID.model_copy(update={"data": str(tmp_path / "photos")})
    with photographs(grid) as paths:
        assert paths == files
    empty = grid.model_copy(update={"data": str(tmp_path / "none")})
    with pytest.raises(InputError, match="there is no such folder"), photographs(empty):
        pass


@pytest.mark.parametrize("engine", ["pytorch", "onnx_runtime"])
def test_what_is_answered_is_what_the_network_answers_to_the_files(tmp_path, engine):
    paths = write(tmp_path, 2)
    photos = Photos(paths, Case(engine=engine, image_size=32))
    batch = torch.stack([photos[0], photos[3]])  # the third is the first again
    prepared = transform(of_imagenet(32))
    from torchvision.datasets.folder import default_loader

    assert torch.equal(batch, torch.stack([prepared(default_loader(path)) for path in paths]))
    case, model = Case(engine=engine, image_size=32, batch_size=2), load_network("resnet18", 0, image_size=32)
    built = build_engine(case, model, synthetic_images(case, 0, compute_device()))
    fill_and_infer(built, batch)
    with torch.inference_mode():
        torch.testing.assert_close(built.outputs()[0].cpu(), model(batch), rtol=1e-2, atol=1e-3)


def test_a_real_pipeline_is_measured_from_files_on(tmp_path, capsys):
    (tmp_path / "grid.yaml").write_text(GRID.model_dump_json(exclude={"slurm"}))
    command = ["pipeline", str(tmp_path / "grid.yaml"), "--output", str(tmp_path / "run")]
    assert main.main(command) == 0
    found = read_result(Pipeline, tmp_path / "run")
    (one,) = found.cases
    assert one.failed is None, one.failed
    assert (found.images, one.workers) == (4, 1)
    assert 10_000 < found.image_bytes < 500_000
    assert min(one.decode_ips, one.copy_ips, one.infer_ips, one.whole_ips) > 0
    assert one.case.id in capsys.readouterr().out


def in_this_process(photos, batch_size, **_):
    """Batches as PyTorch's DataLoader makes them, whose handler of signals would stay in this process."""
    while True:
        yield torch.stack([photos[number] for number in range(batch_size)])


def test_an_engine_that_answers_something_else_is_a_row_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_module, "run_in_process", lambda _engine, *given: attempt(*given))
    monkeypatch.setattr(pipeline_module, "DataLoader", in_this_process)
    monkeypatch.setattr(PyTorchEngine, "outputs", lambda _: (torch.ones(2, 1000),))
    failed = measure_pipeline_case(GRID.cases()[0], GRID, write(tmp_path, 2), 1).failed
    assert say(failed) == "выход одинаков для всех изображений"
    assert str(failed) == "the output is the same for all images"


def crash(*_):
    os._exit(3)


def test_a_case_that_crashes_or_cannot_run_is_a_row_with_its_reason(monkeypatch):
    if not torch.cuda.is_available():
        tf32 = Case(engine="pytorch", precision="tf32")
        assert str(measure_pipeline_case(tf32, GRID, [], 1).failed).startswith("TF32")
    monkeypatch.setattr(worker, "send_result", crash)
    crashed = measure_pipeline_case(GRID.cases()[0], GRID, [], 1)
    assert say(crashed.failed) == "процесс измерения сам завершился с кодом 3"


def test_an_interrupted_measurement_goes_on_and_until_then_the_report_says_what_is_left(tmp_path, monkeypatch):
    asked = []

    def measured(case, *_):
        asked.append(case.batch_size)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return pipelined(batch=case.batch_size).model_copy(update={"case": case})

    monkeypatch.setattr(pipeline_module, "measure_pipeline_case", measured)
    (tmp_path / "load.yaml").write_text(str(LOAD | {"photos": 1}))
    command = ["pipeline", str(tmp_path / "load.yaml"), "--output", str(tmp_path / "run")]
    assert main.main(command) == 130
    data = report(record(), folder=tmp_path / "run")
    assert "Измерение прервано, не дошло до: PyTorch fp32, батч 4;" in text(pipeline.pipeline_text(data))
    assert main.main(command) == 0
    assert asked == [1, 4, 4]
    assert "прервано" not in text(pipeline.pipeline_text(data))


def test_a_folder_without_images_is_one_sentence(tmp_path, capsys):
    lines = [f"{name}: {value}" for name, value in LOAD.items()]
    (tmp_path / "grid.yaml").write_text("\n".join([*lines, f"data: {tmp_path / 'none'}"]))
    assert main.main(["pipeline", str(tmp_path / "grid.yaml"), "--output", str(tmp_path / "run")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_pipeline_in_params_is_valid():
    assert read_grid(PARAMS / "load" / "pipeline.yaml", PipelineGrid).batch_sizes == [1, 8, 64]
