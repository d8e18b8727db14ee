"""How exact an output is, in words: an old check proves nothing, a new one says error, agreement and classes."""

import pandas as pd
import pytest
from helpers.made import record, report

from bench_lib.report.exactness import agreement_words, exactness_words, worst
from bench_lib.text import language


def row(**fields):
    """The row of a record whose check of answers found `fields`."""
    accuracy = record().accuracy.model_copy(update=fields)
    return report(record(accuracy=accuracy)).cases.iloc[0]


def plain(words):
    return words.replace("\u00a0", " ")


def test_an_earlier_check_is_said_not_to_know_the_error(monkeypatch):
    earlier = row(error=None, answered_classes=None)
    assert exactness_words(earlier).startswith("ошибка неизвестна")
    monkeypatch.setattr(language, "chosen", "en")
    assert exactness_words(earlier) == "error not known (an earlier check, which a constant output passes)"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"error": 1e-6}, "error 1.0×10⁻⁶, the first class agrees for all images (12 different classes)"),
        ({"error": 0.03, "top1_agreement": 0.75, "answered_classes": 5},
         "error 3.0×10⁻², the first class agrees for 75% of images (5 different classes)"),
        ({"answered_classes": 1}, "error 1.0×10⁻⁶, the first class agrees for all images (1 class)"),
    ],
)  # fmt: skip
def test_a_check_says_the_error_the_agreement_and_how_many_classes_could_disagree(monkeypatch, fields, words):
    monkeypatch.setattr(language, "chosen", "en")
    assert plain(exactness_words(row(**fields))) == words


def test_the_worst_of_several_rows_has_the_largest_error_and_the_least_agreement():
    rows = pd.DataFrame([row(error=1e-3), row(top1_agreement=0.5, answered_classes=3)])
    assert worst(rows).to_dict() == {"error": 1e-3, "agreement": 0.5, "answered_classes": 3}
    assert "50 %" in plain(agreement_words(worst(rows)))


def test_one_row_whose_error_is_not_known_leaves_the_worst_unknown():
    rows = pd.DataFrame([row(), row(error=None, answered_classes=None)])
    assert exactness_words(worst(rows)) == exactness_words(row(error=None, answered_classes=None))
