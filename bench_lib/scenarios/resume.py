"""The loop that `bench serve`, `bench scale` and `bench pipeline` share: measure what is left, write after each."""

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import now
from bench_lib.results.result_file import ResultFile, read_result, write_result
from bench_lib.results.run_folder import identity

Kind = TypeVar("Kind", bound=ResultFile)


def case_ids(cases: list) -> set[str]:
    """The ids of the cases that a file holds."""
    return {one.case.id for one in cases}


def no_facts(_begun: ResultFile | None) -> dict[str, Any]:
    """The fields of a file that has none beside its grid, machine and cases."""
    return {}


def read_begun(kind: type[Kind], grid: Grid, machine: dict[str, Any], folder: Path) -> Kind | None:
    """The folder's file of this kind if it is of the same grid and machine, so that it can be gone on with; else None.

    Raise `InputError` if the file is broken.
    """
    found = read_result(kind, folder)
    if found is None or found.grid != grid or identity(found.machine) != identity(machine):
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

    `parts` are what there is to measure, by key, and `measured` tells the keys of what a file's `cases` hold. `add`
    measures one part and returns the cases with it. `facts` are the file's other fields, made from what was begun
    (None: nothing). With a `unit`, a progress bar counts the parts in it. Raise `InputError` for a grid without parts.
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
