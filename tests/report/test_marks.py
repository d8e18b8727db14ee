"""What the marks of rows say, and that a record, a range and a headline from a marked row say it."""

from helpers.made import record, report, retimed

from bench_lib.report.marks import marked_title, marks_among, marks_text


def plain(words):
    return words.replace("\u00a0", " ")


def test_marks_are_said_once_with_their_sections():
    assert marks_text([]) == ""
    assert marks_text(["drift", "sw_power_cap", "drift"]) == "⚑ дрейф, предел мощности: раздел 3"
    assert marks_text(["cold", "outliers"]) == "⚑ прогрев не стал устойчивым, выбросы: разделы 2 и 3"
    assert marks_text(["a reason of a later driver"]) == "⚑ другая причина: раздел 3"


def test_a_title_has_its_row_s_marks_and_a_sound_row_s_has_none():
    sound, cold = (row for _, row in report(record(), retimed(record(batch=33), warm=False)).measured.iterrows())
    assert marked_title(sound) == "PyTorch fp32, 224×224, батч 1"
    assert marked_title(cold) == "PyTorch fp32, 224×224, батч 33 (⚑ прогрев не стал устойчивым: раздел 2)"


def test_a_range_says_how_many_of_its_rows_are_marked():
    rows = report(record(), retimed(record(batch=33), warm=False)).measured
    assert plain(marks_among(rows)) == (
        "Это выведено из 2 строк, из них помечено 1 (⚑ прогрев не стал устойчивым — 1: раздел 2). "
        "Не установились: PyTorch fp32, 224×224, батч 33."
    )
    assert marks_among(rows.iloc[:1]) == ""
