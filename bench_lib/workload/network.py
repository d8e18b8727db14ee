"""The network of a case: from torchvision or timm, a function or an ONNX file; random weights are seeded."""

import os
from functools import partial
from pathlib import Path

import torch
from torch import nn

from bench_lib.core.case import PUBLISHED, model_kind, weights_are_random
from bench_lib.core.errors import InputError, error_text
from bench_lib.core.grid import Grid
from bench_lib.workload.images import draw_images
from bench_lib.workload.labelled import check_classes
from bench_lib.workload.onnx_file import OnnxFile, fixed_sizes, read_onnx
from bench_lib.workload.own_function import network_from_function, refused
from bench_lib.workload.own_network import check_answers, plain_network
from bench_lib.workload.published_weights import check_published, published_network
from bench_lib.workload.random_weights import adapt_weights
from bench_lib.workload.timm_network import check_timm, network_from_timm
from bench_lib.workload.weights_file import State, fit_classes, fit_names, read_weights

Network = nn.Module | OnnxFile
ADAPTED_TO = 16  # images that random weights are adapted to; small images are more, up to `MOST`, as each tells less
LARGEST, MOST = 224, 256  # pixels of a side of these images, and their number


def check_model(name: str, weights: str = "") -> None:
    """Raise `InputError` unless the name is that of a classifier of torchvision or timm, or an ONNX file that exists.

    If `weights` are given, they must be an existing file, or published ones, and the network must not be an ONNX file.
    Of a function only its name is known here: its module is not imported.
    """
    if weights == PUBLISHED:
        check_published(name)
    elif weights and not os.path.isfile(weights):  # unlike Path.is_file, it raises nothing for any text
        raise InputError(
            f"weights {weights!r}: there is no such file; give what torch.save(net.state_dict(), path) wrote, a file "
            f"of safetensors, or {PUBLISHED}"
        )
    if weights and model_kind(name) == "onnx":
        raise InputError(f"weights are given, but {name} holds its own; remove weights")
    if model_kind(name) == "onnx":
        if not os.path.isfile(name):
            raise InputError(f"model {name!r}: there is no such file; give the path of an ONNX file")
    elif model_kind(name) == "torchvision":
        check_torchvision(name)
    elif model_kind(name) == "timm":
        check_timm(name, weights)


def check_torchvision(name: str) -> None:
    """Raise `InputError` unless torchvision has a classification network of that name."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(
            f"unknown model {name!r}; allowed: torchvision's classifiers, such as {', '.join(known[-6:])}, those of "
            "timm (timm:resnet18), a function (package.module:build), or an ONNX file (path/to/net.onnx); a file of "
            "weights goes into weights"
        )


def try_network(grid: Grid) -> None:
    """Load the grid's network and run it on one image of the largest size; raise `InputError` if that is not possible.

    The same if the grid's labels do not fit what it answers. Networks from torchvision with random weights are not
    tried, and of an ONNX file only the file is read. A function of the user's own is called: do that in a process of
    its own (see `bench_lib.sweep.trial`).
    """
    kind = model_kind(grid.model)
    if kind == "torchvision" and not grid.weights:
        return
    side = max(grid.image_sizes)
    model = load_network(grid.model, grid.seed, grid.weights, side)
    if kind in ("torchvision", "timm"):
        check_answers(model, one_image(side, grid.seed), grid.model)
    if grid.labels and (classes := answered_classes(model, one_image(side, grid.seed))):
        check_classes(grid.data, grid.labels, classes, grid.model)


def answered_classes(model: Network, image: torch.Tensor) -> int | None:
    """How many classes the network answers to an image, `[1, 3, height, width]`; None if its ONNX file tells none."""
    if isinstance(model, OnnxFile):
        return next(iter(fixed_sizes(model.proto.graph.output[0])[1:]), None)
    with torch.no_grad():
        return model(image).shape[1]


def load_network(name: str, seed: int, weights: str = "", image_size: int = LARGEST) -> Network:
    """The network in fp32 on the CPU, in evaluation mode, with the weights of the file `weights`, or published ones.

    Without any, the weights of torchvision's and timm's networks are random, drawn from `seed`, and adapted to
    synthetic images of `image_size` pixels (see `bench_lib.workload.random_weights`). The network of a function is
    tried on one image of that size. Raise `InputError` if there is no such network, if its answers are not those of a
    classifier that can be measured, if the weights are not those of the network, or if published ones cannot be had.
    """
    check_model(name, weights)
    if model_kind(name) == "onnx":
        return read_onnx(Path(name))
    if weights == PUBLISHED:
        return published_network(name).eval()
    state = read_weights(weights) if weights else {}
    if model_kind(name) == "function":
        model = plain_network(network_from_function(name, seed), name)
    else:
        torch.manual_seed(seed)
        model = network_from_timm(name, state) if model_kind(name) == "timm" else network_from_torchvision(name, state)
    if state:
        load_weights(model, state, f"weights {weights!r} are not those of {name}")
    elif weights_are_random(name, weights):
        adapt_weights(model, images_to_adapt_to(image_size, seed))
    if model_kind(name) == "function":
        check_answers(model, one_image(image_size, seed), name)
    return model.eval()


def load_weights(model: nn.Module, state: State, refusal: str) -> None:
    """Put the weights into the network; raise `InputError`, which begins with `refusal`, if they are not its own."""
    try:
        model.load_state_dict(fit_names(state, model.state_dict().keys()))
    except Exception as error:  # a network may load in a way of its own
        raise InputError(f"{refusal}: {error_text(error)}") from None


def images_to_adapt_to(image_size: int, seed: int) -> torch.Tensor:
    """Synthetic images, `[count, 3, side, side]`, with a side of `image_size` pixels but at most `LARGEST`."""
    side = min(image_size, LARGEST)
    return draw_images(min(MOST, ADAPTED_TO * (LARGEST // side) ** 2), side, seed, "weights")


def one_image(image_size: int, seed: int) -> torch.Tensor:
    """A synthetic image to try a network on, `[1, 3, image_size, image_size]`; raise `InputError` without memory."""
    with refused(f"an image of {image_size} pixels a side cannot be made"):
        return draw_images(1, image_size, seed, "weights")


def network_from_torchvision(name: str, state: State) -> nn.Module:
    """Torchvision's network with random weights, of as many classes as `state` has (weights by name, may be empty).

    Its last tensor is of the last layer, and as long as there are classes. Raise `InputError` if there is no memory for
    so many.
    """
    from torchvision import models

    with refused(f"model {name!r} cannot be built"):
        return fit_classes(partial(models.get_model, name, weights=None), state, lambda own: own[-1])
