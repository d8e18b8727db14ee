"""`bench sweep`: measure every case of a grid."""

import argparse
from datetime import datetime
from pathlib import Path

import shtab

from bench_lib.cli.interrupt import going_on
from bench_lib.cli.parser import OUTPUTS, Stopped, add_command, add_path, command_line
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid, read_grid
from bench_lib.core.record import Record
from bench_lib.results.crowding import is_crowded
from bench_lib.results.run_folder import Run


def add_sweep(commands: argparse._SubParsersAction) -> None:
    """Add `bench sweep` to the commands of `bench`."""
    made = add_command(
        commands, "sweep", "measure every case of a grid, each in a fresh process",
        "sweep params/seed.yaml --output outputs/seed-here",
        "sweep params/seed.yaml --output outputs/seed-here --retry failed",
        "sweep params/batches.yaml --slurm",
    )  # fmt: skip
    add_path(made, "params", kind=shtab.FILE, help="the grid, such as params/seed.yaml")
    add_path(made, "--output", help="the run's folder; a run begun there goes on (outputs/NAME-TIME)")
    made.add_argument("--retry", choices=["failed"], help="measure the cases that failed again")
    made.add_argument("--plain", action="store_true", help="start each process from nothing instead of forking it")
    made.add_argument("--slurm", action="store_true", help="measure on a Slurm cluster, each case a job array's task")
    made.set_defaults(
        run=lambda given: run_sweep(given.params, given.output, given.plain, given.retry == "failed", given.slurm)
    )


def run_sweep(params: Path, output: Path | None, plain: bool, retry_failed: bool, slurm: bool) -> None:
    """Measure every case of the grid in `params`, here or on a Slurm cluster, and print the run's folder and counts.

    Without `output` the folder is a new one in `outputs`; a run that was begun in the folder goes on. `plain` starts
    each process from nothing, `retry_failed` measures failed cases again. Raise `InputError` for a wrong grid or
    folder, and `Stopped` if the system stops the sweep, by a full disk for example.
    """
    grid = read_grid(params)
    check_grid(grid, params)
    folder = output or OUTPUTS / f"{params.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    from bench_lib.sweep.runner import measure_grid
    from bench_lib.sweep.slurm import measure_grid_on_slurm, stays_in_slurm

    again = command_line("sweep", params, "--output", folder, *(["--slurm"] if slurm else []))
    try:
        with going_on(lambda: f"What is measured is kept{stays_in_slurm(folder) if slurm else ''}; to go on: {again}"):
            if slurm:
                records = measure_grid_on_slurm(grid, Run(folder), retry_failed)
            else:
                records = measure_grid(grid, Run(folder), plain, retry_failed)
    except OSError as error:
        raise Stopped(f"{error}. What is measured is kept; mend this, then go on: {again}") from None
    for line in summary_lines(folder, records):
        print(line)


def summary_lines(folder: Path, records: list[Record]) -> list[str]:
    """How many cases have which status, and a warning if other processes computed beside any of them."""
    counts = {status: sum(record.status == status for record in records) for status in ("ok", "skipped", "failed")}
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    lines = [f"{folder}: {len(records)} cases, {told}"]
    if beside := [record.case.id for record in records if record.status == "ok" and is_crowded(record)]:
        lines.append(
            f"Other processes computed on the same cores, or were on the same GPU, while {len(beside)} of them were "
            f"measured, such as {beside[0]}; nothing is decided on these. To measure them again when nothing else "
            f"runs, move their files out of {folder / 'records'} and run the same command."
        )
    return lines


def check_grid(grid: Grid, params: Path) -> None:
    """Raise `InputError` if an engine's options, a network, its weights, the images or the labels cannot be used.

    Reading the grid has not checked these, because only the engines and PyTorch know them. `params` is the grid's file.
    """
    from bench_lib.core.engine import check_case_options
    from bench_lib.sweep.trial import try_network
    from bench_lib.workload.images import check_folder
    from bench_lib.workload.labelled import check_labels
    from bench_lib.workload.network import check_model

    if idle := [name for name in grid.options if name not in grid.engines]:
        raise InputError(
            f"{params}: options are given for {idle[0]}, which engines does not list; add it or remove them"
        )
    try:
        for network in grid.networks:
            check_model(network, grid.weights)
        if grid.data:
            check_folder(grid.data)
        for network in grid.networks if grid.labels else []:
            check_labels(network, grid.weights, grid.data, grid.labels)
        for case in grid.cases():
            check_case_options(case)
        for network in grid.networks:
            try_network(grid.of(network))
    except InputError as error:
        raise InputError(f"{params}: {error}") from None
