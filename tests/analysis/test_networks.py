"""Several networks: who wins how often and by how much on average, each network compared with itself alone."""

import math

import pytest
from helpers.made import crowded_by, record, report, retimed, skipped

from bench_lib.analysis.case_table import BASELINE, PLACE
from bench_lib.analysis.findings import blocks
from bench_lib.analysis.networks import contests, gains, rivals, tied, wins
from bench_lib.analysis.tuning import default_and_best
from bench_lib.core.case import Case

NETWORKS = ["alexnet", "resnet18", "vgg11"]


def zoo(speedups, engine="onnx_runtime", precision="fp32", repeats=3, **fields):
    """PyTorch fp32 at 10, 20, 40 ms for each network, and an engine with these speedups over it.

    The processes of a case differ by 0.1 %.
    """
    made = []
    for place, (network, speedup) in enumerate(zip(NETWORKS, speedups, strict=False)):
        usual = 10.0 * 2**place
        for name, at, ms in (("pytorch", "fp32", usual), (engine, precision, usual / speedup)):
            for repeat in range(1, repeats + 1):
                case = Case(engine=name, precision=at, model=network, repeat=repeat)
                made.append(record(name, at, ms=ms * (1 + 0.001 * (repeat - 2)), case=case, **fields))
    return made


def gain(data, name):
    (found,) = [one for one in gains(data.measured) if one.approach.name == name]
    return found


def test_the_geometric_mean_and_its_interval_are_those_computed_by_hand():
    found = gain(report(*zoo([2.0, 4.0, 8.0])), "ONNX Runtime fp32")
    # Logs are ln 2 · (1, 2, 3): mean 2 ln 2, sd ln 2, and Student's t at 99 % with 2 degrees of freedom is 9.9248.
    half = 9.9248 * math.log(2) / math.sqrt(3)
    assert found.mean.value == pytest.approx(4.0, rel=1e-4)
    assert found.mean.low == pytest.approx(4.0 / math.exp(half), rel=1e-3)
    assert found.mean.high == pytest.approx(4.0 * math.exp(half), rel=1e-3)
    assert (found.networks, found.lone, found.left_out, found.sound, found.verdict) == (3, 0, 0, True, "undecided")
    assert (found.least["model"], found.most["model"]) == ("alexnet", "vgg11")


@pytest.mark.parametrize(
    ("speedups", "verdict"),
    [([2.0, 2.1, 2.2], "faster"), ([0.5, 0.51, 0.52], "slower"), ([1.0, 1.0001, 0.9999], "same")],
)
def test_the_interval_over_the_networks_decides_the_verdict(speedups, verdict):
    assert gain(report(*zoo(speedups)), "ONNX Runtime fp32").verdict == verdict


def test_one_network_alone_decides_nothing_on_average():
    only = gain(report(*zoo([2.0, 2.0]), *[skipped("torch_tensorrt", model="vgg11")]), "ONNX Runtime fp32")
    assert only.networks == 2
    lone = gain(report(*zoo([3.0]), record(model="vgg11")), "ONNX Runtime fp32")
    assert (lone.networks, lone.verdict, lone.mean.high) == (1, "undecided", math.inf)


def test_a_planted_winner_is_found_for_each_network_though_another_network_is_faster_than_all_of_its_rows():
    """PyTorch at the first network takes less time than anything at the third: it must not win there."""
    data = report(*zoo([2.0, 2.0, 2.0]))
    found = contests(data.measured)
    assert [(one.model, one.winner.name) for one in found] == [(name, "ONNX Runtime fp32") for name in NETWORKS]
    assert {approach.name: count for approach, count in wins(found).items()} == {"ONNX Runtime fp32": 3}
    assert tied(found) == 0
    assert gain(data, "ONNX Runtime fp32").wins == 3
    assert list(data.measured.groupby("model").leads.sum()) == [1, 1, 1]
    assert [block.leaders[0].engine for block in blocks(data.measured)] == ["onnx_runtime"] * 3


def test_a_tie_is_won_by_nobody():
    data = report(*zoo([1.0, 2.0, 1.0]))
    found = contests(data.measured)
    assert [one.winner and one.winner.name for one in found] == [None, "ONNX Runtime fp32", None]
    assert tied(found) == 2
    assert (gain(data, "ONNX Runtime fp32").wins, gain(data, "PyTorch fp32").wins) == (1, 0)


def test_who_has_nobody_to_compete_with_wins_nothing():
    (only,) = contests(report(record(model="vgg11"), skipped("onnx_runtime", model="alexnet")).measured)
    assert (only.winner, only.measured) == (None, 1)


def hosted(one):
    """The record, but the host sets its pace: of one process nothing is known then of the spread between processes."""
    return retimed(one, enqueue_ms=[0.9 * one.timing.latency_ms[0]] * 4)


def test_where_the_spread_between_processes_is_not_known_nobody_wins_but_networks_stand_for_each_other():
    data = report(*map(hosted, zoo([3.0, 3.0, 3.1], repeats=1)))
    assert wins(contests(data.measured)) == {}
    assert tied(contests(data.measured)) == 3
    found = gain(data, "ONNX Runtime fp32")
    assert (found.networks, found.lone, found.left_out, found.verdict) == (3, 3, 0, "faster")
    apart = gain(report(*map(hosted, zoo([1.0, 3.0, 0.9], repeats=1))), "ONNX Runtime fp32")
    assert (apart.lone, apart.verdict) == (3, "undecided")


