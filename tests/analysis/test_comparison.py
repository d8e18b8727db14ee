"""Two runs beside each other: verdicts, refusals, the exit status, and the report."""

import json

import pytest
from bs4 import BeautifulSoup
from helpers.made import MACHINE, record, retimed, skipped

from bench_lib.analysis import comparison
from bench_lib.cli.main import main
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import write_record
from bench_lib.report.sections.comparison import (
    comparison_abstract,
    comparison_conditions,
    comparison_table,
    machines_table,
)
from bench_lib.results.run_folder import Run

AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [224], "batch_sizes": [1, 33], "repeats": 3}


def run(folder, ms, machine=MACHINE, change=None, **grid):
    """A run whose cases took `ms` by batch, in three processes that differ by 0.5 %."""
    grid = Grid(**AXES | grid)
    made = Run(folder)
    made.start(grid, machine)
    for case in grid.cases():
        took = ms[case.batch_size] * (1 + 0.005 * (case.repeat - 2))
        one = record(batch=case.batch_size, ms=took).model_copy(update={"case": case, "machine": machine})
        write_record(change(one) if change else one, made.record_path(case))
    return folder


@pytest.fixture
def old(tmp_path):
    return run(tmp_path / "old", {1: 10.0, 33: 100.0})


def test_each_case_has_a_verdict_on_the_second_run(old, tmp_path):
    new = run(tmp_path / "new", {1: 8.0, 33: 120.0})
    found = comparison.compare_runs(old, new)
    assert dict(zip(found.cases.batch_size, found.cases.verdict, strict=True)) == {1: "faster", 33: "slower"}
    assert list(found.cases.ratio) == pytest.approx([0.8, 1.2], rel=1e-4)
    assert (found.cases.ratio_low < found.cases.ratio).all()
    html = comparison_abstract(found).data
    assert "замедлилась</b> PyTorch fp32, 224×224, батч 33: время больше на 20" in html
    assert "ускорилась</b> PyTorch fp32, 224×224, батч 1: время меньше на 20" in html


def lone(folder, ms, enqueued=0.1):
    """A run of one process a case; sending a call takes the share `enqueued` of its time."""

    def change(one):
        sent = {"enqueue_ms": [enqueued * one.timing.latency_ms[0]] * 4}
        return one.model_copy(update={"timing": one.timing.model_copy(update=sent)})

    return run(folder, {1: ms, 33: 10 * ms}, repeats=1, change=change)


def test_what_one_process_a_case_assumes_is_told_in_the_lines_and_in_the_report(old, tmp_path, capsys):
    assert main(["compare", str(lone(tmp_path / "a", 10.0)), str(lone(tmp_path / "b", 5.0)), "--common"]) == 0
    told = capsys.readouterr().out
    assert "99 % interval" in told
    assert told.count("faster (a spread of 3% between processes is assumed)") == 2
    found = comparison.compare_runs(tmp_path / "a", tmp_path / "b")
    assert "разброс между процессами принят без измерения" in comparison_abstract(found).data
    assert "**†** — интервал отношения" in comparison_conditions(found).data
    assert "БЫСТРЕЕ\u00a0†" in comparison_table(found).to_html()
    assert "†" not in comparison_conditions(comparison.compare_runs(old, old)).data
    assert "по интервалу отношения времени/батч на уровне 99" in comparison_conditions(found).data


def test_two_runs_of_a_case_that_the_host_paces_in_one_process_do_not_differ(tmp_path, capsys):
    folders = [str(lone(tmp_path / name, ms, 0.9)) for name, ms in (("a", 1.0), ("b", 100.0))]
    assert main(["compare", *folders, "--fail-on", "slower"]) == 0
    told = capsys.readouterr().out
    assert "0 faster, 0 slower, 0 same, 2 undecided of 2 cases." in told
    assert told.count("undecided (the host sets the pace, or may, and the spread between processes is not known)") == 2
    assert "**‡** — ничего не решено" in comparison_conditions(comparison.compare_runs(*folders)).data


def test_the_rounds_of_two_runs_are_not_the_same_rounds(tmp_path):
    """Within rounds the ratio is always 1.03, and would be decided; the rounds of two runs are no pairs."""
    wide = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]

    def drifting(factor):
        return lambda one: record(ms=factor * wide[one.case.repeat - 1]).model_copy(update={"case": one.case})

    folders = [run(tmp_path / name, {1: 1.0}, change=drifting(factor), batch_sizes=[1], repeats=8)
               for name, factor in (("a", 1.0), ("b", 1.03))]  # fmt: skip
    (row,) = comparison.compare_runs(*folders).cases.itertuples()
    assert row.verdict == "undecided"
    assert row.ratio_low < 1 < row.ratio_high


def test_the_largest_change_says_where_a_row_of_either_run_did_not_settle(old, tmp_path):
    new = run(tmp_path / "new", {1: 8.0, 33: 100.0}, change=lambda one: retimed(one, warm=False))
    html = comparison_abstract(comparison.compare_runs(old, new)).data
    assert "PyTorch fp32, 224×224, батч 1 (⚑ прогрев не стал устойчивым): время меньше на 20" in html
    told = comparison_conditions(comparison.compare_runs(old, new)).data
    assert "**⚑ Не установились** в одном из запусков (прогрев или дрейф): PyTorch fp32, 224×224, батч 1" in told
    assert "⚑" not in comparison_conditions(comparison.compare_runs(old, old)).data


