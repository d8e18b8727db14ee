"""`bench sweep | report | …`: what the notebooks and papermill do, with less typing; `bench_lib.arguments` has all."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bench_lib import arguments, language, load_commands
from bench_lib.cases import Grid, InputError, Precision, engine_names, read_grid
from bench_lib.runs import Run
from bench_lib.terminal import coloured

OUTPUTS = Path("outputs")
PARAMS = Path(__file__).parents[1] / "params"


class Regressed(Exception):
    """What `bench compare` was told to fail on."""


class Stopped(Exception):
    """The system stopped a command (a full disk, a folder that cannot be written); the message says how to go on."""


def parser() -> arguments.Parser:
    """The parser of all commands; what it parses has `run`, which does the command."""
    made, commands = arguments.begin()
    arguments.sweep(commands).set_defaults(
        run=lambda given: sweep(given.params, given.output, given.plain, given.retry == "failed", given.slurm)
    )
    arguments.report(commands).set_defaults(run=lambda given: report(given.folder, given.lang))
    arguments.compare(commands).set_defaults(
        run=lambda given: compare(given.first, given.second, given.common, given.fail_on, given.output, given.lang)
    )
    arguments.export(commands).set_defaults(run=lambda given: export(given.folder, given.output))
    arguments.selfcheck(commands).set_defaults(
        run=lambda given: selfcheck(
            given.params, given.output, given.clock,
            {name: vars(given)[name] for name in arguments.COUNTS if name in given},
        )
    )  # fmt: skip
    load_commands.add_to(commands, check)
    arguments.doctor(commands).set_defaults(run=lambda _: doctor())
    return made


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status: 0; 1, stopped by the system; 2, bad input; 130, interrupted."""
    given = parser().parse_args(words)
    try:
        given.run(given)
    except InputError as error:
        return told(error, 2)
    except Regressed as error:
        return told(error, 1)
    except Stopped as error:
        return told(f"stopped. {error}", 1)
    except OSError as error:
        return told(f"{InputError(str(error))}; mend that, or give another folder", 2)
    except KeyboardInterrupt as interrupt:
        print(file=sys.stderr)  # below what the terminal shows of Ctrl-C
        return told(f"interrupted. {interrupt}", 130)
    return 0


def told(words: object, status: int) -> int:
    """Tell what went wrong; return the exit status."""
    print(f"{coloured('bench:', 'red', sys.stderr)} {words}", file=sys.stderr)
    return status


def sweep(params: Path, output: Path | None, plain: bool, retry_failed: bool, slurm: bool) -> None:
    """Check the whole grid, then measure it, here or on a Slurm cluster; print the run's folder."""
    grid = read_grid(params)
    check(grid, params)
    folder = output or OUTPUTS / f"{params.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    from bench_lib import cluster
    from bench_lib.sweep import sweep as measure_all

    again = f"bench sweep {params} --output {folder}" + " --slurm" * slurm
    try:
        if slurm:
            records = cluster.sweep(grid, Run(folder), retry_failed)
        else:
            records = measure_all(grid, Run(folder), plain, retry_failed)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"What is measured is kept{interrupt}; to go on: {again}") from None
    except OSError as error:
        raise Stopped(f"{error}. What is measured is kept; mend this, then go on: {again}") from None
    counts = {status: sum(record.status == status for record in records) for status in ("ok", "skipped", "failed")}
    print(f"{folder}: {len(records)} cases, " + ", ".join(f"{count} {status}" for status, count in counts.items()))


def check(grid: Grid, params: Path) -> None:
    """Raise `InputError` for what only the engines and the models know: their options and names."""
    from bench_lib import engines, models, real_images

    if idle := [name for name in grid.options if name not in grid.engines]:
        raise InputError(
            f"{params}: options are given for {idle[0]}, which engines does not list; add it or remove them"
        )
    try:
        models.check_model(grid.model, grid.weights)
        if grid.data:
            real_images.check_folder(grid.data)
        for case in grid.cases():
            engines.check_options(case)
        models.try_out(grid)
    except InputError as error:
        raise InputError(f"{params}: {error}") from None


def report(folder: Path, lang: str | None) -> None:
    """Make report.html and report.pdf of the run; in another language than the grid's, report.en.html and the like."""
    own = Run(folder).grid().lang
    suffix = "" if lang in (None, own) else f".{lang}"
    written("report", folder, {"run": ".", "suffix": suffix}, lang or own, suffix, lambda: read(folder))


def read(folder: Path) -> None:
    """Read all that a report is made of; raise `InputError` if something is broken."""
    from bench_lib import checks
    from bench_lib.endtoend import EndToEnd
    from bench_lib.scaling import Scaling
    from bench_lib.serving import Serving
    from bench_lib.summary import summarize

    run = Run(folder)
    summarize(run.grid(), run.records()[:1])
    for kind in (checks.Clock, checks.SelfCheck, Serving, Scaling, EndToEnd):
        checks.read_check(kind, folder)


