"""A function of the user's own that builds a network: it is found and called, and changes nothing for others here.

The code is not known: it may end the program, parse a command line, or set PyTorch's defaults for the whole process. In
the process of a case that would change what is measured, so all such settings are put back.
"""

import contextlib
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from bench_lib.core.errors import InputError, error_text

LOCK = threading.RLock()  # the settings are those of all threads


def _attribute(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    return partial(getattr, owner, name), partial(setattr, owner, name)


# How to read, and how to set, what a module may change for the whole process.
SETTINGS = (
    _attribute(sys, "argv"),
    (os.getcwd, os.chdir),
    *((partial(signal.getsignal, one), partial(signal.signal, one)) for one in (signal.SIGINT, signal.SIGTERM)),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    _attribute(torch.backends.mkldnn, "enabled"),
    _attribute(torch.backends.cudnn, "enabled"),
)


@contextlib.contextmanager
def settings_kept(program: str) -> Iterator[None]:
    """Put back, after the `with` block, what it changed of `SETTINGS`, warnings' filters and PyTorch's default device.

    In the block, `sys.argv` is that of a program without arguments, named `program`.
    """
    with LOCK, warnings.catch_warnings():
        before = [read() for read, _ in SETTINGS]
        sys.argv = [program]
        try:
            yield
        finally:
            torch.set_default_device(None)  # even "cpu", once it is set, slows every call down
            for (read, write), value in zip(SETTINGS, before, strict=True):
                if read() != value:
                    write(value)


def network_from_function(name: str, seed: int) -> nn.Module:
    """What the function returns, called with PyTorch's generator set to `seed`, once its module is imported.

    Raise `InputError` if there is no such function, if it fails, or if it returns no `nn.Module`.
    """
    function = find_function(name)
    with refused(f"model {name!r} cannot be built"), settings_kept(name):
        torch.manual_seed(seed)
        model = function()
    if not isinstance(model, nn.Module):
        raise InputError(f"model {name!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model


def find_function(name: str) -> Callable[[], Any]:
    """The function that a name such as `package.module:build` stands for; the module may be in the current folder.

    Raise `InputError` if the module does not import or has no such function.
    """
    module_name, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # the current folder, which nothing else of `bench` imports from
    with refused(f"model {name!r}: {module_name} does not import"), settings_kept(module_name):
        module = importlib.import_module(module_name)
    function = getattr(module, attribute, None)
    if isinstance(function, nn.Module):
        raise InputError(f"model {name!r} is a network itself; name a function that returns it")
    if not callable(function):
        place = getattr(module, "__file__", None) or module_name
        raise InputError(
            f"model {name!r}: {module_name} has no function {attribute} ({place}); name one that returns an nn.Module"
        )
    return function


@contextlib.contextmanager
def refused(what: str) -> Iterator[None]:
    """Make whatever the user's own code raises in the `with` block an `InputError` that says `what` went wrong.

    Ctrl-C goes on as it is, as do errors that are sentences already.
    """
    try:
        yield
    except (KeyboardInterrupt, InputError):
        raise
    except SystemExit as end:
        raise InputError(
            f"{what}: it ends the program (sys.exit({end.code!r})); put what only a script does under "
            "if __name__ == '__main__'"
        ) from None
    except BaseException as error:  # the user's code may raise anything
        raise InputError(f"{what}: {type(error).__name__}: {error_text(error)}") from None
