"""A table's numbers are written by the keys of its columns, whatever the columns are called."""

import math

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers.made import record, report

from bench_lib.report.sections.results import results_table
from bench_lib.report.tables import FORMATS, ratio_text, styled
from bench_lib.text import language
from bench_lib.text.language import NBSP

VALUES = {"image_size": 1024, "memory_mib": 1234.5, "latency_ms": 1.2345, "speedup": 2.0, "roofline": 0.345}
WRITTEN = {
    "ru": ["1 024", "1 234", "1,23", "2,00×", "34 %"],  # half to even, as Python rounds
    "en": ["1,024", "1,234", "1.23", "2.00×", "34%"],
}


@pytest.fixture(params=["ru", "en"])
def lang(request):
    language.use(request.param)
    yield request.param
    language.use(language.DEFAULT)


def cells(table):
    html = BeautifulSoup(table.to_html(), "html.parser")
    return [[td.get_text().replace(NBSP, " ") for td in row.select("td")] for row in html.select("tbody tr")]


def test_the_key_of_a_column_chooses_its_format_and_the_heading_does_not(lang):
    frame = pd.DataFrame([VALUES])
    for headings in ({key: key for key in VALUES}, {key: f"Size {place}" for place, key in enumerate(VALUES)}):
        shown = styled(frame, headings, "caption")
        assert list(shown.data.columns) == list(headings.values())
        assert cells(shown) == [WRITTEN[lang]]


@pytest.mark.parametrize(("low", "high", "written"), [
    (1.004, 1.5, "1.004–1.500"), (0.5, 0.99999, "0.5000–1.0000"), (1.0, 1.5, "1.00–1.50"), (0.98, 1.02, "0.98–1.02"),
    (0.0, math.inf, "—"), (math.nan, math.nan, "—"),
])  # fmt: skip
def test_an_end_of_a_ratio_that_is_not_one_does_not_read_as_one(low, high, written):
    language.use("en")
    try:
        assert ratio_text(low, high) == written
    finally:
        language.use(language.DEFAULT)


def test_a_heading_that_reads_like_another_column_changes_nothing(lang):
    frame = pd.DataFrame({"latency_ms": [1.2345]})
    for heading in ("Size", "Размер", "Speedup", "Ускорение", "% of ceiling"):
        assert cells(styled(frame, {"latency_ms": heading}, "caption")) == [[WRITTEN[lang][2]]]


def test_an_unknown_number_is_a_dash_in_every_column(lang):
    frame = pd.DataFrame([dict.fromkeys(VALUES, float("nan")), VALUES])
    first, second = cells(styled(frame, dict(zip(VALUES, VALUES, strict=True)), "caption"))
    assert (first, second) == (["—"] * len(VALUES), WRITTEN[lang])


def test_a_text_stays_as_it_is_whatever_its_key():
    frame = pd.DataFrame({"image_size": ["<b>224</b>"], "fps": [1.0]})
    shown = styled(frame, {"image_size": "Size", "fps": "FPS"}, "caption")
    assert cells(shown) == [["<b>224</b>", "1,00"]]
    aligned = BeautifulSoup(shown.to_html(), "html.parser").style.get_text()
    assert "col1" in aligned
    assert "col0" not in aligned


def test_a_column_without_a_heading_is_refused():
    with pytest.raises(KeyError, match="fps"):
        styled(pd.DataFrame({"fps": [1.0]}), {"latency_ms": "Time"}, "caption")


def test_the_formats_are_of_columns_that_tables_have(lang):
    assert FORMATS.keys() - set(report(record()).cases.columns) == {"count", "networks"}
    (row,) = cells(results_table(report(record(size=1024, mib=2000))))
    assert row[2] == WRITTEN[lang][0]
    assert row[7] == {"ru": "1,00×", "en": "1.00×"}[lang]
    assert row[9] == {"ru": "2 000", "en": "2,000"}[lang]
