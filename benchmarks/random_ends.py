"""End sweeps by random signals at random moments, go on with them, and tell what was lost; prints a table.

`python -m benchmarks.random_ends --count 100 --seed 0`. Each sweep is of a tiny grid. A signal goes to its process, to
the kernel that measures, to the fork server, or to the whole process group, at a moment drawn from the time that such a
sweep takes. The same command then measures what is left. A fault is

- a record that is not whole, that changed after it was written, or whose case was measured again;
- a case that is not `ok` in the end, unless its own process was sent the signal;
- a traceback, or an end that takes longer than `LIMIT_S`;
- a process or a temporary folder that is left.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench_lib.core.errors import InputError
from bench_lib.core.files import PROJECT
from bench_lib.core.lifetime import PREFIX
from bench_lib.core.record import read_record

GRID = {
    "engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1, 2], "seed": 0,
    "model": "squeezenet1_1",
    "limits": {"warmup_min_count": 1, "warmup_min_s": 0.01, "warmup_max_s": 0.1, "min_count": 2, "min_s": 0.01},
}  # fmt: skip
SIGNALS = {
    "process": ["INT", "INT INT", "TERM", "HUP", "KILL"],
    "group": ["INT", "INT INT", "TERM", "HUP", "KILL"],
    "kernel": ["INT", "TERM", "KILL", "SEGV", "ABRT"],
    "fork server": ["INT", "TERM", "KILL", "SEGV"],
}
BETWEEN_S = 0.05  # the longest time between the two signals of a pair
LIMIT_S = 600.0  # for a whole sweep
POLL_S = 0.1
END_S = 60.0  # for a sweep to end once its process was sent a signal, on a busy machine


@dataclass(frozen=True)
class Plan:
    """When one sweep is sent which signals, and to what."""

    target: str
    signals: str
    after_s: float
    pause_s: float


def heed_signals() -> None:
    """Let processes that are started from now on heed Ctrl-C and SIGHUP, which they ignore in the background or nohup.

    A program that is started gets a signal's default in place of a handler of ours, but what we ignore it ignores too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, lambda *_: None)


def start(grid: Path, folder: Path) -> subprocess.Popen:
    """Start the sweep in a process group of its own, as a terminal does."""
    command = [sys.executable, "-m", "bench_lib.cli.main", "sweep", str(grid), "--output", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(folder.parent), "PYTHONFAULTHANDLER": "1"}
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def family(sweep: subprocess.Popen) -> list[psutil.Process]:
    """The processes that the sweep has begun; empty if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(sweep.pid).children(recursive=True)
    return []


def targets(sweep: subprocess.Popen, target: str) -> list[int]:
    """The numbers of the processes of this kind that exist now; that of a group is negative, as for `kill`."""
    if target == "process":
        return [sweep.pid]
    if target == "group":
        return [-sweep.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        servers = [one for one in family(sweep) if "forkserver" in " ".join(one.cmdline()) and one.ppid() == sweep.pid]
        children = [child for server in servers for child in server.children()]
        return [one.pid for one in (servers if target == "fork server" else children)]
    return []


def send(sweep: subprocess.Popen, plan: Plan) -> bool:
    """Send the signals once their moment has come and the target exists; return whether there was one."""
    end = time.monotonic() + LIMIT_S
    time.sleep(plan.after_s)
    while not (found := targets(sweep, plan.target)) and sweep.poll() is None and time.monotonic() < end:
        time.sleep(POLL_S)
    if sweep.poll() is not None or not found:
        return False
    for name in plan.signals.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(found[0], getattr(signal, f"SIG{name}"))
        time.sleep(plan.pause_s)
    return True


def watch(sweep: subprocess.Popen, limit_s: float, seen: set[psutil.Process]) -> tuple[str, bool]:
    """Wait for the sweep's end; return what it told, and whether it took too long. Its children are added to `seen`."""
    end = time.monotonic() + limit_s
    with tempfile.TemporaryFile("w+") as told:
        copier = subprocess.Popen(["cat"], stdin=sweep.stderr, stdout=told)
        while sweep.poll() is None and time.monotonic() < end:
            seen.update(family(sweep))
            time.sleep(POLL_S)
        hung = sweep.poll() is None
        if hung:
            sweep.send_signal(signal.SIGABRT)  # Python's faulthandler then tells where it is
            sweep.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            copier.wait(5)  # an orphan may hold the pipe
        copier.kill()
        told.seek(0)
        return told.read(), hung


