"""What the report says of latency under load follows from serving.json, or says in a line how to make it."""

import pytest
from bs4 import BeautifulSoup
from helpers.made import LOAD, point, record, report, served, serving, worded

from bench_lib.cli import main
from bench_lib.cli.load_lines import serving_lines
from bench_lib.report.sections.serving import serving_figure, serving_table, serving_text
from bench_lib.results.result_file import write_result
from bench_lib.results.serving import ServingGrid
from bench_lib.text.language import NBSP

CURVE = [point(100, 4.0, 2.0), point(600, 9.5, 3.0, calls=800), point(900, 40.0, 20.0, ips=800)]


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def told(folder, *cases, **fields):
    write_result(serving(*cases, **fields), folder)
    return text(serving_text(report(record(), folder=folder)))


def rows(folder):
    html = BeautifulSoup(serving_table(report(record(), folder=folder)).to_html(), "html.parser")
    return [[cell.get_text().replace(NBSP, " ") for cell in tr.select("th, td")] for tr in html.select("tr")]


def test_the_best_rate_under_the_limit_is_told_with_its_latency_batch_and_share_of_the_ceiling(tmp_path):
    said = told(tmp_path, served(CURVE), served([point(100, 9.0)], "onnx_runtime"))
    assert "99 % ответов не дольше 10 мс" in said
    assert (
        "Наибольшая частота, при которой это так, — 600 запр./с (PyTorch fp32): p50 3,00 мс, p99 9,50 мс (N = 2 000), "
        "в батче в среднем 2,5 изображения. Это 60 % того, что та же конфигурация"
    ) in said
    swapped = told(tmp_path, served(CURVE), served([point(700, 9.0)], "onnx_runtime"))
    assert "Наибольшая частота, при которой это так, — 700 запр./с (ONNX Runtime fp32)" in swapped


def test_the_load_is_described_as_it_was(tmp_path):
    grid = ServingGrid(**LOAD, p99_ms=25, max_wait_ms=2.5)
    said = told(tmp_path, served(CURVE), grid=grid)
    assert "старший запрос прождал 2,5 мс" in said
    assert "собран для батчей 1 и 4" in said
    assert "99 % ответов не дольше 25 мс" in said


def test_a_p99_of_few_requests_is_called_so_and_decides_nothing(tmp_path):
    few = [point(100, 4.0, requests=1999), point(200, 12.0, requests=1999)]
    said = told(tmp_path, served(few), served([point(90, 9.0)], "onnx_runtime"))
    assert (
        "Выдержан ли при ней предел, наверняка не известно: p99, посчитанный меньше чем по 2 000 запросам, — это почти "
        "самый долгий из ответов (N = 1 999)."
    ) in said
    assert "не решено, при каких частотах выдерживают предел PyTorch fp32." in said
    assert "наименьшее N для p99 здесь — 1 999." in said
    slow = told(tmp_path, served([point(100, 12.0, requests=100)]), served([point(90, 9.0)], "onnx_runtime"))
    assert "не известно" not in slow  # the best rate has enough
    assert "не решено, при каких частотах выдерживают предел PyTorch fp32." in slow
    assert "наименьший p99 — 12,0 мс (N = 100)" in slow
    sure = told(tmp_path, served([point(100, 4.0), point(200, 12.0)]))
    assert "не решено" not in sure
    assert "не известно" not in sure
    early = told(tmp_path, served([point(50, 4.0, requests=200), point(100, 4.0)]))
    assert "не решено" not in early  # the rate that decides has enough
    queue = [point(1000, 0.5, 0.1, requests=250), point(2000, 30.0)]
    own = told(tmp_path, served([point(100, 4.0)]), queue=queue)
    assert "при 1 000 запр./с (N = 250). Выдержан ли при ней предел, наверняка не известно" in own


