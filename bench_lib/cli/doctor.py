"""`bench doctor`: which engines and precisions can run on this machine, and what would add the others."""

import argparse

from bench_lib.cli.parser import add_command
from bench_lib.cli.terminal import coloured
from bench_lib.core.case import Precision, engine_names


def add_doctor(commands: argparse._SubParsersAction) -> None:
    """Add `bench doctor` to the commands of `bench`."""
    made = add_command(commands, "doctor", "tell what can run here, and what would add the rest", "doctor")
    made.set_defaults(run=lambda _: run_doctor())


def run_doctor() -> None:
    """Print, for each engine and precision, whether it can run here, or why not and what would add it."""
    from bench_lib.core.engine import Unavailable, load_builder
    from bench_lib.measure import system

    here = system.describe()
    gpu = here["gpu"]
    print(f"Python {here['python']}; {here['cpu']}, {here['cores']} cores")
    print(f"GPU: {gpu['name']}, driver {gpu['driver']}" if gpu else "GPU: none that the NVIDIA driver shows")
    commands = {}
    for engine in engine_names():
        for precision in Precision.__args__:
            try:
                load_builder(engine).check_support(precision)
                print(f"{engine:16}{precision:6}{coloured('yes', 'green')}")
            except Unavailable as error:
                print(f"{engine:16}{precision:6}{coloured('no', 'yellow')}: {error}")
                if error.command:
                    commands[error.command] = engine
    for line, engine in commands.items():
        print(f"To add {engine}: {line}")
