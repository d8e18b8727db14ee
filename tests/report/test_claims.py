"""Each claim of the original report says one thing, and its verdict follows the data, wrong ones too."""

import math

import pytest
from helpers.made import ALL, GPU, record, report, retimed, skipped

from bench_lib.core.record import Memory
from bench_lib.report.claims import batches, claim, memory, speed
from bench_lib.report.claims.claim import NO, PARTLY, UNDECIDED, UNTESTED, YES
from bench_lib.report.sections import claims

NEVER_TESTED = {
    "onnx_stable", "onnx_convenience", "size_256", "sizes_256_to_384", "batches_stable", "onnx_memory_limits",
}  # fmt: skip


def verdicts(data):
    return {claim.__name__: claim(data).verdict for claim in claims.CLAIMS}


def at_33(tensorrt_ms, *, onnx_ms=100.0, sd=0.001, **tensorrt):
    """PyTorch fp32 takes 110 ms at 224, batch 33; the others what is given."""
    return report(
        record(batch=33, ms=110),
        record("onnx_runtime", batch=33, ms=onnx_ms),
        record("torch_tensorrt", "fp16", batch=33, ms=tensorrt_ms, **tensorrt),
        sd=sd,
        gpu=GPU,
    )


def test_a_claim_that_no_one_measured_is_never_confirmed():
    found = verdicts(at_33(10))
    assert {name for name in NEVER_TESTED if found[name] != UNTESTED} == set()
    assert all(found[name] != UNTESTED for name in ("tensorrt_about_11", "onnx_about_1_3", "tensorrt_over_onnx"))


def test_no_claim_says_two_things():
    told = [claim(at_33(10)).text for claim in claims.CLAIMS]
    assert len(set(told)) == len(told)
    assert not [text for text in told if ";" in text or " далее " in text or "(в выводах" in text]


@pytest.mark.parametrize(
    ("ms", "verdict"), [(10.0, YES), (9.4, YES), (110 / 4.9, NO), (110 / 13, NO), (11.0, UNDECIDED)]
)
def test_about_11_is_10_to_12_by_the_row_s_own_interval(ms, verdict):
    found = speed.tensorrt_about_11(at_33(ms))
    assert found.verdict == verdict
    assert "«около 11» понимается как от 10 до 12" in found.data


def test_11_with_5_measured_is_not_confirmed_though_the_speedup_is_several_fold():
    found = verdicts(at_33(22))
    assert found["tensorrt_about_11"] == NO
    assert found["tensorrt_over_pytorch"] == YES
    assert "Здесь — 5,00× (интервал 4,9" in speed.tensorrt_about_11(at_33(22)).data


def test_about_1_3_has_a_claim_of_its_own():
    assert verdicts(at_33(10, onnx_ms=110 / 1.3))["onnx_about_1_3"] == YES
    assert verdicts(at_33(10, onnx_ms=100))["onnx_about_1_3"] == NO


def test_several_fold_is_judged_against_each_of_the_two():
    found = verdicts(at_33(30, onnx_ms=40))
    assert (found["tensorrt_over_pytorch"], found["tensorrt_over_onnx"]) == (YES, NO)


def test_elsewhere_than_at_224_and_33_the_figure_of_11_is_not_tested():
    data = report(record(ms=10), record("torch_tensorrt", "fp16", ms=1), gpu=GPU)
    assert verdicts(data)["tensorrt_about_11"] == UNTESTED
    assert speed.tensorrt_about_11(data).data == "При 224, батч 33 это не измерено."


def test_a_row_that_computed_in_another_precision_confirms_nothing_and_is_named():
    data = at_33(10, actual="fp32")
    found = verdicts(data)
    wanted = ("tensorrt_about_11", "tensorrt_over_pytorch", "tensorrt_over_onnx", "tensorrt_best", "tensorrt_memory")
    assert {found[name] for name in wanted} == {UNTESTED}
    assert speed.tensorrt_about_11(data).data == "Torch-TensorRT fp16 здесь на деле считал в FP32."


