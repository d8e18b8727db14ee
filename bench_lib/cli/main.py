"""`bench sweep | report | …`: what the notebooks and papermill do, with less typing; `bench_lib.cli.parser` has all."""

import sys

from bench_lib.cli import check, doctor, load, report, sweep
from bench_lib.cli.check import run_selfcheck
from bench_lib.cli.doctor import run_doctor
from bench_lib.cli.parser import Parser, Regressed, Stopped, begin_parser
from bench_lib.cli.report import run_compare, run_export, run_report
from bench_lib.cli.sweep import check_grid, run_sweep
from bench_lib.cli.terminal import coloured
from bench_lib.core.errors import InputError


def parser() -> Parser:
    """The parser of all commands; what it parses has `run`, which does the command."""
    made, commands = begin_parser()
    sweep.add_sweep(commands).set_defaults(
        run=lambda given: run_sweep(given.params, given.output, given.plain, given.retry == "failed", given.slurm)
    )
    report.add_report(commands).set_defaults(run=lambda given: run_report(given.folder, given.lang))
    report.add_compare(commands).set_defaults(
        run=lambda given: run_compare(given.first, given.second, given.common, given.fail_on, given.output, given.lang)
    )
    report.add_export(commands).set_defaults(run=lambda given: run_export(given.folder, given.output))
    check.add_selfcheck(commands).set_defaults(
        run=lambda given: run_selfcheck(
            given.params, given.output, given.clock,
            {name: vars(given)[name] for name in check.COUNTS if name in given},
        )
    )  # fmt: skip
    load.add_load_commands(commands, check_grid)
    doctor.add_doctor(commands).set_defaults(run=lambda _: run_doctor())
    return made


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status: 0; 1, stopped by the system; 2, bad input; 130, interrupted."""
    given = parser().parse_args(words)
    try:
        given.run(given)
    except InputError as error:
        return print_error(error, 2)
    except Regressed as error:
        return print_error(error, 1)
    except Stopped as error:
        return print_error(f"stopped. {error}", 1)
    except OSError as error:
        return print_error(f"{InputError(str(error))}; mend that, or give another folder", 2)
    except KeyboardInterrupt as interrupt:
        print(file=sys.stderr)  # below what the terminal shows of Ctrl-C
        return print_error(f"interrupted. {interrupt}", 130)
    return 0


def print_error(words: object, status: int) -> int:
    """Tell what went wrong; return the exit status."""
    print(f"{coloured('bench:', 'red', sys.stderr)} {words}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
