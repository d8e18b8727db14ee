"""Intervals, verdicts, repeats, and what is in the time: exact, on made records."""

import math
import random

import pytest
from bs4 import BeautifulSoup
from helpers.made import GPU, MACHINE, record, report, selfcheck, worded

from bench_lib.analysis.case_row import case_row
from bench_lib.analysis.case_table import tabulate
from bench_lib.core.case import Case
from bench_lib.core.grid import Grid
from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.core.record import Energy, Window
from bench_lib.report.claims import claim
from bench_lib.report.claims.sizes import size_lowers_fps
from bench_lib.report.sections import abstract, cold_start, intervals, recommendations, results, time_parts
from bench_lib.report.sections.absent import absent_table
from bench_lib.report.sections.results import results_table
from bench_lib.sweep.runner import shuffled_cases
from bench_lib.text.language import NBSP


def text(shown):
    return (shown.data if hasattr(shown, "data") and isinstance(shown.data, str) else shown.to_html()).replace(
        NBSP, " "
    )


def repeats(engine, *latencies_ms, **fields):
    """A record for each of the case's processes."""
    made = [record(engine, ms=ms, **fields) for ms in latencies_ms]
    return [r.model_copy(update={"case": r.case.model_copy(update={"repeat": n})}) for n, r in enumerate(made, 1)]


def timed(made, **timing):
    return made.model_copy(update={"timing": made.timing.model_copy(update=timing)})


def row(data, name):
    return data.cases[data.cases["name"] == name].iloc[0]


def test_repeats_of_a_case_are_one_row_whose_interval_comes_from_processes():
    data = report(*repeats("pytorch", 20.0, 20.2, 19.8), *repeats("onnx_runtime", 10.0, 10.1, 9.9))
    assert len(data.cases) == 2
    ours = row(data, "ONNX Runtime fp32")
    assert (ours.processes, ours.extra_sd, ours.latency_values) == (3, 0, [10.0, 10.1, 9.9])
    # Student's t with 2 degrees of freedom (4.3027) on logs whose sd is 1.000 %.
    assert ours.latency_high / ours.latency_ms == pytest.approx(math.exp(4.3027 * 0.01 / 3**0.5), abs=1e-5)
    assert ours.speedup == pytest.approx(2, abs=1e-3)
    assert 1.9 < ours.speedup_low < 2 < ours.speedup_high < 2.1
    assert ours.verdict == "faster"
    assert "из медиан 3 процессов с отдельной сборкой" in text(intervals.intervals_text(data))


@pytest.mark.parametrize("calls", [1, 2])
def test_three_processes_of_few_calls_suffice_for_an_interval(calls):
    """As in params/seed.yaml, where a call takes seconds on a processor."""
    window = Window(calls=1, seconds=0.01)
    made = repeats("pytorch", 20.0, 20.2, 20.0) + repeats("onnx_runtime", 10.0, 10.1, 10.0)
    few = [timed(one, latency_ms=one.timing.latency_ms[:calls], throughput=[window] * calls) for one in made]
    ours = row(report(*few), "ONNX Runtime fp32")
    assert 1.9 < ours.speedup_low < 2 < ours.speedup_high < 2.1
    assert (ours.verdict, ours.spread_from) == ("faster", "processes")
    lone = report(*few[::3])
    assert (row(lone, "ONNX Runtime fp32").verdict == "undecided") == (calls == 1)
    assert ">—<" in text(intervals.intervals_table(lone))


def test_a_repeat_that_failed_is_told_and_the_others_count():
    good = repeats("pytorch", 10.0, 10.1, 9.9)
    good[1] = record(status="failed", reason=worded("не хватило памяти")).model_copy(update={"case": good[1].case})
    data = report(*good)
    assert (row(data, "PyTorch fp32").processes, row(data, "PyTorch fp32").status) == (2, "ok")
    assert "повтор 2: не хватило памяти" in absent_table(data).to_html()


