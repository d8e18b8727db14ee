"""What the `bench` commands share: the parser, help with examples, arguments that are paths, and two exceptions."""

import argparse
import shlex
import sys
from pathlib import Path

import shtab

from bench_lib.core.files import PROJECT

EXAMPLES = "examples:"  # in each command's help; the tests run the parser over them


class Parser(argparse.ArgumentParser):
    """Argparse's parser, except that it tells wrong arguments in one sentence, without the usage above it."""

    def error(self, message: str) -> None:
        """Print the message and where to find help, and exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def begin_parser() -> tuple[Parser, argparse._SubParsersAction]:
    """The parser of `bench` without any command, and the object that `add_command` adds commands to."""
    parser = Parser(
        prog="bench",
        description="Measure how fast a network infers here, and report it.",
        epilog="`bench COMMAND --help` shows a command's examples; README.md and docs/ tell the rest.",
    )
    shtab.add_argument_to(parser, help="print a script that completes bench's arguments in this shell")
    return parser, parser.add_subparsers(required=True, metavar="COMMAND")


def add_command(commands: argparse._SubParsersAction, name: str, words: str, *examples: str) -> Parser:
    """Add a command and return its parser.

    `words` say what the command does, for `bench --help` and its own help; `examples`, without "bench", end the latter.
    """
    lines = "\n".join(f"  bench {example}" for example in examples)
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"{EXAMPLES}\n{lines}",
        formatter_class=shape,
    )  # fmt: skip


def add_path(parser: Parser, *names: str, kind: dict[str, str] = shtab.DIRECTORY, **given) -> None:
    """Add an argument that is a path of this machine; `given` goes to argparse's `add_argument`.

    The shell completes it with names of folders or, where `kind` is `shtab.FILE`, of files.
    """
    parser.add_argument(*names, type=local_path, **given).complete = kind


def local_path(given: str) -> Path:
    """The path that a person gave; raise `ArgumentTypeError` for an address, and for a path that no file can tell of.

    Records, notebooks and messages name the path, or the current folder, and are written in UTF-8.
    """
    if "://" in given:
        raise argparse.ArgumentTypeError(
            f"{given!r} is an address; give a path of this machine, mounted there if need be"
        )
    path = Path(given)
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        raise argparse.ArgumentTypeError(
            f"{given!r} is no {encoding} text, or in a folder whose name is none; rename it, or set PYTHONUTF8=1"
        ) from None
    return path


def command_line(*words: str | Path) -> str:
    """A command that can be pasted into a shell: `bench` with these words, a path with a dash first as no option."""
    return shlex.join(["bench", *map(as_argument, words)])


def as_argument(word: str | Path) -> str:
    """A word of a command, a path with a dash first as no option."""
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)


OUTPUTS = Path("outputs")
PARAMS = PROJECT / "params"


class Regressed(Exception):
    """`bench compare --fail-on` has found what it was told to fail on; the message says how much of it."""


class Stopped(Exception):
    """The system stopped a command (a full disk, a folder that cannot be written); the message says how to go on."""
