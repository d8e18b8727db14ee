"""What is printed goes into any terminal, file or pipe, and what a command does is the same if nobody reads it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = "outputs/cpu-2-cores"
BENCH = f"{shlex.quote(sys.executable)} -m bench_lib.cli.main"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def bash(line, **environment):
    """Run a line of bash, whose status is that of the first command of a pipe that failed."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=ROOT, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip


def test_what_an_encoding_lacks_is_a_question_mark():
    done = bash(f"{BENCH} compare {RUN} {RUN}", **ASCII)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout


@pytest.mark.parametrize(("name", "environment"), [("нет", ASCII), ("\udcff", {})], ids=["ASCII", "UTF-8"])
def test_a_path_that_is_no_text_here_is_refused_in_a_sentence(name, environment):
    done = bash(f"{BENCH} report {name}", **environment)
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith("bench report: argument RUN: '\\udc")
    assert b"set PYTHONUTF8=1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("pipe", ["| head -1", "2>&1 | true", ">&- 2>&-"])
def test_a_command_whose_output_nobody_reads_does_its_work_without_a_word(pipe):
    done = bash(f"{BENCH} --help {pipe}")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("unbuffered", "order"), [("1", ["one", "two"]), ("", ["two", "one"])])
def test_what_is_printed_comes_at_once_where_that_is_asked_for(unbuffered, order):
    code = (
        "import os; from bench_lib.cli.terminal import take_everything; "
        "take_everything(); print('one'); os.write(1, b'two\\n')"
    )
    done = bash(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", PYTHONUNBUFFERED=unbuffered)
    assert done.stdout.decode().split() == order


def test_a_fault_is_a_fault_although_nobody_reads_it():
    assert bash(f"{BENCH} report nothing 2>&1 | true").returncode == 2


def test_what_shows_its_progress_goes_on_when_nobody_reads_it(tmp_path):
    code = f"""
from pathlib import Path
from tqdm import tqdm
from bench_lib.cli.terminal import take_everything
take_everything()
for case in tqdm(range(20_000), mininterval=0):
    pass
Path({str(tmp_path / "done")!r}).touch()
"""
    done = bash(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} 2>&1 | true")
    assert (done.returncode, done.stderr, (tmp_path / "done").exists()) == (0, b"", True)
