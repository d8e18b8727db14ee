"""The page for who decides: what a million images cost, and that it is one page."""

import shutil
from pathlib import Path

import pytest
from helpers.made import record, report, skipped
from helpers.sentences import displayed, text

from bench_lib.cli import main
from bench_lib.report.sections import summary

OUTPUTS = Path(__file__).parents[2] / "outputs"


def test_a_million_images_cost_time_and_money():
    data = report(record(ms=10.0), record(batch=10, ms=20.0), record("onnx_runtime", ms=4.0))
    table = summary.cost_table(data, 3.6).data
    assert list(table["Конфигурация"]) == ["PyTorch fp32, 224×224, батч 10", "ONNX Runtime fp32, 224×224, батч 1"]
    assert list(table["Время (мин)"]) == pytest.approx([1e6 / 500 / 60, 1e6 / 250 / 60])
    assert list(table["Цена при 3,60 за час"]) == pytest.approx([2.0, 4.0])
    assert len(summary.cost_table(data, None).data.columns) == 2


def test_what_to_mind_is_what_these_data_do_not_show():
    told = text(summary.risks_text(report(record())))
    assert "Точность распознавания не измерялась: веса" in told
    assert "⚑" not in told
    unsettled = record().model_copy(update={"timing": record().timing.model_copy(update={"warm": False})})
    assert "строки с пометкой ⚑: PyTorch fp32, 224×224, батч 1." in text(summary.risks_text(report(unsettled)))


def test_where_nothing_was_measured_nothing_costs_anything():
    assert displayed(summary, "show", report(skipped("pytorch"))) == []


@pytest.mark.parametrize("name", ["h200-best", "h100-x2-seed", "cpu-amd-fp32"])
def test_the_summary_is_one_page(name, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    run = tmp_path / name
    shutil.copytree(OUTPUTS / name, run, ignore=shutil.ignore_patterns("report*", "*.png"))
    before = {path.name for path in run.iterdir()}
    assert main.main(["report", str(run), "--summary", "--price-per-hour", "2.5"]) == 0
    assert {path.name for path in run.iterdir()} - before >= {"summary.html", "summary.ipynb"}
    if (run / "summary.pdf").exists():
        assert len(pypdf.PdfReader(run / "summary.pdf").pages) == 1
    page = (run / "summary.html").read_text(encoding="utf-8")
    assert "Цена при 2,50 за час" in page
    assert 'href="#variants"' not in page  # the table of variants is in the report alone


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--price-per-hour", "4"], "--price-per-hour is for the summary; add --summary"),
        (["--summary", "--price-per-hour", "-1"], "the price is '-1'; it must be a number of at least 0"),
        (["--summary", "--price-per-hour", "dear"], "the price is 'dear'; it must be a number of at least 0"),
    ],
)
def test_a_wrong_price_is_one_sentence(arguments, words, capsys):
    try:
        code = main.main(["report", str(OUTPUTS / "cpu-amd-fp32"), *arguments])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert words in capsys.readouterr().err
