"""How figures look at a terminal, and colours, which only a terminal gets and no file, pipe or log."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

CODES = {"red": 31, "green": 32, "yellow": 33}


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
