"""What each `bench` command takes: its arguments, help and examples; `bench_lib.cli` says what it does with them."""

import argparse
from pathlib import Path

import shtab

from bench_lib.language import DEFAULT, LANGUAGES

EXAMPLES = "examples:"  # in each command's help; the tests run the parser over them


class Parser(argparse.ArgumentParser):
    """Argparse's parser, but wrong arguments are told in one sentence, without the usage above it."""

    def error(self, message: str) -> None:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def begin() -> tuple[Parser, argparse._SubParsersAction]:
    """The parser of `bench`, and what its commands are added to."""
    parser = Parser(
        prog="bench",
        description="Measure how fast a network infers here, and report it.",
        epilog="`bench COMMAND --help` shows a command's examples; README.md tells the rest.",
    )
    shtab.add_argument_to(parser, help="print a script that completes bench's arguments in this shell")
    return parser, parser.add_subparsers(required=True, metavar="COMMAND")


def command(commands: argparse._SubParsersAction, name: str, words: str, *examples: str) -> Parser:
    """A command with what it is for and, in its help, examples of it."""
    lines = "\n".join(f"  bench {example}" for example in examples)
    shape = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"{EXAMPLES}\n{lines}",
        formatter_class=shape,
    )  # fmt: skip


def path(parser: Parser, *names: str, kind: dict[str, str] = shtab.DIRECTORY, **given) -> None:
    """An argument that is a path, and that the shell completes as one: a folder, or with `shtab.FILE` a file."""
    parser.add_argument(*names, type=Path, **given).complete = kind


def sweep(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench sweep`."""
    made = command(
        commands, "sweep", "measure every case of a grid, each in a fresh process",
        "sweep params/seed.yaml --output outputs/seed-here",
        "sweep params/seed.yaml --output outputs/seed-here --retry failed",
        "sweep params/batches.yaml --slurm",
    )  # fmt: skip
    path(made, "params", kind=shtab.FILE, help="the grid, such as params/seed.yaml")
    path(made, "--output", help="the run's folder; a run begun there goes on (outputs/NAME-TIME)")
    made.add_argument("--retry", choices=["failed"], help="measure the cases that failed again")
    made.add_argument("--plain", action="store_true", help="start each process from nothing instead of forking it")
    made.add_argument("--slurm", action="store_true", help="measure on a Slurm cluster, each case a job array's task")
    return made


def report(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench report`."""
    words = "make report.html and report.pdf of a run, and its figures as PNG and SVG"
    made = command(commands, "report", words, "report outputs/cpu-2-cores")
    path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    made.add_argument("--lang", choices=LANGUAGES, help="the report's language, if not the grid's: report.en.html …")
    return made


def compare(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench compare`."""
    made = command(
        commands, "compare", "tell what differs between two runs, with verdicts",
        "compare outputs/h200-seed outputs/h200-batches --common",
        "compare outputs/before outputs/after --output outputs/compared",
        "compare outputs/main outputs/this --fail-on slower",
    )  # fmt: skip
    path(made, "first", metavar="RUN_A", help="the run to compare with")
    path(made, "second", metavar="RUN_B", help="the run that is judged")
    made.add_argument("--common", action="store_true", help="compare the cases that both have, if one has others too")
    made.add_argument("--fail-on", choices=["slower"], help="exit with status 1 if a case of RUN_B is slower")
    path(made, "--output", help="a folder for compare.html and compare.pdf")
    made.add_argument("--lang", choices=LANGUAGES, default=DEFAULT, help="their language (%(default)s)")
    return made


def export(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench export`."""
    made = command(
        commands, "export", "write a run's table as CSV, Parquet and JSON lines, and its figures as SVG and PNG",
        "export outputs/cpu-2-cores --output outputs/tables",
    )  # fmt: skip
    path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    path(made, "--output", help="where to write (RUN/export)")
    return made


COUNTS = {
    "rounds": "with --clock: how often each clock times a case (12)",
    "processes": "how many processes measure the case, and as many the case slowed down (40)",
    "pairs": "how many pairs of groups of them are compared (200)",
}


def selfcheck(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench selfcheck`; of `COUNTS` only what was given."""
    made = command(
        commands, "selfcheck", "measure how often the verdicts, or how far the clock, are wrong",
        "selfcheck --clock --output outputs/seed-here",
        "selfcheck --output outputs/seed-here --processes 60",
        "selfcheck params/selfcheck.yaml --pairs 500",
    )  # fmt: skip
    path(made, "params", kind=shtab.FILE, nargs="?", help="the grid (params/selfcheck.yaml or params/clock.yaml)")
    path(made, "--output", help="the run whose report is to show it (outputs/selfcheck-TIME)")
    made.add_argument("--clock", action="store_true", help="time each case of the grid by other clocks beside ours")
    for name, words in COUNTS.items():
        made.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS, metavar="N", help=words)
    return made


def doctor(commands: argparse._SubParsersAction) -> Parser:
    """Arguments of `bench doctor`."""
    return command(commands, "doctor", "tell what can run here, and what would add the rest", "doctor")
