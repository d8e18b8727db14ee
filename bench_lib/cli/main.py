"""The `bench` command: runs the command that is asked for, and reports in one sentence what went wrong.

Nothing is imported here that takes time, so that Ctrl-C during imports is answered with a sentence too.
"""

import os
import signal
import sys


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    `words` are its arguments; without them, they are those of the command line, and a signal ends the whole process.
    The status is 0 if it did what was asked, 1 if the system stopped it or `bench compare` found what it was told to
    fail on, 2 for bad input, 130 for Ctrl-C.
    """
    if words is not None:
        return run_command(words)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as it is in the background
        signal.signal(signal.SIGINT, end_early)
    from bench_lib.cli import interrupt
    from bench_lib.cli.terminal import take_everything

    take_everything()
    interrupt.end_on_signals()
    try:
        return run_command(sys.argv[1:], alone=True)
    finally:
        interrupt.ignore_signals()


def end_early(number: int, _frame: object) -> None:
    """End this process while it is only importing."""
    os.write(2, b"\nbench: interrupted.\n")
    os._exit(128 + number)


def run_command(words: list[str], alone: bool = False) -> int:
    """Do what `main` does; `alone` if nothing else is done in this process."""
    from bench_lib.cli.commands import parser
    from bench_lib.cli.folders import prepare_folders
    from bench_lib.cli.parser import Regressed, Stopped
    from bench_lib.core.errors import InputError

    given = parser().parse_args(words)
    try:
        prepare_folders(alone)
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
    from bench_lib.cli.terminal import coloured

    print(f"{coloured('bench:', 'red', sys.stderr)} {words}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
