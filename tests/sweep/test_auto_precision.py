"""`precision: auto`: what it takes and passes over, what it says of it, and a real choice through the notebook."""

import math
from statistics import NormalDist

import pytest
from helpers import pictures
from helpers.made import labelled, record, report, skipped, worded

from bench_lib.analysis.case_row import record_reason
from bench_lib.core import intervals
from bench_lib.core.case import Case, Limits
from bench_lib.core.grid import Grid
from bench_lib.core.reason import because, say
from bench_lib.core.record import Trial
from bench_lib.report.report import Report
from bench_lib.report.sections.auto_precision import choices_text
from bench_lib.results.run_folder import Run
from bench_lib.sweep import auto_precision
from bench_lib.sweep.runner import measure_grid


def trial(precision, ms, error=1e-4, reason=None):
    return Trial(precision=precision, latency_ms=ms, error=error, reason=reason)


def test_equal_processes_differ_by_chance_as_the_assumed_spread_between_them_says():
    assert math.log(intervals.by_chance()) == pytest.approx(NormalDist().inv_cdf(0.995) * math.sqrt(2) * 0.03, rel=1e-6)


@pytest.mark.parametrize(
    ("trials", "taken"),
    [
        ([trial("fp32", 10, 0.0), trial("fp16", 5, 1e-3)], "fp16"),
        ([trial("fp32", 10, 0.0), trial("fp16", 9.5, 1e-3)], "fp32"),  # not told apart: the more accurate
        ([trial("fp32", 10, 0.0), trial("fp16", 5, 1e-3), trial("bf16", 4.8, 5e-3)], "fp16"),
        ([trial("fp32", 10, 0.0), trial("int8", 1, 0.2, worded("погрешность"))], "fp32"),
        ([Trial(precision="fp32", reason=worded("нет"))], None),
    ],
)
def test_the_fastest_is_taken_and_of_those_not_told_from_it_the_most_accurate(trials, taken):
    found = auto_precision.fastest_trial(trials)
    assert (found.precision if found else None) == taken


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (record(precision="fp16"), ""),
        (record(precision="fp32", actual="tf32"), "на деле посчитано в TF32"),
        (skipped("pytorch", "tf32", reason="нет GPU"), "нет GPU"),
    ],
)
def test_a_trial_may_be_taken_if_it_ran_and_computed_as_asked(given, reason):
    found = auto_precision.judge_trial(given, record())
    assert say(found.reason) == reason
    assert found.latency_ms == (None if given.status == "skipped" else 10.0)


def test_a_trial_outside_the_tolerance_says_by_how_much():
    for allowed, words in ((0.01, "ошибка 3,4\u00a0% больше допуска 1,0\u00a0%"), (0.04, "")):
        inexact = tried("fp16", error=0.034, limits=Limits(auto_max_error=allowed))
        assert say(auto_precision.judge_trial(inexact, record()).reason) == words


def tried(precision, ms=10.0, error=1e-6, **fields):
    """The record of a trial with this latency and error."""
    accuracy = record(precision=precision).accuracy.model_copy(update={"error": error})
    return record(precision=precision, ms=ms, accuracy=accuracy, **fields)


def failed(precision, reason):
    """The record of a trial without figures."""
    return record(precision=precision, status="failed", reason=worded(reason))


def chosen(monkeypatch, answers):
    """The record of a case with precision auto, where `answers` are the records of the trials."""
    measured = []

    def measure(case, limits, _seed):
        measured.append((case, limits))
        return record(precision=case.precision)

    monkeypatch.setattr(auto_precision, "try_precision", lambda *given: answers[given[1]])
    monkeypatch.setattr(auto_precision, "measure_case", measure)
    return auto_precision.measure_auto(Case(engine="pytorch", precision="auto"), Limits(), 0), measured