@pytest.mark.parametrize("paced", [hosted, lambda one: one])
def test_what_was_measured_beside_others_decides_no_mean_where_the_host_sets_its_pace(paced):
    """All at once: the records begin and end at the same moment on one host."""
    at = {"host": "node", "started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:01:00+00:00"}
    made = [paced(one).model_copy(update=at) for one in zoo([3.0, 3.0, 3.1], repeats=1)]
    found = gain(report(*made), "ONNX Runtime fp32")
    decided = paced is not hosted
    assert (found.networks, found.left_out, found.sound) == (3, 0, decided)
    assert (found.verdict, found.mean.high == math.inf) == (("faster", False) if decided else ("undecided", True))


def test_a_speedup_that_others_may_have_disturbed_is_left_out_of_the_mean():
    """Beside other processes PyTorch took a thousand times as long: that is no gain of the other engine."""
    made = zoo([2.0, 2.0, 2000.0], repeats=1)
    crowded = [one.model_copy(update={"processor": crowded_by(1.5)}) if one.case.model == "vgg11" else one
               for one in made]  # fmt: skip
    found = gain(report(*crowded), "ONNX Runtime fp32")
    assert (found.networks, found.left_out, found.sound) == (2, 1, True)
    assert (found.mean.value, found.most["model"]) == (pytest.approx(2.0), "alexnet")
    assert gain(report(*made), "ONNX Runtime fp32").mean.value == pytest.approx(20.0)


def test_a_network_whose_engine_failed_is_left_out_of_the_mean_alone():
    made = [one for one in zoo([2.0, 2.0, 8.0]) if (one.case.engine, one.case.model) != ("onnx_runtime", "vgg11")]
    data = report(*made, skipped("onnx_runtime", model="vgg11"))
    found = gain(data, "ONNX Runtime fp32")
    assert (found.networks, found.mean.value) == (2, pytest.approx(2.0, rel=1e-4))
    assert gain(data, "PyTorch fp32").networks == 3


def test_a_network_without_its_baseline_has_no_speedup_though_another_network_has_one():
    made = [one for one in zoo([2.0, 2.0, 2.0]) if (one.case.engine, one.case.model) != ("pytorch", "vgg11")]
    data = report(*made, skipped("pytorch", model="vgg11"))
    assert math.isnan(data.measured.set_index("model").speedup.loc["vgg11"])
    assert gain(data, "ONNX Runtime fp32").networks == 2


def test_precisions_compete_apart_for_wins_and_together_for_the_fastest():
    half = [one for one in zoo([3.0, 3.0, 3.0], precision="fp16") if one.case.engine == "onnx_runtime"]
    data = report(*zoo([2.0, 2.0, 2.0]), *half)
    assert {approach.name for approach in wins(contests(data.measured))} == {"ONNX Runtime fp16"}
    assert gain(data, "ONNX Runtime fp32").wins == 3
    assert gain(data, "ONNX Runtime fp16").wins == 0  # it has no rival in fp16


def test_a_row_that_computed_in_another_precision_is_no_rival():
    made = [record(model=name, ms=10.0) for name in NETWORKS]
    made += [record("onnx_runtime", model=name, ms=2.0, actual="tf32") for name in NETWORKS]
    data = report(*made)
    assert set(rivals(data.measured).engine) == {"pytorch"}
    assert [one.approach for one in gains(data.measured)] == [BASELINE]


def test_the_gains_go_by_size_and_batch_and_then_from_the_largest():
    made = [record(engine, model=name, batch=batch, ms=ms * batch) for name in NETWORKS[:2] for batch in (1, 8)
            for engine, ms in (("pytorch", 10.0), ("onnx_runtime", 5.0), ("torch_tensorrt", 2.0))]  # fmt: skip
    found = [(one.batch_size, one.approach.engine) for one in gains(report(*made).measured)]
    order = ["torch_tensorrt", "onnx_runtime", "pytorch"]
    assert found == [(batch, engine) for batch in (1, 8) for engine in order]


def test_what_options_gain_is_taken_within_a_network():
    variant = {"variant": "nhwc", "options": {"channels_last": True}}
    made = [record(ms=ms, model=name, case=Case(engine="pytorch", model=name, **more))
            for name, pair in (("alexnet", (10.0, 5.0)), ("vgg11", (2.0, 1.0)))
            for ms, more in zip(pair, ({}, variant), strict=True)]  # fmt: skip
    pairs = default_and_best(report(*made).measured)
    assert sorted(pair.gain for pair in pairs) == [2.0, 2.0]
    assert all(pair.default.model == pair.best.model for pair in pairs)


def test_a_run_of_one_network_names_it_in_the_column_model_alone():
    one, several = report(record()).cases, report(*zoo([2.0, 2.0])).cases
    assert (set(one.model), set(one.network)) == ({"resnet18"}, {""})
    assert set(several.model) == set(several.network) == {"alexnet", "resnet18"}
    assert PLACE[0] == "model"


def test_a_network_s_name_that_could_be_markup_is_shown_without_it():
    data = report(record(model="nets:build"), record(model="a<b>*c*.onnx"))
    assert list(data.cases.network) == ["nets:build", "a?b??c?.onnx"]
    assert list(data.cases.model) == ["nets:build", "a<b>*c*.onnx"]
