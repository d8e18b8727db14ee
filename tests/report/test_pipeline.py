"""What the report says of the path from JPEG files follows from made figures, or says that there are none."""

from bs4 import BeautifulSoup
from helpers.made import GPU, LOAD, MACHINE, end_to_end, pipelined, record, report, worded

from bench_lib.core.case import Case
from bench_lib.report.sections import pipeline
from bench_lib.results.pipeline import Pipelined, PipelineGrid
from bench_lib.results.result_file import write_result
from bench_lib.text.language import NBSP


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def told(folder, *cases, **fields):
    write_result(end_to_end(*cases, **fields), folder)
    return text(pipeline.pipeline_text(report(record(), folder=folder)))


def test_the_bottleneck_at_each_batch_and_what_is_left_of_the_bare_engine_are_told(tmp_path):
    said = told(tmp_path, pipelined(1, infer=300.0, whole=250.0), pipelined(8), pipelined(64, whole=395.0))
    assert "Медленнее всего: декодирование и подготовка — при батче 8 и 64; инференс — при батче 1." in said
    assert "не больше 395 изобр./с (батч 64, N ≈ 12): это 40 % от того" in said
    assert "прошло через весь конвейер, самое меньшее 12: один батч там меняет результат на 8,3 %." in said
    assert "таких процессов нужно около 10, если каждый добавит столько же" in said
    bare = told(tmp_path, pipelined(1, infer=300.0, whole=250.0))
    assert "процессов нужно" not in bare
    assert "при батче 1" in bare


def test_how_near_the_whole_comes_to_its_stages_is_told_and_who_shares_cores(tmp_path):
    cases = pipelined(1, whole=200.0), pipelined(8, whole=400.0)
    assert "достигает 50–100 % этого: здесь декодирование и инференс делят одни и те же ядра." in told(tmp_path, *cases)
    assert "Больше 100 %" not in told(tmp_path, *cases)
    assert "Больше 100 % значит, что этап отдельно намерен медленнее" in told(tmp_path, pipelined(8, whole=401.0))
    said = told(tmp_path, *cases, machine=MACHINE | {"gpu": GPU})
    assert "достигает 50–100 % этого." in said
    assert "ядра" not in said


def test_the_images_are_described_as_they_were(tmp_path):
    said = told(tmp_path, pipelined())
    assert "созданные для замера (64 файла JPEG 500×375, в среднем 100 КиБ" in said
    assert "(как у torchvision для ImageNet) ведут 4 процесса" in said
    grid = PipelineGrid(**LOAD, data="my <photos>")
    said = told(tmp_path, pipelined(), grid=grid)
    assert "из папки <code>my &#60;photos&#62;</code> (64 файла, в среднем 100 КиБ" in said


def test_what_failed_is_named_and_the_table_and_figure_hold_the_rest(tmp_path):
    failed = Pipelined(case=Case(engine="torch_tensorrt"), failed=worded("нет GPU", "no GPU"))
    assert "Не измерены: Torch-TensorRT fp32, батч 1 — нет GPU." in told(tmp_path, pipelined(), pipelined(8), failed)
    html = BeautifulSoup(pipeline.pipeline_table(report(record(), folder=tmp_path)).to_html(), "html.parser")
    rows = [[td.get_text().replace(NBSP, " ") for td in tr.select("td")] for tr in html.select("tbody tr")]
    slowest = "декодирование и подготовка"
    assert rows == [
        ["PyTorch fp32", "1", "400", "10 000", "1 000", "390", "780", "39 %", slowest],
        ["PyTorch fp32", "8", "400", "10 000", "1 000", "390", "98", "39 %", slowest],
    ]
    shown = BeautifulSoup(pipeline.pipeline_figure(report(record(), folder=tmp_path)).data, "html.parser")
    assert "PyTorch fp32: 390 при батче 1, 390 при 8" in shown.img["alt"]
    assert (tmp_path / "pipeline.png").read_bytes().startswith(b"\x89PNG")
    nothing = told(tmp_path, failed)
    assert "Не измерены" in nothing
    assert pipeline.pipeline_table(report(record(), folder=tmp_path)).data == ""