def test_processes_that_computed_in_unlike_precisions_are_not_one_figure():
    made = repeats("pytorch", 10.0, 5.0, 10.2, precision="auto", actual="fp32")
    other = made[1].accuracy.model_copy(update={"actual_precision": "fp16"})
    made[1] = made[1].model_copy(update={"accuracy": other})
    data = report(*made)
    (ours,) = data.cases.itertuples()
    assert (ours.processes, ours.actual_precision, ours.latency_values) == (2, "fp32", [10.0, 10.2])
    assert "повтор 2: на деле посчитано в FP16" in text(absent_table(data))


def test_one_process_takes_the_spread_between_processes_from_elsewhere_and_says_so():
    made = [record(ms=10.0), record("onnx_runtime", ms=9.5)]
    assumed, known = report(*made), report(*made, sd=0.001)
    assert row(assumed, "ONNX Runtime fp32").verdict == "undecided"
    assert row(known, "ONNX Runtime fp32").verdict == "faster"
    assert (assumed.checked, known.checked) == ("none", "all")
    told = "Строк, у которых разброс между процессами не измерен, а принят равным 3,0 %: 2 из 2"
    first = text(abstract.abstract_html(assumed))
    assert "быстрее ли PyTorch fp32, не доказано (99 % ДИ 0,94–1,17× †)" in first
    assert "†: разброс между процессами принят (3,0 %), а не измерен." in first
    assert "принят" not in text(abstract.abstract_html(known))
    for section in (intervals.intervals_text, recommendations.advice_text):
        assert told in text(section(assumed))
        assert "принят" not in text(section(known))
        assert "Разброс между процессами взят из проверки выводов (приложение А): 0,10 %." in text(section(known))
    for table in (results_table, intervals.intervals_table):
        assert ">НЕ РЕШЕНО †<" in text(table(assumed))
        assert ">БЫСТРЕЕ<" in text(table(known))
    assert "**†** — интервал" in text(results.columns_text(assumed))
    assert "†" not in text(results.columns_text(known))
    table = text(intervals.intervals_table(assumed))
    assert table.count(">принят: 3,0 %<") == 2
    assert text(intervals.intervals_table(known)).count(">из проверки: 0,10 %<") == 2


def test_each_column_of_intervals_names_its_level():
    shown = text(intervals.intervals_table(report(*repeats("pytorch", 10.0, 10.1), *repeats("onnx_runtime", 5.0, 5.1))))
    headings = [heading.get_text() for heading in BeautifulSoup(shown, "html.parser").select("th")]
    assert all(name in headings for name in ("Время/батч (мс), 95 %", "FPS, 95 %", "Ускорение (раз), 99 %"))
    assert shown.count(">измерен<") == 2


def paced(engine, enqueue_ms, *sizes, **fields):
    """A record of a case that takes 10 ms, of which sending takes `enqueue_ms`."""
    made = record(engine, *sizes, **fields)
    return made.model_copy(update={"timing": made.timing.model_copy(update={"enqueue_ms": [enqueue_ms] * 4})})


@pytest.mark.parametrize(("checked_ms", "like"), [(9.0, "темп задаёт процессор"), (1.0, "темп задаёт GPU")])
def test_a_check_tells_the_spread_of_cases_that_are_paced_alike(checked_ms, like):
    data = report(paced("pytorch", checked_ms), paced("onnx_runtime", 9.0), paced("torch_tensorrt", 1.0), sd=0.13)
    spreads = data.cases.set_index("engine").extra_sd
    assert spreads["onnx_runtime"] == pytest.approx(0.13 if checked_ms == 9 else math.inf)
    assert spreads["torch_tensorrt"] == pytest.approx(ASSUMED_SD if checked_ms == 9 else 0.13)
    told = text(intervals.intervals_text(data))
    assert f"У строк, где {like}" in told
    assert "как у проверенной, разброс между процессами взят из проверки выводов (приложение А): 13 %" in told
    assert ("не измерен, а принят равным 3,0 %: 1 из 3" in told) == (checked_ms == 9)
    assert ("измерял один процесс: 1 из 3" in told) == (checked_ms == 1)
    alike = report(paced("pytorch", checked_ms), paced("onnx_runtime", checked_ms), sd=0.13)
    assert set(alike.cases.extra_sd.round(6)) == {0.13}


