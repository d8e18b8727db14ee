"""A configuration of fontconfig that knows of no font, as on a machine where none is installed: FONTCONFIG_FILE=…"""

from pathlib import Path

EMPTY = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>\n'


def make(folder: Path) -> Path:
    """Write the configuration into the folder, and return its path."""
    path = folder / "fonts.conf"
    path.write_text(EMPTY)
    return path
