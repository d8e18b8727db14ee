"""What the report says of its own verdicts follows from the check's file, or says that there is none."""

import html

import pytest
from bs4 import BeautifulSoup
from helpers.made import clock, record, selfcheck

from bench_lib.analysis.case_table import tabulate
from bench_lib.core.case import Case
from bench_lib.core.files import PROJECT
from bench_lib.core.grid import Grid
from bench_lib.report.report import Report
from bench_lib.report.sections.clock import outcome_sentences
from bench_lib.report.sections.verdicts import verdicts_table, verdicts_text
from bench_lib.results.clock import clock_rows
from bench_lib.results.result_file import write_result
from bench_lib.text.language import NBSP

GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1], repeats=5)


def checked(**fields):
    return Report.of(tabulate(GRID, [record()], selfcheck(**fields)))


def text(markdown):
    return markdown.data.replace(NBSP, " ")


def rows(table):
    page = BeautifulSoup(table.to_html(), "html.parser")
    return [[td.get_text().replace(NBSP, " ") for td in tr.select("td")] for tr in page.select("tbody tr")]


def test_both_rates_are_rows_with_intervals_and_goals():
    assert rows(verdicts_table(checked())) == [
        ["разница объявлена там, где её нет", "1 из 200", "0,5 %", "от 0,1 % до 2,8 %", "не больше 1 %"],
        ["замедление на 5 % найдено", "199 из 200", "99,5 %", "от 97,2 % до 99,9 %", "не меньше 95 %"],
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "в 0,5 % пар (цель достигнута), замедление найдено в 99,5 % (цель достигнута)"),
        ({"false_alarms": 3}, "в 1,5 % пар (цель не достигнута), замедление найдено в 99,5 % (цель достигнута)"),
        ({"found": 180}, "в 0,5 % пар (цель достигнута), замедление найдено в 90,0 % (цель не достигнута)"),
    ],
)
def test_the_verdicts_sentences_follow_the_counts(fields, words):
    told = text(verdicts_text(checked(**fields)))
    assert words in told
    assert "измерена 20 раз в новых процессах и, вперемешку с ними, 20 раз с намеренным замедлением на 5 %" in told
    assert "без общих процессов их можно составить лишь 2" in told
    assert "от процесса к процессу — 0,51 %" in told


def test_a_checked_case_is_named_whole_wherever_it_is_named():
    options = {"cuda_graph": True, "graph_parts": 2}
    lone, named = (Case(engine="pytorch", options=options, variant=variant) for variant in ("", "graph"))
    told = "PyTorch (cuda_graph, graph_parts=2) fp32, 224×224, батч 1"
    assert told in html.unescape(text(verdicts_text(checked(case=lone))))
    assert told.replace("(", "(graph: ") in html.unescape(text(verdicts_text(checked(case=named))))
    assert "(PyTorch fp32, 224×224, батч 1)" in text(verdicts_text(checked()))
    timed = clock([1.1] * 8)
    found = timed.model_copy(update={"cases": [timed.cases[0].model_copy(update={"case": lone})]})
    (sentence,) = outcome_sentences([row for row in clock_rows(found) if row.agreement])
    assert told in html.unescape(sentence.replace(NBSP, " "))


def test_the_published_check_of_a_cuda_graph_is_not_called_plain_pytorch():
    shown = Report.read(PROJECT / "outputs" / "h100-x2-seed")
    assert "PyTorch (cuda_graph) fp32, 224×224, батч 1" in html.unescape(text(verdicts_text(shown)))


def test_a_report_that_compares_other_groups_says_so():
    assert "В самом отчёте" not in text(verdicts_text(checked()))
    assert "В самом отчёте сравниваются группы по 5 процессов" in text(verdicts_text(checked(repeats=3)))


def test_a_report_of_one_process_a_case_takes_the_spread_between_processes_from_its_check(run, tmp_path):
    for name in ("grid.json", "machine.json", "records"):
        (tmp_path / name).symlink_to(run / name)
    assert Report.read(tmp_path).check is None
    write_result(selfcheck(), tmp_path)
    read = Report.read(tmp_path)
    assert read.check
    assert (read.checked, read.check.process_sd) == ("all", selfcheck().process_sd)
    assert "В самом отчёте сравниваются группы" in text(verdicts_text(read))
