"""A function of the user's own is tried in another process: whatever it does there, the command says one sentence."""

import json
import os
import signal
import time

import psutil
import pytest
from corpus import networks

from bench_lib.cli import main
from bench_lib.core.case import Limits
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.sweep.trial import try_network

AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1]}
BAD = """
import os
import subprocess
import sys

from nets import *

def shouts():
    print("\\x1b[31mthe disk\\x1b[0m of weights is gone", file=sys.stderr)
    os.abort()

def leaves_a_child():
    with open("child", "w") as file:
        file.write(str(subprocess.Popen(["sleep", "1000"]).pid))
    return build()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    networks.make(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nets:segfault", "crashes its process (SIGSEGV)"),
        ("nets:leaves", "ends its process by itself (exit code 0)"),
        ("nets:interrupts", "cannot be tried: KeyboardInterrupt"),
        ("bad:shouts", "crashes its process (SIGABRT); it printed last: the disk of weights is gone"),
        ("exiting_nets:build", "exiting_nets does not import: it ends the program (sys.exit(0))"),
    ],
)
def test_what_a_function_does_to_its_process_is_a_sentence(name, words, capfd):
    with pytest.raises(InputError) as caught:
        try_network(Grid(**AXES, model=name))
    assert words in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_function_that_hangs_is_ended_in_time():
    with pytest.raises(InputError, match="was not tried within 2 s; let it load faster, or raise"):
        try_network(Grid(**AXES, model="nets:hangs", limits=Limits(case_timeout_s=2)))


def test_what_a_function_started_ends_with_the_trial(folder):
    try_network(Grid(**AXES, model="bad:leaves_a_child"))
    child = int((folder / "child").read_text())
    deadline = time.monotonic() + 60
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["meddling_nets:build", "parsing_nets:build"])
def test_a_module_that_prints_and_changes_its_process_says_and_changes_nothing_here(name, folder, capfd):
    before = signal.getsignal(signal.SIGINT)
    try_network(Grid(**AXES, model=name))
    assert capfd.readouterr() == ("", "")
    assert (os.getcwd(), signal.getsignal(signal.SIGINT)) == (str(folder), before)


@pytest.mark.parametrize("command", ["sweep", "selfcheck"])
def test_a_command_whose_network_ends_the_program_fails_with_a_sentence(command, folder, capsys):
    (folder / "grid.yaml").write_text(json.dumps(AXES | {"model": "nets:exits"}))
    assert main.main([command, "grid.yaml", "--output", "run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench: grid.yaml: model 'nets:exits' cannot be built: it ends the program (sys.exit(0))")
    assert len(said.splitlines()) == 1
    assert not (folder / "run").exists()
