"""Large grids: nothing is read twice, what is cut short says so, and the HTML keeps every row."""

import base64
import io
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers.here import NEEDS_PANGO
from helpers.made import MACHINE, record, report
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pandas.io.formats.style import Styler
from pypdf import PdfReader

from bench_lib.core import record as record_module
from bench_lib.core.case import ENGINES_FOLDER, Case, _names_in
from bench_lib.core.errors import InputError
from bench_lib.core.files import read_text
from bench_lib.core.grid import Grid
from bench_lib.core.record import write_record
from bench_lib.report import long_tables, plots
from bench_lib.report.exporters import ReportHTMLExporter, ReportPDFExporter
from bench_lib.report.sections import image_sizes, interpretation, leaders
from bench_lib.report.sections.charts import fps_vs_batch, fps_vs_image_size, latency_vs_throughput
from bench_lib.report.tables import Table, styled
from bench_lib.results import run_folder
from bench_lib.results.run_folder import Run
from bench_lib.text.language import number
from bench_lib.text.lists import listed_few, spread_out

ROWS = long_tables.LONG + 7
GRID = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=list(range(1, 11)), batch_sizes=list(range(1, 6)))


def notebook(rows):
    frame = pd.DataFrame({"name": [f"имя {i}" for i in range(rows)], "fps": [float(i) for i in range(rows)],
                          "sign": ["<b>" if i % 2 else "—" for i in range(rows)]})  # fmt: skip
    html = styled(frame, {"name": "Имя", "fps": "FPS", "sign": "Знак"}, "Большая таблица").to_html()
    return new_notebook(cells=[new_code_cell(outputs=[new_output("display_data", {"text/html": html})])])


@pytest.mark.parametrize("rows", [long_tables.LONG, ROWS])
def test_the_html_holds_every_row_alike(rows):
    page, _ = ReportHTMLExporter().from_notebook_node(notebook(rows))
    found = BeautifulSoup(page, "html.parser").select("tbody tr")
    assert [row.td.get_text() for row in found] == [f"имя {i}" for i in range(rows)]
    assert all(["number" in cell["class"] for cell in row.select("td")] == [False, True, i % 2 == 0]
               for i, row in enumerate(found))  # fmt: skip
    assert "<!--rows" not in page


def test_a_table_is_as_pandas_writes_it():
    frame, formats = pd.DataFrame({"Имя": ["а<b", "б"], "FPS": [1.5, float("nan")]}), {"Имя": str, "FPS": number}
    kinds = ["best starts", ""]
    ours = Table(frame, cell_ids=False, uuid="a", caption="Подпись")
    ours.formats, ours.kinds = formats, kinds
    classes = pd.DataFrame(dict.fromkeys(frame.columns, kinds))
    theirs = Styler(frame, cell_ids=False, uuid="a", caption="Подпись").format(formats).set_td_classes(classes)
    assert ours.hide(axis="index").to_html() == theirs.hide(axis="index").to_html()


@NEEDS_PANGO
def test_the_pdf_holds_the_first_rows_and_says_where_the_rest_is():
    pdf, _ = ReportPDFExporter().from_notebook_node(notebook(ROWS))
    text = " ".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())
    assert f"имя {long_tables.LONG - 1}" in text
    assert f"имя {long_tables.LONG} " not in text
    assert f"Здесь первые {long_tables.LONG} строк таблицы; ещё 7 — в HTML-версии отчёта (report.html)." in text


def test_exporting_leaves_the_notebook_as_it_was():
    given = notebook(ROWS)
    ReportHTMLExporter().from_notebook_node(given)
    assert given.cells[0].outputs[0].data["text/html"] == notebook(ROWS).cells[0].outputs[0].data["text/html"]


def test_a_figure_of_many_panels_shows_a_few_and_says_so():
    data = report(*(record(size=size, batch=batch) for size in (32, 64) for batch in range(1, 11)))
    shown = fps_vs_image_size(data).data
    assert f"Показаны {plots.MOST_PANELS} из 10: Батч 1, " in shown
    assert "Батч 10" in shown
    assert "Показаны" not in fps_vs_batch(data).data


