"""Work counted from the model, ceilings from documented peaks, and figures above them, all exact."""

import json
from types import SimpleNamespace

import pytest
import torch
from helpers.made import GPU, MACHINE, FakeClock, Honest, record, report
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench_lib.analysis import roofline
from bench_lib.core import engine as engine_module
from bench_lib.core.case import Case, Limits
from bench_lib.core.reason import because, say
from bench_lib.core.record import Timing, Window, Work, read_record
from bench_lib.measure import system
from bench_lib.measure.flops import count_work
from bench_lib.measure.measure_case import measure_case
from bench_lib.report.sections import approaches
from bench_lib.report.sections.absent import absent_table
from bench_lib.report.sections.accuracy import accuracy_text
from bench_lib.report.sections.results import columns_text, results_table
from bench_lib.report.tables import record_card
from bench_lib.text.language import NBSP
from bench_lib.workload.network import load_network

RESNET18 = Case(engine="pytorch")
H200 = roofline.known_peaks()["H200"]
PEAKS = roofline.Peaks(fp32=10, tf32=20, fp16=40, gb_per_s=1000, source="a datasheet")
WORK = Work(flops=4 * 10**10, flops_least=10**10, bytes_least=10**9)  # 4 ms in fp32 and 1 ms of memory by PEAKS


