"""What the report says of speed and recognition, and of the claims on their balance, on made verdicts."""

import pytest
from helpers.made import labelled, record, report

from bench_lib.analysis.recognition import answers_of, points
from bench_lib.core.case import Limits
from bench_lib.report.claims import balance
from bench_lib.report.claims.claim import NO, UNDECIDED, UNTESTED, YES
from bench_lib.report.recognition_words import advice_sentence, signed
from bench_lib.report.sections import abstract, recognition
from bench_lib.text import language
from bench_lib.text.language import NBSP

COUNT = 2000


@pytest.fixture(autouse=True)
def english():
    language.use("en")
    yield
    language.use("ru")


def right(share, lost=0, **fields):
    count = round(share * COUNT)
    return labelled("0" * lost + "1" * (count - lost) + "0" * (COUNT - count), **fields)


def at_sizes(shares, limits=None, **fields):
    """A report of PyTorch fp32 at these image sizes, with the shares of right answers."""
    rows = [record(size=size, ms=size / 10, labelled=right(share)) for size, share in shares.items()]
    return report(*rows, data="photos", labels="folders", weights="w.pt", limits=limits or Limits(), **fields)


def precisions(lost, **limits):
    """A report of PyTorch fp32 and a twice as fast fp16 that answers so many images less right."""
    rows = [
        record(ms=10, labelled=right(0.8)), record(precision="fp16", ms=5, labelled=right(0.8, lost=lost)),
    ]  # fmt: skip
    return report(*rows, data="photos", labels="folders", weights="w.pt", limits=Limits(**limits))


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({224: 0.70, 256: 0.80, 384: 0.802}, YES),  # less costs answers, more gains none
        ({224: 0.80, 256: 0.80, 384: 0.80}, NO),  # the smaller one is as good
        ({224: 0.70, 256: 0.80, 384: 0.85}, NO),  # the larger one gains
        ({224: 0.785, 256: 0.80, 384: 0.80}, YES),
        ({256: 0.80}, UNTESTED),
        ({224: 0.80, 288: 0.80}, UNTESTED),
    ],
)
def test_the_claim_on_256_can_hold_and_fail(shares, verdict):
    found = balance.size_256(at_sizes(shares))
    assert found.verdict == verdict, found.data


def test_too_few_images_decide_nothing_about_the_balance():
    rows = [
        record(size=size, labelled=labelled("1" * n + "0" * (40 - n))) for size, n in ((224, 30), (256, 31))
    ]  # fmt: skip
    data = report(*rows, data="photos", labels="folders", weights="w.pt")
    assert balance.size_256(data).verdict == UNDECIDED


def test_a_range_of_sizes_is_judged_by_its_best():
    assert balance.sizes_256_to_384(at_sizes({224: 0.70, 256: 0.79, 384: 0.80, 512: 0.80})).verdict == YES
    assert balance.sizes_256_to_384(at_sizes({224: 0.80, 256: 0.79, 384: 0.80})).verdict == NO


def test_without_labels_the_claims_say_why_they_are_not_tested_and_the_section_is_empty(capsys):
    data = report(record())
    for claim in (balance.size_256(data), balance.sizes_256_to_384(data)):
        assert claim.verdict == UNTESTED
        assert "the weights are random, the images are synthetic" in claim.data
    recognition.show(data)
    assert capsys.readouterr().out == ""
    assert "With recognition" not in abstract.abstract_html(data).data


def test_the_fastest_that_loses_nothing_is_advised_and_one_that_loses_is_not():
    told = advice_sentence(precisions(2)).replace(NBSP, " ")
    assert told.startswith("take PyTorch fp16, 224×224, batch 1: 200 FPS and 79.9% (78.1–81.6) of right answers")
    assert "loses less than 1.0 percentage points to the most accurate, PyTorch fp32" in told
    told = advice_sentence(precisions(60)).replace(NBSP, " ")
    assert told.startswith(
        "the most right answers (top-1), 80.0% (78.2–81.7), come from PyTorch fp32, 224×224, batch 1"
    )
    assert "With recognition accuracy:" in abstract.abstract_html(precisions(60)).data


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        (0.5, "take the fastest, PyTorch fp16, 224×224, batch 1: 200 FPS"),
        (0.79, "take the fastest, PyTorch fp32, 224×224, batch 1: 100 FPS, 80.0% (78.2–81.7) of right answers (top-1). "
               "So many images do not show for certain that it reaches the floor."),
        (0.9, "nothing answers the 90.0% of images right that `min_accuracy` asks for; the most, 80.0%"),
    ],
)  # fmt: skip
def test_a_floor_decides_what_to_take(floor, words):
    assert words in advice_sentence(precisions(60, min_accuracy=floor)).replace(NBSP, " ")


def test_the_tables_say_what_each_step_costs_and_whether_it_is_told_apart():
    data = precisions(60)
    html = recognition.precision_table(points(data), answers_of(data)).to_html().replace(NBSP, " ")
    assert "−3.0 (−3.8 to −2.3)" in html
    assert ">224<" in html
    assert ">2.00×<" in html
    assert recognition.size_table(points(data), answers_of(data)) is None
    sizes = at_sizes({224: 0.8, 128: 0.8})
    html = recognition.size_table(points(sizes), answers_of(sizes)).to_html()
    assert "224 → 128" in html
    assert "not told apart" in html


def test_where_there_are_more_than_five_classes_the_first_five_answers_are_told_too():
    rows = [record(size=size, labelled=labelled("1" * 60 + "0" * 40, "1" * 90 + "0" * 10)) for size in (224, 128)]
    data = report(*rows, data="photos", labels="folders", weights="w.pt")
    html = recognition.size_table(points(data), answers_of(data))
    assert "90.0% (82.6–94.5)" in html.to_html()
    assert (
        "Right among the first five"
        not in recognition.size_table(
            points(at_sizes({224: 0.8, 128: 0.8})),
            answers_of(at_sizes({224: 0.8, 128: 0.8})),
        ).to_html()
    )


@pytest.mark.parametrize(
    ("calibration", "told"),
    [
        ({"calibration": "min-max, real images", "calibration_images": 64}, True),
        ({"calibration": "in the file"}, False),
    ],
)
def test_that_int8_has_seen_these_images_is_told(calibration, told):
    row = record("openvino", "int8", labelled=right(0.8), ran=calibration)
    data = report(row, data="photos", labels="folders", weights="w.pt")
    assert ("**int8** was calibrated on images of the same folder" in recognition.conditions_text(data).data) is told


def test_the_figure_names_what_is_on_the_front():
    html = recognition.accuracy_vs_fps(at_sizes({224: 0.8, 128: 0.7})).data
    assert "Pareto front" in html
    assert "PyTorch fp32, 224×224, batch 1: 44.6 FPS, 80.0% (78.2–81.7)" in html.replace(NBSP, " ")


def test_what_rounds_to_nothing_has_no_sign():
    assert [signed(value) for value in (0.04, -0.04, 0.06, -0.06)] == ["0.0", "0.0", "+0.1", "−0.1"]


def test_the_russian_says_the_same():
    language.use("ru")
    told = advice_sentence(precisions(2)).replace(NBSP, " ")
    assert told.startswith("берите PyTorch fp16, 224×224, батч 1: 200 FPS, верных ответов (top-1) 79,9 % (78,1–81,6).")
