"""Accuracies in the table of cases, with their intervals, and two cases compared on the same images alone."""

import math

import pytest
from helpers.made import labelled, record, report

from bench_lib.analysis.case_row import case_row
from bench_lib.analysis.columns import COLUMNS
from bench_lib.analysis.labelled import compare_top1, label_figures, least_right
from bench_lib.core.proportions import Paired
from bench_lib.report.tables import record_card
from bench_lib.text.language import NBSP

FIGURES = [name for name in COLUMNS if name.startswith(("top1", "top5")) or name == "labelled_images"]


def test_shares_have_wilson_s_intervals():
    found = label_figures([labelled("1" * 15 + "0" * 133, "1" * 81 + "0" * 67)])
    assert (found["top1"], found["top5"], found["labelled_images"]) == (15 / 148, 81 / 148, 148)
    assert (found["top1_low"], found["top1_high"]) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert set(found) == set(FIGURES)


def test_a_network_of_few_classes_has_no_second_accuracy():
    assert set(label_figures([labelled("10", None)])) == {"labelled_images", "top1", "top1_low", "top1_high"}


def test_of_several_processes_the_one_with_the_fewest_right_counts_for_both():
    worst = labelled("1000", "1100")
    assert least_right([labelled("1010", "1111"), worst, labelled("1110", "1110")]) == worst
    assert label_figures([labelled("1010", "1111"), worst])["top5"] == 0.5


@pytest.mark.parametrize("other", [None, labelled("1111", "1111", images_id="f" * 64)])
def test_processes_that_did_not_all_answer_the_same_images_have_no_accuracy(other):
    assert least_right([labelled("1111", "1111"), other]) is None
    assert label_figures([labelled("1111", "1111"), other]) == {}


def test_the_table_holds_them_and_agreement_with_the_reference_apart():
    told = case_row([record(labelled=labelled("1101", "1111"))])
    assert (told["top1"], told["top5"], told["labelled_images"], told["agreement"]) == (0.75, 1.0, 4, 1.0)
    assert told["top1_low"] < 0.75 < told["top1_high"]
    without = case_row([record()])
    assert all(math.isnan(without[name]) for name in FIGURES)
    assert without["agreement"] == 1.0
    assert report(record(labelled=labelled("10", "11"))).cases.top1.tolist() == [0.5]


def test_the_card_of_one_case_shows_them_with_their_intervals():
    def rows(**fields):
        return {name.replace(NBSP, " "): value.replace(NBSP, " ")
                for name, value in record_card(record(**fields)).data.itertuples(index=False)}  # fmt: skip

    shown = rows(labelled=labelled("1" * 15 + "0" * 133, "1" * 81 + "0" * 67))
    assert shown["Верных ответов (top-1, интервал 95 %)"] == "10,1 % (6,2–16,0 %)"
    assert shown["Верных ответов (top-5, интервал 95 %)"] == "54,7 % (46,7–62,5 %)"
    assert not [name for name in rows() if "top-" in name]


def test_two_cases_are_compared_image_by_image():
    assert compare_top1([labelled("1110", "1111")], [labelled("1001", "1111")]) == Paired(1, 2, 1, 0)
    swapped = compare_top1([labelled("1001", "1111")], [labelled("1110", "1111")])
    assert swapped.difference.value == -0.25


def test_two_cases_of_other_images_are_not_compared():
    one, other = labelled("1110", "1111"), labelled("1001", "1111", images_id="f" * 64)
    assert compare_top1([one], [other]) is None
    assert compare_top1([one], [None]) is None
    assert compare_top1([None], [one]) is None


@pytest.mark.parametrize(
    ("lost", "gained", "told"), [(0, 0, False), (5, 0, False), (6, 0, True), (20, 10, False), (40, 10, True)]
)
def test_a_difference_is_told_only_where_the_data_tell_it(lost, gained, told):
    kept = "1" * 800 + "0" * 100
    fp32 = labelled(kept + "1" * lost + "0" * gained, None)
    int8 = labelled(kept + "0" * lost + "1" * gained, None)
    found = compare_top1([int8], [fp32])
    assert found.is_told_apart == told
    assert found.difference.value == pytest.approx((gained - lost) / (900 + lost + gained))
    assert (found.difference.high < 0) <= told
