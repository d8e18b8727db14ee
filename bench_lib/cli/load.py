"""`bench serve`, `bench scale` and `bench pipeline`: measurements under load, into the folder of a run."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import shtab

from bench_lib.cli.interrupt import going_on
from bench_lib.cli.load_lines import pipeline_lines, scaling_lines, serving_lines
from bench_lib.cli.parser import add_command, add_path, command_line
from bench_lib.cli.sweep import check_grid
from bench_lib.core.grid import read_grid
from bench_lib.results.load_grid import LoadGrid
from bench_lib.results.pipeline import Pipeline, PipelineGrid
from bench_lib.results.result_file import ResultFile
from bench_lib.results.run_folder import Run
from bench_lib.results.scaling import Scaling, ScalingGrid
from bench_lib.results.serving import Serving, ServingGrid


@dataclass(frozen=True)
class Load:
    """One of the commands: its name, what its help says, the grid that it reads, and an example of one in params/load.

    `measure` takes a grid and the run's folder, and returns what it wrote there; `lines` turns that into lines for the
    terminal.
    """

    name: str
    words: str
    grid: type[LoadGrid]
    example: str
    measure: Callable[[LoadGrid, Path], ResultFile]
    lines: Callable[[ResultFile], list[str]]


def serve(grid: ServingGrid, folder: Path) -> Serving:
    """Do what `bench serve` does; the scenario, which imports PyTorch, is imported only here."""
    from bench_lib.scenarios.serving import measure_serving

    return measure_serving(grid, folder)


def scale(grid: ScalingGrid, folder: Path) -> Scaling:
    """Do what `bench scale` does; as `serve`."""
    from bench_lib.scenarios.scaling import measure_scaling

    return measure_scaling(grid, folder)


def pipeline(grid: PipelineGrid, folder: Path) -> Pipeline:
    """Do what `bench pipeline` does; as `serve`."""
    from bench_lib.scenarios.pipeline import measure_pipeline

    return measure_pipeline(grid, folder)


SERVE = Load("serve", "find the request rate that keeps p99 under a limit, with LoadGen",
             ServingGrid, "params/load/serving.yaml", serve, serving_lines)  # fmt: skip
SCALE = Load("scale", "measure several streams or processes at once on one device",
             ScalingGrid, "params/load/scaling.yaml", scale, scaling_lines)  # fmt: skip
PIPELINE = Load("pipeline", "measure from JPEG files to answers: decoding, copying, inference",
                PipelineGrid, "params/load/pipeline.yaml", pipeline, pipeline_lines)  # fmt: skip


def add_loads(commands: argparse._SubParsersAction) -> None:
    """Add `bench serve`, `bench scale` and `bench pipeline` to the commands of `bench`."""
    for load in (SERVE, SCALE, PIPELINE):
        made = add_command(commands, load.name, load.words, f"{load.name} {load.example} --output outputs/batches")
        add_path(made, "params", kind=shtab.FILE, help=f"what to load, such as {load.example}")
        add_path(made, "--output", required=True, metavar="RUN", help="the run whose report is to show it")
        made.set_defaults(run=lambda given, load=load: run_load(load, given.params, given.output))


def run_load(load: Load, params: Path, folder: Path) -> None:
    """Measure the grid in `params` into the run's folder, and print what was found.

    Raise `InputError` if the grid is wrong or the folder holds another machine's run.
    """
    from bench_lib.measure import system

    grid = read_grid(params, load.grid)
    check_grid(grid, params)
    Run(folder).refuse_unlike(system.describe(), "measure there, or in a new folder")
    again = command_line(load.name, params, "--output", folder)
    with going_on(lambda: f"What is measured is kept; to go on: {again}"):
        found = load.measure(grid, folder)
    print(folder / found.file, *load.lines(found), sep="\n")
