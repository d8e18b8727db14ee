"""The arithmetic of `bench plan`: exact, and beside a simulated queue; what it tells of a run, and what it refuses."""

import math

import numpy as np
import pytest
from helpers.made import GPU, LOAD, crowd, point, record, report, retimed, scaling, served, serving, worded

from bench_lib.analysis import capacity
from bench_lib.analysis.devices import Device, served_devices
from bench_lib.cli import main
from bench_lib.core.record import Energy
from bench_lib.results.result_file import write_result
from bench_lib.results.run_folder import Run
from bench_lib.results.serving import ServingGrid


def device(batch=1, fps=1000.0, p99_ms=5.0, **fields):
    return Device("PyTorch fp32", 224, batch, fps, p99_ms, 500.0, **fields)


def test_the_first_of_a_batch_waits_for_the_others():
    assert capacity.fill_ms(1, 100.0) == 0
    assert capacity.fill_ms(2, 100.0) == pytest.approx(10 * math.log(100))  # one more: exponential
    assert capacity.fill_ms(2, 50.0) == pytest.approx(20 * math.log(100))
    drawn = np.random.default_rng(0).exponential(10.0, (200_000, 7)).sum(axis=1)  # seven more
    assert capacity.fill_ms(8, 100.0) == pytest.approx(np.percentile(drawn, 99), rel=0.01)


def test_a_batch_waits_for_the_device_as_kingman_says():
    assert capacity.wait_ms(100.0, 50.0) == pytest.approx(10 * math.log(50))
    assert capacity.wait_ms(100.0, 90.0) == pytest.approx(50 * math.log(90))
    assert capacity.wait_ms(100.0, 0.9) == 0  # fewer than 1 % find the device at work
    assert capacity.wait_ms(100.0, 100.0) == capacity.wait_ms(100.0, 150.0) == math.inf