def test_the_names_of_runs_are_text(old, tmp_path):
    name = "![x](x.png)<img src=x>$x$"
    found = comparison.compare_runs(old, run(tmp_path / name, {1: 8.0, 33: 120.0}, MACHINE | {"cores": 3}))
    for shown in (comparison_table(found).to_html(), machines_table(found).to_html(), comparison_abstract(found).data):
        page = BeautifulSoup(shown, "html.parser")
        assert page.img is None
        assert name in page.get_text()


def test_a_run_against_itself_is_the_same(old):
    found = comparison.compare_runs(old, old)
    assert set(found.cases.verdict) == {"same"}
    assert f"{old} (2), мс" in BeautifulSoup(comparison_table(found).to_html(), "html.parser").get_text()
    assert "Машина, версии и код одни и те же" in machines_table(found).data


def test_unlike_machines_are_named(old, tmp_path):
    new = run(tmp_path / "new", {1: 10.0, 33: 100.0}, MACHINE | {"python": "3.12.1", "versions": {"torch": "2.14.1"}})
    assert comparison.differing(comparison.compare_runs(old, new)) == {
        "python": ("3.11.7", "3.12.1"), "torch": ("—", "2.14.1"),
    }  # fmt: skip


def test_other_code_threads_and_quota_are_told_but_not_what_an_older_run_does_not_tell(old, tmp_path):
    told = MACHINE | {"commit": "a" * 40, "threads": 2, "cpu_quota": None}
    new = run(tmp_path / "new", {1: 10.0, 33: 100.0}, told)
    newer = run(tmp_path / "newer", {1: 10.0, 33: 100.0}, told | {"commit": "b" * 40, "threads": 1, "cpu_quota": 0.5})
    assert comparison.differing(comparison.compare_runs(old, new)) == {}
    found = comparison.compare_runs(new, newer)
    assert comparison.differing(found) == {
        "commit": ("a" * 40, "b" * 40), "threads": ("2", "1"), "cpu_quota": ("—", "0.5"),
    }  # fmt: skip
    assert "b" * 40 in machines_table(found).to_html()


def test_other_models_and_grids_are_refused(old, tmp_path):
    with pytest.raises(InputError, match=r"measured resnet18, .* resnet34; compare runs of the same model"):
        comparison.compare_runs(old, run(tmp_path / "model", {1: 1.0, 33: 1.0}, model="resnet34"))
    other = run(tmp_path / "grid", {1: 10.0, 8: 1.0}, batch_sizes=[1, 8])
    with pytest.raises(InputError, match=r"1 cases are in .*old alone and 1 in .*grid alone.*--common"):
        comparison.compare_runs(old, other)
    assert list(comparison.compare_runs(old, other, common=True).cases.batch_size) == [1]
    with pytest.raises(InputError, match="no case in common"):
        comparison.compare_runs(old, run(tmp_path / "none", {2: 1.0}, batch_sizes=[2]), common=True)


def test_what_was_not_measured_or_computed_in_another_precision_has_no_verdict(old, tmp_path):
    def change(one):
        if one.case.batch_size == 33:
            return skipped("pytorch").model_copy(update={"case": one.case})
        labelled = one.accuracy.model_copy(update={"actual_precision": "tf32"})
        return one.model_copy(update={"accuracy": labelled})

    found = comparison.compare_runs(old, run(tmp_path / "new", {1: 10.0, 33: 100.0}, change=change))
    assert set(found.cases.verdict) == {""}
    told = comparison_conditions(found).data
    assert "(считалось в fp32 и fp32 (факт.: TF32))" in told
    assert "(измерено и пропущено)" in told


def test_the_exit_status_is_for_ci(old, tmp_path, capsys):
    slower = run(tmp_path / "slower", {1: 10.0, 33: 120.0})
    assert main(["compare", str(old), str(old), "--fail-on", "slower"]) == 0
    assert main(["compare", str(old), str(slower)]) == 0
    assert main(["compare", str(old), str(slower), "--fail-on", "slower"]) == 1
    told = capsys.readouterr()
    assert told.err.strip() == f"bench: 1 of 2 cases are slower in {slower} than in {old}"
    assert "0 faster, 1 slower, 1 same, 0 undecided of 2 cases." in told.out
    assert main(["compare", str(old), str(tmp_path / "absent")]) == 2


def test_the_comparison_is_a_report(old, tmp_path):
    new = run(tmp_path / "new", {1: 8.0, 33: 100.0})
    assert main(["compare", str(old), str(new), "--output", str(tmp_path / "out")]) == 0
    page = BeautifulSoup((tmp_path / "out" / "compare.html").read_text(encoding="utf-8"), "html.parser")
    assert "Сравнение двух запусков" in page.h1.get_text()
    assert {"БЫСТРЕЕ", "ОДИНАКОВО"} <= {cell.get_text() for cell in page.select("td")}
    assert (
        json.loads((tmp_path / "out" / "compare.ipynb").read_text())["metadata"]["title"] == "Сравнение двух запусков"
    )