def test_rates_without_a_p99_are_told_and_drawn_by_what_they_have(tmp_path):
    short = [point(200, None, requests=300, p90_ms=5.0), point(900, None, requests=250, p90_ms=12.0)]
    said = told(tmp_path, served([*short, point(300, 9.0)]))
    assert "— 300 запр./с (PyTorch fp32)" in said
    assert "наименьшее N для p99 здесь — 2 000. Там, где запросов меньше 2 000 (от 250), p99 нет" in said
    assert "не решено" not in said
    alt = serving_figure(report(record(), folder=tmp_path)).data.replace(NBSP, " ")
    assert "p90 5,00 мс (N = 300) при 200 запр./с" in alt
    none = told(tmp_path, served(short))
    assert "PyTorch fp32 (наименьший p90 — 5,00 мс (N = 300))" in none
    assert len(rows(tmp_path)) == 2


def test_batches_too_slow_for_the_limit_are_named_as_they_were_used(tmp_path):
    times = {"call_ms": {1: 2.0, 4: 5.1}}
    left_out = told(tmp_path, served(CURVE, queued=[1], **times))
    assert "Такие батчи в очереди не собирались: PyTorch fp32, батч 4 (5,10 мс)." in left_out
    older = told(tmp_path, served(CURVE, **times))
    assert "Но очередь собирала и такие батчи; без них предел" in older
    assert "большая частота: PyTorch fp32, батч 4 (5,10 мс)." in older
    slow = told(tmp_path, served(CURVE, call_ms={1: 6.0, 4: 9.0}, queued=[1]))
    assert "взят один самый быстрый: PyTorch fp32, батч 1 (6,00 мс)." in slow
    assert "не собирались: PyTorch fp32, батч 4 (9,00 мс)." in slow
    assert "Батчи и предел" not in told(tmp_path, served(CURVE, call_ms={1: 2.0, 4: 5.0}))


def test_a_rate_near_what_the_queue_carries_is_not_said_to_be_the_device_s(tmp_path):
    said = told(tmp_path, served([point(1001, 5.0)]))  # the queue alone carries 2000
    assert "Это больше половины того, что заведомо пропускает наша очередь (2 000 запр./с)" in said
    assert "заведомо" not in told(tmp_path, served([point(1000, 5.0)]))


def test_the_terminal_shows_n_beside_each_p99_and_who_may_be_limited_by_the_queue():
    short = served([point(100, None, requests=200, p90_ms=12.0)], "openvino")
    lines = serving_lines(serving(served(CURVE), served([point(100, 12.0)], "onnx_runtime"), short))
    assert lines[0].split()[-5:] == ["p99", "ms", "N", "batch", "ceiling"]
    assert lines[1].split()[1:] == ["600", "3", "9.5", "2000", "2.5", "1000"]
    assert lines[2].endswith("no rate keeps p99 under 10 ms; the least p99 was 12 ms (N = 2000)")
    assert lines[3].endswith("no rate keeps p99 under 10 ms; every p90 is above it")
    assert not any("queue" in line for line in lines)
    (near,) = [line for line in serving_lines(serving(served([point(1001, 9.0)]))) if "queue" in line]
    assert near.startswith("The queue rather than the device may limit resnet18-pytorch-fp32-32px-b4")


def test_who_keeps_the_limit_at_no_rate_or_was_not_measured_is_named(tmp_path):
    failed = worded("нет <b>GPU</b>", "no GPU")
    said = told(tmp_path, served([point(100, 12.0), point(300, 15.0)]), served(engine="torch_tensorrt", failed=failed))
    assert "Ни одна конфигурация его не выдержала" in said
    assert (
        "Предел не выдержан ни при одной из испытанных частот: PyTorch fp32 (наименьший p99 — 12,0 мс (N = 2 000))"
        in said
    )
    assert "Не измерены: Torch-TensorRT fp32 — нет &#60;b&#62;GPU&#60;&#47;b&#62;" in said
    assert len(rows(tmp_path)) == 2


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (1.01, "расходятся не больше чем на 1,0 % (цель — 2 %; везде в пределах цели)"),
        (0.97, "расходятся не больше чем на 3,0 % (цель — 2 %; за пределами цели — у 1 из 2 частот)"),
    ],
)
def test_the_agreement_with_loadgen_is_the_largest_difference(tmp_path, ours, words):
    assert words in told(tmp_path, served([point(100, 5.0), point(200, 5.0, ours=ours)]))


