"""The whole path through papermill: the notebooks, the HTML in a real browser, the PDF's text."""

import re
import shutil
from pathlib import Path
from typing import get_args

import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers.here import CHROMIUM, NEEDS_CHROMIUM, NEEDS_PANGO
from helpers.lab import lab, notebook

from bench_lib.cli import main
from bench_lib.core.case import LABELS, Precision
from bench_lib.core.reason import say
from bench_lib.report import exporters
from bench_lib.report.exporters import PDFUnavailable
from bench_lib.results.run_folder import Run
from bench_lib.text import language
from bench_lib.text.language import NBSP

SECTIONS = [
    "1. Цель", "2. Условия", "3. Результаты", "4. Интерпретация результатов", "5. Выводы и рекомендации",
    "Приложение А. Проверка измерений и вердиктов", "Приложение Б. Все конфигурации",
    "Приложение В. Из чего складывается время; запуск", "Приложение Г. Другие рисунки",
    "Приложение Д. Подробности по вариантам", "Приложение Е. Что не измерено; окружение",
]  # fmt: skip


@pytest.fixture(scope="module")
def page(run):
    return BeautifulSoup((run / "report.html").read_text(encoding="utf-8"), "html.parser")


def table(page, column):
    """The first table whose header has the column."""
    return next(t for t in page.select("table") if column in [th.get_text(strip=True) for th in t.select("thead th")])


def test_every_case_is_a_row_and_skipped_ones_have_their_reason(run, page):
    records = Run(run).records()
    assert len(table(page, "Точность").select("tbody tr")) == len(records) == 12
    assert [r.status for r in records].count("ok") >= 8
    absent = [r for r in records if r.status != "ok"]
    assert all(say(r.reason) in table(page, "Причина").get_text() for r in absent)


def test_the_sections_are_the_seeds(page):
    assert [h.get_text() for h in page.select("h2")] == SECTIONS
    assert page.html["lang"] == "ru"
    assert [a.get_text() for a in page.select("nav > ol > li > a")] == SECTIONS


def test_the_same_run_is_told_in_english(run, page, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("report.*", "notebooks"))
    monkeypatch.setattr(exporters, "write_pdf", lambda *_: None)
    assert main.main(["report", str(tmp_path / "run"), "--lang", "en"]) == 0
    language.use(language.DEFAULT)
    assert (tmp_path / "run" / "fps_vs_batch.png").read_bytes() == (run / "fps_vs_batch.png").read_bytes()
    assert (tmp_path / "run" / "fps_vs_batch.en.png").read_bytes() != (run / "fps_vs_batch.png").read_bytes()
    english = BeautifulSoup((tmp_path / "run" / "report.en.html").read_text(encoding="utf-8"), "html.parser")
    assert english.html["lang"] == "en"
    assert [h.get_text() for h in english.select("h2")] == [
        "1. Aim", "2. Conditions", "3. Results", "4. Interpretation", "5. Conclusions and recommendations",
        "Appendix A. Validation of the timer and of the verdicts", "Appendix B. All configurations",
        "Appendix C. Time breakdown and start-up", "Appendix D. More figures", "Appendix E. Details by variant",
        "Appendix F. What has no result, and the environment",
    ]  # fmt: skip
    for image in english.select("img"):
        image["src"] = ""
    assert re.findall("[а-яё]+", str(english), re.IGNORECASE) == []
    shown, told = (
        [[cell.get_text() for cell in row.select("td")] for row in table(one, words).select("tbody tr")]
        for one, words in ((english, "Precision"), (page, "Точность"))
    )
    assert [[figure.replace(",", "") for figure in row[4:8]] for row in shown] == [
        [figure.replace(NBSP, "").replace(",", ".") for figure in row[4:8]] for row in told
    ]


