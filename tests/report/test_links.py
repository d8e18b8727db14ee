"""Every link within a published page leads to something on that page."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook

from bench_lib.report.exporters import ReportHTMLExporter

OUTPUTS = Path(__file__).parents[2] / "outputs"


def dead_links(html):
    page = BeautifulSoup(html, "html.parser")
    return [link["href"] for link in page.select("a[href]")
            if not link["href"].startswith("#") or not page.find(id=link["href"][1:])]  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted(OUTPUTS.glob("*/report*.html")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_link_of_a_published_page_leads_somewhere(path):
    html = path.read_text(encoding="utf-8")
    assert dead_links(html) == []
    assert "#section-2" in html


def test_a_link_to_what_is_not_there_becomes_its_words():
    notebook = new_notebook(
        cells=[new_markdown_cell('# A\n\n<a href="#gone">words</a> <a href="#b">here</a> <i id="b"></i>')]
    )
    page, _ = ReportHTMLExporter().from_notebook_node(notebook)
    assert dead_links(page) == []
    assert "words" in page
    assert 'href="#b"' in page
    assert dead_links('<a href="#gone">words</a>') == ["#gone"]
