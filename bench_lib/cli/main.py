"""The `bench` command: runs the command that is asked for, and reports in one sentence what went wrong."""

import sys

from bench_lib.cli.check import add_selfcheck
from bench_lib.cli.doctor import add_doctor
from bench_lib.cli.folders import prepare_folders
from bench_lib.cli.load import add_loads
from bench_lib.cli.parser import Parser, Regressed, Stopped, begin_parser
from bench_lib.cli.plan import add_plan
from bench_lib.cli.report import add_compare, add_export, add_report
from bench_lib.cli.sweep import add_sweep
from bench_lib.cli.terminal import coloured
from bench_lib.core.errors import InputError

COMMANDS = (add_sweep, add_report, add_compare, add_export, add_selfcheck, add_loads, add_plan, add_doctor)


def parser() -> Parser:
    """The parser of all commands, in the order of `bench --help`.

    What it parses has `run`, a function that takes what was parsed and does the command.
    """
    made, commands = begin_parser()
    for add in COMMANDS:
        add(commands)
    return made


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    `words` are its arguments, by default those of the command line. The status is 0 if it did what was asked, 1 if the
    system stopped it or `bench compare` found what it was told to fail on, 2 for bad input, 130 for Ctrl-C.
    """
    given = parser().parse_args(words)
    try:
        prepare_folders()
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
    """Print what went wrong as one line of standard error, and return the exit status."""
    print(f"{coloured('bench:', 'red', sys.stderr)} {words}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
