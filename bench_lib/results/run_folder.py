"""A run: a folder of one grid's records from one machine."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_lib.core.case import PUBLISHED, Case, model_kind
from bench_lib.core.errors import InputError, validated
from bench_lib.core.files import read_dict, read_text, write_text
from bench_lib.core.grid import Grid
from bench_lib.core.record import Record, read_record

MAY_DIFFER = ("memory_bytes", "commit")  # a virtual machine's memory may change, and so may the code


def unlike(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what differs between two machines, as `bench_lib.measure.system.describe` returns them.

    What one of them does not tell says nothing: older files lack some keys.
    """
    both = [name for name in one if name in other and name not in MAY_DIFFER]
    return [name for name in both if one[name] != other[name]]


def _written(grid: Grid) -> dict[str, Any]:
    return json.loads(grid.model_dump_json())


def _grids_differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two grids are not of one run; the report's language does not matter."""
    return one | {"lang": ""} != other | {"lang": ""}


def digests(grid: Grid) -> dict[str, str]:
    """SHA-256 of the grid's ONNX files, the files that they keep weights in, and its weights file, by path.

    A run keeps them, so that it is not continued with another file of the same name. Empty if the grid has none.
    """
    named = [] if grid.weights == PUBLISHED else [grid.weights]
    for network in grid.networks:
        if model_kind(network) == "onnx":
            named += [network, *files_beside(network)]
    found = {}
    for path in filter(os.path.isfile, named):
        with open(path, "rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def files_beside(path: str) -> list[str]:
    """The files that an ONNX file keeps weights in; none if it cannot be read, which whoever runs it will say."""
    try:
        import onnx

        tensors = onnx.load(path, load_external_data=False).graph.initializer
    except Exception:
        return []
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    return [os.path.join(os.path.dirname(path), name) for name in sorted(names)]


class Run:
    """A folder of one grid's records from one machine: `grid.json`, `machine.json`, `records/`, `notebooks/`.

    `model.json` holds the digests of the files that the network was read from, where there are any.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.grid_path = self.folder / "grid.json"
        self.machine_path = self.folder / "machine.json"
        self.model_path = self.folder / "model.json"

    def record_path(self, case: Case) -> Path:
        """Where the case's record is kept."""
        return self.folder / "records" / f"{case.id}.json"

    def notebook_path(self, case: Case) -> Path:
        """Where the case's executed notebook is kept."""
        return self.folder / "notebooks" / f"{case.id}.ipynb"

    def start(self, grid: Grid, machine: dict[str, Any] | None) -> None:
        """Claim the folder for a run of this grid on this machine, or resume that run.

        If `machine` is None (on a cluster), the first task claims the folder for its machine, by `claim_machine`. Raise
        `InputError` if the folder holds another run or other files.
        """
        wanted = {self.grid_path: _written(grid)}
        if machine is not None:
            wanted[self.machine_path] = machine
        if files := digests(grid):
            wanted[self.model_path] = files
        for path, data in wanted.items():
            if not path.exists():
                continue
            if self._differs(path, data):
                raise InputError(
                    f"{self.folder}: holds a run of another {path.stem} ({path.name} differs); "
                    "give a new folder with --output, or the same grid and machine to go on with that run"
                )
        if not self.grid_path.exists() and self.folder.exists() and any(self.folder.iterdir()):
            raise InputError(f"{self.folder}: is not empty and holds no run; give a new or empty folder with --output")
        for path, data in wanted.items():
            if not path.exists():
                write_text(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")

    def _differs(self, path: Path, data: dict[str, Any]) -> bool:
        """Whether the file at `path`, one of this run's, is of another run than one with this data."""
        if path == self.grid_path:
            return _grids_differ(_written(self.grid()), data)  # old files lack fields
        return bool(unlike(read_dict(path), data)) if path == self.machine_path else read_dict(path) != data

    def claim_machine(self, machine: dict[str, Any]) -> list[str]:
        """Claim the run for this machine unless it is claimed; return the names of what differs from its machine."""
        with contextlib.suppress(FileExistsError):
            write_text(self.machine_path, json.dumps(machine, ensure_ascii=False, indent=1) + "\n", exclusive=True)
        return self.differs(machine)

    def refuse_unlike(self, machine: dict[str, Any], remedy: str) -> None:
        """Raise `InputError`, which ends with `remedy` (what to do), if the run belongs to another machine."""
        if differs := self.differs(machine):
            raise InputError(f"{self.folder}: is another machine's run ({', '.join(differs)}); {remedy}")

    def differs(self, machine: dict[str, Any]) -> list[str]:
        """Names of what differs between a machine and this run's; none if the run has no machine yet."""
        return unlike(self.machine(), machine)

    def machine(self) -> dict[str, Any]:
        """The machine that this run is claimed for; empty if none has claimed it yet."""
        return read_dict(self.machine_path) if self.machine_path.exists() else {}

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder for this process, and delete the temporary files that a killed process left there.

        Raise `InputError` if another process holds the lock. The system releases the lock when the process ends, in any
        way.
        """
        import fcntl

        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for stale in (*self.folder.glob(".*.tmp"), *self.folder.glob("records/.*.tmp")):
                stale.unlink()
            yield
        except BlockingIOError:
            raise InputError(
                f"{self.folder}: another sweep is measuring into it; wait for it, or give a new folder with --output"
            ) from None
        finally:
            os.close(folder)

    def grid(self) -> Grid:
        """The grid of this run; raise `InputError` if the folder holds none."""
        if not self.grid_path.is_file():
            raise InputError(f"{self.folder}: holds no run (no grid.json); give a folder made by `bench sweep`")
        text = read_text(self.grid_path, "restore it, or measure anew with `bench sweep`")
        return validated(Grid, text, str(self.grid_path))

    def finished(self, case: Case) -> Record | None:
        """The case's record; None if there is none yet.

        Raise `InputError` if the file is broken or holds the record of another case.
        """
        path = self.record_path(case)
        if not path.is_file():
            return None
        record = read_record(path)
        if record.case != case:
            raise InputError(f"{path}: holds another case, {record.case.id}; move it away and run the sweep again")
        return record

    def measured(self, case: Case) -> Record | None:
        """As `finished`, but a record that is broken or of another case is set aside, to be measured again."""
        try:
            return self.finished(case)
        except InputError:
            self.set_aside(case)
            return None

    def set_aside(self, case: Case) -> None:
        """Move the case's record to `set_aside/`: nothing reads it there, and no measurement is lost."""
        path = self.record_path(case)
        folder = self.folder / "set_aside"
        folder.mkdir(exist_ok=True)
        path.rename(folder / f"{path.stem}-{len(list(folder.glob(f'{path.stem}-*.json'))) + 1}.json")

    def set_aside_failed(self) -> None:
        """Set aside the records of the cases that failed."""
        for case in self.grid().cases():
            if (record := self.measured(case)) and record.status == "failed":
                self.set_aside(case)

    def records(self) -> list[Record]:
        """The records of all attempted cases, in the grid's order; raise `InputError` if there is none."""
        found = [record for case in self.grid().cases() if (record := self.finished(case))]
        if not found:
            raise InputError(f"{self.folder}: holds no records yet; run `bench sweep` with --output {self.folder}")
        return found
