"""Colours for people at a terminal; files, pipes and logs get plain text."""

import os
import sys
from typing import TextIO

CODES = {"red": 31, "green": 32, "yellow": 33}


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour of `CODES` if `stream` (standard output) is a terminal that may show one.

    A set `NO_COLOR` forbids colours (no-color.org), and a terminal that calls itself dumb has none.
    """
    terminal = (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"
    if not terminal or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{CODES[colour]}m{text}\033[0m"
