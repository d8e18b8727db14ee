"""All commands of `bench`."""

from bench_lib.cli.check import add_selfcheck
from bench_lib.cli.doctor import add_doctor
from bench_lib.cli.load import add_loads
from bench_lib.cli.parser import Parser, begin_parser
from bench_lib.cli.plan import add_plan
from bench_lib.cli.report import add_compare, add_export, add_report
from bench_lib.cli.sweep import add_sweep

COMMANDS = (add_sweep, add_report, add_compare, add_export, add_selfcheck, add_loads, add_plan, add_doctor)


def parser() -> Parser:
    """The parser of all commands, in the order of `bench --help`.

    What it parses has `run`, a function that takes what was parsed and does the command.
    """
    made, commands = begin_parser()
    for add in COMMANDS:
        add(commands)
    return made
