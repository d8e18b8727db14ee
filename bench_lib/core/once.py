"""What the processes of one command compute once: the first that needs it stores it for the others.

A sweep measures each case in a process of its own, and many cases have the same network and the same reference.
"""

import contextlib
import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from bench_lib.core.lifetime import VARIABLE

Result = TypeVar("Result")
LEAST_FREE = 0.2  # the share of the disk that must stay free; without it, nothing is stored


def once(key: tuple[Any, ...], compute: Callable[[], Result]) -> Result:
    """What `compute` returns or, if a process of this command has stored it under the key, what it returned there.

    The key must hold all that the result depends on. Outside a command, and for what cannot be stored, it is computed
    anew each time; what is stored is deleted with the command's temporary folder.
    """
    if not (folder := os.environ.get(VARIABLE, "")) or not os.path.isdir(folder):
        return compute()
    path = Path(folder) / f"once-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.pt"
    with contextlib.suppress(OSError, pickle.UnpicklingError, EOFError, RuntimeError):
        return torch.load(path, weights_only=False)  # this user's own, from a folder that only they can write to
    result = compute()
    store(result, path)
    return result


def store(result: Any, path: Path) -> None:
    """Write the result to the file whole or not at all; it is not written where the disk is almost full."""
    space = shutil.disk_usage(path.parent)
    if space.free < LEAST_FREE * space.total:
        return
    unfinished = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError, pickle.PicklingError, AttributeError, TypeError, RuntimeError):
        torch.save(result, unfinished)
        os.replace(unfinished, path)
    unfinished.unlink(missing_ok=True)
