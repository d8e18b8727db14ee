"""What the measurements under load come to among the recommendations: from made figures, and nothing without them."""

import dataclasses

from helpers.made import (
    GPU,
    MACHINE,
    MIB,
    crowd,
    end_to_end,
    pipelined,
    point,
    record,
    report,
    scaling,
    served,
    serving,
)

from bench_lib.report.load_advice import load_lines
from bench_lib.report.sections import recommendations
from bench_lib.results.result_file import write_result
from bench_lib.text.language import NBSP

OTHER = report(record(size=448))  # a table without the cases of any load


def told(folder, *found, table=OTHER):
    for one in found:
        write_result(one, folder)
    return [line.replace(NBSP, " ") for line in load_lines(dataclasses.replace(table, folder=folder))]


def test_nothing_is_told_of_what_was_not_measured(tmp_path):
    assert told(tmp_path) == told(None) == []
    late = served([point(100, 12.0)])
    assert told(tmp_path, serving(late), scaling(crowd(1, 100))) == []


def test_the_highest_rate_in_time_is_that_of_the_best_engine(tmp_path):
    (line,) = told(tmp_path, serving(served([point(100, 4.0), point(600, 9.5)]), served([point(300, 1.0)], "openvino")))
    assert line.startswith(
        "**Под нагрузкой.** Наибольшая частота, на которую одно устройство ответило с p99 не больше 10 мс, — 600 "
        "запр./с (PyTorch fp32, N = 2 000). Сколько устройств"
    )
    assert "`bench plan RUN --rate … --p99-ms 10`" in line


def test_a_rate_of_few_requests_or_near_the_queue_s_is_not_recommended_as_sure(tmp_path):
    (line,) = told(tmp_path, serving(served([point(600, 9.5, requests=200)])))
    assert "N = 200). Выдержан ли при ней предел, наверняка не известно" in line
    assert "очередь" not in line
    (line,) = told(tmp_path, serving(served([point(1500, 9.5)])))
    assert "N = 2 000). Это больше половины того, что заведомо пропускает наша очередь (2 000 запр./с)" in line
    assert "не известно" not in line


def test_several_at_once_are_told_by_the_most_that_they_gain_delay_and_take(tmp_path):
    crowds = [crowd(1, 100, device_bytes=500 * MIB), crowd(4, 250, p50_ms=16.0, device_bytes=1100 * MIB),
              crowd(8, 240, p50_ms=33.0, device_bytes=1900 * MIB),
              crowd(1, 100, "threads"), crowd(8, 120, "threads")]  # fmt: skip
    (line,) = told(tmp_path, scaling(*crowds, machine=MACHINE | {"gpu": GPU}))
    assert line == (
        "**Несколько сразу.** Наибольший прирост против одного на том же устройстве: в 2,5 раза больше изображений в "
        "секунду (PyTorch fp32, батч 1, 4 процесса). Батч при этом занимает в 1,60 раза дольше, чем у одного. "
        "Каждый следующий занимает там ещё 200 МиБ памяти GPU."
    )
    (line,) = told(tmp_path, scaling(crowd(1, 100), crowd(2, 104, p50_ms=20.0)))
    assert "они почти ничего не прибавляют к одному; пример — PyTorch fp32, батч 1, 2 процесса. " in line
    assert "Батч при этом занимает в 2 раза дольше, чем у одного." in line
    assert line.endswith("Каждый следующий занимает там ещё 100 МиБ памяти хоста.")
    (line,) = told(tmp_path, scaling(crowd(1, 100), crowd(2, 200)))
    assert "Батч при этом занимает не дольше, чем у одного." in line


def test_a_gain_no_larger_than_two_equal_measurements_differ_is_next_to_nothing(tmp_path):
    (line,) = told(tmp_path, scaling(crowd(1, 100), crowd(2, 120), crowd(1, 80, "threads")))
    assert "они почти ничего не прибавляют" in line
    assert "а намерено 100 и 80,0 изобр./с" in line
    (line,) = told(tmp_path, scaling(crowd(1, 100), crowd(2, 120), crowd(1, 100, "threads")))
    assert "в 1,20 раза больше" in line
    unsure = scaling(crowd(1, 100), crowd(2, 120), crowd(1, 80, "threads"))
    other = scaling(crowd(1, 100), crowd(2, 115), engine="onnx_runtime").cases
    (line,) = told(tmp_path, unsure.model_copy(update={"cases": [*unsure.cases, *other]}))
    assert "в 1,15 раза больше изображений в секунду (ONNX Runtime fp32" in line


def test_what_several_cost_is_that_of_the_case_that_gains_most_not_of_another(tmp_path):
    gains = [crowd(1, 100), crowd(2, 150, p50_ms=13.0)]
    suffers = [crowd(1, 100), crowd(2, 60, p50_ms=90.0, host_bytes=9000 * MIB)]
    found = scaling(*gains)
    other = scaling(*suffers, engine="onnx_runtime").cases
    (line,) = told(tmp_path, found.model_copy(update={"cases": [*found.cases, *other]}))
    assert "(PyTorch fp32, батч 1, 2 процесса). Батч при этом занимает в 1,30 раза дольше" in line
    assert line.endswith("ещё 100 МиБ памяти хоста.")


def test_the_path_from_files_is_told_by_its_best_throughput(tmp_path):
    (line,) = told(tmp_path, end_to_end(pipelined(1, whole=390.0), pipelined(8, infer=2000.0, whole=500.0)))
    assert line == (
        "**Вместе с подготовкой.** От файлов JPEG до ответов проходит не больше 500 изобр./с (PyTorch fp32, "
        "батч 8, N ≈ 125): 25 % того, что та же конфигурация успевает без подготовки. Медленнее всего декодирование и "
        "подготовка."
    )


def test_what_ran_alone_is_held_against_the_table(tmp_path):
    table = report(record(ms=5, fps=400), record("onnx_runtime", ms=10, fps=100), record("openvino", ms=10, fps=100))
    assert told(tmp_path, table=table) == []
    line = told(tmp_path, scaling(crowd(1, 100), crowd(2, 500), crowd(1, 90, "threads")),
                end_to_end(pipelined(1, infer=110.0, engine="onnx_runtime"), pipelined(8, infer=1.0)),
                table=table)[-1]  # fmt: skip
    assert line == (
        "**Нагрузка рядом с таблицей.** То, что в замерах нагрузки работало в одиночку, успевает 50–110 % от того, что "
        "у той же конфигурации в таблице результатов (вызовы подряд — от FPS, вызовы с ожиданием — от времени на "
        "батч); дальше всего друг от друга — PyTorch fp32, батч 1: 100 против 200 изобр./с."
    )


def test_the_recommendations_hold_them(tmp_path):
    write_result(serving(served([point(600, 9.5)])), tmp_path)
    advice = recommendations.advice_text(report(record(), folder=tmp_path)).data
    assert advice.index("Загрузка и память") < advice.index("Под нагрузкой") < advice.index("Насколько этому верить")
