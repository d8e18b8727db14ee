"""`precision: auto`: what it takes and passes over, what it says of it, and a real choice through the notebook."""

import math
from statistics import NormalDist

import pytest
from helpers.made import record, report, skipped, worded

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
    found = auto_precision.judge_trial(given, given.case.precision, 0.01)
    assert say(found.reason) == reason
    assert found.latency_ms == (None if given.status == "skipped" else 10.0)


def test_a_trial_outside_the_tolerance_says_by_how_much():
    inexact = record(precision="fp16").accuracy.model_copy(update={"error": 0.034})
    found = auto_precision.judge_trial(record(precision="fp16", accuracy=inexact), "fp16", 0.01)
    assert say(found.reason) == "ошибка 3,4\u00a0% больше допуска 1,0\u00a0%"
    assert auto_precision.judge_trial(record(precision="fp16", accuracy=inexact), "fp16", 0.04).reason is None


def chosen(monkeypatch, answers):
    """The record of a case with precision auto, where each precision's trial gives `answers`."""
    measured = []

    def measure(case, limits, _seed):
        measured.append((case, limits))
        return record(precision=case.precision)

    monkeypatch.setattr(auto_precision, "try_precision", lambda *given: answers[given[1]])
    monkeypatch.setattr(auto_precision, "measure_case", measure)
    return auto_precision.measure_auto(Case(engine="pytorch", precision="auto"), Limits(), 0), measured


def test_the_record_is_of_the_asked_case_and_tells_each_trial(monkeypatch):
    answers = {
        "fp32": trial("fp32", 10, 1e-6), "tf32": Trial(precision="tf32", reason=worded("нет GPU")),
        "fp16": trial("fp16", 5, 1e-3), "bf16": trial("bf16", 4.9, 5e-3),
        "int8": trial("int8", 1, 0.2, worded("погрешность")),
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
    answers = {name: Trial(precision=name, reason=worded(f"нет {name}")) for name in names}
    found, measured = chosen(monkeypatch, answers)
    assert not measured
    assert found.status == "skipped"
    assert record_reason(found).startswith("ни одна точность не подошла (fp32: нет fp32; tf32: нет tf32;")
    assert "не подошла ни одна точность. fp32 — нет fp32" in choices_text(report(record(), found)).data


def test_a_trial_whose_process_dies_is_passed_over(monkeypatch):
    monkeypatch.setattr(auto_precision, "_try", die)
    found = auto_precision.try_precision(Case(engine="pytorch", precision="auto"), "fp32", Limits(), 0)
    assert found == Trial(precision="fp32", reason=because("process_exited", code=9))
    assert say(found.reason) == "процесс измерения сам завершился с кодом 9"


def die(*_):
    import os

    os._exit(9)


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