def resnet18_layers():
    """Each layer of ResNet-18 at 224 pixels: kernel's side, channels in and out, stride, output's side."""
    layers = [(7, 3, 64, 2, 112)] + [(3, 64, 64, 1, 56)] * 4
    for channels, side in ((128, 28), (256, 14), (512, 7)):
        layers += [(3, channels // 2, channels, 2, side), (1, channels // 2, channels, 2, side)]
        layers += [(3, channels, channels, 1, side)] * 3
    return [*layers, (1, 512, 1000, 1, 1)]  # the last is a matrix product


def test_resnet18_takes_the_operations_and_bytes_of_its_layers():
    macs = least = weights = 0
    for side, before, after, stride, output in resnet18_layers():
        layer = side**2 * before * after * output**2
        macs += layer
        least += layer // 4 if (side, stride) == (3, 1) else layer
        weights += side**2 * before * after
    assert macs == 1_814_073_344
    counted = count_work(RESNET18, load_network("resnet18", 0, image_size=32))
    assert counted == Work(flops=2 * macs, flops_least=2 * least, bytes_least=4 * (weights + 3 * 224**2 + 1000))


class Small(nn.Module):
    """Convolutions of all kinds, and a part that serves training alone."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 4, 5, padding=2)
        self.flat = nn.Conv2d(4, 4, (1, 7), padding=(0, 3))
        self.grouped = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.strided = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.auxiliary = nn.Linear(8, 100)
        self.last = nn.Linear(8, 10)

    def forward(self, images):
        found = self.norm(self.strided(self.grouped(self.flat(self.wide(images)))))
        return self.last(found.mean((2, 3)))


@pytest.fixture
def small():
    return Small().eval()


def test_each_kind_of_layer_is_counted_and_only_what_the_output_comes_from_is_moved(small):
    case = Case(engine="pytorch", precision="fp16", image_size=16, batch_size=3)
    wide, flat, grouped = 25 * 3 * 4 * 256, 7 * 4 * 4 * 256, 9 * 2 * 8 * 256
    others = 9 * 8 * 8 * 64 + 8 * 10
    fast = wide * 64 // 400 + flat * 10 // 28 + grouped // 4  # (4 + k - 1) of 4 k a side
    weights = 25 * 3 * 4 + 7 * 4 * 4 + 9 * 2 * 8 + 9 * 8 * 8 + 8 * 10
    assert count_work(case, small) == Work(
        flops=2 * 3 * (wide + flat + grouped + others),
        flops_least=2 * 3 * (fast + others),
        bytes_least=2 * (weights + 3 * (3 * 256 + 10)),
    )


def test_a_batch_takes_what_is_counted_when_it_runs(small):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        small(torch.zeros(5, 3, 16, 16))
    case = Case(engine="pytorch", image_size=16, batch_size=5)
    assert count_work(case, small).flops == counter.get_total_flops()


def test_counting_leaves_the_network_as_it_was(small):
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    count_work(Case(engine="pytorch", image_size=16), small)
    assert all(torch.equal(tensor, before[name]) for name, tensor in small.state_dict().items())
    assert all(weight.grad is None for weight in small.parameters())


@pytest.mark.parametrize(("name", "known"), roofline.known_peaks().items(), ids=roofline.known_peaks())
def test_documented_peaks_are_dense_and_in_order(name, known):
    assert not name.startswith("NVIDIA ")
    assert known.source.startswith("NVIDIA ")
    assert 100 < known.gb_per_s < 10_000
    if known.tf32 is None:
        assert name.startswith(("Tesla T4", "Tesla V100"))  # older than TF32
        assert known.fp16 / known.fp32 == pytest.approx(8, rel=0.01)
        assert known.bf16 is None
    else:
        assert 0 < known.fp32 <= known.tf32 < known.fp16
        ratio = known.fp16 / known.tf32  # a sparse figure beside a dense one would double or halve it
        assert ratio == pytest.approx(4 if name.startswith("GeForce") else 2, rel=0.03)
        assert known.fp16 / known.bf16 == pytest.approx(2 if name.startswith("GeForce") else 1, rel=0.01)


@pytest.mark.parametrize(
    ("gpu", "known"),
    [
        (None, None),
        ({"name": "NVIDIA H200"}, H200),
        ({"name": "Tesla T4"}, roofline.known_peaks()["Tesla T4"]),
        ({"name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb"}, None),
        ({"name": "NVIDIA GeForce RTX 4090 Laptop GPU"}, None),
    ],
)
def test_a_gpu_is_known_by_its_whole_name(gpu, known):
    assert roofline.gpu_peaks(gpu) is known


def test_the_ceiling_is_the_larger_of_operations_and_bytes():
    assert roofline.roofline_ceiling(WORK, PEAKS, "fp32") == roofline.Ceiling(4, "compute")
    assert roofline.roofline_ceiling(WORK, PEAKS, "fp16") == roofline.Ceiling(1, "compute")
    heavy = WORK.model_copy(update={"bytes_least": 3 * 10**9})
    assert roofline.roofline_ceiling(heavy, PEAKS, "fp16") == roofline.Ceiling(3, "memory")
    assert roofline.roofline_ceiling(WORK, roofline.known_peaks()["Tesla T4"], "tf32") is None
    assert roofline.roofline_ceiling(WORK, roofline.known_peaks()["Tesla T4"], "bf16") is None
    assert roofline.roofline_ceiling(WORK, H200, "bf16") == roofline.roofline_ceiling(WORK, H200, "fp16")


def test_the_limit_allows_for_fast_algorithms_a_higher_clock_and_caches():
    assert roofline.least_ms(WORK, PEAKS, "fp32") == pytest.approx(1 / 1.3)
    assert roofline.least_ms(WORK, PEAKS, "fp16") == pytest.approx(0.25 / 1.3)
    assert roofline.least_ms(WORK, roofline.Peaks(10, 120, 1, "", tf32=60), "fp32") == pytest.approx(0.5 / 1.3)
    assert roofline.least_ms(WORK, roofline.known_peaks()["Tesla T4"], "tf32") == 0


def fast(latency_ms, throughput_ms, gpu=GPU, work=WORK, **fields):
    """A measured record of these figures on a machine that says it has `gpu`."""
    timing = Timing(
        warmup_ms=[1.0], warm=True, latency_ms=[latency_ms], throughput=[Window(calls=10, seconds=throughput_ms / 100)]
    )
    return record(timing=timing, work=work, machine=MACHINE | {"gpu": gpu}, **fields)


@pytest.mark.parametrize(
    ("latency_ms", "throughput_ms", "figure"),
    [
        (1.01, 1.01, ""),
        (0.5, 2, "2 000 изображений/с по задержке"),
        (2, 0.25, "4 000 изображений/с по пропускной способности"),
    ],
)
def test_latency_and_throughput_are_both_held_against_the_limit(monkeypatch, latency_ms, throughput_ms, figure):
    monkeypatch.setattr(roofline, "gpu_peaks", lambda _: PEAKS)
    monkeypatch.setattr(roofline, "CLOCK_HEADROOM", 1)
    reason = roofline.impossible_speed(fast(latency_ms, throughput_ms, GPU | {"name": "GPU"}))
    assert (reason is not None) == bool(figure)
    if reason:
        assert say(reason).replace(NBSP, " ") == f"скорость невозможна: {figure}, а GPU в fp32 не может больше 1 000"
        assert str(reason).startswith(f"impossible speed: {figure[:5].replace(' ', ',')} images/s by ")


def measured_on(monkeypatch, gpu, run_s):
    """A record of ResNet-18 at 32 pixels by an engine that takes `run_s` on a machine that says it has `gpu`."""
    clock, case = FakeClock(), Case(engine="pytorch", image_size=32)

    def build(model, images, _precision, **_options):
        return Honest(clock, model, images, run_s)

    module = SimpleNamespace(IMPORTS=(), check_support=lambda _: None, build=build)
    monkeypatch.setattr(engine_module, "load_builder", lambda _: module)
    monkeypatch.setattr(system, "gpu", lambda: gpu)
    limits = Limits(warmup_min_s=0, warmup_max_s=1e-5, min_count=4, min_s=1e-6)
    return measure_case(case, limits, clock=clock)


def test_a_figure_above_what_the_gpu_can_do_is_judged_on_reading_a_failed_row_without_a_speed(monkeypatch):
    # 0.029 of 0.075 GFLOP by the fastest algorithm, at 1.3 of 494.5 / 3 TFLOP/s: no less than 0.136 microseconds.
    false = measured_on(monkeypatch, GPU, 1e-7)
    assert (false.status, false.reason) == ("ok", None)  # what was measured is kept as it is
    data = report(false, record(batch=4, ms=20, work=WORK), gpu=GPU)
    assert_impossible(data, "PyTorch fp32")
    assert roofline.judged(false).timing == false.timing
    assert "скорость невозможна: " in record_card(false).to_html()


def assert_impossible(data, name):
    """The first of two records stands aside for its speed, and the report says so."""
    judged, other = data.records
    assert (judged.status, judged.reason.name, other.status) == ("failed", "impossible_latency", "ok")
    row = data.cases.iloc[0]
    assert row[["latency_ms", "fps", "speedup", "roofline"]].isna().all()
    assert row.reason == say(judged.reason)
    assert say(judged.reason) in absent_table(data).data["Причина"].tolist()
    assert f"1 конфигурация — быстрее возможного; скорость для них не показана: {name}" in plain_text(data)
    assert "вне допуска" not in accuracy_text(data).data


def test_a_record_of_version_1_that_failed_for_its_speed_is_judged_again(tmp_path):
    data = json.loads(fast(1e-6, 1e-6).model_dump_json()) | {
        "schema_version": 1, "status": "failed", "reason": "скорость невозможна: 1 изображений/с",
        "detail": "impossible speed: 1 images/s", "energy_absent": "",
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(data))
    kept = read_record(tmp_path / "a.json")
    assert (kept.status, kept.reason, kept.detail) == ("ok", None, "")
    assert_impossible(report(kept, record(batch=4, ms=20, work=WORK), gpu=GPU), "PyTorch fp32")
    assert report(kept, record(batch=4, ms=20, work=WORK)).records[0].status == "ok"  # where no GPU's peaks are known


def test_what_is_inexact_is_no_impossible_speed():
    inexact = fast(1e-6, 1e-6).model_copy(update={"status": "failed", "reason": because("not_finite")})
    data = report(inexact, record(batch=4, ms=20, work=WORK), gpu=GPU)
    assert data.records[0].reason.name == "not_finite"
    assert "1 конфигурация — вне допуска" in accuracy_text(data).data.replace(NBSP, " ")
    assert "быстрее возможного" not in plain_text(data)


@pytest.mark.parametrize(("gpu", "run_s"), [(GPU, 3e-7), (None, 1e-7), (GPU | {"name": "NVIDIA X1"}, 1e-7)])
def test_a_possible_figure_and_one_without_known_peaks_stand(monkeypatch, gpu, run_s):
    kept = roofline.judged(measured_on(monkeypatch, gpu, run_s))
    assert (kept.status, kept.reason) == ("ok", None)
    assert kept.work.flops == 2 * ((1_814_073_344 - 512_000) // 49 + 512_000)  # 224 pixels are 49 times 32


def plain_text(data):
    return "\n".join(part(data).data for part in (columns_text, approaches.approaches_text)).replace(NBSP, " ")


def test_the_share_of_the_ceiling_is_by_throughput_and_in_the_precision_that_ran():
    work_of_1_ms = Work(flops=67 * 10**9, flops_least=10**9, bytes_least=1)
    data = report(
        record(ms=20, fps=250, work=work_of_1_ms),
        record("onnx_runtime", ms=10, fps=100, work=work_of_1_ms),
        record("torch_tensorrt", ms=10, fps=100, actual="tf32", work=work_of_1_ms),
        record(precision="fp16", ms=5),
        gpu=GPU,
    )
    assert list(data.cases.roofline)[:3] == pytest.approx([0.25, 0.1, 0.1 * 67 / 494.5])
    assert data.cases.roofline.isna().tolist() == [False, False, False, True]
    html = results_table(data).to_html().replace(NBSP, " ")
    assert all(f">{share}<" in html for share in ("25 %", "10 %", "1,4 %", "—"))
    told = plain_text(data)
    assert "пики NVIDIA H200: fp32 — 67 Тфлоп/с, TF32 — 494,5 Тфлоп/с, fp16 — 989,5 Тфлоп/с" in told
    assert "память — 4 800 ГБ/с; источник — NVIDIA H200 datasheet (SXM)" in told
    assert "Ближе всех к потолку — PyTorch fp32, 224×224, батч 1: 25 %; это потолок вычислений." in told
    assert "У половины строк — не больше 10 %." in told


def test_a_ceiling_of_memory_is_named_so():
    moved = Work(flops=1, flops_least=1, bytes_least=48 * 10**8)
    told = plain_text(report(record(ms=2, work=moved), gpu=GPU))
    assert "батч 1: 50 %; это потолок обмена с памятью" in told


@pytest.mark.parametrize(
    ("gpu", "fields", "why"),
    [
        (None, {"work": WORK}, "для процессоров нет документированного пика"),
        (GPU | {"name": "NVIDIA X1"}, {"work": WORK}, "документированных пиков NVIDIA X1 нет в таблице"),
        (GPU, {}, "в записях нет числа операций сети"),
    ],
)
def test_without_a_ceiling_there_is_no_column_and_a_sentence_says_why(gpu, fields, why):
    data = report(record(**fields), gpu=gpu)
    assert "% от потолка" not in results_table(data).data.columns
    told = plain_text(data)
    assert f"**% от потолка** — не посчитан: {why}" in told
    assert "Ближе всех к потолку" not in told


def test_a_record_from_before_work_was_counted_reads(tmp_path):
    data = json.loads(record().model_dump_json())
    del data["work"]
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert read_record(tmp_path / "a.json").work is None
