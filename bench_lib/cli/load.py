"""`bench serve | scale | pipeline | plan`: commands about load, beside those of `bench_lib.cli.main`."""

import contextlib
from argparse import _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import shtab

from bench_lib.cli.parser import add_command, add_path
from bench_lib.cli.plan import run_plan
from bench_lib.cli.terminal import column_width, per_second
from bench_lib.core.grid import Grid, read_grid
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.run_folder import Run
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import Serving, best_point


def add_load_commands(commands: _SubParsersAction, check) -> None:
    """Add the commands to the parser of `bench`; `check` is what refuses options and models that do not exist."""
    loads = {
        "serve": (run_serve, "find the request rate that keeps p99 under a limit, with LoadGen", "serving"),
        "scale": (run_scale, "measure several streams or processes at once on one device", "scaling"),
        "pipeline": (run_pipeline, "measure from JPEG files to answers: decoding, copying, inference", "pipeline"),
    }
    for name, (load, words, file) in loads.items():
        made = add_command(commands, name, words, f"{name} params/load/{file}.yaml --output outputs/batches")
        add_path(made, "params", kind=shtab.FILE, help=f"what to load, such as params/load/{file}.yaml")
        add_path(made, "--output", required=True, metavar="RUN", help="the run whose report is to show it")
        made.set_defaults(run=lambda given, load=load: load(given.params, given.output, check))
    made = add_command(
        commands, "plan", "tell how many devices serve a rate of requests, from a measured run",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10 --price-per-hour 3.5",
    )  # fmt: skip
    add_path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    made.add_argument("--rate", type=float, required=True, metavar="N", help="images a second")
    made.add_argument("--p99-ms", type=float, required=True, metavar="MS", help="how long 99 %% of answers may take")
    made.add_argument("--image-size", type=int, metavar="PIXELS", help="which images, where the run has several")
    made.add_argument("--price-per-hour", type=float, metavar="X", help="of one device, in whatever money")
    made.set_defaults(
        run=lambda given: run_plan(given.folder, given.rate, given.p99_ms, given.image_size, given.price_per_hour)
    )


def run_serve(params: Path, folder: Path, check) -> None:
    """Measure latency under load into the run's folder, and print it."""
    from bench_lib.results.serving import ServingGrid
    from bench_lib.scenarios import serving

    grid = read_load_grid(params, folder, ServingGrid, check)
    # MERGED

    with kept_on_interrupt(f"bench serve {params} --output {folder}"):
        found = serving.measure_serving(grid, folder)
    print(folder / found.file, *serving_lines(found), sep="\n")


def run_scale(params: Path, folder: Path, check) -> None:
    """Measure cases in company of themselves into the run's folder, and print it."""
    from bench_lib.results.scaling import ScalingGrid
    from bench_lib.scenarios import scaling

    grid = read_load_grid(params, folder, ScalingGrid, check)
    # MERGED

    with kept_on_interrupt(f"bench scale {params} --output {folder}"):
        found = scaling.measure_scaling(grid, folder)
    print(folder / found.file, *scaling_lines(found), sep="\n")


def run_pipeline(params: Path, folder: Path, check) -> None:
    """Measure cases from JPEG files on into the run's folder, and print it."""
    from bench_lib.results.pipeline import PipelineGrid
    from bench_lib.scenarios import pipeline

    grid = read_load_grid(params, folder, PipelineGrid, check)
    # MERGED

    with kept_on_interrupt(f"bench pipeline {params} --output {folder}"):
        found = pipeline.measure_pipeline(grid, folder)
    print(folder / found.file, *pipeline_lines(found), sep="\n")


@contextlib.contextmanager
def kept_on_interrupt(command: str) -> Iterator[None]:
    """If Ctrl-C comes, say that what is measured is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"What is measured is kept; to go on: {command}") from None


def read_load_grid(params: Path, folder: Path, kind: type[Grid], check) -> Grid:
    """The grid of this kind in the file; raise `InputError` if it is wrong, or the folder another machine's run."""
    from bench_lib.measure import system

    grid = read_grid(params, kind)
    check(grid, params)
    Run(folder).refuse_unlike(system.describe(), "measure there, or in a new folder")
    return grid


def pipeline_lines(found: Pipeline) -> list[str]:
    """Lines for the terminal: images a second of each stage and of the whole."""
    width = column_width(one.case.id for one in found.cases)
    lines = [f"{found.images} images of {found.image_bytes / 1024:.0f} KiB in the mean; images/s of each stage alone",
             f"{'case':{width}}{'workers':>8}{'decode':>11}{'copy':>11}{'infer':>11}{'whole':>11}  slowest",
             ]  # fmt: skip
    for one in found.cases:
        if one.failed:
            lines.append(f"{one.case.id:{width}}{one.failed}")
        else:
            stages = (one.decode_ips, one.copy_ips, one.infer_ips, one.whole_ips)
            rates = "".join(f"{per_second(stage):>11}" for stage in stages)
            lines.append(f"{one.case.id:{width}}{one.workers:8}{rates}  {one.bottleneck}")
    return lines


def scaling_lines(found: Scaling) -> list[str]:
    """Lines for the terminal: each case and crowd."""
    width = column_width(scaled.case.id for scaled in found.cases)
    lines = [f"{'case':{width}}{'at once':14}{'img/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'busy':>6}{'GPU MiB':>9}"
             f"{'host MiB':>9}"]  # fmt: skip
    for scaled in found.cases:
        for one in scaled.crowds:
            start = f"{scaled.case.id:{width}}{f'{one.workers} {one.way}':14}"
            if one.failed:
                lines.append(f"{start}{one.failed}")
                continue
            device, host = (
                "—" if size is None else f"{size / 2**20:.0f}" for size in (one.device_bytes, one.host_bytes)
            )
            busy = "—" if one.busy is None else f"{one.busy:.0%}"
            lines.append(
                f"{start}{per_second(one.ips):>8}{one.p50_ms:8.3g}{one.p99_ms:8.3g}{busy:>6}{device:>9}{host:>9}"
            )
    return lines


def serving_lines(found: Serving) -> list[str]:
    """Lines for the terminal: each case's best rate under the limit, or why it has none."""
    limit = found.grid.p99_ms
    width = column_width(served.case.id for served in found.cases)
    lines = [f"{'case':{width}}{'img/s under limit':>17}{'p50 ms':>9}{'p99 ms':>9}{'batch':>7}{'ceiling':>9}"]
    for served in found.cases:
        start = f"{served.case.id:{width}}"
        kept = best_point(served.points, limit)
        if served.failed:
            lines.append(f"{start}{served.failed}")
        elif kept is None:
            least = min(point.loadgen.p99_ms for point in served.points)
            lines.append(f"{start}no rate keeps p99 under {limit:g} ms; the least p99 was {least:.3g} ms")
        else:
            counted = kept.loadgen
            lines.append(f"{start}{per_second(kept.offered_ips):>17}{counted.p50_ms:9.3g}{counted.p99_ms:9.3g}"
                         f"{kept.batch:7.1f}{per_second(served.ceiling_ips):>9}")  # fmt: skip
    apart = [point.apart for served in found.cases for point in served.points]
    if apart:
        lines.append(f"Ours and LoadGen's counts differ by at most {max(*apart, 1e-4):.2%} over {len(apart)} rates.")
    return lines
