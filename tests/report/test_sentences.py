"""Every sentence follows the data: swap the winner, flip a trend, drop an engine, and the text says so."""

import pytest
from helpers.made import ALL, GPU, MIB, record, report, skipped
from helpers.sentences import everything, text

from bench_lib.core.record import Memory
from bench_lib.report.claims.claim import NO, UNTESTED, YES
from bench_lib.report.claims.memory import onnx_memory
from bench_lib.report.claims.speed import tensorrt_best
from bench_lib.report.sections import (
    absent,
    abstract,
    accuracy,
    approaches,
    batch_sizes,
    claims,
    image_sizes,
    intervals,
    memory,
    recommendations,
)
from bench_lib.report.sections.method import method_text
from bench_lib.report.sections.results import columns_text, results_table
from bench_lib.text.language import NBSP, number, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import between, scientific, times


def verdicts(data):
    return {claim.__name__: claim(data).verdict for claim in claims.CLAIMS}


def pair(pytorch_ms, onnx_ms, **fields):
    return report(record(ms=pytorch_ms, **fields), record("onnx_runtime", ms=onnx_ms, **fields))


def test_the_winner_is_the_faster_one_whichever_it_is():
    assert "ONNX Runtime fp32 — в 1 из 1 сочетания" in text(approaches.approaches_text(pair(20, 10)))
    swapped = text(approaches.approaches_text(pair(10, 20)))
    assert "PyTorch fp32 — в 1 из 1 сочетания" in swapped
    assert (
        "относительно PyTorch fp32 медленнее в 1 из 1 сочетания. Ускорение — 0,500×, разброс между процессами принят "
        "без измерения." in swapped
    )


def test_a_tie_is_called_a_tie():
    tied = text(approaches.approaches_text(pair(10, 9.7)))
    assert "В 1 из 1 сочетания разница между лидерами не доказана: ONNX Runtime fp32 и PyTorch fp32." in tied
    assert "Меньше всех время на батч" not in tied
    assert "не решено в 1 из 1 сочетания" in tied


def test_speedup_is_of_latency_and_fps_is_of_throughput():
    cases = report(record(ms=20, fps=60), record("onnx_runtime", ms=10, fps=150)).cases
    assert list(cases.speedup) == [1, 2]
    assert list(cases.fps) == pytest.approx([60, 150])


def test_the_best_figures_stand_in_the_abstract():
    data = report(
        record(ms=4), record(batch=33, ms=66), record("onnx_runtime", ms=5), record("onnx_runtime", batch=33, ms=33)
    )
    told = text(abstract.abstract_html(data))
    assert (
        "Наибольшая пропускная способность:</b> ONNX Runtime fp32, 224×224, батч 33: 1 000 изобр./с, 2,00× к PyTorch "
        "fp32 (99 % ДИ 1,79–2,23× †). Цена: отклонение 1,0·10⁻⁶, " in told
    )
    assert "аименьшая задержка" in told
    assert "PyTorch fp32, 224×224, батч 1: 4,00 мс" in told
    assert "1 процесс на конфигурацию; разница не доказана в 0 из 2 сравнений." in told
    assert "Проверка вердиктов" not in told


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (5, "5,00 мс, 2,00× к PyTorch fp32 (99 % ДИ 1,79–2,23× †)"),
        (9.8, "9,80 мс, быстрее ли PyTorch fp32, не доказано (99 % ДИ 0,91–1,14× †)"),
    ],
)
def test_the_abstract_calls_faster_only_what_is_decided(ms, told):
    assert told in text(abstract.abstract_html(report(record(ms=10), record("onnx_runtime", ms=ms))))


def test_the_abstract_tells_how_sure_the_verdicts_are_and_reasons_in_short():
    told = text(abstract.abstract_html(report(record(), skipped("onnx_runtime", reason="слово " * 40), sd=0.01)))
    assert "Проверка вердиктов: ложных 0,50 %, замедление на 5 % обнаружено в 100 % случаев." in told
    assert "слово" not in told


