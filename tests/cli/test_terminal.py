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


@pytest.mark.parametrize(
    ("words", "status", "stream"),
    [(f"compare {RUN} {RUN}", 0, "stdout"), ("report нет", 2, "stderr"), ("report \udcff", 2, "stderr")],
    ids=["stdout", "stderr", "no-letter"],
)  # fmt: skip
def test_what_an_encoding_lacks_is_a_question_mark(words, status, stream):
    done = bash(f"{BENCH} {words}", **ASCII)
    assert (done.returncode, b"Traceback" in done.stderr) == (status, False)
    assert b"?" in getattr(done, stream)


@pytest.mark.parametrize("pipe", ["| head -1", "2>&1 | true", ">&- 2>&-"])
def test_a_command_whose_output_nobody_reads_does_its_work_without_a_word(pipe):
    done = bash(f"{BENCH} --help {pipe}")
    assert (done.returncode, done.stderr) == (0, b"")


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
