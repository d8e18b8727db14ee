"""`bench serve | scale | pipeline | plan`: commands about load, beside those of `bench_lib.cli`."""

import contextlib
from argparse import _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import shtab

from bench_lib.arguments import command, path
from bench_lib.cases import Grid, InputError, read_grid
from bench_lib.runs import Run


def add_to(commands: _SubParsersAction, check) -> None:
    """Add the commands to the parser of `bench`; `check` is what refuses options and models that do not exist."""
    loads = {
        "serve": (serve, "find the request rate that keeps p99 under a limit, with LoadGen", "serving"),
        "scale": (scale, "measure several streams or processes at once on one device", "scaling"),
        "pipeline": (pipeline, "measure from JPEG files to answers: decoding, copying, inference", "pipeline"),
    }
    for name, (load, words, file) in loads.items():
        made = command(commands, name, words, f"{name} params/{file}.yaml --output outputs/batches")
        path(made, "params", kind=shtab.FILE, help=f"what to load, such as params/{file}.yaml")
        path(made, "--output", required=True, metavar="RUN", help="the run whose report is to show it")
        made.set_defaults(run=lambda given, load=load: load(given.params, given.output, check))
    made = command(
        commands, "plan", "tell how many devices serve a rate of requests, from a measured run",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10 --price-per-hour 3.5",
    )  # fmt: skip
    path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    made.add_argument("--rate", type=float, required=True, metavar="N", help="images a second")
    made.add_argument("--p99-ms", type=float, required=True, metavar="MS", help="how long 99 %% of answers may take")
    made.add_argument("--image-size", type=int, metavar="PIXELS", help="which images, where the run has several")
    made.add_argument("--price-per-hour", type=float, metavar="X", help="of one device, in whatever money")
    made.set_defaults(
        run=lambda given: plan(given.folder, given.rate, given.p99_ms, given.image_size, given.price_per_hour)
    )


def plan(folder: Path, rate_ips: float, p99_ms: float, image_size: int | None, price_per_hour: float | None) -> None:
    """Print what serves a rate under a limit."""
    from bench_lib import plans

    if price_per_hour is not None and not 0 <= price_per_hour < float("inf"):
        raise InputError(f"--price-per-hour is {price_per_hour:g}; it must be a number of at least 0")
    found = plans.plan(folder, rate_ips, p99_ms, image_size)
    print(*plans.printed(found, price_per_hour), sep="\n")


def serve(params: Path, folder: Path, check) -> None:
    """Measure latency under load into the run's folder, and print it."""
    from bench_lib.serving import ServingGrid

    grid = known(params, folder, ServingGrid, check)
    from bench_lib import serve as load

    with kept(f"bench serve {params} --output {folder}"):
        found = load.check_serving(grid, folder)
    print(folder / found.file, *load.printed(found), sep="\n")


def scale(params: Path, folder: Path, check) -> None:
    """Measure cases in company of themselves into the run's folder, and print it."""
    from bench_lib.scaling import ScalingGrid

    grid = known(params, folder, ScalingGrid, check)
    from bench_lib import scale as load

    with kept(f"bench scale {params} --output {folder}"):
        found = load.check_scaling(grid, folder)
    print(folder / found.file, *load.printed(found), sep="\n")


def pipeline(params: Path, folder: Path, check) -> None:
    """Measure cases from JPEG files on into the run's folder, and print it."""
    from bench_lib.endtoend import PipelineGrid

    grid = known(params, folder, PipelineGrid, check)
    from bench_lib import pipeline as load

    with kept(f"bench pipeline {params} --output {folder}"):
        found = load.check_pipeline(grid, folder)
    print(folder / found.file, *load.printed(found), sep="\n")


@contextlib.contextmanager
def kept(command: str) -> Iterator[None]:
    """If Ctrl-C comes, say that what is measured is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"What is measured is kept; to go on: {command}") from None


def known(params: Path, folder: Path, kind: type[Grid], check) -> Grid:
    """The grid of this kind in the file; raise `InputError` if it is wrong, or the folder another machine's run."""
    from bench_lib import machine

    grid = read_grid(params, kind)
    check(grid, params)
    Run(folder).refuse_unlike(machine.describe(), "measure there, or in a new folder")
    return grid