def test_the_record_is_of_the_asked_case_and_tells_each_trial(monkeypatch):
    answers = {
        "fp32": tried("fp32"), "tf32": failed("tf32", "нет GPU"), "fp16": tried("fp16", 5, 1e-3),
        "bf16": tried("bf16", 4.9, 5e-3), "int8": failed("int8", "погрешность"),
    }  # fmt: skip
    found, measured = chosen(monkeypatch, answers)
    assert [(case.precision, limits) for case, limits in measured] == [("fp16", Limits())]
    assert found.case.precision == "auto"
    assert {t.precision: say(t.reason) for t in found.trials} == {
        "fp32": "медленнее", "tf32": "нет GPU", "fp16": "", "bf16": "быстрее ли, не решено, а ошибка больше",
        "int8": "погрешность",
    }  # fmt: skip
    shown = report(record(), found)
    row = shown.cases.iloc[1]
    assert row["name"] == "PyTorch auto: fp16"
    assert row.speedup == 1.0
    text = choices_text(shown).data
    assert "**PyTorch, 224×224, батч 1:** fp16 — 5,00\u00a0мс, ошибка 1,0·10⁻³. Остальные: fp32" in text
    assert "tf32 — нет GPU; bf16 — 4,90\u00a0мс, быстрее ли, не решено" in text


def test_where_no_precision_fits_the_row_is_skipped_with_the_reasons(monkeypatch):
    names = ("fp32", "tf32", "fp16", "bf16", "int8")
    answers = {name: failed(name, f"нет {name}") for name in names}
    found, measured = chosen(monkeypatch, answers)
    assert not measured
    assert found.status == "skipped"
    assert record_reason(found).startswith("ни одна точность не подошла (fp32: нет fp32; tf32: нет tf32;")
    assert "не подошла ни одна точность. fp32 — нет fp32" in choices_text(report(record(), found)).data


def test_a_trial_whose_process_dies_is_passed_over(monkeypatch):
    monkeypatch.setattr(auto_precision, "_try", die)
    found = auto_precision.try_precision(Case(engine="pytorch", precision="auto"), "fp32", Limits(), 0)
    judged = auto_precision.judge_trial(found, found)
    assert judged == Trial(precision="fp32", reason=because("process_exited", code=9))
    assert say(judged.reason) == "процесс измерения сам завершился с кодом 9"


def die(*_):
    import os

    os._exit(9)


def right(count, of=1000, lost=0, **fields):
    """Verdicts on so many images, of which the first `count` are right, save the first `lost` of these."""
    return labelled("0" * lost + "1" * (count - lost) + "0" * (of - count), **fields)


FP32 = tried("fp32", labelled=right(760))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (right(760), ""),
        (right(760, lost=2), ""),
        (right(780), ""),
        (right(760, lost=10), "доля верных ответов может быть на 1,68 п. п. ниже, чем в fp32 (граница интервала 95 %), "
                              "допускается 1,00"),
        (right(760, images_id="f" * 64), "доля верных ответов в fp32 не измерена, сравнить не с чем"),
    ],
)  # fmt: skip
def test_with_labels_a_precision_must_not_be_inferior_to_fp32_whatever_its_error_is(answers, words):
    found = auto_precision.judge_trial(tried("int8", 1, error=0.3, labelled=answers), FP32)
    assert say(found.reason).replace("\u00a0", " ") == words
    assert found.top1 == answers.top1_share
    assert found.error == 0.3


def test_too_few_images_do_not_show_that_nothing_is_lost_and_fp32_is_not_compared_with_itself():
    few = [tried(precision, labelled=right(76, of=100)) for precision in ("fp32", "fp16")]
    assert [auto_precision.judge_trial(one, few[0]).reason is None for one in few] == [True, False]
    wide = tried("fp16", labelled=right(76, of=100), limits=Limits(auto_max_loss=0.05))
    assert auto_precision.judge_trial(wide, few[0]).reason is None


def test_without_figures_in_fp32_nothing_is_known_to_be_as_good():
    spoilt = record(status="failed", reason=worded("неточно"), labelled=right(760))
    for fp32 in (spoilt, failed("fp32", "нет"), record()):
        found = auto_precision.judge_trial(tried("fp16", labelled=right(760)), fp32)
        assert found.reason == because("no_fp32_to_compare")


