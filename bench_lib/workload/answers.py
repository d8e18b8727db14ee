"""What a network answers: one tensor, or several in a tuple, a list or a dict; engines give them in one order.

A network that answers one tensor stays as it is. Any other is wrapped so that it answers a tuple of tensors, each
`[batch, …]`, whose names are their places in the answer: `out`, `aux`, `0.scores`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from bench_lib.core.errors import InputError

Path = tuple[Any, ...]  # keys of dicts, numbers of tuples and lists, and `EACH`
EACH = "*"  # stands for each image of a list that has one item an image, as detection networks answer
ONE = "output"  # the name of the only tensor
ANSWERS = "a tensor [batch, …] of float32, or several in a tuple, a list or a dict"


class Flat(nn.Module):
    """A network whose answer is a tuple of the tensors that stand at `paths` of the network's own answer."""

    def __init__(self, network: nn.Module, paths: list[Path]) -> None:
        super().__init__()
        self.network, self.paths = network, paths

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The network's answers to the images, `[batch, 3, height, width]`."""
        answer = self.network(images)
        return tuple(tensor_at(answer, path) for path in self.paths)


def output_names(model: Any) -> list[str]:
    """The names of a network's outputs, in the order in which engines give them.

    `model` is a PyTorch network as `flattened` returns it, or has `output_names` of its own, as an ONNX file.
    """
    if isinstance(model, Flat):
        return [name_of(path) for path in model.paths]
    return getattr(model, "output_names", [ONE])


def flattened(model: nn.Module, answer: Any, name: str) -> nn.Module:
    """The network itself if its answer to one image is a tensor, otherwise a `Flat` one.

    `name` is that of the model, for a reader. Raise `InputError` if the answer holds anything but tensors.
    """
    if isinstance(answer, torch.Tensor):
        return model
    try:
        paths = list(tensor_paths(answer))
    except TypeError as error:
        raise InputError(f"model {name!r} answers {error}; it must answer {ANSWERS}") from None
    if not paths:
        raise InputError(f"model {name!r} answers an empty {type(answer).__name__}; it must answer {ANSWERS}")
    return Flat(model, paths)


def tensor_paths(answer: Any, before: Path = ()) -> Iterator[Path]:
    """Where the tensors of an answer to one image stand; what is None is left out.

    Raise `TypeError`, which names the kind, for anything but tensors, dicts, tuples and lists.
    """
    if answer is None:
        return
    if isinstance(answer, torch.Tensor):
        yield before
    elif isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from tensor_paths(value, (*before, key))
    elif isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], Mapping):
        yield from tensor_paths(answer[0], (*before, EACH))
    elif isinstance(answer, tuple | list):
        for number, value in enumerate(answer):
            yield from tensor_paths(value, (*before, number))
    else:
        raise TypeError(type(answer).__name__)


def tensor_at(answer: Any, path: Path) -> torch.Tensor:
    """The tensor at this place of an answer; those of a list that has one item an image are put together."""
    if not path:
        return answer
    first, *rest = path
    if first == EACH:
        return torch.stack([tensor_at(one, tuple(rest)) for one in answer])
    return tensor_at(answer[first], tuple(rest))


def name_of(path: Path) -> str:
    """The name of an output: its place in the answer, without what stands for each image."""
    return ".".join(str(key) for key in path if key != EACH)


def as_tuple(answer: Any) -> tuple[torch.Tensor, ...]:
    """What a network answered, as a tuple of tensors: one tensor is a tuple of one."""
    return (answer,) if isinstance(answer, torch.Tensor) else tuple(answer)