def compare(first: Path, second: Path, common: bool, fail_on: str | None, folder: Path | None, lang: str) -> None:
    """Print what differs between two runs; write compare.html and compare.pdf if a folder for them is given."""
    from bench_lib import comparison

    found = comparison.compare(first, second, common)
    print(*comparison.printed(found), sep="\n")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        runs = {"run_a": str(first.absolute()), "run_b": str(second.absolute()), "common": common}
        written("compare", folder, runs, lang)
    if fail_on and (count := comparison.counts(found)[fail_on]):
        raise Regressed(f"{count} of {len(found.cases)} cases are {fail_on} in {second} than in {first}")


def export(folder: Path, output: Path | None) -> None:
    """Write the run's table and figures as files for other tools, and print their paths."""
    from bench_lib import formats
    from bench_lib.summary import Summary

    language.use(Run(folder).grid().lang)
    print(*formats.write(Summary.read(folder), folder, output or folder / "export"), sep="\n")


def written(
    name: str, folder: Path, parameters: dict, lang: str, suffix: str = "", read: Callable[[], None] = lambda: None
) -> None:
    """Run a notebook, export it under its name and the suffix, and print the paths; without Pango there is no PDF.

    It is written once, at its end: papermill would write it, with all its tables, at each cell. If a cell fails, `read`
    says in a sentence if it is what the notebook reads that is broken.
    """
    import nbformat
    from papermill.exceptions import PapermillExecutionError

    from bench_lib.export import PDFUnavailable, write_html, write_pdf
    from bench_lib.sweep import NOTEBOOKS, execute

    notebook = folder / f"{name}{suffix}.ipynb"
    try:
        made = execute(NOTEBOOKS / f"{name}.ipynb", None, parameters | {"lang": lang}, cwd=folder)
    except PapermillExecutionError as error:
        read()
        raise InputError(
            f"{folder}: the report cannot be made ({error.ename}: {error.evalue}); run notebooks/{name}.ipynb to see"
        ) from None
    language.use(lang)
    made.metadata.update(lang=lang, title=language.tr(made.metadata.title))
    nbformat.write(made, notebook)
    print(write_html(notebook, folder / f"{name}{suffix}.html"))
    try:
        print(write_pdf(notebook, folder / f"{name}{suffix}.pdf"))
    except PDFUnavailable as error:
        print(f"bench: no {name}{suffix}.pdf. {error}", file=sys.stderr)


def selfcheck(params: Path | None, output: Path | None, clock: bool, counts: dict[str, int]) -> None:
    """Check the clock or the verdicts, write what came of it into the run's folder, and print it."""
    kind, known = ("clock", ["rounds"]) if clock else ("selfcheck", ["processes", "pairs"])
    if foreign := [name for name in counts if name not in known]:
        raise InputError(f"--{foreign[0]} is for the check {'without' if clock else 'with'} --clock; leave it out")
    params = params or PARAMS / f"{kind}.yaml"
    folder = output or OUTPUTS / f"selfcheck-{datetime.now():%Y%m%d-%H%M%S}"
    grid = read_grid(params)
    check(grid, params)
    from bench_lib import clockcheck, machine
    from bench_lib import selfcheck as verdictcheck

    Run(folder).refuse_unlike(machine.describe(), "check it there, or give a new folder")
    again = f"bench selfcheck {params} --output {folder}"
    try:
        if clock:
            lines = clockcheck.printed(clockcheck.check_clock(grid, folder, **counts))
        else:
            lines = verdictcheck.printed(verdictcheck.check_verdicts(grid, folder, **counts))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("" if clock else f"What is measured is kept; to go on: {again}") from None
    print(f"{folder / kind}.json", *lines, sep="\n")


def doctor() -> None:
    """Print, for each engine and precision, whether it can run here, or why not and what would add it."""
    from bench_lib import engines, machine

    here = machine.describe()
    gpu = here["gpu"]
    print(f"Python {here['python']}; {here['cpu']}, {here['cores']} cores")
    print(f"GPU: {gpu['name']}, driver {gpu['driver']}" if gpu else "GPU: none that the NVIDIA driver shows")
    commands = {}
    for engine in engine_names():
        for precision in Precision.__args__:
            try:
                engines.load(engine).check(precision)
                print(f"{engine:16}{precision:6}{coloured('yes', 'green')}")
            except engines.Unavailable as error:
                print(f"{engine:16}{precision:6}{coloured('no', 'yellow')}: {error}")
                commands |= {error.command: engine} if error.command else {}
    for line, engine in commands.items():
        print(f"To add {engine}: {line}")


if __name__ == "__main__":
    sys.exit(main())
