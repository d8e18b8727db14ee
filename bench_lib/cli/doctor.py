"""`bench doctor`: which engines and precisions can run on this machine, and what would add the others."""

import argparse
import time
from typing import Any

from bench_lib.cli.parser import add_command
from bench_lib.cli.terminal import coloured
from bench_lib.core.case import Precision, engine_names

LOOK_S = 0.5  # for so long doctor looks whether other processes compute


def add_doctor(commands: argparse._SubParsersAction) -> None:
    """Add `bench doctor` to the commands of `bench`."""
    made = add_command(commands, "doctor", "tell what can run here, and what would add the rest", "doctor")
    made.set_defaults(run=lambda _: run_doctor())


def run_doctor() -> None:
    """Print the machine, and for each engine and precision whether it can run, or why not and what would add it."""
    from bench_lib.core.engine import Unavailable, load_builder
    from bench_lib.measure import system

    here = system.describe()
    gpu = here["gpu"]
    print(f"Python {here['python']}; {here['cpu']}, {here['cores']} cores")
    print(limits_line(here))
    print(f"GPU: {gpu['name']}, driver {gpu['driver']}" if gpu else "GPU: none that the NVIDIA driver shows")
    print(others_line(here["threads"]))
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


def limits_line(machine: dict[str, Any]) -> str:
    """What limits the processor: the quota, the threads that follow from it, what sets the clock."""
    quota, given = machine["cpu_quota"], machine["omp_num_threads"]
    return (
        f"CPU quota: {'none' if quota is None else f'{quota:g} cores'}; "
        f"threads: {machine['threads']}{f' (OMP_NUM_THREADS={given})' if given else ''}; "
        f"governor: {machine['cpu_governor'] or 'the system names none'}"
    )


def others_line(threads: int) -> str:
    """Whether other processes compute here right now, on the cores that so many threads need, or are on the GPU."""
    from bench_lib.measure import system
    from bench_lib.measure.processor_time import read_counters, time_since
    from bench_lib.results.crowding import is_disturbing, others_cores

    before = read_counters()
    time.sleep(LOOK_S)
    used, state = time_since(before), system.gpu_state()
    on_gpu = (state or {}).get("processes") or 0
    told = "the system does not tell" if used is None else f"{others_cores(used):.2f} of {used['cores']} cores"
    if state:
        told += f", {on_gpu} on the GPU"
    if on_gpu or (used and is_disturbing(used, threads)):
        return f"Other processes now: {told}; {coloured('what is measured beside them gets no verdict', 'yellow')}"
    return f"Other processes now: {told}"
