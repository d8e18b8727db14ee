"""Files and folders: read with one sentence about what is wrong, written whole or not at all."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench_lib.core.errors import InputError, error_text

PROJECT = Path(__file__).parents[2]  # the folder with notebooks, params and outputs


def read_text(path: Path, remedy: str) -> str:
    """The text of a file; raise `InputError`, ending in what to do (`remedy`), if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error_text(error)}); {remedy}") from None


def read_dict(path: Path, remedy: str = "restore it, or give a new folder") -> dict[str, Any]:
    """The JSON object in a file; raise `InputError`, ending in what to do (`remedy`), if it holds something else."""
    text = read_text(path, remedy)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not complete JSON ({error_text(error)}); {remedy}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a JSON object; {remedy}")
    return data


def write_text(path: Path, text: str, exclusive: bool = False) -> None:
    """Write a whole file or none: a temporary file in the same folder, then `os.replace`.

    With `exclusive`, raise `FileExistsError` if `path` exists, whichever of several machines wrote it first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        (os.link if exclusive else os.replace)(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
