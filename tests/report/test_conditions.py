"""The conditions of a run in section 2: what the records hold, and in one line what they do not."""

import dataclasses

import pytest
from helpers.made import GPU, crowded_by, record, report
from helpers.sentences import text

from bench_lib.core.case import Case
from bench_lib.report import conditions
from bench_lib.report.report import Report
from bench_lib.report.sections.method import conditions_text

TOLD = {"cpu_governor": "performance", "cpu_quota": 0.5, "threads": 2, "commit": "0123456789abcdef" * 2 + "+changes"}


def of_machines(*machines, **fields) -> Report:
    """A report of as many records as machines are given, each with more keys of its machine."""
    made = report(*(record(batch=batch, **fields) for batch in range(1, len(machines) + 1)))
    pairs = zip(made.records, machines, strict=True)
    records = [one.model_copy(update={"machine": one.machine | machine}) for one, machine in pairs]
    return dataclasses.replace(made, records=records)


def told(data):
    return text(conditions_text(data))


def test_what_the_machine_tells_is_printed():
    shown = told(of_machines(TOLD))
    assert "**Регулятор частоты процессора** — performance." in shown
    assert "**Квота процессора** у контейнера, в ядрах: 0,5." in shown
    assert "**Код** — коммит 0123456789ab с изменениями." in shown
    assert "**Вход** — батч лежит в памяти до начала замера." in shown
    assert "**Не записано:** число потоков." in shown


def test_an_absent_limit_and_an_unknown_condition_are_two_things():
    nothing = told(of_machines(TOLD | {"cpu_governor": None, "cpu_quota": None, "commit": None}))
    assert "**Регулятор частоты процессора** — система его не сообщает." in nothing
    assert "**Квота процессора** — нет." in nothing
    assert "**Код** — не из репозитория git." in nothing


def test_what_older_records_lack_is_named_once_in_one_line():
    lines = [line for line in told(report(record(), record(batch=2))).splitlines() if "Не записано" in line]
    assert lines == [
        "- **Не записано:** число потоков, регулятор частоты процессора, квота процессора и коммит кода.",
    ]


def test_a_run_that_two_commits_measured_names_both():
    shown = told(of_machines({"commit": "a" * 40}, {"commit": "b" * 40}, {}))
    assert f"**Код** — коммит {'a' * 12} и {'b' * 12}." in shown


def test_the_date_is_from_the_first_record_to_the_last():
    first, last = (
        record(batch=batch, started_at=f"2026-11-{day:02}T23:00:00+00:00") for batch, day in ((1, 12), (2, 9))
    )
    last = last.model_copy(update={"started_at": "2026-11-09T01:00:00+00:00"})
    assert "**Дата** — 2026-11-09 – 2026-11-12 (UTC)." in told(report(first, last))
    assert "**Дата** — 2026-11-12 (UTC)." in told(report(first))


def test_threads_are_those_that_each_runtime_really_used():
    rows = (
        record(ran={"threads": 2}),
        record("onnx_runtime", ran={"threads": 1}),
        record("openvino", ran={"threads": 4}),
    )
    more = record("onnx_runtime", batch=2, ran={"threads": 8})
    assert "операции: PyTorch — 2; ONNX Runtime — 1 и 8; OpenVINO — 4." in told(report(*rows, more))


def test_what_the_user_gave_as_threads_is_told_beside_those_that_were_used():
    shown = told(of_machines({"omp_num_threads": "8"}, {"omp_num_threads": None}, ran={"threads": 2}))
    assert "операции: PyTorch — 2. OMP_NUM_THREADS было задано: 8." in shown
    assert "OMP_NUM_THREADS" not in told(of_machines({"omp_num_threads": None}, ran={"threads": 2}))


def test_how_much_other_processes_took_is_told_where_records_hold_it():
    rows = record(processor=crowded_by(0.01)), record(batch=2, processor=crowded_by(1.0)), record(batch=3)
    shown = told(report(*rows))
    assert "**Другие процессы** занимали во время измерения не больше 50 % времени ядер." in shown
    assert "не больше 0,50 % времени" in told(report(rows[0], rows[2]))
    assert "Другие процессы" not in told(report(rows[2]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([False, False], "в PyTorch fp32 выключен и для свёрток, и для матричных произведений"),
        ([False, True], "**TF32** был разрешён в 1 из 2 записей PyTorch fp32."),
        ([False, None], "**Не записано:** режим TF32"),
    ],
)
def test_tf32_is_called_off_only_where_every_process_read_that_back(settings, words):
    rans = [{} if setting is None else {"tf32_allowed": setting} for setting in settings]
    data = report(*(record(batch=batch, ran=ran) for batch, ran in enumerate(rans, 1)), gpu=GPU)
    assert words in told(data)
    assert ("выключен" in told(data)) == (words.startswith("в PyTorch"))


def test_what_tf32_means_is_said_where_it_is_a_precision_of_the_run():
    strict = {"tf32_allowed": False}
    assert "tf32 он разрешён" not in told(report(record(ran=strict), gpu=GPU))
    both = report(record(ran=strict), record(precision="tf32", ran={"tf32_allowed": True}), gpu=GPU)
    assert "В строках с точностью tf32 он разрешён." in told(both)


def test_a_processor_has_no_tf32_and_its_input_is_not_on_a_gpu():
    assert "TF32" not in told(report(record()))
    assert "в памяти GPU до начала замера: копирование в него не входит" in told(report(record(), gpu=GPU))


def test_the_layout_follows_the_options_and_what_was_read_back():
    assert conditions.layout_sentence(report(record())) == "**Раскладка** — NCHW."
    options = Case(engine="onnx_runtime", variant="nhwc", options={"prefer_nhwc": True})
    asked, read_back = record(case=options), record(batch=2, ran={"channels_last": True})
    assert conditions.layout_sentence(report(asked, read_back)) == (
        "**Раскладка** — NCHW; channels_last (NHWC) — у ONNX Runtime (nhwc) и PyTorch."
    )


def test_where_nothing_was_measured_nothing_of_threads_is_missed():
    shown = told(report(record(status="skipped")))
    assert "потоков" not in shown


def test_engines_measured_at_fewer_precisions_are_named():
    limited = report(record(), record("onnx_runtime"), record(precision="tf32"), only={"onnx_runtime": ["fp32"]})
    assert "**Точность:** fp32, tf32. Не при всех точностях измерены: ONNX Runtime — fp32." in told(limited)
    assert "Не при всех точностях" not in told(report(record()))
