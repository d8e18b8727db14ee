"""Reading and writing the files beside a run's records: results of the self-check and of measurements under load.

The files hold raw figures. Ratios, rates and verdicts are computed from them whenever a file is read.
"""

from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench_lib.core.errors import InputError, refusal
from bench_lib.core.files import read_text, write_text
from bench_lib.core.machine import Machine
from bench_lib.core.record import other_version
from bench_lib.core.record_v1 import upgraded_result

READ_VERSIONS = "1 and 2"


class ResultFile(BaseModel):
    """One of these files: its name in a run's folder is `file`, and `command` is the command that writes it.

    Some files also show figures computed from the raw ones, for a person who opens them. Reading ignores those, like
    every other key that the class does not name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    file: ClassVar[str]
    command: ClassVar[str]
    schema_version: Literal[2]  # any other version is refused
    started_at: str
    machine: Machine


def check_complete(case: BaseModel, *names: str) -> None:
    """Raise `ValueError` if a case that has not failed lacks one of the figures of these names."""
    missing = [name for name in names if getattr(case, name) in (None, [], {})]
    if case.failed is None and missing:
        raise ValueError(f"without {', '.join(missing)}, and nothing in failed says why")


def write_result(check: ResultFile, folder: Path) -> Path:
    """Write the file into the run's folder in place of an earlier one, and return its path."""
    path = folder / check.file
    write_text(path, check.model_dump_json(indent=1) + "\n")
    return path


Kind = TypeVar("Kind", bound=ResultFile)


def read_result(kind: type[Kind], folder: str | Path) -> Kind | None:
    """The file of this kind in a run's folder; None if there is none.

    Raise `InputError`, with what to do, if it cannot be read, is broken or is of another version.
    """
    path = Path(folder) / kind.file
    if not path.exists():
        return None
    remedy = f"delete it, or write it anew with `{kind.command}`"
    text = read_text(path, remedy)
    try:
        return kind.model_validate_json(upgraded_result(text))
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("schema_version",) and first["type"] == "literal_error":
            raise InputError(f"{path}: {other_version(first['input'], READ_VERSIONS)}; {remedy}") from None
        raise InputError(f"{path}: {refusal(error, 'check', remedy)}") from None
