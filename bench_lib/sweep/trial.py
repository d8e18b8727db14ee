"""Tries a grid's network before a sweep; a function of the user's own is called in a process of its own.

That code is not known: it may print, end the program, crash or hang, and nothing of that reaches the command.
"""

import os
import signal
from contextlib import suppress
from multiprocessing import Pipe, connection
from pathlib import Path
from typing import Any

from bench_lib.core.case import model_kind
from bench_lib.core.errors import InputError, error_text, one_line
from bench_lib.core.grid import Grid
from bench_lib.core.lifetime import temporary_folder
from bench_lib.sweep import fork_server
from bench_lib.sweep.deaths import signal_name
from bench_lib.workload import network


def try_network(grid: Grid) -> None:
    """Raise `InputError` unless the grid's network can be loaded and answers one image, as `network.try_network` says.

    A function gets a process of its own, which may take as long as a case (`limits.case_timeout_s`).
    """
    if model_kind(grid.model) != "function":
        network.try_network(grid)
        return
    with temporary_folder() as own:
        if fault := tried_apart(grid, Path(own, "printed")):
            raise InputError(fault)


def tried_apart(grid: Grid, printed: Path) -> str:
    """Try the network of a function in a process of its own; return what is wrong with it, or nothing.

    What the process prints goes into the file `printed`.
    """
    reader, writer = Pipe(duplex=False)
    given = (writer, grid, os.getcwd(), dict(os.environ), printed)
    child = fork_server.start_child(_try, *given, forked=not fork_server.why_not())
    writer.close()
    try:
        if not connection.wait([reader, child.sentinel], grid.limits.case_timeout_s):
            return (
                f"model {grid.model!r} was not tried within {grid.limits.case_timeout_s:g} s; let it load faster, or "
                "raise limits.case_timeout_s"
            )
        with suppress(EOFError):
            return reader.recv()
        child.join()
        return f"model {grid.model!r} {ended(child.exitcode)}{last_words(printed)}"
    finally:
        end_family(child)


def ended(exit_code: int) -> str:
    """How a process ended that told nothing."""
    if name := signal_name(exit_code):
        return f"crashes its process ({name})"
    return f"ends its process by itself (exit code {exit_code})"


def last_words(printed: Path) -> str:
    """The last line of a file, for a sentence; nothing if there is none."""
    text = printed.read_text(encoding="utf-8", errors="replace") if printed.exists() else ""
    lines = list(filter(None, map(one_line, text.splitlines())))
    return f"; it printed last: {lines[-1][:200]}" if lines else ""


def end_family(child: Any) -> None:
    """End the process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.join()


def _try(writer: Any, grid: Grid, folder: str, environment: dict[str, str], printed: Path) -> None:
    """Run in the child: send what is wrong with the network, or an empty text."""
    fork_server.begin_child(environment)
    os.setsid()  # Ctrl-C in a terminal then reaches only the command
    os.chdir(folder)
    output = os.open(printed, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        network.try_network(grid)
        writer.send("")
    except InputError as error:
        writer.send(str(error))
    except BaseException as error:  # the user's code may raise anything
        writer.send(f"model {grid.model!r} cannot be tried: {type(error).__name__}: {error_text(error)}")
    os._exit(0)  # without what the user's code has left to do at the end
