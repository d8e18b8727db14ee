"""What the report says of its own clock follows from the check's file, or says that there is none."""

import pytest
from bs4 import BeautifulSoup
from helpers.made import GPU, MACHINE, clock, record, worded

from bench_lib.analysis.case_table import tabulate
from bench_lib.cli import main
from bench_lib.core.grid import Grid
from bench_lib.report.report import Report
from bench_lib.report.sections.clock import clock_table, clock_text
from bench_lib.results.clock import EVENTS, LOADGEN, OURS, TIMER
from bench_lib.results.result_file import write_result
from bench_lib.text.language import NBSP

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1], repeats=5)


@pytest.fixture
def run_report(tmp_path):
    return Report.of(tabulate(GRID, [record()]), tmp_path)


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def rows(table):
    html = BeautifulSoup(table.to_html(), "html.parser")
    return [[td.get_text().replace(NBSP, " ") for td in tr.select("td")] for tr in html.select("tbody tr")]


def test_each_clock_is_a_row_with_its_difference_interval_goal_and_verdict(run_report):
    absent = {LOADGEN: worded("не установлен", "not installed")}
    write_result(clock([1.003] * 7 + [1.0045], absent=absent), run_report.folder)
    case = "PyTorch fp32, 224×224, батч 1"
    timer = ["+0,30 %", "от +0,30 % до +0,45 %", "±2 %", "совпадают"]
    assert rows(clock_table(run_report)) == [
        [case, "задержка", "наш цикл", "10,0", "—", "—", "—", "—"],
        [case, "задержка", TIMER, "10,0", *timer],
        [case, "вызовы подряд", "наш цикл", "10,0", "—", "—", "—", "—"],
        [case, "вызовы подряд", TIMER, "10,0", *timer],
        [case, "—", LOADGEN, "—", "—", "—", "—", "не измерено: не установлен"],
    ]


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([1.0] * 8, "**Итог:** в пределах цели 2 из 2 сравнений."),
        (
            [0.9] * 8,
            "цели 0 из 2 сравнений. Расходятся: torch.utils.benchmark, задержка (PyTorch fp32, 224×224, батч 33)",
        ),
        ([0.9, 1.1] * 4, "Не решено (шум машины шире цели): torch.utils.benchmark, задержка"),
    ],
)
def test_the_outcome_counts_what_agrees_and_names_what_does_not(run_report, ratios, words):
    write_result(clock(ratios, batch=33), run_report.folder)
    assert words in text(clock_text(run_report))


def test_the_clocks_sentences_say_how_when_and_what_the_loop_adds(run_report):
    write_result(clock(ours_ms=0.5), run_report.folder)
    told = text(clock_text(run_report))
    assert "(torch 2.14): 8 раундов, порядок часов в каждом случайный, 2026-01-02." in told
    assert "прибавляет к вызову 200 нс при измерении задержки и 50 нс при вызовах подряд" in told
    assert "не больше 0,0400 % от времени в таблице" in told  # 200 ns of 0.5 ms


def test_a_cpu_is_said_to_keep_a_core_free_and_a_gpu_is_not(run_report):
    write_result(clock(), run_report.folder)
    assert "оставляет одно ядро свободным" in text(clock_text(run_report))
    write_result(clock().model_copy(update={"machine": MACHINE | {"gpu": GPU}}), run_report.folder)
    assert "ядро" not in text(clock_text(run_report))


def test_gpu_events_and_loadgens_scenarios_are_named(run_report):
    by_clock = {OURS: [1.0] * 6, EVENTS: [1.0] * 6, LOADGEN: [1.0] * 6}
    write_result(clock(ms={"latency": by_clock, "throughput": by_clock}), run_report.folder)
    assert [row[2] for row in rows(clock_table(run_report))] == [
        "наш цикл", "события CUDA", "MLPerf LoadGen SingleStream", "наш цикл", "события CUDA", "MLPerf LoadGen Offline",
    ]  # fmt: skip


def test_a_case_that_was_not_timed_is_a_row_and_no_outcome(run_report):
    failed = worded("не хватило <b>памяти</b>", "out of memory")
    write_result(clock(ms={}, overhead_ns={}, failed=failed), run_report.folder)
    assert rows(clock_table(run_report)) == [
        ["PyTorch fp32, 224×224, батч 1", "—", "—", "—", "—", "—", "—", "не измерено: не хватило <b>памяти</b>"]
    ]
    assert "сравнить не с чем" in text(clock_text(run_report))
    assert "прибавляет" not in text(clock_text(run_report))


def test_the_report_of_a_run_shows_its_checks(run):
    page = BeautifulSoup((run / "report.html").read_text(encoding="utf-8"), "html.parser")
    heading = next(h for h in page.select("h3") if h.get_text() == "Не измерялось")
    told = [line.get_text() for line in heading.find_all_next("li")[:2]]
    assert told == [
        f"как часто вердикты ошибаются: bench selfcheck --output {run.name}",
        f"таймер в сравнении с другими: bench selfcheck --clock --output {run.name}",
    ]


def test_a_broken_check_is_told_before_the_report_is_made(run, tmp_path, capsys):
    for name in ("grid.json", "machine.json", "records"):
        (tmp_path / name).symlink_to(run / name)
    (tmp_path / "selfcheck.json").write_text('{"schema_version": 3}')
    assert main.main(["report", str(tmp_path)]) == 2
    assert "selfcheck.json: schema_version is 3, this code reads 1 and 2" in capsys.readouterr().err
    assert not (tmp_path / "report.ipynb").exists()
