import base64
import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from corpus import without_fonts
from helpers.here import CHROMIUM, NEEDS_CHROMIUM, NEEDS_PANGO
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from nbconvert.exporters import get_exporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdf import PdfReader

from bench_lib.report.exporters import PDFUnavailable, ReportHTMLExporter, ReportPDFExporter, write_html, write_pdf

TITLE = "Скорость инференса <ResNet-18> & другие"
CAPTION = "Таблица 1. Все конфигурации"
HEADERS = [
    "Оптимизация",
    "Точность",
    "Размер",
    "Батч",
    "Время на батч, мс",
    "Интервал 95 %, мс",
    "Изображений в секунду",
    "Память, МиБ",
    "Ускорение",
]


def displayed(mimetype, data):
    output = new_output("display_data", {mimetype: data, "text/plain": "<запасной вид>"})
    return new_code_cell("secret_source = 1", execution_count=1, outputs=[output])


def table(rows=50):
    row = ["torch_tensorrt", "fp16", 224, 33, 127.76, "178,71–179,71", 48050.31, 1222, 11.54]
    frame = pd.DataFrame([[f"движок-{i}", *row[1:]] for i in range(1, rows + 1)], columns=HEADERS)
    styler = frame.style.hide(axis="index").set_caption(CAPTION)
    return styler.format(precision=2, decimal=",", thousands="\u00a0").to_html()


def figure():
    drawing = Figure(figsize=(9, 4))
    drawing.subplots().plot([224, 512], [1, 2])
    svg = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "test"}):
        drawing.savefig(svg, format="svg", metadata={"Date": None})
    source = "data:image/svg+xml;base64," + base64.b64encode(svg.getvalue()).decode()
    caption = "Рисунок 1. Скорость и размер изображения"
    return f'<figure><img alt="Линия" src="{source}"><figcaption>{caption}</figcaption></figure>'


def write_notebook(path, cells, **metadata):
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    cells = [
        new_markdown_cell("# Скорость инференса\n\nОдна машина."),
        displayed("text/html", '<div class="summary"><p>Коротко: быстрее всех третий.</p></div>'),
        new_markdown_cell("## Результаты\n\nТекст.\n\n### Таблица"),
        displayed("text/html", table()),
        new_markdown_cell("### Графики"),
        displayed("text/html", figure()),
        displayed("text/html", "<script>alert(1)</script><p>После сценария</p>"),
        displayed("application/javascript", "alert(2)"),
        displayed("text/markdown", "Абзац с **выделением**.\n\n- пункт"),
        new_markdown_cell("## Результаты\n\nЗаголовок повторился.\n\n### Таблица"),
        displayed("text/html", f'<div class="landscape">{table(3)}</div>'),
    ]
    return write_notebook(tmp_path_factory.mktemp("report") / "report.ipynb", cells, title=TITLE)


@pytest.fixture(scope="module")
def page(notebook):
    return write_html(notebook, notebook.with_suffix(".html"))