@pytest.mark.parametrize("which", [0, 2])
def test_a_row_or_a_baseline_that_did_not_settle_decides_nothing(which):
    rows = [record(batch=33, ms=110), record("onnx_runtime", batch=33, ms=100),
            record("torch_tensorrt", "fp16", batch=33, ms=10)]  # fmt: skip
    sound = report(*rows, sd=0.001, gpu=GPU)
    rows[which] = retimed(rows[which], warm=False)
    found = verdicts(report(*rows, sd=0.001, gpu=GPU))
    assert verdicts(sound)["tensorrt_about_11"] == verdicts(sound)["tensorrt_over_pytorch"] == YES
    assert found["tensorrt_about_11"] == found["tensorrt_over_pytorch"] == UNDECIDED
    assert found["tensorrt_over_onnx"] == (UNDECIDED if which else YES)
    told = speed.tensorrt_over_pytorch(report(*rows, sd=0.001, gpu=GPU)).data.replace("\u00a0", " ")
    assert "В 1 из 1 сравнения есть неустановившаяся строка" in told


def test_the_best_choice_is_not_confirmed_by_an_unsettled_leader():
    rows = [record(ms=10), retimed(record("torch_tensorrt", "fp16", ms=1), warm=False)]
    assert verdicts(report(*rows, gpu=GPU))["tensorrt_best"] == UNDECIDED


def whole(gpu=GPU, **timing):
    """Three engines at two sizes and four batches: most claims hold, unless the timing spoils it."""
    fps = {1: 100, 8: 960, 33: 990, 64: 1000}
    speed = {("pytorch", "fp32"): 1.0, ("pytorch", "fp16"): 1.5, ("onnx_runtime", "fp32"): 1.3,
             ("torch_tensorrt", "fp32"): 1.1, ("torch_tensorrt", "fp16"): 11.0}  # fmt: skip
    rows = []
    for (engine, precision), times in speed.items():
        for size in (224, 448):
            for batch, base in fps.items():
                rate = base * times / (1 if size == 224 else 4 if precision == "fp32" else 2)
                rows.append(record(engine, precision, size, batch, ms=1e3 * batch / rate))
    return report(*(retimed(row, **timing) for row in rows), sd=0.001, gpu=gpu)


@pytest.mark.parametrize("gpu", [GPU, None])
def test_where_nothing_settled_no_claim_on_speed_is_decided(gpu):
    timed = {name for name in verdicts(whole(gpu)) if name not in ("tensorrt_memory", "onnx_memory")}
    sound, cold = verdicts(whole(gpu)), verdicts(whole(gpu, warm=False))
    assert {sound[name] for name in timed - NEVER_TESTED} >= {YES}
    decided = {name for name in timed if sound[name] != UNTESTED}
    assert decided == timed - NEVER_TESTED - ({"onnx_without_nvidia"} if gpu else set())
    assert {cold[name] for name in decided} == {UNDECIDED}


def test_onnx_runtime_at_large_and_at_small_batches_are_two_claims():
    def by_batch(small, large):
        found = verdicts(report(
            record(ms=10), record(batch=33, ms=10), record("onnx_runtime", ms=small),
            record("onnx_runtime", batch=33, ms=large), sd=0.001,
        ))  # fmt: skip
        return found["onnx_small_batches"], found["onnx_large_batches"], found["onnx_without_nvidia"]

    assert by_batch(10, 5) == (YES, YES, PARTLY)
    assert by_batch(5, 10) == (NO, NO, PARTLY)
    assert by_batch(5, 5) == (NO, YES, YES)
    assert by_batch(20, 20) == (YES, NO, NO)


def test_on_a_gpu_nothing_is_said_of_machines_without_one():
    assert verdicts(at_33(10))["onnx_without_nvidia"] == UNTESTED


