"""The command line: examples that parse, completion in a real shell, faults in a sentence, colours on a terminal."""

import argparse
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench_lib.cli import bar_current_folder, main
from bench_lib.cli.commands import parser
from bench_lib.cli.parser import EXAMPLES, command_line

ROOT = Path(__file__).parents[2]
BENCH = [sys.executable, "-m", "bench_lib.cli.main"]
SUBPARSERS = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices


def bench(*words, **environment):
    """Run `bench` as a process of its own; its text is read through pipes."""
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return subprocess.run([*BENCH, *words], cwd=ROOT, env=kept | environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", SUBPARSERS)
def test_each_command_has_examples_that_parse_and_name_files_that_exist(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main([name, "--help"])
    examples = re.findall(r"^  bench (.+)$", capsys.readouterr().out.partition(EXAMPLES)[2], re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example)
        assert words[0] == name
        assert parser().parse_args(words).run
        for word in words[1:]:
            assert not word.startswith("params/") or (ROOT / word).is_file(), word


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "bench: the following arguments are required: COMMAND; see bench --help"),
        (["swep"], r"bench: argument COMMAND: invalid choice: 'swep' \(choose from .*sweep.*\); see bench --help"),
        (["sweep"], "bench sweep: the following arguments are required: params; see bench sweep --help"),
        (["report", "x", "--fast"], "bench: unrecognized arguments: --fast; see bench --help"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told_in_one_sentence(words, told, capsys):
    with pytest.raises(SystemExit, match="2"):
        main.main(words)
    assert re.fullmatch(told + "\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bench com", {"compare"}),
        ("bench compare --fail-on ", {"slower"}),
        ("bench report outputs/h200-s", {"outputs/h200-seed"}),
        ("bench sweep params/sm", {"params/smoke.yaml"}),
        ("bench selfcheck --pro", {"--processes"}),
    ],
)
def test_bash_completes(typed, offered, tmp_path):
    (tmp_path / "bench").write_text(bench("--print-completion", "bash").stdout)
    *before, last = typed.split(" ")
    code = f"""source {tmp_path / "bench"}
        COMP_WORDS=({shlex.join(before)} {last!r}); COMP_CWORD={len(before)}
        _shtab_bench && printf '%s\\n' "${{COMPREPLY[@]}}" """
    told = subprocess.run(["bash", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (set(told.stdout.split()), told.stderr) == (offered, "")


def on_terminal(*words, **environment):
    """What `bench` writes to a terminal."""
    leader, follower = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen([*BENCH, *words], cwd=ROOT, env=kept | environment, stdout=follower, stderr=follower)
    os.close(follower)
    read = b""
    while part := read_some(leader):
        read += part
    os.close(leader)
    process.wait()
    return read.decode()


def read_some(terminal):
    """Some bytes; none at the end, which Linux tells as an error."""
    try:
        return os.read(terminal, 10_000)
    except OSError:
        return b""


WORDS = ["compare", "outputs/cpu-2-cores", "outputs/nothing"]


def test_colours_are_for_terminals_that_want_them():
    assert "\033[31mbench:\033[0m outputs/nothing: holds no run" in on_terminal(*WORDS)
    assert "\033" not in on_terminal(*WORDS, NO_COLOR="1")
    assert "\033" not in on_terminal(*WORDS, TERM="dumb")
    assert bench(*WORDS).stderr.startswith("bench: outputs/nothing: holds no run")


def test_verdicts_are_coloured_on_a_terminal_alone():
    words = ["compare", "outputs/cpu-2-cores", "outputs/cpu-2-cores"]
    plain = bench(*words)
    assert (plain.returncode, "\033" in plain.stdout) == (0, False)
    verdicts = re.findall(r" (faster|slower|same|undecided)$", plain.stdout, re.MULTILINE)
    shown = on_terminal(*words)
    assert len(verdicts) > 3
    assert re.findall(r"\033\[3[123]m(\w+)\033\[0m", shown) == verdicts
    assert re.sub(r"\033\[\d+m", "", shown).replace("\r", "") == plain.stdout


@pytest.mark.parametrize("words", [["report", "s3://bucket/run"], ["sweep", "x.yaml", "--output", "file:///run"]])
def test_an_address_is_no_folder(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main.main(words)
    told = f"{words[-1]!r} is an address; give a path of this machine, mounted there if need be"
    assert told in capsys.readouterr().err


def test_a_command_to_go_on_with_can_be_pasted_into_a_shell():
    words = ["sweep", Path("a b.yaml"), "--output", Path("-run{x}")]
    assert shlex.split(command_line(*words)) == ["bench", "sweep", "a b.yaml", "--output", "./-run{x}"]


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_a_temporary_folder_that_cannot_be_used_is_told(tmp_path, monkeypatch, capsys, folder):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / folder))
    assert main.main(["doctor"]) == 2
    told = f"bench: TMPDIR is {str(tmp_path / folder)!r}, which is no folder that can be written; unset it, or name one"
    assert capsys.readouterr().err.startswith(told)


def test_a_current_folder_that_has_been_deleted_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    bar_current_folder()
    assert main.main(["doctor"]) == 2
    assert capsys.readouterr().err == "bench: the current folder has been deleted; change to one that exists\n"


def test_help_is_plain_in_a_pipe_and_names_where_the_rest_is_told():
    shown = bench("--help").stdout
    assert "\033" not in shown
    assert "README.md and docs/ tell the rest." in " ".join(shown.split())
    assert (ROOT / "README.md").is_file()
    assert (ROOT / "docs").is_dir()
