"""The network, from torchvision, a function or an ONNX file, and its synthetic input; both seeded."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import nn

from bench_lib import onnx_file
from bench_lib.cases import Case, Grid, InputError
from bench_lib.faults import reason
from bench_lib.onnx_file import CHANNELS, OnnxFile
from bench_lib.origins import kind

Network = nn.Module | OnnxFile


class InputTooLarge(MemoryError):
    """The images alone do not fit in memory; `reason` says so to the report's reader (Russian)."""

    def __init__(self, asked_bytes: int, free_bytes: int) -> None:
        asked, free = (f"{count / 2**30:.1f}" for count in (asked_bytes, free_bytes))
        super().__init__(f"the input alone takes {asked} GiB, free are {free} GiB")
        self.reason = f"не хватило памяти: один только вход занимает {asked} ГиБ, свободно {free} ГиБ".replace(".", ",")


def check_model(name: str, weights: str = "") -> None:
    """Raise `InputError` unless the name is one of torchvision's classifiers, a function or an ONNX file, and there.

    `weights`, where they are given, must be a file, and the network one that takes it.
    """
    if weights and not os.path.isfile(weights):  # unlike Path, it takes any text
        raise InputError(f"weights {weights!r}: there is no such file; give what torch.save(net.state_dict()) wrote")
    if weights and kind(name) == "onnx":
        raise InputError(f"weights are given, but {name} holds its own; remove weights")
    if kind(name) == "onnx":
        if not os.path.isfile(name):
            raise InputError(f"model {name!r}: there is no such file; give the path of an ONNX file")
    elif kind(name) == "function":
        function(name)
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


def try_out(grid: Grid) -> None:
    """Load the grid's own network and pass a large image; raise `InputError` if that cannot be, or is no classifier.

    A network of torchvision's with random weights needs no trial.
    """
    if kind(grid.model) == "torchvision" and not grid.weights:
        return
    model = network(grid.model, grid.seed, grid.weights)
    if isinstance(model, OnnxFile):
        return  # `onnx_file.read` has looked at its input and output
    side = max(grid.image_sizes)
    image = torch.zeros(1, CHANNELS, side, side)
    try:
        with torch.inference_mode():
            output = model(image)
    except Exception as error:
        raise InputError(f"model {grid.model!r} does not take {list(image.shape)}: {reason(error)}") from None
    if not isinstance(output, torch.Tensor) or output.dim() != 2 or len(output) != 1:
        shape = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(f"model {grid.model!r} answers {shape} to one image; a classifier answers [1, classes]")


def network(name: str, seed: int, weights: str = "") -> Network:
    """The network in fp32 on the CPU, in evaluation mode; without `weights`, theirs are drawn from `seed`.

    Speed does not depend on what the weights are, so none are downloaded. Raise `InputError` for what is no network,
    and for weights that are not its.
    """
    check_model(name, weights)
    if kind(name) == "onnx":
        return onnx_file.read(Path(name))
    state = read_weights(weights) if weights else {}
    torch.manual_seed(seed)
    model = called(name) if kind(name) == "function" else of_torchvision(name, state)
    if state:
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise InputError(f"weights {weights!r} are not those of {name}: {reason(error)}") from None
    return model.eval()


def of_torchvision(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """Torchvision's network, with as many classes as the last of its weights (the last layer's bias) has values."""
    from torchvision import models

    last = list(state.values())[-1:]
    classes = {"num_classes": len(last[0])} if last and last[0].dim() == 1 else {}
    return models.get_model(name, weights=None, **classes)


def called(name: str) -> nn.Module:
    """What the function returns; raise `InputError` if it fails or that is no `nn.Module`."""
    try:
        model = function(name)()
    except Exception as error:
        raise InputError(f"model {name!r} cannot be built: {type(error).__name__}: {reason(error)}") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"model {name!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model.to("cpu", torch.float32)


def function(name: str) -> Callable[[], nn.Module]:
    """The function that `package.module:build` names; modules in the current folder are found too.

    Raise `InputError` if the module does not import or has no such function.
    """
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # `python -m` and notebooks have it, the command `bench` does not
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        raise InputError(f"model {name!r}: {module} does not import: {type(error).__name__}: {reason(error)}") from None
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


def images(case: Case, seed: int, device: torch.device) -> torch.Tensor:
    """Synthetic images ~ N(0, 1), float32, `[batch_size, 3, image_size, image_size]`, the same for equal seeds.

    They are on the host: an engine puts its own copy on the device, so that no other one counts as its memory.
    Raise `InputTooLarge` if they alone do not fit in the host's free memory or, where `device` is a GPU, in its.
    """
    check_fits(case.batch_size, case, device)
    shape = (case.batch_size, CHANNELS, case.image_size, case.image_size)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator)


def batches(images: torch.Tensor, batch_size: int) -> list[torch.Tensor]:
    """Copies of the images in whole batches; the last one is filled up with the first images again."""
    padded = batch_size * -(-len(images) // batch_size)
    return list(images[torch.arange(padded) % len(images)].split(batch_size))


def check_fits(count: int, case: Case, device: torch.device) -> None:
    """Raise `InputTooLarge` if `count` images do not fit on the host, or a batch of the case's not on the GPU."""
    image_bytes = 4 * CHANNELS * case.image_size**2
    needs = [(count * image_bytes, psutil.virtual_memory().available)]
    if device.type == "cuda":
        needs.append((case.batch_size * image_bytes, torch.cuda.mem_get_info(device)[0]))
    for asked, free in needs:
        if asked > free:
            raise InputTooLarge(asked, free)