@pytest.mark.parametrize(
    ("case", "host_paced", "told"),
    [
        (Case(engine="pytorch"), None, "host"),
        (Case(engine="pytorch", options={"cuda_graph": True}), False, "device"),
        (Case(engine="pytorch", options={"cuda_graph": True}), True, "host"),
        (Case(engine="pytorch", options={"cuda_graph": True}), None, "none"),
    ],
)
def test_a_check_of_a_case_that_is_not_in_the_run_tells_of_those_with_its_pace(case, host_paced, told):
    made = report(paced("pytorch", 9.0), paced("torch_tensorrt", 1.0), gpu=GPU)
    check = selfcheck(case=case, host_paced=host_paced, machine=MACHINE | {"gpu": GPU})
    data = tabulate(made.grid, made.records, check)
    assert data.checked == told
    spreads = set(data.cases.extra_sd) - {check.process_sd}
    assert spreads == {"host": {ASSUMED_SD}, "device": {math.inf}, "none": {math.inf, ASSUMED_SD}}[told]
    assert ("из проверки выводов" in text(intervals.intervals_text(data))) == (told != "none")


@pytest.mark.parametrize(
    ("ms", "verdict"), [(9.0, "БЫСТРЕЕ"), (11.0, "МЕДЛЕННЕЕ"), (10.05, "ОДИНАКОВО"), (10.3, "НЕ РЕШЕНО")]
)
def test_the_verdict_stands_in_both_tables(ms, verdict):
    data = report(record(ms=10.0), record("onnx_runtime", ms=ms), sd=0.01 if verdict == "НЕ РЕШЕНО" else 0.003)
    for table in (results_table(data), intervals.intervals_table(data)):
        assert f">{verdict}<" in table.to_html()


def test_a_leader_that_is_not_told_from_the_next_shares_its_place():
    data = report(record(ms=10.0), record("onnx_runtime", ms=9.9), record("torch_tensorrt", ms=5.0))
    assert list(data.cases.leads) == [False, False, True]
    data = report(record(ms=10.0), record("onnx_runtime", ms=9.9))
    assert list(data.cases.leads) == [True, True]


def test_a_claim_that_the_data_do_not_decide_is_not_decided():
    data = report(record(ms=10.0), record(size=448, ms=10.2))
    assert size_lowers_fps(data).verdict == claim.UNDECIDED
    assert claim.share_verdict([True, None]) == claim.PARTLY
    assert claim.share_verdict([False, None]) == claim.NO  # confirmed nowhere


def test_what_is_wrong_with_samples_is_named_and_nothing_is_trimmed():
    draw = random.Random(0)
    two_modes = timed(record(ms=10.0), latency_ms=[draw.gauss(10 + draw.randrange(2), 0.05) for _ in range(100)])
    told = text(intervals.sampling_text(report(two_modes)))
    assert "У задержки две моды** (1 из 1): PyTorch fp32, 224×224, батч 1" in told
    assert "дрейфует" not in told
    assert "не найдено ни в одной строке" in text(intervals.sampling_text(report(record(ms=10.0))))


def test_how_sampling_ended_is_counted():
    ended = {"latency_stopped_by": "noise", "throughput_stopped_by": "time"}
    told = text(intervals.sampling_text(report(timed(record(ms=10.0), **ended))))
    assert "из 2 измеренных величин 1 сошлись до ±0,50 %" in told
    assert "у остальных (1) вышло время" in told
    assert "Остановка" not in text(intervals.sampling_text(report(record(ms=10.0))))