@pytest.fixture(scope="module")
def soup(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def pdf(notebook):
    return write_pdf(notebook, notebook.with_suffix(".pdf"))


def test_page_is_russian_and_titled(soup):
    assert soup.html["lang"] == "ru"
    assert soup.title.get_text() == TITLE
    assert soup.select_one("meta[name=viewport]")


def test_page_holds_no_code_no_script_and_nothing_to_load(soup, page):
    text = page.read_text(encoding="utf-8")
    assert "secret_source" not in text
    assert "<script" not in text
    assert "alert(" not in text
    assert "После сценария" in text
    assert not [e for e in soup.select("[src]") if not e["src"].startswith("data:")]
    assert not [e for e in soup.select("[href]") if not e["href"].startswith("#")]
    assert not soup.select("link, iframe")


def test_contents_list_every_heading_once(soup):
    ids = [element["id"] for element in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    links = soup.select('nav[aria-label="Содержание"] a')
    assert [(a["href"], a.get_text()) for a in links] == [
        ("#section-1", "Результаты"),
        ("#section-1-1", "Таблица"),
        ("#section-1-2", "Графики"),
        ("#section-2", "Результаты"),
        ("#section-2-1", "Таблица"),
    ]
    assert all(soup.select_one(a["href"]).get_text() == a.get_text() for a in links)
    assert [a.get_text() for a in soup.select("nav ol ol a")] == ["Таблица", "Графики", "Таблица"]


def test_tables_and_figures_are_accessible(soup):
    assert all(image["alt"] for image in soup.select("img"))
    assert soup.figure.figcaption.get_text().startswith("Рисунок 1.")
    assert {th["scope"] for th in soup.select("thead th")} == {"col"}
    assert [box["aria-label"] for box in soup.select(".table")] == [CAPTION, CAPTION]
    assert all(table.parent["class"] == ["table"] for table in soup.select("table"))
    first_row = soup.select("tbody tr")[0].select("td")
    assert ["number" in td["class"] for td in first_row] == [False, False] + [True] * 7


def test_heading_is_the_title_when_the_notebook_has_none(tmp_path):
    notebook = write_notebook(tmp_path / "bare.ipynb", [new_markdown_cell("Текст")])
    soup = BeautifulSoup(write_html(notebook, tmp_path / "bare.html").read_bytes(), "html.parser")
    assert soup.h1.get_text() == soup.title.get_text() == "bare"
    assert not soup.nav


def test_outside_image_is_refused_and_the_old_report_stays(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    notebook = write_notebook(tmp_path / "a.ipynb", [new_markdown_cell("![x](https://example.org/x.png)")])
    with pytest.raises(ValueError, match=r"'https://example\.org/x\.png'.*embed"):
        write_html(notebook, target)
    assert target.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "a.ipynb"}


def test_entry_points_are_registered():
    assert get_exporter("bench-html") is ReportHTMLExporter
    assert get_exporter("bench-pdf") is ReportPDFExporter


@pytest.mark.parametrize("kind", ["html", pytest.param("pdf", marks=NEEDS_PANGO)])
def test_jupyter_nbconvert_command(notebook, tmp_path, kind):
    command = [sys.executable, "-m", "nbconvert", "--to", f"bench-{kind}", "--output-dir", str(tmp_path)]
    subprocess.run([*command, str(notebook)], check=True, capture_output=True)
    assert (tmp_path / f"report.{kind}").stat().st_size > 10_000


def test_templates_that_a_user_has_for_jupyter_are_not_used(notebook, page, tmp_path, monkeypatch):
    for name in ("report", "lab", "base"):
        folder = tmp_path / "nbconvert" / "templates" / name
        folder.mkdir(parents=True)
        (folder / "conf.json").write_text("{")
        (folder / "index.html.j2").write_text("{{ 1/0 }}")
        (folder / "base.html.j2").write_text("{{ 1/0 }}")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert write_html(notebook, tmp_path / "report.html").read_bytes() == page.read_bytes()


def test_export_imports_no_torch():
    code = "import sys, bench_lib.report.exporters; sys.exit(bool({'torch', 'weasyprint'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True)


@NEEDS_CHROMIUM
def test_browser_loads_the_file_alone_and_a_phone_does_not_scroll_sideways(page):
    sync_api = pytest.importorskip("playwright.sync_api")
    requested, complaints = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 844})
        tab.on("request", lambda request: requested.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(page.as_uri())
        width, box, inside = tab.evaluate(
            "[document.documentElement.scrollWidth, document.querySelector('.table').clientWidth,"
            " document.querySelector('.table').scrollWidth]"
        )
        picture_width = tab.evaluate("document.querySelector('img').naturalWidth")
        browser.close()
    assert [url for url in requested if not url.startswith("data:")] == [page.as_uri()]
    assert complaints == []
    assert width == 390
    assert box < 390 < inside  # the table scrolls in its own box
    assert picture_width > 0


@NEEDS_PANGO
def test_pdf_is_searchable_and_complete(pdf):
    reader = PdfReader(pdf)
    pages = [" ".join(page.extract_text().split()) for page in reader.pages]
    text = " ".join(pages)
    assert reader.metadata.title == TITLE
    assert reader.trailer["/Root"]["/Lang"] == "ru"
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert "Коротко: быстрее всех третий." in text
    assert "Рисунок 1. Скорость и размер изображения" in text
    assert all(f"движок-{row} " in text for row in range(1, 51))
    with_rows = [page for page in pages if "движок-" in page]
    assert len(with_rows) >= 3
    assert all("Оптимизация" in page and "Ускорение" in page for page in with_rows)
    assert all(f"{i} / {len(pages)}" in page for i, page in enumerate(pages, start=1))
    assert all("Скорость инференса" in page for page in pages)


@NEEDS_PANGO
def test_pdf_has_bookmarks_links_and_vector_figures(pdf):
    reader = PdfReader(pdf)
    bookmarks = [entry for entry in reader.outline if not isinstance(entry, list)]
    assert [entry.title for entry in bookmarks] == ["Скорость инференса"]
    targets = {annotation.get_object()["/Dest"] for annotation in reader.pages[0]["/Annots"]}
    assert targets == {"section-1", "section-2"}  # the chapters alone: paper has no room for more
    assert not [image for page in reader.pages for image in page.images]


@NEEDS_PANGO
def test_pdf_cuts_nothing_at_the_edges(pdf):
    reader = PdfReader(pdf)
    wide = [page for page in reader.pages if page.mediabox.width > page.mediabox.height]
    assert wide == [reader.pages[-1]]
    command = ["pdftotext", "-bbox", str(pdf), "-"]
    try:
        bbox = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    for page in BeautifulSoup(bbox, "html.parser").select("page"):
        words = page.select("word")
        assert words
        margin = 16 / 25.4 * 72 - 1  # points: the 16 mm of print.css, less a rounding
        assert min(float(word["xmin"]) for word in words) >= margin
        assert max(float(word["xmax"]) for word in words) <= float(page["width"]) - margin


@NEEDS_PANGO
def test_pdf_is_made_without_complaint(notebook, tmp_path, capfd):
    write_pdf(notebook, tmp_path / "report.pdf")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("weasyprint", "words"),
    [
        ("raise OSError('cannot load library libpango-1.0-0')", "apt-get install libpango"),
        ("import ctypes; ctypes.string_at(0)", r"WeasyPrint crashed \(SIGSEGV\)"),
        ("raise ValueError('odd')", r"WeasyPrint failed \(ValueError: odd\)"),
    ],
    ids=["no Pango", "crash", "error"],
)
def test_pdf_that_cannot_be_made_says_why_in_a_sentence(notebook, tmp_path, monkeypatch, weasyprint, words):
    (tmp_path / "weasyprint.py").write_text(weasyprint)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(PDFUnavailable, match=words):
        write_pdf(notebook, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


@NEEDS_PANGO
def test_pdf_without_fonts_says_what_to_install(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("FONTCONFIG_FILE", str(without_fonts.make(tmp_path)))
    with pytest.raises(PDFUnavailable, match="apt-get install fonts"):
        write_pdf(notebook, tmp_path / "report.pdf")


def test_every_sign_of_the_report_is_in_the_font_that_it_is_shown_in():
    root = Path(__file__).parents[2]
    sources = [*(root / "bench_lib").rglob("*.py"), root / "notebooks" / "report.ipynb"]
    signs = {sign for path in sources for sign in path.read_text(encoding="utf-8") if ord(sign) > 127}
    font = FT2Font(findfont("DejaVu Sans"))
    assert {sign for sign in signs if ord(sign) not in font.get_charmap()} == set()