def test_the_queue_itself_is_told_and_who_may_be_limited_by_it(tmp_path):
    said = told(tmp_path, served([point(900, 5.0)]), served([point(1100, 5.0)], "onnx_runtime"))
    assert "при 1 000 запр./с p50 0,100 мс, p99 0,500 мс (N = 2 000); p99 до 10 мс она выдерживает при 2 000" in said
    assert said.endswith("могут упираться в неё, а не в устройство: ONNX Runtime fp32.")
    assert "упираться" not in told(tmp_path, served([point(900, 5.0)]))
    said = told(tmp_path, served([point(900, 5.0)]), served([point(2100, 5.0)], "onnx_runtime"))
    assert "Но 2 100 запр./с прошли через неё вовремя (ONNX Runtime fp32), так что выдерживает она не меньше." in said
    assert said.endswith("могут упираться в неё, а не в устройство: ONNX Runtime fp32.")


def test_the_table_has_the_limit_the_ceiling_and_the_knee(tmp_path):
    told(tmp_path, served(CURVE, device_bytes=512 * 2**20), served([point(100, 12.0)], "onnx_runtime"))
    head, first, second = rows(tmp_path)
    assert head == [
        "Конфигурация", "До предела (запр./с)", "p50 (мс)", "p99 (мс)", "N для p99", "Батч в среднем",
        "Без предела (запр./с)", "Колено (запр./с)", "p50 в колене (мс)", "Память (МиБ)",
    ]  # fmt: skip
    assert first == ["PyTorch fp32", "600", "3,00", "9,50", "2 000", "2,50", "1 000", "600", "3,00", "512"]
    assert second == ["ONNX Runtime fp32", "—", "—", "—", "—", "—", "1 000", "100", "2,00", "—"]


def test_the_figure_has_a_text_that_replaces_it(tmp_path):
    told(tmp_path, served(CURVE), served([point(100, 12.0)], precision="int8"))
    shown = BeautifulSoup(serving_figure(report(record(), folder=tmp_path)).data, "html.parser")
    alt = shown.img["alt"].replace(NBSP, " ")
    assert "PyTorch fp32: p99 4,00 мс (N = 2 000) при 100 запр./с, p99 40,0 мс (N = 2 000) при 900 запр./с" in alt
    assert "предел 10 мс" in shown.figcaption.get_text()
    assert (tmp_path / "serving.png").read_bytes().startswith(b"\x89PNG")


def test_a_broken_file_is_told_before_the_report_is_made(run, tmp_path, capsys):
    for name in ("grid.json", "machine.json", "records"):
        (tmp_path / name).symlink_to(run / name)
    (tmp_path / "serving.json").write_text('{"schema_version": 3}')
    assert main.main(["report", str(tmp_path)]) == 2
    assert "serving.json: schema_version is 3, this code reads 1 and 2" in capsys.readouterr().err


def test_the_report_of_a_run_shows_the_load(run, tmp_path):
    for name in ("grid.json", "machine.json", "records"):
        (tmp_path / name).symlink_to(run / name)
    write_result(serving(served(CURVE)), tmp_path)
    assert main.main(["report", str(tmp_path)]) == 0
    page = BeautifulSoup((tmp_path / "report.html").read_text(encoding="utf-8"), "html.parser")
    heading = next(h for h in page.select("h3") if h.get_text() == "Под нагрузкой")
    assert "при которой это так" in heading.find_next("ul").get_text()
    assert "Наибольшая частота запросов" in heading.find_next("caption").get_text()
    assert "PyTorch fp32: p99" in heading.find_next("img")["alt"]
    before = BeautifulSoup((run / "report.html").read_text(encoding="utf-8"), "html.parser")
    assert "задержка под нагрузкой: bench serve params/load/serving.yaml" in before.get_text()