def test_figures_have_a_text_that_replaces_them_and_files_beside(run, page):
    images = page.select("figure img")
    assert len(images) == 4
    assert all("PyTorch fp32" in image["alt"] for image in images)
    assert all(image["src"].startswith("data:image/svg+xml") for image in images)
    for name in ("fps_vs_image_size.png", "fps_vs_batch.png", "latency_vs_throughput.png", "speedup_map.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
        assert "</svg>" in (run / name).with_suffix(".svg").read_text(encoding="utf-8")


def test_the_speed_in_the_table_is_the_median_of_the_records_samples(run, page):
    record = next(r for r in Run(run).records() if r.status == "ok")
    samples = sorted(record.timing.latency_ms)
    middle = len(samples) // 2
    median = samples[middle] if len(samples) % 2 else (samples[middle - 1] + samples[middle]) / 2
    rows = [[td.get_text(strip=True) for td in tr.select("td")] for tr in table(page, "Точность").select("tbody tr")]
    asked = ["PyTorch", "fp32", "32", "1"]  # a mark may follow the name on a busy machine
    row = next(row for row in rows if [row[0].rstrip("⚑⚠\xa0"), *row[1:4]] == asked)
    assert float(row[4].replace(",", ".")) == pytest.approx(median, rel=0.01)


@NEEDS_CHROMIUM
def test_the_html_asks_no_network_and_nothing_is_cut(run):
    from playwright.sync_api import sync_playwright

    requests, errors = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        page.goto((run / "report.html").as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        drawn = page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        browser.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert (errors, drawn) == ([], True)
    assert width <= 1000


@NEEDS_CHROMIUM
def test_the_notebook_runs_again_in_a_real_jupyterlab(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("notebooks", "*.png", "*.svg"))
    path = tmp_path / "run" / "report.ipynb"
    made = nbformat.read(path, 4)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(made, path)
    with lab(tmp_path) as address, notebook(address, "run/report.ipynb") as tab:
        last = tab.locator(".jp-OutputArea-output", has_text="Не измерялось")
        last.first.wait_for(state="attached")
        assert tab.locator("[data-mime-type*=stderr]").count() == 0
        assert tab.locator(".jp-OutputArea-output figure img").count() == 4
        rows = tab.locator("table:has(th:text-is('Точность'))").first.locator("tbody tr")
        assert rows.count() == 12
    assert (tmp_path / "run" / "fps_vs_batch.svg").exists()


@NEEDS_PANGO
def test_the_pdf_can_be_searched(run):
    pypdf = pytest.importorskip("pypdf")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(run / "report.pdf").pages)
    for words in (*SECTIONS, "ONNX Runtime", "Ускорение", "Torch-TensorRT работает только на GPU NVIDIA"):
        assert "".join(words.split()) in "".join(text.split())


def test_no_cell_of_the_report_wrote_to_stderr_or_failed(run):
    notebook = nbformat.read(run / "report.ipynb", 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}


def test_the_same_report_comes_again_from_the_records_alone(run, tmp_path):
    again = tmp_path / run.name  # which the report names
    shutil.copytree(run / "records", again / "records")
    for name in ("grid.json", "machine.json"):
        shutil.copy(run / name, again)
    assert main.main(["report", str(again)]) == 0
    assert (again / "report.html").read_bytes() == (run / "report.html").read_bytes()


def test_without_pango_the_html_is_made_and_the_message_says_what_to_install(run, tmp_path, monkeypatch, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("report.*"))

    def refuse(*_):
        raise PDFUnavailable("The PDF needs Pango: apt-get install libpango-1.0-0")

    monkeypatch.setattr(exporters, "write_pdf", refuse)
    assert main.main(["report", str(tmp_path / "run")]) == 0
    assert "apt-get install libpango" in capsys.readouterr().err
    assert (tmp_path / "run" / "report.html").exists()
    assert not (tmp_path / "run" / "report.pdf").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "nothing.yaml"], "there is no such file"),
        (["sweep", "{grid}", "--output", "{other}"], "is not empty and holds no run"),
        (["sweep", "{model}"], "unknown model 'resnet81'"),
        (["sweep", "{option}"], "did you mean 'channels_last'"),
        (["sweep", "{idle}"], "options are given for onnx_runtime, which engines does not list"),
        (["report", "{other}"], "holds no run (no grid.json)"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(tmp_path, capsys, arguments, words):
    base = "engines: [pytorch]\nprecisions: [fp32]\nimage_sizes: [32]\nbatch_sizes: [1]\n"
    texts = {
        "grid": base,
        "model": base + "model: resnet81\n",
        "option": base + "options: {pytorch: {chanels_last: true}}\n",
        "idle": base + "options: {onnx_runtime: {prefer_nhwc: true}}\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    names = {name: tmp_path / f"{name}.yaml" for name in texts} | {"other": tmp_path / "other"}
    assert main.main([argument.format(**names) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench: ")
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_doctor_names_every_engine_and_precision(capsys):
    assert main.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    answers = [line for line in lines if line.split()[0] in LABELS]
    assert len(answers) == len(LABELS) * len(get_args(Precision))
    assert all(line.split()[2].rstrip(":") in ("yes", "no") for line in answers)
    assert any(line.split() == ["pytorch", "fp32", "yes"] for line in answers)


def test_an_interrupt_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench_lib.sweep.runner.measure_grid", interrupt)
    output = Path(tmp_path / "run")
    assert main.main(["sweep", "params/smoke.yaml", "--output", str(output)]) == 130
    assert f"bench sweep params/smoke.yaml --output {output}" in capsys.readouterr().err