def batch_verdicts(fps, sd=0.001, cold=()):
    """The verdicts on peak, saturation, 8 to 33 and growth for one approach with these FPS by batch."""
    rows = [record(batch=batch, ms=1, fps=value) for batch, value in fps.items()]
    found = verdicts(report(*(retimed(row, warm=row.case.batch_size not in cold) for row in rows), sd=sd))
    return [found[name] for name in ("batch_peaks", "batch_saturates", "batches_8_to_33", "batch_grows")]


@pytest.mark.parametrize(
    ("fps", "wanted"),
    [
        ({1: 100, 16: 900, 33: 990, 64: 1000}, [YES, YES, PARTLY, YES]),
        ({1: 100, 16: 990, 33: 995, 64: 1000}, [NO, YES, YES, YES]),  # the peak is there at 16 already
        ({1: 100, 16: 500, 33: 800, 64: 1000}, [NO, NO, NO, YES]),
        ({1: 1000, 16: 990, 33: 980, 64: 970}, [NO, YES, YES, NO]),
        ({1: 1000, 16: 800, 33: 700, 64: 690}, [NO, YES, NO, NO]),
        ({1: 100, 33: 990}, [UNTESTED, UNTESTED, UNTESTED, YES]),
        ({1: 100, 64: 990}, [UNTESTED, UNTESTED, UNTESTED, UNTESTED]),
    ],
)
def test_each_claim_on_the_batch_has_its_own_verdict(fps, wanted):
    assert batch_verdicts(fps) == wanted


def test_with_an_uncertain_or_unsettled_row_the_claims_on_the_batch_are_not_decided():
    fps = {1: 100, 16: 900, 33: 990, 64: 1000}
    assert batch_verdicts(fps, sd=0.1)[:2] == [UNDECIDED] * 2
    assert batch_verdicts(fps, cold=[64])[:3] == [UNDECIDED] * 3
    assert batch_verdicts(fps, cold=[1])[3] == UNDECIDED


def test_the_data_on_the_peak_are_shares_of_the_highest():
    rows = [record(batch=batch, ms=1, fps=fps) for batch, fps in {1: 100, 16: 900, 33: 990, 64: 1000}.items()]
    assert "PyTorch fp32, 224×224 — 90 % при батче 16, 99 % при батче 33" in batches.batch_peaks(
        report(*rows)
    ).data.replace("\u00a0", " ")


def test_memory_that_is_alike_or_shared_with_other_processes_decides_nothing():
    def found(onnx_mib, **fields):
        return verdicts(report(record(mib=500), record("onnx_runtime", mib=onnx_mib, **fields), gpu=GPU))["onnx_memory"]

    def steps(mib):
        size = mib * 2**20
        return Memory(host_before_build_bytes=0, host_peak_bytes=1, device_idle_bytes=0, device_peak_bytes=size)

    assert (found(900, memory=steps(900)), found(300, memory=steps(300))) == (YES, NO)
    assert memory.onnx_memory(report(record(mib=500), record("onnx_runtime", mib=505))).verdict == UNDECIDED
    assert found(900, memory=steps(900), gpu_idle={"processes": 1}) == UNDECIDED


def test_nothing_measured_confirms_nothing():
    data = report(*(skipped(engine) for engine in ALL))
    assert set(verdicts(data).values()) == {UNTESTED}
    assert claim.share_verdict([]) == UNTESTED


@pytest.mark.parametrize(
    ("holds", "verdict"),
    [([True], YES), ([True, None], PARTLY), ([True, False], PARTLY), ([False, None], NO), ([None], UNDECIDED)],
)
def test_a_verdict_is_no_better_than_what_it_rests_on(holds, verdict):
    assert claim.share_verdict(holds) == verdict


def test_an_interval_without_an_end_is_not_shown_and_decides_nothing():
    assert speed.interval_words(0.0, math.inf) == ""
    assert claim.within(0.0, math.inf, 10, 12) is None
    assert claim.at_least(0.0, math.inf, 2) is None


def test_the_table_shows_every_claim_with_its_verdict():
    shown = claims.claims_table(at_33(22)).data
    assert len(shown) == len(claims.CLAIMS)
    assert shown["Вердикт"].iloc[0] == "не подтверждается"
