"""Weights in a file that `torch.save(net.state_dict(), path)` wrote, or the checkpoint of a training."""

import os
from collections.abc import Collection
from typing import Any

import torch

from bench_lib.core.errors import InputError

State = dict[str, torch.Tensor]
ADVICE = "save net.state_dict(), or load it in a function of your own (model: package.module:build)"
WITHIN = ("state_dict", "model_state_dict", "model")  # where checkpoints keep the weights
COMPILED, PARALLEL = "_orig_mod.", "module."  # what torch.compile and DataParallel put before names


def read_weights(path: str) -> State:
    """The tensors, by name, of a file that `torch.save` wrote: a `state_dict`, or a dict with one of them in `WITHIN`.

    Code in the file's pickle is not run. Raise `InputError` if the file holds anything else.
    """
    refuse_other_files(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling, zip files and torch's own check raise many kinds, with long messages
        raise InputError(
            f"weights {path!r}: damaged, or not a file of tensors alone, and a pickle is not run; {ADVICE}"
        ) from None
    state = state_within(state, path)
    for name, tensor in state.items():
        if tensor.is_meta or tensor.layout != torch.strided or not holds_all(tensor):
            raise InputError(f"weights {path!r}: the file does not hold all values of {name!r}; {ADVICE}")
    return {name.replace(COMPILED, ""): tensor for name, tensor in state.items()}


def refuse_other_files(path: str) -> None:
    """Raise `InputError` for an empty file and for one of the format safetensors, whose users know what they have."""
    if not os.path.getsize(path):
        raise InputError(f"weights {path!r}: the file is empty; {ADVICE}")
    if path.lower().endswith(".safetensors"):
        raise InputError(
            f"weights {path!r}: a file of safetensors; convert it, by "
            "torch.save(safetensors.torch.load_file(path), 'net.pt')"
        )


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