def test_a_row_that_waits_for_the_host_is_marked():
    waits = timed(record(ms=2.0), enqueue_ms=[1.6] * 4, device_ms=[0.5] * 4)
    works = timed(record(ms=20.0, batch=33), enqueue_ms=[1.6] * 4, device_ms=[19.0] * 4)
    data = report(waits, works, gpu=GPU)
    assert list(data.cases.launch_bound) == [True, False]
    assert "PyTorch ◷" in text(time_parts.time_parts_table(data))
    told = text(time_parts.time_parts_text(data))
    assert "Таких строк 1 из 2, батчи: 1." in told
    assert "не меньше 75 % времени" in told
    assert "Ни одна строка не упирается" in text(time_parts.time_parts_text(report(works, gpu=GPU)))


def test_percentiles_of_latency_and_the_period_of_a_stream_are_shown():
    data = report(timed(record(ms=1.0, fps=500), latency_ms=[float(ms) for ms in range(1, 102)]))
    assert "**p99** посчитан здесь по вызовам одного процесса, их 101" in text(time_parts.time_parts_text(data))
    assert (row(data, "PyTorch fp32").p90_ms, row(data, "PyTorch fp32").p99_ms) == (91, 100)
    enough = report(timed(record(), latency_ms=[1.0] * 2000))
    assert "p99** посчитан" not in text(time_parts.time_parts_text(enough))
    html = text(time_parts.time_parts_table(data))
    assert "Период в потоке (мс)" in html
    assert ">2,00<" in html
    assert "Устройство" not in html


def test_energy_is_given_for_an_image_or_its_absence_explained():
    spent = Energy(joules=600, images=30_000, seconds=1.0, source="NVML")
    told = text(time_parts.time_parts_text(report(record(energy=spent), gpu=GPU)))
    assert "20,0 мДж — у PyTorch fp32, 224×224, батч 1" in told
    assert "Энергия** не измерена: нет счётчика." in text(
        time_parts.time_parts_text(report(record(energy_absent=worded("нет счётчика"))))
    )


def test_a_cold_start_is_import_build_first_call_and_settling():
    cold = timed(record(ms=10.0, import_s={"torch": 2.0, "onnxruntime": 0.5}), warmup_ms=[300.0, 100.0, 100.0])
    html = text(cold_start.cold_start_table(report(cold)))
    for shown in ("Импорт (с)", ">2,50<", ">1,00<", ">0,300<", ">0,500<"):
        assert shown in html
    without = text(cold_start.cold_start_table(report(record(ms=10.0))))
    assert "Импорт" not in without
    assert "Холодный старт" in html
    assert "Холодный старт" not in without
    assert "Сборка и первые вызовы (время импорта не измерено)" in without


def test_a_start_that_did_not_settle_is_said_to_be_longer():
    assert "не установилась" not in text(cold_start.cold_start_table(report(record())))
    cold = text(cold_start.cold_start_table(report(record(), timed(record(batch=33), warm=False))))
    assert "у 1 из них скорость за отведённое время не установилась" in cold


def test_the_price_of_a_row_names_imports_only_where_they_were_timed():
    without, with_imports = (
        text(abstract.abstract_html(report(record(import_s=times)))) for times in ({}, {"torch": 2.0})
    )
    assert "сборка 1,00 с" in without
    assert "запуск 3,00 с" not in without
    assert "запуск 3,00 с" in with_imports


def test_repeats_are_measured_round_after_round():
    grid = Grid(
        engines=["pytorch", "onnx_runtime"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1, 33], repeats=3
    )
    order = shuffled_cases(grid)
    assert [case.repeat for case in order] == [1] * 4 + [2] * 4 + [3] * 4
    assert len({case.id for case in order}) == len(grid.cases()) == 12
    assert [case.id for case in grid.cases()][-1] == "resnet18-onnx_runtime-fp32-224px-b33-r3"


def test_the_figure_is_the_median_of_one_process_and_the_geometric_mean_of_several():
    one = case_row([timed(record(), latency_ms=[1.0, 2.0, 100.0])])
    assert one["latency_ms"] == 2
    several = case_row(repeats("pytorch", 1.0, 4.0))
    assert several["latency_ms"] == pytest.approx(2)
