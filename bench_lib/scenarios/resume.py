"""The loop that `bench serve`, `bench scale` and `bench pipeline` share: measure what is left, write after each."""

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import now
from bench_lib.results.result_file import ResultFile, read_result, write_result
from bench_lib.results.run_folder import unlike

Kind = TypeVar("Kind", bound=ResultFile)


def case_ids(cases: list) -> set[str]:
    """The ids of the cases that a file holds."""
    return {one.case.id for one in cases}


def no_facts(_begun: ResultFile | None) -> dict[str, Any]:
    """The default `facts` of `measure_left`: no fields besides grid, machine and cases."""
    return {}


def read_begun(kind: type[Kind], grid: Grid, machine: dict[str, Any], folder: Path) -> Kind | None:
    """The folder's file of this kind if it is of the same grid and machine and so can be continued; otherwise None.

    Raise `InputError` if the file is broken.
    """
    found = read_result(kind, folder)
    if found is None or found.grid != grid or unlike(found.machine, machine):
        return None
    return found


def measure_left(
    kind: type[Kind],
    grid: Grid,
    machine: dict[str, Any],
    folder: Path,
    parts: Mapping[Hashable, Any],
    add: Callable[[list, Any], list],
    *,
    measured: Callable[[list], set] = case_ids,
    facts: Callable[[Kind | None], dict[str, Any]] = no_facts,
    unit: str = "",
) -> Kind:
    """Measure the parts of a grid that the folder's file does not hold yet, and write the file after each; return it.

    `parts` holds everything to measure, by key; `measured` returns the keys of the parts that a list of `cases` holds.
    `add` takes the cases so far and a part, measures the part, and returns the cases with it. `facts` takes the file as
    an earlier call left it (None if there is none), and returns the file's other fields. With a `unit`, a progress bar
    counts parts in that unit. Raise `InputError` for a grid without parts.
    """
    if not parts:
        raise InputError("the grid has no case: no variant is measured at its precisions; name one that a variant has")
    begun = read_begun(kind, grid, machine, folder)
    cases = list(begun.cases) if begun else []
    there = measured(cases)
    left = [part for key, part in parts.items() if key not in there]
    if begun and not left:
        return begun
    fields = facts(begun)
    for part in tqdm(left, unit=unit, dynamic_ncols=True, disable=not unit):
        cases = add(cases, part)
        begun = kind(schema_version=2, started_at=now(), machine=machine, grid=grid, cases=cases, **fields)
        write_result(begun, folder)
    return begun