@pytest.mark.parametrize(("least", "passes"), [(0.75, True), (0.76, True), (0.77, False)])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_least_accuracy_decides_instead_for_fp32_too(precision, least, passes):
    given = tried(precision, labelled=right(760), limits=Limits(min_accuracy=least))
    found = auto_precision.judge_trial(given, failed("fp32", "нет"))
    assert (found.reason is None) == passes
    if not passes:
        assert str(found.reason) == "76.0% of the labelled images are answered right, at least 77.0% must be"


def test_an_engine_that_loses_accuracy_is_not_taken_however_fast_it_is(monkeypatch):
    answers = {
        "fp32": FP32, "tf32": tried("tf32", 8, labelled=right(760)), "fp16": tried("fp16", 5, labelled=right(761)),
        "bf16": tried("bf16", 4, labelled=right(760, lost=30)), "int8": tried("int8", 1, labelled=right(500)),
    }  # fmt: skip
    found, _ = chosen(monkeypatch, answers)
    assert [trial.precision for trial in found.trials if not trial.reason] == ["fp16"]
    assert [trial.top1 for trial in found.trials] == [0.76, 0.76, 0.761, 0.73, 0.5]
    assert {trial.reason.name for trial in found.trials[3:]} == {"top1_may_be_lower"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "с ошибкой не больше 10 % (`auto_max_error`)"),
        ({"labels": "folders"}, "которая по интервалу 95 % ниже, чем в fp32, не более чем на 1,00 п. п."),
        (
            {"labels": "folders", "limits": Limits(min_accuracy=0.765)},
            "с долей верных ответов на размеченных изображениях не меньше 76,5 % (`min_accuracy`)",
        ),
    ],
)
def test_the_report_says_what_decided(monkeypatch, given, words):
    found, _ = chosen(monkeypatch, {name: tried(name) for name in ("fp32", "tf32", "fp16", "bf16", "int8")})
    text = choices_text(report(record(), found, data="photos", **given)).data.replace("\u00a0", " ")
    assert words in text
    assert ("auto_max_error" in text) == (not given)


def test_a_least_accuracy_needs_labels():
    axes = {"engines": ["pytorch"], "precisions": ["auto"], "image_sizes": [32], "batch_sizes": [1]}
    with pytest.raises(ValueError, match="min_accuracy is given without labels, which alone tell it; add labels or"):
        Grid(**axes, limits=Limits(min_accuracy=0.7))


def test_a_choice_through_the_notebook(tmp_path, small_network):
    limits = Limits(warmup_min_count=1, warmup_min_s=0.0, warmup_max_s=0.2, min_count=2, min_s=0.02, max_s=0.05)
    axes = {"engines": ["pytorch"], "precisions": ["auto"], "image_sizes": [32], "batch_sizes": [1]}
    grid = Grid(**axes, model=small_network, limits=limits)
    (found,) = measure_grid(grid, Run(tmp_path / "run"))
    assert found.status == "ok", found.detail
    assert [t.precision for t in found.trials] == ["fp32", "tf32", "fp16", "bf16", "int8"]
    taken = [t for t in found.trials if not t.reason]
    assert [t.precision for t in taken] == [found.accuracy.actual_precision]
    assert found.limits == limits  # the trials are shorter, the measurement is not
    assert "Автоматический" not in choices_text(Report.read(tmp_path / "run")).data


def test_a_choice_by_labels_through_the_notebook(tmp_path, monkeypatch):
    pictures.write_classes(tmp_path / "photos", 200)
    (tmp_path / "colour_nets.py").write_text(pictures.NETS)
    monkeypatch.chdir(tmp_path)
    limits = Limits(warmup_min_count=1, warmup_min_s=0.0, warmup_max_s=0.2, min_count=2, min_s=0.02, max_s=0.05)
    grid = Grid(
        engines=["pytorch"], precisions=["auto"], image_sizes=[16], batch_sizes=[32], limits=limits, data="photos",
        model="colour_nets:colours", labels={"red": 0, "green": 1, "blue": 2},
    )  # fmt: skip
    (found,) = measure_grid(grid, Run(tmp_path / "run"))
    assert found.status == "ok", found.detail
    assert found.labelled.top1 == "1" * 600
    assert found.trials[0].top1 == 1.0
    assert all(trial.top1 == 1.0 for trial in found.trials if not trial.reason)
