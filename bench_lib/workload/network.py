"""The network of a case: from torchvision or timm, a function or an ONNX file; random weights are seeded."""

import os
import warnings
from functools import partial
from pathlib import Path

import torch
from torch import nn

from bench_lib.core.case import PUBLISHED, model_kind
from bench_lib.core.errors import InputError, error_text
from bench_lib.core.grid import Grid
from bench_lib.core.once import once
from bench_lib.workload.answers import as_tuple, flattened
from bench_lib.workload.detection import TWO_STAGES, computing_part, one_stage_names
from bench_lib.workload.image_size import SizeRefused, size_taken, takes_size
from bench_lib.workload.images import draw_images
from bench_lib.workload.labelled import check_classes, check_is_classifier
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
    """Raise `InputError` unless the name is of a network of torchvision or timm, or an ONNX file that exists.

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


def is_classifier(name: str) -> bool:
    """Whether torchvision's network of this name is a classifier, and not one of segmentation or detection."""
    from torchvision import models

    return name in models.list_models(module=models)


def check_torchvision(name: str) -> None:
    """Raise `InputError` unless torchvision has a network of that name which can be measured."""
    from torchvision import models

    if name.startswith(TWO_STAGES):
        raise InputError(
            f"model {name!r} chooses boxes midway, as many as an image has, so the answers of two runtimes cannot be "
            f"compared; take a detection network of one stage: {', '.join(one_stage_names())}"
        )
    known = models.list_models(module=models)
    if name not in [*known, *models.list_models(module=models.segmentation), *one_stage_names()]:
        raise InputError(
            f"unknown model {name!r}; allowed: torchvision's networks, such as {', '.join(known[-6:])}, those of "
            "timm (timm:resnet18), a function (package.module:build), or an ONNX file (path/to/net.onnx); a file of "
            "weights goes into weights"
        )


def try_network(grid: Grid) -> None:
    """Load the grid's one network and run it on one image; raise `InputError` if that is not possible at any size.

    The largest of the grid's image sizes is tried first; cases of a size that the network refuses are rows that say so.
    The same if the grid's labels do not fit what it answers. Networks from torchvision with random weights are not
    tried, and of an ONNX file only the file is read. A function of the user's own is called: do that in a process of
    its own (see `bench_lib.sweep.trial`).
    """
    if model_kind(grid.model) == "torchvision" and not grid.weights:
        return
    refusals = []
    for side in sorted(grid.image_sizes, reverse=True):
        try:
            try_at_size(grid, side)
            return
        except SizeRefused as error:
            refusals.append(error)
    raise refusals[0]


def try_at_size(grid: Grid, side: int) -> None:
    """Load the grid's one network and run it on one image of `side` pixels; raise `InputError` as `try_network`."""
    model = load_network(grid.model, grid.seed, grid.weights, side)
    if model_kind(grid.model) in ("torchvision", "timm"):
        check_answers(model, one_image(side, grid.seed), grid.model)
    if grid.labels and (classes := answered_classes(model, one_image(side, grid.seed), grid.model)):
        check_classes(grid.data, grid.labels, classes, grid.model)


def answered_classes(model: Network, image: torch.Tensor, name: str) -> int | None:
    """How many classes the network answers to an image, `[1, 3, height, width]`; None if its ONNX file tells none.

    Raise `InputError` if it answers something else; `name` is that of the model, for a reader.
    """
    if isinstance(model, OnnxFile):
        shape = fixed_sizes(model.proto.graph.output[0]) or [None, None]
    else:
        with torch.no_grad():
            shape = as_tuple(model(image))[0].shape
    check_is_classifier(shape, name)
    return shape[1]


def load_network(name: str, seed: int, weights: str = "", image_size: int = LARGEST) -> Network:
    """The network in fp32 on the CPU, in evaluation mode, with the weights of the file `weights`, or published ones.

    It answers a tensor or a tuple of tensors, whose names `bench_lib.workload.answers.output_names` tells.

    Without any, the weights of torchvision's and timm's networks are random, drawn from `seed`, and adapted to
    synthetic images of `image_size` pixels (see `bench_lib.workload.random_weights`). The network of a function is
    tried on one image of that size. Raise `InputError` if there is no such network, if its answers are not such that
    they can be compared, if the weights are not those of the network, or if published ones cannot be had;
    `SizeRefused`, which is one, if it takes no images of that size.
    """
    check_model(name, weights)
    if model_kind(name) == "onnx":
        return read_onnx(Path(name))
    if is_named(name) and not weights:
        return once(("network", name, seed, image_size), lambda: made_network(name, seed, weights, image_size))
    return made_network(name, seed, weights, image_size)


def is_named(name: str) -> bool:
    """Whether the name and the seed say all about the network: torchvision's and timm's, but no function or file."""
    return model_kind(name) in ("torchvision", "timm")


def made_network(name: str, seed: int, weights: str, image_size: int) -> nn.Module:
    """What `load_network` returns for a network that is no ONNX file, made anew."""
    state = read_weights(weights) if weights and weights != PUBLISHED else {}
    model = published_network(name) if weights == PUBLISHED else built_network(name, seed, state)
    if state:
        load_weights(model, state, f"weights {weights!r} are not those of {name}")
    if model_kind(name) == "function":
        return check_answers(model, one_image(image_size, seed), name)
    model = computing_part(model).eval()
    image = one_image(image_size, seed)
    with torch.no_grad(), size_taken(image, name):
        model = flattened(model, model(image), name)
    if not weights:
        adapt_weights(model, images_to_adapt_to(side_to_adapt_to(model, image_size, seed), seed))
    return model


def built_network(name: str, seed: int, state: State) -> nn.Module:
    """The network as its function, timm or torchvision builds it, of as many classes as `state` has (may be empty)."""
    if model_kind(name) == "function":
        return plain_network(network_from_function(name, seed), name)
    torch.manual_seed(seed)
    return network_from_timm(name, state) if model_kind(name) == "timm" else network_from_torchvision(name, state)


def load_weights(model: nn.Module, state: State, refusal: str) -> None:
    """Put the weights into the network; raise `InputError`, which begins with `refusal`, if they are not its own."""
    try:
        model.load_state_dict(fit_names(state, model.state_dict().keys()))
    except Exception as error:  # a network may load in a way of its own
        raise InputError(f"{refusal}: {error_text(error)}") from None


def side_to_adapt_to(model: nn.Module, image_size: int, seed: int) -> int:
    """The side of the images to adapt random weights to: at most `LARGEST` pixels, unless the network refuses these."""
    side = min(image_size, LARGEST)
    return side if side == image_size or takes_size(model, one_image(side, seed)) else image_size


def images_to_adapt_to(side: int, seed: int) -> torch.Tensor:
    """Synthetic images, `[count, 3, side, side]`; small ones are more, up to `MOST`."""
    return draw_images(min(MOST, ADAPTED_TO * max(1, LARGEST // side) ** 2), side, seed, "weights")


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

    options = {} if is_classifier(name) else {"weights_backbone": None}  # or that would be downloaded
    build = partial(models.get_model, name, weights=None, **options)
    with refused(f"model {name!r} cannot be built"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two networks' changes to come
        return fit_classes(build, state if is_classifier(name) else {}, lambda own: own[-1])
