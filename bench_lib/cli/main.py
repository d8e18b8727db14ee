"""`bench sweep | report | …`: what the notebooks and papermill do, with less typing; `bench_lib.cli.parser` has all."""

import sys

from bench_lib.cli.check import add_selfcheck
from bench_lib.cli.doctor import add_doctor
from bench_lib.cli.load import add_loads
from bench_lib.cli.parser import Parser, Regressed, Stopped, begin_parser
from bench_lib.cli.plan import add_plan
from bench_lib.cli.report import add_compare, add_export, add_report
from bench_lib.cli.sweep import add_sweep
from bench_lib.cli.terminal import coloured
from bench_lib.core.errors import InputError

COMMANDS = (add_sweep, add_report, add_compare, add_export, add_selfcheck, add_loads, add_plan, add_doctor)


def parser() -> Parser:
    """The parser of all commands, in the order of `bench --help`; what it parses has `run`, which does the command."""
    made, commands = begin_parser()
    for add in COMMANDS:
        add(commands)
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
