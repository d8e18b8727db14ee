"""What `bench selfcheck` found: `clock.json` and `selfcheck.json` in a run's folder, and what follows from them.

The files hold raw figures; ratios, rates and verdicts are computed on reading (`selfcheck.json` shows them too).
"""

from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench_lib.core.errors import InputError, refusal
from bench_lib.core.files import read_text, write_text
from bench_lib.core.machine import Machine


class ResultFile(BaseModel):
    """A `file` beside a run's records that a `command` writes: what is shown beside raw figures is not read back."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    file: ClassVar[str]
    command: ClassVar[str]
    schema_version: Literal[1]  # an unknown one is refused
    started_at: str
    machine: Machine


class Absent(BaseModel):
    """Why there is no figure: `reason` for the report's reader (Russian), `detail` for the terminal's (English)."""

    reason: str
    detail: str


def check_complete(case: BaseModel, *names: str) -> None:
    """Raise `ValueError` unless a case has all figures of these names, or in `failed` the reason why it has none."""
    missing = [name for name in names if getattr(case, name) in (None, [], {})]
    if case.failed is None and missing:
        raise ValueError(f"without {', '.join(missing)}, and nothing in failed says why")


def write_result(check: ResultFile, folder: Path) -> Path:
    """Write the check into the run's folder; a later one replaces it."""
    path = folder / check.file
    write_text(path, check.model_dump_json(indent=1) + "\n")
    return path


Kind = TypeVar("Kind", bound=ResultFile)


def read_result(kind: type[Kind], folder: str | Path) -> Kind | None:
    """The run's file of this kind, None if there is none; raise `InputError` if it is broken."""
    path = Path(folder) / kind.file
    if not path.exists():
        return None
    remedy = f"delete it, or write it anew with `{kind.command}`"
    text = read_text(path, remedy)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path}: {refusal(error, 'check', remedy)}") from None
