"""Standard output that takes whatever is printed, how figures look there, and colours, which only a terminal gets."""

import io
import os
import sys
from collections.abc import Iterable
from typing import TextIO

CODES = {"red": 31, "green": 32, "yellow": 33}


class LastingFile(io.FileIO):
    """A file that takes what is written although nobody reads it any longer: `bench … | head -1`.

    From then on its number stands for /dev/null, for child processes too.
    """

    def write(self, data: bytes) -> int:
        """Write, and return how many bytes were taken."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def take_everything() -> None:
    """Let standard output and standard error never fail for their reader's sake.

    A letter that their encoding lacks becomes a question mark, and what goes into a closed pipe, or into a stream that
    was never open, is lost. What the command does, and its exit status, are the same.
    """
    sys.stdout, sys.stderr = lasting(sys.stdout), lasting(sys.stderr)


def lasting(stream: TextIO | None) -> TextIO:
    """A stream that takes everything, into the file of `stream`, or nowhere if that was closed from the start."""
    number = stream.fileno() if stream else os.open(os.devnull, os.O_WRONLY)
    file = io.BufferedWriter(LastingFile(number, "w", closefd=False))
    encoding = stream.encoding if stream else "utf-8"
    at_once = bool(stream) and (stream.line_buffering or stream.write_through)  # a terminal, or PYTHONUNBUFFERED
    return io.TextIOWrapper(file, encoding, errors="replace", line_buffering=at_once)


def per_second(value: float) -> str:
    """A rate in four significant digits or whole, never with an exponent: 0.3785, 316.9, 33168."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def column_width(names: Iterable[str]) -> int:
    """The width of a column that holds the names and some space."""
    return 2 + max(map(len, names), default=0)


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour of `CODES` if `stream` (standard output) is a terminal that may show one.

    A set `NO_COLOR` forbids colours (no-color.org), and a terminal that calls itself dumb has none.
    """
    terminal = (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"
    if not terminal or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{CODES[colour]}m{text}\033[0m"
