"""Ctrl-C, SIGTERM and SIGHUP end a command at once, with one line and without a process or a temporary folder left.

Nothing is unwound: the interrupt may come while a module is imported, a process is started or another interrupt is
handled, and an exception raised there may be swallowed, shown as a traceback, or leave a child that is waited for.
Records are written whole or not at all, so that nothing can be lost.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import psutil

from bench_lib.cli.terminal import coloured
from bench_lib.core.lifetime import delete_command_folder

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAIT_S = 1.0  # for the children to be gone, which takes the system a moment
_told: list[Callable[[], str]] = []  # what to say of an interrupt now; the last is the one


def end_on_signals() -> None:
    """Let each of the signals end this process, except one that is ignored already, as under nohup."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end_command)


def ignore_signals() -> None:
    """Let none of the signals disturb this process from now on: it is ending already, and all is done or told.

    Python itself, while it ends, would take our handlers back, and a late Ctrl-C would kill it without a word.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def going_on(words: Callable[[], str]) -> Iterator[None]:
    """While this is open, the line about an interrupt ends with what `words` returns then: how to go on."""
    _told.append(words)
    try:
        yield
    except KeyboardInterrupt:  # where `end_on_signals` was not called, as in Jupyter
        raise KeyboardInterrupt(words()) from None
    finally:
        _told.remove(words)


def end_command(number: int, _frame: FrameType | None) -> None:
    """End this process and its children, say so, and exit with 128 plus the signal's number."""
    ignore_signals()
    end_children()
    delete_command_folder()
    words = _told[-1]() if _told else ""
    line = f"\n{coloured('bench:', 'red', sys.stderr)} interrupted. {words}".rstrip()
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, f"{line}\n".encode())
    os._exit(128 + number)


def end_children() -> None:
    """Kill all processes that this one has begun, and those that they have begun."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, WAIT_S)
