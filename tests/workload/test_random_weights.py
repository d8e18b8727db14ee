"""Random weights are adapted: activations are of unit scale, and different images get different answers."""

import pytest
import torch
import torchvision
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision import models

from bench_lib.workload import network
from bench_lib.workload.images import draw_images
from bench_lib.workload.network import load_network
from bench_lib.workload.random_weights import adapt_weights

SIZE = 32
SMALL = ["resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x1_0", "efficientnet_b0"]


def outputs_of_layers(model, images):
    """The standard deviation of what each convolution and linear layer gives, and of the whole network."""
    spreads = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(lambda _layer, _given, output: spreads.append(float(output.std())))
    with torch.no_grad():
        return spreads, model(images)


def adapted(name, **options):
    """Torchvision's network, adapted to a few images."""
    torch.manual_seed(0)
    model = models.get_model(name, weights=None, **options)
    adapt_weights(model, draw_images(64, SIZE, 0, "weights"))
    return model


@pytest.mark.parametrize("name", SMALL)
def test_activations_are_of_unit_scale_and_answers_differ(name):
    spreads, answers = outputs_of_layers(adapted(name), draw_images(16, SIZE, 0, "check"))
    assert min(spreads) > 0.3
    assert max(spreads) < 3
    assert answers.std(0).mean() > 0.7 * answers.std()
    assert len(answers.argmax(1).unique()) > 8


def test_as_torchvision_draws_them_answers_hardly_differ():
    torch.manual_seed(0)
    model = models.get_model("resnet18", weights=None).eval()
    with torch.no_grad():
        answers = model(draw_images(16, 64, 0, "check"))
    assert len(answers.argmax(1).unique()) == 1
    assert answers.std(0).mean() < 0.2 * answers.std()


def test_the_head_of_a_vision_transformer_is_drawn():
    options = {"image_size": SIZE, "patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 64}
    torch.manual_seed(0)
    model = models.VisionTransformer(**options).eval()
    images = draw_images(16, SIZE, 0, "check")
    with torch.no_grad():
        assert model(images).abs().max() == 0
        adapt_weights(model, draw_images(64, SIZE, 0, "weights"))
        assert len(model(images).argmax(1).unique()) > 8


def test_equal_seeds_give_equal_weights_and_others_do_not():
    first, same, other = (load_network("squeezenet1_1", seed, image_size=SIZE).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_network_is_left_as_it_is_used():
    model = adapted("shufflenet_v2_x1_0")
    norms = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    assert not any(layer.training for layer in model.modules())
    assert all(norm.momentum == 0.1 for norm in norms)
    assert not any(layer._forward_hooks for layer in model.modules())
    images = draw_images(8, SIZE, 0, "check")
    with torch.no_grad():
        torch.testing.assert_close(model(images)[:3], model(images[:3]), rtol=1e-4, atol=1e-5)


def test_a_network_without_layers_is_left_alone():
    adapt_weights(torch.nn.Flatten(), draw_images(2, SIZE, 0, "weights"))


@pytest.mark.parametrize(
    ("image_size", "side", "count"), [(32, 32, 256), (64, 64, 144), (112, 112, 64), (224, 224, 16), (600, 224, 16)]
)
def test_small_images_to_adapt_to_are_more(image_size, side, count):
    taken = network.side_to_adapt_to(torch.nn.Flatten(), image_size, 0)
    assert network.images_to_adapt_to(taken, 0).shape == (count, 3, side, side)


def test_a_network_that_takes_large_images_alone_is_adapted_to_these(monkeypatch):
    net = torchvision.models.VisionTransformer(256, 64, 1, 2, 16, 32, num_classes=10)
    monkeypatch.setattr(network, "network_from_torchvision", lambda _name, _state: net)
    assert network.side_to_adapt_to(net.eval(), 256, 0) == 256
    adapted = network.load_network("vit_b_16", 0, image_size=256)
    with torch.no_grad():
        answers = adapted(network.images_to_adapt_to(256, 0))
    assert answers.std(0).mean() == pytest.approx(1.0, abs=0.2)
