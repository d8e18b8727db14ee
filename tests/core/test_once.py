"""What the processes of a command compute once."""

import os
import subprocess
import sys

import pytest
import torch

from bench_lib.core.lifetime import VARIABLE
from bench_lib.core.once import once


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("command")
def test_a_result_is_computed_once_for_a_key_and_is_the_same_in_another_process():
    calls = []
    tensor = once(("sum", 1), lambda: calls.append(1) or torch.randn(3))
    assert torch.equal(once(("sum", 1), lambda: calls.append(2) or torch.randn(3)), tensor)
    assert calls == [1]
    code = "from bench_lib.core.once import once; print(once(('sum', 1), lambda: None).tolist())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(tensor.tolist())


@pytest.mark.usefixtures("command")
def test_another_key_has_another_result():
    assert once(("side", 224), lambda: 1) == 1
    assert once(("side", 225), lambda: 2) == 2


def test_outside_a_command_it_is_computed_each_time(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert [once(("a",), iter([1, 2]).__next__), once(("a",), iter([3]).__next__)] == [1, 3]


def test_what_cannot_be_stored_is_computed_each_time(command):
    results = [once(("function",), lambda n=n: lambda: n) for n in (1, 2)]
    assert [result() for result in results] == [1, 2]
    assert not os.listdir(command)


def test_a_broken_file_is_computed_again(command):
    once(("a",), lambda: 1)
    (file,) = command.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert once(("a",), lambda: 2) == 2
    assert once(("a",), lambda: 3) == 2  # it was written again


@pytest.mark.usefixtures("command")
def test_nothing_is_stored_on_a_disk_that_is_almost_full(monkeypatch):
    usage = type("Usage", (), {"total": 100, "free": 19})
    monkeypatch.setattr("bench_lib.core.once.shutil.disk_usage", lambda _: usage)
    assert [once(("a",), lambda n=n: n) for n in (1, 2)] == [1, 2]
