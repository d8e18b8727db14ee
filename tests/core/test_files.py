"""Files are written whole or not at all, whatever goes wrong, and the sentence says why one cannot be read."""

import os

import pytest

from bench_lib.core.errors import InputError
from bench_lib.core.files import read_dict, read_text, write_bytes, write_text


def test_text_and_bytes_are_written_as_given_into_folders_that_are_made(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "é\n")
    write_bytes(tmp_path / "a" / "c.bin", b"\x00\xff\r\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"
    assert (tmp_path / "a" / "c.bin").read_bytes() == b"\x00\xff\r\n"
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"b.txt", "c.bin"}
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o777 == 0o644


def test_a_file_is_replaced_unless_it_must_be_the_first(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    for write, data in ((write_text, "three"), (write_bytes, b"three")):
        with pytest.raises(FileExistsError):
            write(path, data, exclusive=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["two"]
    write_text(tmp_path / "b.txt", "first", exclusive=True)
    assert (tmp_path / "b.txt").read_text() == "first"


@pytest.mark.parametrize(("fails", "exclusive"), [("replace", False), ("link", True), ("fsync", False)])
@pytest.mark.parametrize("there", [False, True])
def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, fails, exclusive, there):
    path = tmp_path / "a.txt"
    if there:
        path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, fails, fail)
    for write, data in ((write_text, "new"), (write_bytes, b"new")):
        with pytest.raises(OSError, match="disk full"):
            write(path, data, exclusive)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"] * there


def test_a_text_that_utf_8_cannot_say_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "\ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (.*No such file.*); mend it"),
        (b"\xff", "cannot be read (.*utf-8.*); mend it"),
        (b"{", "not complete JSON (.*); mend it"),
        (b"[]", "not a JSON object; mend it"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_ends_in_what_to_do(tmp_path, content, words):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_dict(path, "mend it")


def test_what_can_be_read_is_given_as_it_is(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1]}')
    assert read_dict(tmp_path / "a.json") == {"a": [1]}
    assert read_text(tmp_path / "a.json", "mend it") == '{"a": [1]}'
