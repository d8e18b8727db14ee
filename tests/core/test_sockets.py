"""Sockets of `multiprocessing` where the path of the temporary folder is longer than a socket's may be."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTEN = """
import multiprocessing, sys, tempfile
from multiprocessing import util
from multiprocessing.connection import Listener
from bench_lib.core import sockets

if sys.argv[1:]:
    sockets.SHORT = sys.argv[1]
sockets.shorten_socket_paths()
with Listener(family="AF_UNIX"), multiprocessing.get_context("spawn").Pool(1) as pool:
    assert pool.apply(util.get_temp_dir) == util.get_temp_dir()
    print(util.get_temp_dir(), tempfile.gettempdir())
"""


def listen(folder, *short):
    """Listen at a socket with this temporary folder; return where sockets are, and other temporary files."""
    command = [sys.executable, "-c", LISTEN, *short]
    environment = {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("length", [60, 91, 150])
def test_sockets_have_a_short_path_and_other_files_stay_in_the_users_folder(tmp_path, length):
    folder = Path(f"{tmp_path}/".ljust(length, "x"))
    folder.mkdir(exist_ok=True)
    done = listen(folder)
    assert done.returncode == 0, done.stderr
    sockets, files = map(Path, done.stdout.split())
    assert files == folder
    assert len(str(sockets)) <= 107 - len("/listener-xxxxxxxx")
    assert not sockets.exists()  # it is cleared away at the end


def test_where_no_short_folder_can_be_written_a_sentence_says_what_to_do(tmp_path):
    folder = Path(f"{tmp_path}/".ljust(91, "x"))
    folder.mkdir()
    assert "cannot be written" in (told := listen(folder, "/proc/none").stderr.splitlines()[-1])
    assert told.endswith("shorten TMPDIR")