def test_of_a_long_line_few_points_are_marked_and_the_caption_says_so():
    data = report(*(record(size=size, batch=batch) for size in (32, 64) for batch in range(1, 43)))
    assert "интервалы 95 %, у каждой 4-й точки" in fps_vs_batch(data).data
    assert "у каждой" not in fps_vs_image_size(data).data
    assert "точки — батчи, отмечен каждый 4-й" in latency_vs_throughput(data).data


def test_a_heavy_figure_is_a_bitmap_in_the_page_and_a_drawing_beside_it(tmp_path, monkeypatch):
    data = report(*(record(size=size, batch=batch) for size in (32, 64) for batch in (1, 2)), folder=tmp_path)
    assert 'src="data:image/svg+xml;' in fps_vs_batch(data).data
    monkeypatch.setattr(plots, "HEAVY_BYTES", 1000)
    page = fps_vs_batch(data).data
    saved = base64.b64encode((tmp_path / "fps_vs_batch.png").read_bytes()).decode()
    assert f'src="data:image/png;base64,{saved}"' in page
    assert "</svg>" in (tmp_path / "fps_vs_batch.svg").read_text()


def test_sentences_of_a_kind_are_a_dozen_and_say_of_how_many():
    data = report(*(record(size=size, batch=batch, ms=size * batch) for size in (32, 64) for batch in range(1, 31)))
    told = image_sizes.image_sizes_text(data).data
    assert "Таких строк выше 12 из 30" in told
    assert len(told.splitlines()) < 20
    assert len(interpretation.interpretation_text(data).data) < 2000
    table = leaders.leaders_table(data)
    assert len(table.data) == leaders.MOST_ROWS
    assert "показаны 12 из 60" in table.caption


def test_values_are_spread_from_the_first_to_the_last():
    assert spread_out(range(3), 5) == [0, 1, 2]
    assert spread_out(range(100), 4) == [0, 33, 66, 99]
    assert listed_few(["а", "б", "в"], 3) == "а, б и в"
    assert listed_few(list("абвгд"), 3) == "а, б, в и ещё 2"


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.start(GRID, MACHINE)
    for case in GRID.cases():
        write_record(record(size=case.image_size, batch=case.batch_size), run.record_path(case))
    return run


def test_each_record_is_read_once_and_the_engines_are_listed_once(run, monkeypatch):
    read, listed = [], []
    glob = Path.glob
    for module in (record_module, run_folder):
        monkeypatch.setattr(module, "read_text", lambda path, remedy: read.append(path) or read_text(path, remedy))
    monkeypatch.setattr(Path, "glob", lambda folder, what: listed.append(folder) or glob(folder, what))
    _names_in.cache_clear()
    assert len(run.records()) == 50
    assert len(read) == len(set(read)) == 51  # and grid.json
    assert listed.count(ENGINES_FOLDER) == 1


def test_a_grid_too_large_to_measure_is_refused():
    thousand = list(range(1, 1001))
    with pytest.raises(ValueError, match="the grid has 1,000,000 cases; at most 100,000"):
        Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=thousand, batch_sizes=thousand)


@pytest.mark.parametrize(
    ("model", "options", "starts"),
    [
        ("../../etc/x", {}, "_.._etc_x-pytorch-fp32-224px-b1-"),
        ("a/b", {}, "a_b-pytorch-fp32-224px-b1-"),
        ("resnet18", {"path": "C:\\x"}, "resnet18-pytorch-fp32-224px-b1-path=C__x-"),
    ],
)
def test_an_id_stays_readable(model, options, starts):
    name = Case(engine="pytorch", model=model, options=options).id
    assert name.startswith(starts)
    assert len(name) == len(starts) + 16


def test_an_error_is_one_line_whatever_it_quotes():
    assert str(InputError("a\n b\x1b[31m\x07\u2028c")) == "a b\ufffd c"