def simulated_ms(batch, fps, ips, count=100_000):
    """The 99th percentile of answers of one device that waits for full batches and always takes equally long."""
    came = np.cumsum(np.random.default_rng(batch).exponential(1 / ips, count // batch * batch)).reshape(-1, batch)
    end, answers = 0.0, []
    for requests in came:
        end = max(requests[-1], end) + batch / fps
        answers.append(end - requests)
    return 1e3 * np.percentile(np.concatenate(answers), 99)


@pytest.mark.parametrize("batch", [1, 2, 16])
@pytest.mark.parametrize("busy", [0.1, 0.5, 0.7, 0.95])
def test_the_rule_is_never_below_a_simulated_queue_nor_far_above(batch, busy):
    computed = capacity.answer_ms(device(batch, p99_ms=batch), 1000 * busy)  # inference takes batch / fps
    assert 1 < computed / simulated_ms(batch, 1000.0, 1000 * busy) < 1.75


def test_the_largest_rate_keeps_the_limit_and_one_step_more_breaks_it():
    one = device()
    most = capacity.largest_rate(one, 30.0)
    assert capacity.answer_ms(one, most) <= 30 < capacity.answer_ms(one, most + one.fps / capacity.STEPS)
    assert capacity.largest_rate(one, 5.0) == 10  # 1 % busy: no wait at all
    assert capacity.largest_rate(one, 4.9) is None


def test_the_rule_takes_the_fewest_devices_that_keep_the_limit():
    one = device()
    most = capacity.largest_rate(one, 30.0)
    option = capacity.by_rule(one, 3 * most, 30.0)
    assert (option.devices, option.each_ips, option.busy) == (3, most, most / 1000)
    option = capacity.by_rule(one, 3 * most + 1, 30.0)
    assert option.devices == 4
    assert option.p99_ms == capacity.answer_ms(one, (3 * most + 1) / 4) < 30
    assert not option.measured


def test_a_large_batch_does_not_serve_a_low_rate():
    large = device(batch=33, p99_ms=10.0)
    assert capacity.by_rule(large, 900.0, 200.0).devices == 1
    assert capacity.by_rule(large, 100.0, 200.0) is None  # half a second to fill


def test_a_measured_curve_gives_the_devices_that_its_best_rate_under_the_limit_needs():
    curve = served([point(100, 4.0), point(600, 9.5), point(900, 40.0)])
    found = serving(curve)
    option = capacity.by_curve(curve, device(), 1201.0, 10.0, found)
    assert (option.devices, option.each_ips, option.p99_ms, option.kept_ips) == (3, 1201 / 3, 9.5, 600)
    assert (option.measured, option.samples, option.sure, option.near_queue) == (True, 2000, True, False)
    assert capacity.by_curve(curve, device(), 1201.0, 50.0, found).devices == 2
    assert capacity.by_curve(curve, device(), 1201.0, 3.0, found) is None
    few = served([point(100, 4.0), point(1200, 9.5, requests=1999)])
    option = capacity.by_curve(few, device(), 1201.0, 10.0, serving(few))
    assert (option.samples, option.sure, option.near_queue) == (1999, False, True)  # the queue alone carries 2000


def test_power_lies_between_idle_and_busy_in_proportion_to_the_load():
    half = capacity.Option(device(busy_w=300.0, busy_fps=1000.0, idle_w=100.0), 4, 500.0, 9.0, 2000)
    assert half.watts == pytest.approx(4 * (100 + 0.5 * (300 - 100)))
    idle = capacity.Option(device(busy_w=300.0, busy_fps=1000.0), 4, 500.0, 9.0, 2000)
    assert idle.watts == pytest.approx(4 * 0.5 * 300)
    assert math.isnan(capacity.Option(device(), 4, 500.0, 9.0, 2000).watts)


def test_power_is_that_of_the_batches_that_the_queue_makes_at_their_own_throughput(tmp_path):
    def measured(batch, fps, joules):
        energy = Energy(joules=joules, images=1, seconds=1, source="NVML")
        return record(size=32, batch=batch, ms=5, fps=fps, energy=energy)

    written(tmp_path, measured(1, 400, 100.0), measured(4, 1000, 300.0))
    known = capacity.plan_devices(tmp_path, 100, 100).known
    found = serving(served([point(200, 9.0, calls=1000), point(900, 90.0, calls=500)]))  # batches of 2 in time, then 4
    ((curve, like),) = served_devices(found, known)
    assert (like.busy_w, like.busy_fps, like.fps) == (100.0, 400, 1000)
    option = capacity.by_curve(curve, like, 200.0, 10.0, found)
    assert option.watts == pytest.approx(100 * 200 / 400)  # not 200 of the 1000 of larger batches
    capped = serving(served([point(200, 9.0)], call_ms={1: 2.0, 4: 6.0}, queued=[1]))
    ((_, like),) = served_devices(capped, known)
    assert (like.batch, like.fps) == (1, 500)


def written(folder, *records, gpu=None):
    """A run's folder that holds the records."""
    made = report(*records, gpu=gpu)
    run = Run(folder)
    run.start(made.grid, made.machine)
    for one in made.records:
        path = run.record_path(one.case)
        path.parent.mkdir(exist_ok=True)
        path.write_text(one.model_dump_json())
    return folder


def planned(capsys, *arguments):
    code = main.main(["plan", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_plan_names_devices_engine_batch_memory_power_and_cost(tmp_path, capsys):
    energy = Energy(joules=600.0, images=2000, seconds=2.0, source="NVML")
    idle = {"power_w": 100.0}
    written(
        tmp_path, record(ms=5, fps=1000, energy=energy, gpu_idle=idle), record("onnx_runtime", ms=5, fps=250), gpu=GPU
    )
    code, said, _ = planned(capsys, tmp_path, "--rate", 2000, "--p99-ms", 30, "--price-per-hour", 2.5)
    assert code == 0
    first, second = (line.split() for line in said.splitlines()[2:4])
    most = capacity.largest_rate(device(), 30.0)
    count = math.ceil(2000 / most)
    watts = count * (100 + 200 * 2000 / count / 1000)
    assert first[:3] == [str(count), "PyTorch", "fp32"]
    assert first[3:5] == ["1", f"{2000 / count:.4g}"]
    assert [float(cell) for cell in first[7:12]] == [4, 500, pytest.approx(watts, 1e-3), 2.5 * count,
                                                     pytest.approx(1e6 * 2.5 * count / 3600 / 2000, 1e-3)]  # fmt: skip
    assert second[1:3] == ["ONNX", "Runtime"]
    assert f"Measured was one device; {count} are {count} times it" in said
    assert "p99 of 4 calls" in said
    assert "NVIDIA H200" in said
    assert "per hour" not in planned(capsys, tmp_path, "--rate", 2000, "--p99-ms", 30)[1]


def test_a_curve_of_bench_serve_replaces_the_rule_for_its_engine(tmp_path, capsys):
    written(tmp_path, record(size=32, ms=5, fps=1000), record("onnx_runtime", size=32, ms=5, fps=1000))
    before = capacity.plan_devices(tmp_path, 500, 10)
    assert not any(option.measured for option in before.options)
    curve = [point(100, 4.0), point(600, 9.5, calls=1000), point(900, 40.0)]
    write_result(serving(served(curve), grid=ServingGrid(**LOAD)), tmp_path)
    found = {option.device.name: option for option in capacity.plan_devices(tmp_path, 500, 10).options}
    assert {name: option.measured for name, option in found.items()} == {
        "PyTorch fp32": True,
        "ONNX Runtime fp32": False,
    }
    assert found["PyTorch fp32"].device.fps == 1000  # of the queue: its ceiling
    code, said, _ = planned(capsys, tmp_path, "--rate", 5000, "--p99-ms", 9.9)
    assert code == 0
    assert "answered 600 images/s with a p99 of 9.5 ms (N = 2000); here each gets 555.6" in said
    allowed = capacity.largest_rate(device(), 9.9)
    assert (
        f"PyTorch fp32 kept the limit at 600 images/s under load (N = 2000); the rule allows it {allowed:.4g}" in said
    )


def test_an_option_of_few_requests_or_near_the_queue_s_rate_is_not_certain(tmp_path, capsys):
    written(tmp_path, record(size=32, ms=5, fps=1000))
    arguments = (tmp_path, "--rate", 5000, "--p99-ms", 9.9)
    write_result(serving(served([point(600, 9.5)])), tmp_path)
    said = planned(capsys, *arguments)[1]
    assert "Not certain" not in said
    assert "Perhaps limited" not in said
    write_result(serving(served([point(1200, 9.5, requests=1200)])), tmp_path)
    said = planned(capsys, *arguments)[1]
    assert "Not certain where N, the requests or calls behind a p99, is below 2000 (here from 1200)" in said
    assert "Perhaps limited by our queue rather than by the device: PyTorch fp32, above half" in said


def test_why_nothing_keeps_the_limit_names_the_parts_of_one_device(tmp_path, capsys):
    written(tmp_path, record(ms=5), record(batch=33, ms=4, fps=1000))
    said = planned(capsys, tmp_path, "--rate", 100, "--p99-ms", 3)[2]
    assert (
        "the least is 5 ms (PyTorch fp32, batch 1; by the rule, of which inference takes 5 ms, p99 of 4 calls)" in said
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate", 0, "--p99-ms", 20], "--rate is 0; it must be a number above 0"),
        (["--rate", -5, "--p99-ms", 20], "--rate is -5"),
        (["--rate", "nan", "--p99-ms", 20], "--rate is nan"),
        (["--rate", 100, "--p99-ms", 0], "--p99-ms is 0"),
        (["--rate", 100, "--p99-ms", 1], "no number of devices keeps p99 under 1 ms at 100 images/s: the least is"),
        (["--rate", 100, "--p99-ms", 20, "--price-per-hour", -1], "--price-per-hour is -1"),
        (["--rate", 100, "--p99-ms", 20, "--image-size", 99], "--image-size is 99; this run measured 224"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(tmp_path, capsys, arguments, words):
    code, _, said = planned(capsys, written(tmp_path, record(ms=5)), *arguments)
    assert code == 2
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_the_plan_says_where_its_first_option_is_from_a_marked_row(tmp_path, capsys):
    arguments = ("--rate", 10, "--p99-ms", 50)
    sound = written(tmp_path / "sound", record(ms=5), record("onnx_runtime", ms=8))
    assert "are marked" not in planned(capsys, sound, *arguments)[1]
    cold = written(tmp_path / "cold", retimed(record(ms=5), warm=False), record("onnx_runtime", ms=8))
    told = "The first one's figures are marked in the report: warm-up did not settle."
    assert told in planned(capsys, cold, *arguments)[1]


def test_a_run_of_several_sizes_or_without_figures_is_told(tmp_path, capsys):
    several = written(tmp_path / "several", record(), record(size=448))
    assert "images of 224, 448 pixels a side; choose one" in planned(capsys, several, "--rate", 1, "--p99-ms", 99)[2]
    none = written(tmp_path / "none", record(status="skipped", reason=worded("нет GPU")))
    assert "no case of this run was measured" in planned(capsys, none, "--rate", 1, "--p99-ms", 99)[2]
    assert "holds no run" in planned(capsys, tmp_path / "absent", "--rate", 1, "--p99-ms", 99)[2]


def test_a_run_of_several_networks_is_planned_for_the_one_that_is_named(tmp_path, capsys):
    made = [record(batch=8, ms=ms, model=model) for model, ms in (("alexnet", 8.0), ("vgg11", 80.0))]
    arguments = (written(tmp_path, *made), "--rate", 50, "--p99-ms", 900)
    assert "the run holds the networks alexnet, vgg11; choose one with --model" in planned(capsys, *arguments)[2]
    assert "--model is 'vgg12'; this run measured alexnet, vgg11" in planned(capsys, *arguments, "--model", "vgg12")[2]
    said = planned(capsys, *arguments, "--model", "vgg11")[1]
    assert said.startswith("vgg11: 50 images/s")
    assert " 50% " in said.splitlines()[2]  # of the 100 images a second of vgg11
    (known,) = capacity.plan_devices(tmp_path, 50, 900, network="alexnet").known
    assert (known.network, known.fps) == ("alexnet", 1000)


def test_what_was_measured_under_load_of_another_network_is_no_curve_of_this_one(tmp_path):
    written(tmp_path, record(size=32, batch=4, ms=4, model="vgg11"))
    known = capacity.plan_devices(tmp_path, 100, 100).known
    assert served_devices(serving(served([point(200, 9.0)])), known) == []  # of resnet18


def test_the_plan_checks_itself_against_two_processes_at_once(tmp_path, capsys):
    written(tmp_path, record(ms=5, fps=1000))
    arguments = (tmp_path, "--rate", 500, "--p99-ms", 30)
    assert "Not checked against two processes at once: `bench scale`" in planned(capsys, *arguments)[1]
    write_result(scaling(crowd(1, 600), crowd(2, 930)), tmp_path)
    said = planned(capsys, *arguments)[1]
    assert (
        "two processes at once on one device, each waiting for every batch, answer 930 images/s (PyTorch fp32, batch "
        "1), 1.55 of the 600 of one alone, and 0.93 of the 1000, calls back to back, that the plan counts for it."
    ) in said
    write_result(scaling(crowd(1, 600), crowd(2, 930), engine="onnx_runtime"), tmp_path)
    assert "measured none of this run's cases" in planned(capsys, *arguments)[1]
