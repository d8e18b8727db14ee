"""Reading and writing files: one that cannot be read raises `InputError`, and one is written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench_lib.core.errors import InputError, error_text

INSTALLED = Path(__file__).parents[1] / "project"  # a wheel, unlike a checkout, carries the project's folders inside
PROJECT = INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[2]  # the folder with notebooks and params


def outputs_folder() -> Path:
    """The folder for results that nobody gave a place: `outputs` of the checkout.

    It is that of the current folder instead if the library is installed, or if the checkout may not be written.
    """
    may_write = PROJECT != INSTALLED and os.access(PROJECT, os.W_OK)
    return PROJECT / "outputs" if may_write else Path("outputs")


def read_text(path: Path, remedy: str) -> str:
    """The text of a file in UTF-8.

    Raise `InputError` if it cannot be read: the sentence names the path and the fault, and ends with `remedy`, which
    tells a person what to do.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error_text(error)}); {remedy}") from None


def read_dict(path: Path, remedy: str = "restore it, or give a new folder") -> dict[str, Any]:
    """The JSON object in a file, as a dict.

    Raise `InputError`, which ends with `remedy`, if the file cannot be read or holds anything else.
    """
    text = read_text(path, remedy)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not complete JSON ({error_text(error)}); {remedy}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a JSON object; {remedy}")
    return data


def write_text(path: Path, text: str, exclusive: bool = False) -> None:
    """Write a text file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode(), exclusive)


def write_bytes(path: Path, data: bytes, exclusive: bool = False) -> None:
    """Write a file whole or not at all, and make the folders above it where they are absent.

    The bytes go into a temporary file in the same folder, which gets the name `path` only when they are on the disk. So
    a reader sees the old file or the new one, and a process that is killed leaves `.NAME-….tmp` at worst. An older file
    is replaced; with `exclusive`, `FileExistsError` is raised instead, and of several machines that write at once only
    one succeeds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if exclusive:
            os.link(temporary, path)  # unlike `os.replace`, it fails if the file exists
        else:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
