"""What every `bench` command shares: the parser, arguments that are paths, and what may end a command."""

import argparse
from pathlib import Path

import shtab

from bench_lib.core.files import PROJECT

EXAMPLES = "examples:"  # in each command's help; the tests run the parser over them


class Parser(argparse.ArgumentParser):
    """Argparse's parser, but wrong arguments are told in one sentence, without the usage above it."""

    def error(self, message: str) -> None:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def begin_parser() -> tuple[Parser, argparse._SubParsersAction]:
    """The parser of `bench`, and what its commands are added to."""
    parser = Parser(
        prog="bench",
        description="Measure how fast a network infers here, and report it.",
        epilog="`bench COMMAND --help` shows a command's examples; README.md and docs/ tell the rest.",
    )
    shtab.add_argument_to(parser, help="print a script that completes bench's arguments in this shell")
    return parser, parser.add_subparsers(required=True, metavar="COMMAND")


def add_command(commands: argparse._SubParsersAction, name: str, words: str, *examples: str) -> Parser:
    """A command with what it is for and, in its help, examples of it."""
    lines = "\n".join(f"  bench {example}" for example in examples)
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"{EXAMPLES}\n{lines}",
        formatter_class=shape,
    )  # fmt: skip


def add_path(parser: Parser, *names: str, kind: dict[str, str] = shtab.DIRECTORY, **given) -> None:
    """An argument that is a path, and that the shell completes as one: a folder, or with `shtab.FILE` a file."""
    parser.add_argument(*names, type=Path, **given).complete = kind


OUTPUTS = Path("outputs")
PARAMS = PROJECT / "params"


class Regressed(Exception):
    """What `bench compare` was told to fail on."""


class Stopped(Exception):
    """The system stopped a command (a full disk, a folder that cannot be written); the message says how to go on."""