def test_the_spread_names_its_worst_row_and_the_limits_read_as_written():
    noisy = record("onnx_runtime", ms=10)
    noisy = noisy.model_copy(update={"timing": noisy.timing.model_copy(update={"latency_ms": [8.0, 10.0, 12.0]})})
    told = text(intervals.sampling_text(report(record(ms=10), noisy)))
    assert "у половины строк не больше 10 %, наибольший — 20 % (ONNX Runtime fp32, 224×224, батч 1)" in told
    assert "не меньше 0,5 с и не больше 20 с" in text(method_text(report(record())))


def test_the_method_says_how_processes_start():
    assert "с загруженными библиотеками" in text(method_text(report(record(process="forked"))))
    assert "с загруженными библиотеками" not in text(method_text(report(record())))


def test_memory_without_a_gpu_is_what_the_case_added_to_its_process():
    grown = Memory(host_before_build_bytes=800 * MIB, host_peak_bytes=1000 * MIB)
    data = report(record(memory=grown))
    assert data.cases.memory_mib[0] == 200
    assert "прирост памяти процесса" in text(columns_text(data))
    assert "200 МиБ: столько добавит к памяти Python и библиотек каждый" in text(recommendations.advice_text(data))


def test_equal_pixel_rates_are_called_equal():
    told = text(image_sizes.image_sizes_text(report(record(ms=10), record(size=448, ms=40))))
    assert "При батче 1 лучший способ при всех размерах пропускает пикселей в секунду столько" in told
    assert "(до 5,02 Мпикс/с)" in told


def test_a_dropped_engine_leaves_the_text():
    assert "ONNX" in everything(pair(20, 10))
    assert "ONNX" not in everything(report(record(ms=20)))
    assert "Сравнивать не с чем: измерено только PyTorch fp32" in everything(report(record(ms=20)))


def test_an_absent_engine_is_told_with_its_reason():
    data = report(record(ms=20), skipped("torch_tensorrt"))
    assert "<b>Не измерено:</b> Torch-TensorRT fp32 (приложение Е)." in text(abstract.abstract_html(data))
    assert "нет GPU" in absent.absent_table(data).to_html()
    assert "Не измерено" not in text(abstract.abstract_html(report(record(ms=20))))


def test_without_the_baseline_no_speedup_is_claimed():
    data = report(record("onnx_runtime", ms=10), skipped("pytorch"))
    assert data.cases.speedup.isna().all()
    assert "PyTorch fp32 не измерен, поэтому ускорение не посчитано" in everything(data)
    assert "×" not in text(approaches.approaches_text(data))


def test_a_run_where_nothing_was_measured_has_a_report_all_the_same():
    data = report(skipped("pytorch"), skipped("torch_tensorrt"))
    assert "Ответа нет" in everything(data)
    assert set(verdicts(data).values()) == {UNTESTED}
    assert "—" in results_table(data).to_html()


def test_the_trend_over_sizes_is_told_as_it_is():
    falls = text(image_sizes.image_sizes_text(report(record(ms=10), record(size=448, ms=40))))
    assert "площадь изображения растёт в 4 раза, а FPS падает в 4 раза." in falls
    rises = text(image_sizes.image_sizes_text(report(record(ms=40), record(size=448, ms=10))))
    assert "FPS растёт в 4 раза. Растёт он у PyTorch fp32" in rises
    flat = text(image_sizes.image_sizes_text(report(record(ms=10), record(size=448, ms=10))))
    assert "FPS возможно, не меняется (не решено)" in flat
    flat = text(image_sizes.image_sizes_text(report(record(ms=10), record(size=448, ms=10), sd=0.001)))
    assert "FPS не меняется" in flat


def test_two_batches_do_not_prove_saturation():
    told = text(batch_sizes.batch_sizes_text(report(record(ms=10), record(batch=33, ms=100))))
    assert "FPS растёт в 3,3 раза" in told
    assert "нельзя сказать, где наступает насыщение" in told
    assert "params/batches.yaml" in told


@pytest.mark.parametrize(
    ("fps", "words"),
    [
        ({1: 100, 16: 970, 33: 990, 64: 1000}, "начиная с батча 16"),
        ({1: 100, 16: 500, 33: 800, 64: 1000}, "насыщение не достигнуто"),
        ({1: 1000, 16: 990, 33: 980, 64: 970}, "начиная с батча 1"),
    ],
)
def test_saturation_is_the_least_batch_within_5_percent_of_the_best(fps, words):
    data = report(*(record(batch=batch, ms=1, fps=value) for batch, value in fps.items()))
    assert words in text(batch_sizes.batch_sizes_text(data))


