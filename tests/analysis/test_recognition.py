"""Points, the Pareto front, steps that are told apart or not, and what to take, on made verdicts."""

import random

import pytest
from helpers.made import labelled, record, report

from bench_lib.analysis import recognition
from bench_lib.core.proportions import Paired

COUNT = 1000


def right(share, lost=0, **fields):
    """So large a share of `COUNT` images answered right; of those, the first `lost` wrong after all."""
    count = round(share * COUNT)
    return labelled("0" * lost + "1" * (count - lost) + "0" * (COUNT - count), **fields)


def run(*rows):
    """A report of rows: engine, precision, size, batch, FPS, verdicts."""
    return report(*(
        record(engine, precision, size, batch, 1000 * batch / fps, labelled=verdicts)
        for engine, precision, size, batch, fps, verdicts in rows
    ))  # fmt: skip


def named(rows):
    return [(row["name"], row.image_size) for _, row in rows.iterrows()]


def test_a_point_is_the_batch_with_the_highest_fps():
    found = recognition.points(run(
        ("pytorch", "fp32", 224, 1, 100, right(0.8)), ("pytorch", "fp32", 224, 8, 300, right(0.8)),
        ("pytorch", "fp32", 224, 64, 250, right(0.8)), ("onnx_runtime", "fp32", 224, 8, 400, None),
    ))  # fmt: skip
    assert found[["batch_size", "fps"]].values.tolist() == [[8, 300]]


def test_on_the_front_is_what_nothing_else_is_as_fast_and_as_accurate_as():
    rows = recognition.points(run(
        ("pytorch", "fp32", 224, 1, 100, right(0.80)), ("pytorch", "fp16", 224, 1, 200, right(0.80)),
        ("pytorch", "fp32", 192, 1, 150, right(0.78)), ("pytorch", "fp16", 192, 1, 300, right(0.79)),
        ("onnx_runtime", "fp32", 224, 1, 90, right(0.81)), ("onnx_runtime", "fp32", 192, 1, 300, right(0.79)),
    ))  # fmt: skip
    assert named(recognition.front(rows)) == [("PyTorch fp16", 192), ("PyTorch fp16", 224), ("ONNX Runtime fp32", 224)]


def test_steps_are_told_apart_by_the_same_images():
    data = run(
        ("pytorch", "fp32", 224, 1, 100, right(0.80)), ("pytorch", "fp16", 224, 1, 200, right(0.80, lost=2)),
        ("pytorch", "bf16", 224, 1, 300, right(0.80, lost=40)),
        ("onnx_runtime", "fp32", 224, 1, 200, right(0.80, images_id="f" * 64)),  # other images
    )  # fmt: skip
    steps = recognition.approach_steps(recognition.points(data), recognition.answers_of(data))
    assert [(one.row.precision, one.is_told_apart) for one in steps] == [("fp16", False), ("bf16", True)]
    assert [one.paired.difference.value for one in steps] == [pytest.approx(-0.002), pytest.approx(-0.04)]


def test_sizes_are_compared_with_the_next_larger_one():
    shares = {256: 0.80, 224: 0.80, 128: 0.70}
    data = run(*(("pytorch", "fp32", size, 1, 1e5 / size, right(share)) for size, share in shares.items()))
    steps = recognition.size_steps(recognition.points(data), recognition.answers_of(data))
    told = [(one.other.image_size, one.row.image_size, one.is_told_apart) for one in steps]
    assert told == [(256, 224, False), (224, 128, True)]


def test_without_pytorch_fp32_sizes_are_those_of_the_approach_that_has_the_most():
    data = run(
        ("onnx_runtime", "fp16", 224, 1, 100, right(0.8)), ("pytorch", "fp16", 224, 1, 100, right(0.8)),
        ("pytorch", "fp16", 192, 1, 100, right(0.8)),
    )  # fmt: skip
    rows = recognition.points(data)
    assert set(recognition.one_approach(rows)["name"]) == {"PyTorch fp16"}
    assert recognition.approach_steps(rows, recognition.answers_of(data)) == []


def test_holm_s_correction_lets_chance_tell_apart_seldom_however_many_are_compared():
    assert recognition.told_apart([Paired(0, 20, 0, 0)] * 3) == [True] * 3
    assert recognition.told_apart([Paired(0, 7, 0, 0)]) == [True]  # p = 1/64
    assert recognition.told_apart([Paired(0, 7, 0, 0)] * 4) == [False] * 4
    assert recognition.told_apart([Paired(0, 7, 0, 0), Paired(0, 20, 0, 0)]) == [
        True,
        True,
    ]  # the second is decided first
    draw, alarms = random.Random(0), 0
    for _ in range(300):
        pairs = []
        for _ in range(20):
            first = sum(draw.random() < 0.5 for _ in range(40))
            pairs.append(Paired(900, first, 40 - first, 60))
        alarms += any(recognition.told_apart(pairs))
    assert alarms <= 0.05 * 300 + 10


def test_the_fastest_above_a_floor_is_taken():
    rows = recognition.points(run(
        ("pytorch", "fp32", 224, 1, 100, right(0.80)), ("pytorch", "fp16", 224, 1, 200, right(0.79)),
        ("pytorch", "bf16", 224, 1, 300, right(0.70)),
    ))  # fmt: skip
    assert recognition.fastest_of_at_least(rows, 0.79).precision == "fp16"
    assert recognition.fastest_of_at_least(rows, 0.6).precision == "bf16"
    assert recognition.fastest_of_at_least(rows, 0.81) is None


@pytest.mark.parametrize(("lost", "taken"), [(2, "fp16"), (40, "fp32")])
def test_what_is_fast_and_loses_too_much_is_not_taken(lost, taken):
    data = run(
        ("pytorch", "fp32", 224, 1, 100, right(0.80)), ("pytorch", "fp16", 224, 1, 200, right(0.80, lost=lost)),
    )  # fmt: skip
    rows, answers = recognition.points(data), recognition.answers_of(data)
    assert recognition.fastest_without_loss(rows, answers, 0.01).precision == taken
