"""The network, from torchvision, a function or an ONNX file, and its synthetic input; both seeded."""

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
from bench_lib.workload import onnx_file
from bench_lib.workload.onnx_file import CHANNELS, OnnxFile

Network = nn.Module | OnnxFile


def check_model(name: str, weights: str = "") -> None:
    """Raise `InputError` unless the name is one of torchvision's classifiers, a function or an ONNX file, and there.

    `weights`, where they are given, must be a file, and the network one that takes it.
    """
    if weights and not os.path.isfile(weights):  # unlike Path, it takes any text
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
    """Load the grid's own network and pass a large image; raise `InputError` if that cannot be, or is no classifier.

    A network of torchvision's with random weights needs no trial.
    """
    if model_kind(grid.model) == "torchvision" and not grid.weights:
        return
    model = load_network(grid.model, grid.seed, grid.weights)
    if isinstance(model, OnnxFile):
        return  # `onnx_file.read` has looked at its input and output
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


def load_network(name: str, seed: int, weights: str = "") -> Network:
    """The network in fp32 on the CPU, in evaluation mode; without `weights`, theirs are drawn from `seed`.

    Speed does not depend on what the weights are, so none are downloaded. Raise `InputError` for what is no network,
    and for weights that are not its.
    """
    check_model(name, weights)
    if model_kind(name) == "onnx":
        return onnx_file.read_onnx(Path(name))
    state = read_weights(weights) if weights else {}
    torch.manual_seed(seed)
    model = network_from_function(name) if model_kind(name) == "function" else network_from_torchvision(name, state)
    if state:
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise InputError(f"weights {weights!r} are not those of {name}: {error_text(error)}") from None
    return model.eval()


def network_from_torchvision(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """Torchvision's network, with as many classes as the last of its weights (the last layer's bias) has values."""
    from torchvision import models

    last = list(state.values())[-1:]
    classes = {"num_classes": len(last[0])} if last and last[0].dim() == 1 else {}
    return models.get_model(name, weights=None, **classes)


def network_from_function(name: str) -> nn.Module:
    """What the function returns; raise `InputError` if it fails or that is no `nn.Module`."""
    try:
        model = find_function(name)()
    except Exception as error:
        raise InputError(f"model {name!r} cannot be built: {type(error).__name__}: {error_text(error)}") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"model {name!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model.to("cpu", torch.float32)


def find_function(name: str) -> Callable[[], nn.Module]:
    """The function that `package.module:build` names; modules in the current folder are found too.

    Raise `InputError` if the module does not import or has no such function.
    """
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # `python -m` and notebooks have it, the command `bench` does not
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        raise InputError(
            f"model {name!r}: {module} does not import: {type(error).__name__}: {error_text(error)}"
        ) from None
    if not callable(found):
        raise InputError(f"model {name!r}: {module} has no function {attribute}; name one that returns an nn.Module")
    return found


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """The tensors of a file that `torch.save(net.state_dict(), path)` wrote; no code of a pickle is run.

    Raise `InputError` if the file holds anything else.
    """
    own = "save net.state_dict(), or load it in a function of your own (model: package.module:build)"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever unpickling, zip files and torch's own check raise, at length
        raise InputError(f"weights {path!r}: not a file of tensors alone, and a pickle is not run; {own}") from None
    if not isinstance(state, dict) or not state or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise InputError(f"weights {path!r}: not a state_dict, which is tensors by name; {own}")
    return state