def test_a_row_that_computed_in_tf32_is_labelled_and_has_no_speedup():
    data = report(record(ms=10), record("torch_tensorrt", ms=2, actual="tf32"), gpu=GPU)
    row = data.cases.iloc[1]
    assert (row.precision, row.actual_precision, row.precision_label) == ("fp32", "tf32", "fp32 (факт.: TF32)")
    assert row.speedup != row.speedup
    told = text(accuracy.accuracy_text(data))
    assert "Torch-TensorRT в 1 конфигурации считал не в fp32" in told
    assert "TF32" in told


def test_memory_names_who_takes_least():
    data = report(record(mib=500), record("onnx_runtime", mib=900))
    assert "Меньше всех занимает: PyTorch fp32 — в 1 из 1 сочетания" in text(memory.memory_text(data))
    assert verdicts(data)["onnx_memory"] == YES
    assert "экспорт модели" in onnx_memory(data).data
    assert verdicts(report(record(mib=900), record("onnx_runtime", mib=500)))["onnx_memory"] == NO


def tensorrt(fp16_ms, *, fp16_mib=300):
    return report(
        record(ms=10), record(precision="fp16", ms=5), record("torch_tensorrt", "fp16", ms=fp16_ms, mib=fp16_mib)
    )


def test_the_claims_on_tensorrt_follow_the_data():
    good = verdicts(tensorrt(1))
    assert (good["tensorrt_over_pytorch"], good["tensorrt_best"], good["tensorrt_memory"]) == (YES,) * 3
    bad = verdicts(tensorrt(9, fp16_mib=900))
    assert (bad["tensorrt_over_pytorch"], bad["tensorrt_best"], bad["tensorrt_memory"]) == (NO,) * 3
    assert "Быстрее бывают: PyTorch fp16" in tensorrt_best(tensorrt(9)).data


def test_the_claim_on_fp16_and_size_follows_the_data():
    def data(large_fp16):
        return report(
            record(ms=10),
            record(size=448, ms=40),
            record(precision="fp16", ms=5),
            record(precision="fp16", size=448, ms=large_fp16),
            sd=0.001,
        )

    assert verdicts(data(10))["fp16_falls_less"] == YES
    assert verdicts(data(20))["fp16_falls_less"] == NO
    assert "в fp16 FPS падает в 2 раза, в fp32 падает в 4 раза: fp16 теряет меньше" in text(
        image_sizes.image_sizes_text(data(10))
    )


def test_the_table_has_the_seeds_columns_and_every_case():
    data = report(*(record(engine) for engine in ALL), skipped("pytorch", "fp16"))
    table = results_table(data)
    assert list(table.data.columns)[:8] == [
        "Оптимизация", "Точность", "Размер", "Батч", "Время/батч (мс)", "Время/изобр. (мс)", "FPS", "Ускорение",
    ]  # fmt: skip
    assert len(table.data) == 4
    assert "4 конфигурации, измерено 3, пропущено 1" in table.caption.replace(NBSP, " ")


def test_numbers_are_written_as_russians_write_them():
    assert [number(v) for v in (0.001234, 1.5, 17.123, 236.4, 12345.6, float("nan"))] == [
        "0,0012", "1,50", "17,1", "236", f"12{NBSP}346", "—",
    ]  # fmt: skip
    assert scientific(4.4e-7) == "4,4·10⁻⁷"
    assert [tr_n("{n}{nbsp}core", "{n}{nbsp}cores", n) for n in (1, 2, 5, 11, 21, 112)] == [
        f"{n}{NBSP}{word}"
        for n, word in ((1, "ядро"), (2, "ядра"), (5, "ядер"), (11, "ядер"), (21, "ядро"), (112, "ядер"))
    ]
    assert [times(v).replace(NBSP, " ") for v in (1.234, 2.04, 4.5, 12.1, 22)] == [
        "в 1,23 раза", "в 2 раза", "в 4,5 раза", "в 12 раз", "в 22 раза",
    ]  # fmt: skip
    assert between(1.2, 1.8).replace(NBSP, " ") == "в 1,20–1,80 раза"
    assert listed(["а", "б", "в"]) == "а, б и в"