def records(folder: Path) -> dict[Path, bytes]:
    """The records in a run's folder."""
    return {path: path.read_bytes() for path in sorted(folder.glob("records/*.json"))}


def faults_left(seen: set[psutil.Process], scratch: Path) -> Iterator[str]:
    """What is left of a sweep that has ended and should have left nothing."""
    _, alive = psutil.wait_procs([one for one in seen if one.is_running()], timeout=5)
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE:
                yield f"left running: {' '.join(one.cmdline())[:60]}"
                one.kill()
    for path in scratch.iterdir():
        if path.name not in ("run", "grid.json"):
            yield f"left: {path.name}"


def try_plan(plan: Plan, scratch: Path) -> tuple[bool, list[str]]:
    """Begin a sweep, end it as planned, go on with it; return whether a signal was sent, and all faults."""
    grid, folder, seen = scratch / "grid.json", scratch / "run", set()
    grid.write_text(json.dumps(GRID))
    sweep = start(grid, folder)
    sent = send(sweep, plan)
    ends = sent and plan.target in ("process", "group")
    told, hung = watch(sweep, END_S if ends else LIMIT_S, seen)
    faults = [f"hung: {told[told.find('Fatal Python error') :][:1500]}"] * hung + ["traceback"] * ("Traceback" in told)
    if ends and "KILL" not in plan.signals and "interrupted." not in told:
        faults.append(f"no line (status {sweep.returncode})")
    kept = records(folder)
    if ends and plan.signals == "KILL":
        faults += [one for one in faults_left(seen, scratch) if not one.startswith(f"left: {PREFIX}")]
    else:
        faults += faults_left(seen, scratch)
    return sent, faults + faults_in_the_end(plan, grid, folder, kept)


def faults_in_the_end(plan: Plan, grid: Path, folder: Path, kept: dict[Path, bytes]) -> list[str]:
    """Go on with the sweep if it is not complete, and return what is wrong then; `kept` are the records there were."""
    seen: set[psutil.Process] = set()
    faults = []
    if len(kept) < len(GRID["batch_sizes"]):
        told, hung = watch(start(grid, folder), LIMIT_S, seen)
        faults += ["hung in the end"] * hung + ["traceback in the end"] * ("Traceback" in told)
        faults += [f"{one} in the end" for one in faults_left(seen, grid.parent)]
    made = records(folder)
    faults += [f"changed: {path.name}" for path, text in kept.items() if made.get(path) != text]
    faults += ["set aside"] * (folder / "set_aside").exists()
    if len(made) != len(GRID["batch_sizes"]):
        faults.append(f"{len(made)} records")
    for path in made:
        try:
            record = read_record(path)
        except InputError as error:
            faults.append(str(error))
            continue
        if record.status != "ok" and plan.target != "kernel":
            faults.append(f"{record.status}: {record.reason}")
    return faults


def drawn_plans(count: int, seed: int, seconds: float) -> list[Plan]:
    """So many plans drawn from the seed; the moments are within `seconds`, and every kind is as frequent as another."""
    draw = random.Random(seed)
    kinds = [(target, signals) for target, several in SIGNALS.items() for signals in several]
    order = [kind for _ in range(-(-count // len(kinds))) for kind in draw.sample(kinds, len(kinds))][:count]
    return [Plan(*kind, draw.uniform(0, seconds), draw.uniform(0, BETWEEN_S)) for kind in order]


def main() -> None:
    """Try the plans, tell what came of each, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    heed_signals()
    with tempfile.TemporaryDirectory() as folder:
        before = time.monotonic()
        _, faults = try_plan(Plan("kernel", "", 0, 0), Path(folder))
        seconds = time.monotonic() - before
    print(f"A sweep that is left alone takes about {seconds:.0f} s. {faults or ''}", flush=True)
    table = collections.defaultdict(collections.Counter)
    for number, plan in enumerate(drawn_plans(given.count, given.seed, seconds)):
        with tempfile.TemporaryDirectory() as folder:
            sent, faults = try_plan(plan, Path(folder))
        row = table[plan.target, plan.signals]
        row.update(tried=1, sent=sent, ok=not faults, faults=bool(faults))
        print(f"{number}: {plan}: {'; '.join(faults) or 'ok'}", flush=True)
    print(f"{'target':13}{'signals':11}{'tried':>6}{'sent':>6}{'ok':>6}{'faults':>8}")
    for (target, signals), row in sorted(table.items()):
        print(f"{target:13}{signals:11}{row['tried']:6}{row['sent']:6}{row['ok']:6}{row['faults']:8}")


if __name__ == "__main__":
    main()
