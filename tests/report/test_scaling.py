"""What the report says of several at once follows from made figures, or says that there are none."""

from bs4 import BeautifulSoup
from helpers.made import GPU, MACHINE, MIB, crowd, record, report, scaling, worded

from bench_lib.report.sections.scaling import scaling_figure, scaling_table, scaling_text
from bench_lib.results.result_file import write_result
from bench_lib.text.language import NBSP


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def told(folder, *crowds, **fields):
    write_result(scaling(*crowds, **fields), folder)
    return text(scaling_text(report(record(), folder=folder)))


def test_saturation_memory_and_neighbours_are_told_as_measured(tmp_path):
    last = crowd(4, 200, p50_ms=35.0, each_ips=[60.0, 50.0, 50.0, 40.0])
    said = told(tmp_path, crowd(1, 100), crowd(2, 190), last)
    assert "**PyTorch fp32, батч 1.** Больше всего успевают 4 процесса: 200 изобр./с, в 2 раза" in said
    assert "    - **Процессы.** Один — 100 изобр./с при загрузке 50 %" in said
    assert "при 2: 190 изобр./с, в 1,90 раза больше, чем один" in said
    assert "Когда их 4, батч занимает в 3,5 раза дольше, чем у одного: p50 35,0 мс, p99 70,0 мс (N = 2 000)" in said
    assert "самый медленный (N ≈ 120) отстаёт от самого быстрого на 33 %" in said  # 40 images a second for 3 s
    assert "Каждый добавленный процесс занимает ещё 100 МиБ памяти хоста" in said
    full = told(tmp_path, crowd(1, 100), crowd(2, 102, device_bytes=0))
    assert "Больше всего успевают 2 процесса: 102 изобр./с" in full
    assert "50 %. Большее число почти ничего не прибавляет: не больше 102 % от этого" in full
    assert "Большее число успевает меньше: не больше 53 % от этого" in told(tmp_path, crowd(1, 100), crowd(2, 53))
    assert "батч занимает не дольше, чем у одного" in full


def test_a_p99_of_few_calls_is_called_so_or_absent(tmp_path):
    assert "Не наверняка" not in told(tmp_path, crowd(1, 100), crowd(2, 190))
    older = told(tmp_path, crowd(1, 100), crowd(2, 190, calls=None))
    assert "p99 20,0 мс (N = 570)" in older  # 190 images a second for 3 s
    assert "у всех вместе: от 570. **Не наверняка:** p99, посчитанный меньше чем по 2 000 вызовам" in older
    without = told(tmp_path, crowd(1, 100), crowd(2, 190, p99_ms=None, calls=1999))
    assert "чем у одного: p50 10,0 мс (N = 1 999); самый" in without
    assert "у всех вместе: от 1 999. Меньше чем по 2 000 вызовам p99 не считается." in without
    assert "Не наверняка" not in without
    html = BeautifulSoup(scaling_table(report(record(), folder=tmp_path)).to_html(), "html.parser")
    assert [td.get_text() for td in html.select("tbody tr")[1].select("td")][5:7] == ["—", f"1{NBSP}999"]


def test_memory_of_the_gpu_is_told_where_there_is_one(tmp_path):
    crowds = [crowd(1, 100, device_bytes=800 * MIB), crowd(2, 150, device_bytes=1500 * MIB)]
    said = told(tmp_path, *crowds, machine=MACHINE | {"gpu": GPU})
    assert "занимает ещё 700 МиБ памяти GPU и 100 МиБ памяти хоста" in said
    assert "контекст CUDA" in said
    assert "ядра поделены" not in said


def test_threads_are_compared_with_processes_at_the_same_number(tmp_path):
    slow = [crowd(1, 100, "threads"), crowd(2, 120, "threads"), crowd(4, 125, "threads")]
    said = told(tmp_path, crowd(1, 100), crowd(2, 180), *slow)
    assert "(2 процесса или столько же потоков) больше успевают процессы: 180 против 120 изобр./с, в 1,50 раза" in said
    for threads, words in ((200, "больше успевают потоки: 200 против 180"), (185, "почти одинаково: 180 и 185")):
        assert words in told(
            tmp_path, crowd(1, 100), crowd(2, 180), crowd(1, 100, "threads"), crowd(2, threads, "threads")
        )


def test_two_equal_measurements_that_differ_say_how_much_a_difference_means(tmp_path):
    agree = told(tmp_path, crowd(1, 100), crowd(2, 150), crowd(1, 96, "threads"), crowd(2, 130, "threads"))
    assert "Одно и то же дважды" not in agree
    assert "больше успевают процессы: 150 против 130" in agree
    differ = told(tmp_path, crowd(1, 100), crowd(2, 150), crowd(1, 80, "threads"), crowd(2, 130, "threads"))
    assert "Один процесс и один поток — одна и та же работа, а намерено 100 и 80,0 изобр./с" in differ
    assert "почти одинаково: 150 и 130" in differ  # 13 % apart, where the same is 20 % apart
    assert "больше успевают" not in differ
    beyond = told(tmp_path, crowd(1, 100), crowd(2, 190), crowd(1, 80, "threads"), crowd(2, 130, "threads"))
    assert "больше успевают процессы: 190 против 130" in beyond


def test_what_failed_is_named_and_the_table_and_figure_hold_the_rest(tmp_path):
    failed = crowd(8, 1, each_ips=[], failed=worded("не хватило <памяти>", "out of memory"))
    said = told(tmp_path, crowd(1, 100), crowd(2, 190), failed)
    assert "Не измерены: PyTorch fp32, батч 1, 8 процессов — не хватило &#60;памяти&#62;." in said
    html = BeautifulSoup(scaling_table(report(record(), folder=tmp_path)).to_html(), "html.parser")
    rows = [[td.get_text().replace(NBSP, " ") for td in tr.select("td")] for tr in html.select("tbody tr")]
    assert rows == [
        ["PyTorch fp32, батч 1", "процессы", "1", "100", "10,0", "20,0", "2 000", "50 %", "100"],
        ["PyTorch fp32, батч 1", "процессы", "2", "190", "10,0", "20,0", "2 000", "50 %", "200"],
    ]
    shown = BeautifulSoup(scaling_figure(report(record(), folder=tmp_path)).data, "html.parser")
    assert "процессы: 100 при 1, 190 при 2" in shown.img["alt"]
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
