"""A command run under strace: what it tried to reach outside this machine, and what it left in its home folder."""

import ipaddress
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CALLS = "connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
RESOLVER = "io.systemd.Resolve"  # a socket that names of hosts are looked up through
LOOK_UP = "53"  # the port of name servers, which may be this machine's own
TELLING = re.compile("CI|TF_BUILD|JENKINS_URL|ORT_.*|XDG_.*|MPLCONFIGDIR|IPYTHONDIR|JUPYTER_.*|PYTHONWARNINGS")


@dataclass(frozen=True)
class Traced:
    """A command that ran in `folder`: its status and what it printed.

    `reached` holds what it tried to reach outside this machine, `files` the files that it left in its home folder.
    """

    folder: Path
    status: int
    told: str
    reached: set[str]
    files: set[str]


@cache
def can_trace() -> bool:
    """Whether strace is here and may follow a process."""
    return bool(shutil.which("strace")) and not subprocess.run(strace(os.devnull, "true")).returncode


def require_strace() -> None:
    """Skip the test where strace is missing or may not trace."""
    if not can_trace():
        pytest.skip("no strace here that may trace: apt-get install strace")


def strace(log: str | Path, *command: str) -> list[str]:
    """The command under strace, which writes its calls of the network into `log`."""
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", log, *command]


def traced(command: list[str], folder: Path, environment: dict[str, str]) -> Traced:
    """Run the command in a folder, with an empty home folder; without strace, `reached` is empty.

    Nothing in its environment tells a runtime that this is a test, or that it may not send anything.
    """
    home, log = folder / "home", folder / "trace"
    home.mkdir()
    log.touch()
    own = {name: value for name, value in os.environ.items() if not TELLING.fullmatch(name)}
    done = subprocess.run(
        strace(log, *command) if can_trace() else command, cwd=folder, env=own | {"HOME": str(home)} | environment,
        capture_output=True, text=True,
    )  # fmt: skip
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    return Traced(folder, done.returncode, done.stdout + done.stderr, outside(log.read_text(errors="replace")), files)


def outside(trace: str) -> set[str]:
    """The addresses in a trace that are another machine's, and those of what looks names of hosts up."""
    found = {RESOLVER} if RESOLVER in trace else set()
    for port, address in ADDRESS.findall(trace):
        if port == LOOK_UP or not ipaddress.ip_address(address).is_loopback:
            found.add(f"{address} port {port}")
    return found
