"""The check of answers catches every engine that cheats and lets every honest one pass, on ten real networks."""

from types import SimpleNamespace

import pytest
import torch
from helpers.arithmetic import answers_in
from helpers.saboteurs import (
    Another,
    First,
    Fp8,
    Mean,
    NotANumber,
    Recorded,
    ScaledFp8,
    Stale,
    Zeros,
    judged,
    saboteurs,
)
from torchvision import models

from bench_lib.core.engine import data_type
from bench_lib.measure import accuracy
from bench_lib.measure.reference import references
from bench_lib.workload.images import draw_images
from bench_lib.workload.random_weights import adapt_weights

NETWORKS = [
    "resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_b0", "vit_b_16", "swin_t", "convnext_tiny",
    "densenet121", "squeezenet1_1", "shufflenet_v2_x1_0",
]  # fmt: skip
PRECISIONS = ["fp32", "tf32", "fp16", "bf16", "int8"]
SIZE, COUNT = 32, 16
REASONS = {
    Mean: {"constant_output"}, First: {"constant_output"}, Zeros: {"constant_output"}, NotANumber: {"not_finite"},
    Fp8: {"few_digits"}, ScaledFp8: {"few_digits"},
    Another: {None, "constant_output"}, Stale: {None},
}  # fmt: skip


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """A network's reference for some images, and what it honestly answers to them in each precision.

    After each come the answers to as many other images, for which an engine is built.
    """
    size = {"image_size": SIZE} if request.param == "vit_b_16" else {}
    torch.manual_seed(0)
    model = models.get_model(request.param, weights=None, **size)
    adapt_weights(model, draw_images(4 * COUNT, SIZE, 0, "weights"))
    images, others = (draw_images(COUNT, SIZE, 0, purpose) for purpose in ("check", "timing"))
    against = references(model, images, torch.device("cpu"), COUNT)[0]
    with torch.no_grad():
        other_answers = model(others)
    answers = {precision: answers_in(precision, model, images) for precision in [*PRECISIONS, "fp8"]}
    recorded = {precision: torch.cat([given, other_answers.to(given.dtype)]) for precision, given in answers.items()}
    return SimpleNamespace(against=against, recorded=recorded)


def built(network, precision, batch_size):
    """The honest engine in this precision."""
    return Recorded(network.recorded[precision], batch_size, {"int8": 1} if precision == "int8" else None)


NUMBERS = torch.arange(COUNT).view(-1, 1, 1, 1)  # the images of `Recorded`


@pytest.mark.parametrize("batch_size", [1, 8, COUNT])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_honest_pass_and_every_saboteur_is_caught(network, precision, batch_size):
    compared, passes = judged(built(network, precision, batch_size), NUMBERS, batch_size, precision, network.against)
    assert passes, compared
    assert compared.actual_precision == precision
    assert compared.answered_classes > COUNT / 2
    for kind in saboteurs(precision):
        cheat = kind(built(network, precision, batch_size))
        compared, passes = judged(cheat, NUMBERS, batch_size, precision, network.against)
        assert not passes, (kind, compared)
        assert compared.fault in REASONS[kind], (kind, compared)
        if compared.fault is None:
            assert compared.error > 1


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_a_network_computed_in_fp8_is_refused_whatever_digits_its_answers_have(network, precision):
    rounded = network.recorded["fp8"][:COUNT]
    noise = torch.randn(rounded.shape, generator=torch.Generator().manual_seed(0))
    output = (rounded * (1 + 2**-5 * noise)).to(data_type(precision))  # as if the last operation had more digits
    compared = accuracy.compare(output, network.against, precision)
    assert compared.fault is None
    assert compared.error > 2 * compared.tolerance
