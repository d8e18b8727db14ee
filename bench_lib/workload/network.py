"""The network of a case: from torchvision, from a function, or from an ONNX file; random weights are seeded."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from bench_lib.core.case import model_kind
from bench_lib.core.errors import InputError, error_text
from bench_lib.core.grid import Grid
from bench_lib.workload.images import draw_images
from bench_lib.workload.onnx_file import CHANNELS, OnnxFile, read_onnx
from bench_lib.workload.random_weights import adapt_weights

Network = nn.Module | OnnxFile
ADAPTED_TO = 16  # images that random weights are adapted to; small images are more, up to `MOST`, as each tells less
LARGEST, MOST = 224, 256  # pixels of a side of these images, and their number


def check_model(name: str, weights: str = "") -> None:
    """Raise `InputError` unless the name is that of a torchvision classifier, a function or an ONNX file that exists.

    If `weights` are given, they must be an existing file, and the network must not be an ONNX file.
    """
    if weights and not os.path.isfile(weights):  # unlike Path.is_file, it raises nothing for any text
        raise InputError(f"weights {weights!r}: there is no such file; give what torch.save(net.state_dict()) wrote")
    if weights and model_kind(name) == "onnx":
        raise InputError(f"weights are given, but {name} holds its own; remove weights")
    if model_kind(name) == "onnx":
        if not os.path.isfile(name):
            raise InputError(f"model {name!r}: there is no such file; give the path of an ONNX file")
    elif model_kind(name) == "function":
        find_function(name)
    else:
        check_torchvision(name)


def check_torchvision(name: str) -> None:
    """Raise `InputError` unless torchvision has a classification network of that name."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(
            f"unknown model {name!r}; allowed: torchvision's classifiers, such as {', '.join(known[-6:])}, a function "
            "(package.module:build), or an ONNX file (path/to/net.onnx); a file of weights goes into weights"
        )


def try_network(grid: Grid) -> None:
    """Load the grid's network and run it on one image of the largest size; raise `InputError` if that is not possible.

    Also raise it if the output is not that of a classifier, `[1, classes]`. Networks from torchvision with random
    weights are not tried, and of an ONNX file only the file is read.
    """
    if model_kind(grid.model) == "torchvision" and not grid.weights:
        return
    model = load_network(grid.model, grid.seed, grid.weights)
    if isinstance(model, OnnxFile):
        return  # `read_onnx` has checked its input and output
    side = max(grid.image_sizes)
    image = torch.zeros(1, CHANNELS, side, side)
    try:
        with torch.inference_mode():
            output = model(image)
    except Exception as error:
        raise InputError(f"model {grid.model!r} does not take {list(image.shape)}: {error_text(error)}") from None
    if not isinstance(output, torch.Tensor) or output.dim() != 2 or len(output) != 1:
        shape = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(f"model {grid.model!r} answers {shape} to one image; a classifier answers [1, classes]")


def load_network(name: str, seed: int, weights: str = "", image_size: int = LARGEST) -> Network:
    """The network in fp32 on the CPU, in evaluation mode, with the weights of the file `weights`.

    Without such a file, the weights of torchvision's networks are random, drawn from `seed`, and adapted to synthetic
    images of `image_size` pixels (see `bench_lib.workload.random_weights`). None are downloaded. Raise `InputError` if
    there is no such network, or if the weights are not those of the network.
    """
    check_model(name, weights)
    if model_kind(name) == "onnx":
        return read_onnx(Path(name))
    state = read_weights(weights) if weights else {}
    torch.manual_seed(seed)
    model = network_from_function(name) if model_kind(name) == "function" else network_from_torchvision(name, state)
    if state:
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise InputError(f"weights {weights!r} are not those of {name}: {error_text(error)}") from None
    elif model_kind(name) == "torchvision":
        adapt_weights(model, images_to_adapt_to(image_size, seed))
    return model.eval()


def images_to_adapt_to(image_size: int, seed: int) -> torch.Tensor:
    """Synthetic images, `[count, 3, side, side]`, with a side of `image_size` pixels but at most `LARGEST`."""
    side = min(image_size, LARGEST)
    return draw_images(min(MOST, ADAPTED_TO * (LARGEST // side) ** 2), side, seed, "weights")


def network_from_torchvision(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """Torchvision's network with random weights, of the shapes that `state` (weights by name, may be empty) needs.

    The number of classes is the length of the last tensor in `state`, which is the bias of the last layer.
    """
    from torchvision import models

    options = {}
    if state:
        last_tensor = list(state.values())[-1]
        if last_tensor.dim() == 1:
            options["num_classes"] = len(last_tensor)
    return models.get_model(name, weights=None, **options)


def network_from_function(name: str) -> nn.Module:
    """The network that the function returns, in fp32 on the CPU.

    Raise `InputError` if the function fails or does not return an `nn.Module`.
    """
    try:
        model = find_function(name)()
    except Exception as error:
        raise InputError(f"model {name!r} cannot be built: {type(error).__name__}: {error_text(error)}") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"model {name!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model.to("cpu", torch.float32)


def find_function(name: str) -> Callable[[], nn.Module]:
    """The function that a name such as `package.module:build` stands for; the module may be in the current folder.

    Raise `InputError` if the module does not import or has no such function.
    """
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # the current folder; `python -m` and notebooks have it, the command `bench` does not
    try:
        function = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        raise InputError(
            f"model {name!r}: {module} does not import: {type(error).__name__}: {error_text(error)}"
        ) from None
    if not callable(function):
        raise InputError(f"model {name!r}: {module} has no function {attribute}; name one that returns an nn.Module")
    return function


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """The tensors, by name, of a file that `torch.save(net.state_dict(), path)` wrote.

    Code in the file's pickle is not run. Raise `InputError` if the file holds anything else.
    """
    advice = "save net.state_dict(), or load it in a function of your own (model: package.module:build)"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling, zip files and torch's own check raise many kinds, with long messages
        raise InputError(f"weights {path!r}: not a file of tensors alone, and a pickle is not run; {advice}") from None
    if not isinstance(state, dict) or not state or not all(isinstance(item, torch.Tensor) for item in state.values()):
        raise InputError(f"weights {path!r}: not a state_dict, which is tensors by name; {advice}")
    return state
