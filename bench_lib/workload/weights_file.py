"""Weights in a file: of safetensors, or what `torch.save(net.state_dict(), path)` or a training wrote."""

import os
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from bench_lib.core.errors import InputError, error_text

State = dict[str, torch.Tensor]
ADVICE = "save net.state_dict(), or load it in a function of your own (model: package.module:build)"
WITHIN = ("state_dict", "model_state_dict", "model")  # where checkpoints keep the weights
COMPILED, PARALLEL = "_orig_mod.", "module."  # what torch.compile and DataParallel put before names


def read_weights(path: str) -> State:
    """The tensors, by name, of a file of safetensors, or of one that `torch.save` wrote.

    The latter holds a `state_dict`, or a dict with one of them in `WITHIN`; code in its pickle is not run. Raise
    `InputError` if the file holds anything else.
    """
    if not os.path.getsize(path):
        raise InputError(f"weights {path!r}: the file is empty; {ADVICE}")
    state = state_within(read_safetensors(path) if is_safetensors(path) else read_pickle(path), path)
    for name, tensor in state.items():
        if tensor.is_meta or tensor.layout != torch.strided or not holds_all(tensor):
            raise InputError(f"weights {path!r}: the file does not hold all values of {name!r}; {ADVICE}")
    return {name.replace(COMPILED, ""): tensor for name, tensor in state.items()}


def is_safetensors(path: str) -> bool:
    """Whether a file is one of safetensors, by its name."""
    return path.lower().endswith(".safetensors")


def read_safetensors(path: str) -> State:
    """The tensors of a file of safetensors; raise `InputError` if it is damaged."""
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # its own kind, and those of data types that PyTorch lacks
        raise InputError(
            f"weights {path!r}: damaged, or not a file of safetensors ({error_text(error)}); save it again, by "
            "safetensors.torch.save_file(net.state_dict(), path)"
        ) from None


def read_pickle(path: str) -> Any:
    """What is in a file that `torch.save` wrote; raise `InputError` if it holds more than tensors and plain values."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling, zip files and torch's own check raise many kinds, with long messages
        raise InputError(
            f"weights {path!r}: damaged, or not a file of tensors alone, and a pickle is not run; {ADVICE}"
        ) from None


def is_state(found: Any) -> bool:
    """Whether this is a `state_dict`: at least one tensor, all by name."""
    return (
        isinstance(found, dict)
        and bool(found)
        and all(isinstance(name, str) and isinstance(item, torch.Tensor) for name, item in found.items())
    )


def state_within(found: Any, path: str) -> State:
    """What was read if it is a `state_dict`, else the one that it holds; raise `InputError` if that is not clear."""
    if is_state(found):
        return found
    held = [name for name, item in found.items() if is_state(item)] if isinstance(found, dict) else []
    known = [name for name in held if name in WITHIN]
    if len(known) == 1:
        return found[known[0]]
    names = ", ".join(repr(name) for name in held)
    tell = f"it holds {len(held)}, under {names}, so save the one that is meant" if held else ADVICE
    raise InputError(f"weights {path!r}: not a state_dict, which is tensors by name; {tell}")


def holds_all(tensor: torch.Tensor) -> bool:
    """Whether each value of a tensor has a place of its own in memory, unlike one that was expanded."""
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def fit_names(state: State, known: Collection[str]) -> State:
    """The weights without `module.` before each name, if the network's own names (`known`) do not begin so."""
    if all(name.startswith(PARALLEL) for name in state) and not all(name.startswith(PARALLEL) for name in known):
        return {name.removeprefix(PARALLEL): tensor for name, tensor in state.items()}
    return state


def fit_classes(build: Callable[..., nn.Module], state: State, last: Callable[[list[str]], str]) -> nn.Module:
    """The network that `build` makes, of as many classes as the weights have.

    `build` takes `num_classes`, and without it makes the network of its own number of classes. `last` tells, from the
    names of the network's tensors, the name of one whose length is that number. It is of no matter whether `state`
    holds the network's weights: they are put into it elsewhere.
    """
    network = build()
    own = network.state_dict()
    name, fitting = last(list(own)), fit_names(state, own.keys())
    if name in fitting and fitting[name].dim() and (name not in own or len(fitting[name]) != len(own[name])):
        return build(num_classes=len(fitting[name]))
    return network
