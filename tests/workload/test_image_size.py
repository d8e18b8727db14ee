"""A network that takes one image size alone: cases of other sizes are rows that say so, and no error."""

import pytest
import torch
from corpus import networks

from bench_lib.core.case import Case, Limits
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.reason import say
from bench_lib.measure.measure_case import measure_case
from bench_lib.sweep.trial import try_network
from bench_lib.workload.image_size import SizeRefused, check_size
from bench_lib.workload.network import load_network

SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)
AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "batch_sizes": [1]}
IMAGE = torch.zeros(1, 3, 32, 32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    networks.make(tmp_path)
    monkeypatch.chdir(tmp_path)


def measured(size, model="nets:small_vit"):
    return measure_case(Case(engine="pytorch", image_size=size, model=model), SHORT)


def test_a_size_that_a_network_refuses_is_a_skipped_row_with_the_size_and_the_network_s_words():
    found = measured(64)
    assert (found.status, found.reason.name) == ("skipped", "size_not_taken")
    assert str(found.reason) == (
        "the network does not take images of 64×64: Wrong image height! Expected 32 but got 64!"
    )  # fmt: skip
    assert measured(32).status == "ok"


def test_the_reason_has_its_russian():
    assert say(measured(64).reason).startswith("сеть не принимает изображения 64×64: Wrong image height!")


@pytest.mark.parametrize("size", [64, 256])
def test_a_size_below_and_above_that_to_which_random_weights_are_adapted_is_refused_alike(size):
    with pytest.raises(SizeRefused, match=rf"model 'vit_b_16' does not take \[1, 3, {size}, {size}\]: AssertionError"):
        load_network("vit_b_16", 0, image_size=size)


def test_a_sweep_begins_if_the_network_takes_any_of_the_sizes():
    try_network(Grid(**AXES, model="nets:small_vit", image_sizes=[64, 32, 48]))


def test_a_sweep_does_not_begin_if_the_network_takes_none_of_the_sizes():
    with pytest.raises(InputError, match=r"model 'nets:small_vit' does not take \[1, 3, 64, 64\]: AssertionError"):
        try_network(Grid(**AXES, model="nets:small_vit", image_sizes=[48, 64]))


class Raising(torch.nn.Module):
    """A network that raises at any image."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, _images):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [MemoryError("full"), RuntimeError("CUDA out of memory"), RuntimeError("can't allocate memory"), KeyError("head"),
     InputError("a sentence")],
)  # fmt: skip
def test_a_lack_of_memory_and_other_faults_are_not_taken_for_a_size(error):
    with pytest.raises(type(error)) as caught:
        check_size(Raising(error), IMAGE, "net")
    assert caught.value is error


@pytest.mark.parametrize("error", [AssertionError("224 only"), RuntimeError("shapes differ"), ValueError("too small")])
def test_what_networks_raise_at_a_size_is_taken_for_it(error):
    with pytest.raises(SizeRefused, match=str(error)) as caught:
        check_size(Raising(error), IMAGE, "net")
    assert caught.value.reason.fields == {"size": 32, "words": str(error)}
