"""Pydantic's errors become one sentence each: for a person's data what is allowed, for a file what is wrong with it."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from bench_lib.core.errors import InputError, error_text, refusal, shortened, validated


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner | None = None
    more: dict[str, int] = {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"nam": "a"}, "grid.yaml: unknown key 'nam'; known: name, inner, more; did you mean 'name'?"),
        ({}, "grid.yaml: name is missing; add it (needed: name)"),
        ({"name": "a", "inner": {"size": "x"}}, "grid.yaml: inner.size is 'x'; input should be a valid integer"),
        ('{"name": "a", "inner": {"sise": 1}}', "unknown key 'inner.sise'; known: size; did you mean 'size'?"),
    ],
)
def test_a_persons_data_is_refused_by_what_is_given_and_what_is_allowed(data, sentence):
    with pytest.raises(InputError) as caught:
        validated(Outer, data, "grid.yaml")
    assert sentence in str(caught.value)


def refused(text):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(text)
    return refusal(caught.value, "check", "delete it")


def test_a_file_is_refused_by_its_first_fault_and_what_to_do():
    assert refused("{").startswith("not complete JSON (Invalid JSON: ")
    assert refused("{").endswith("); delete it")
    assert refused("{}") == "not a check (name: Field required); delete it"
    assert refused('{"name": "a", "inner": {"size": null}}').startswith("not a check (inner.size: Input should be")


def test_a_name_of_any_length_makes_a_short_sentence():
    long = '{"name": "a", "more": {"' + 1000 * "x" + '": null}}'
    assert refused(long).startswith(f"not a check (more.{60 * 'x'}…: Input should be")


def test_a_long_message_keeps_its_beginning_and_its_end():
    told = error_text(OSError("unable to write " + "x" * 1000 + ": No space left on device"))
    assert len(told) == 300
    assert told.startswith("unable to write xxx")
    assert told.endswith("xxx: No space left on device")
    assert shortened("a" * 10, 10) == "a" * 10
    assert shortened("abcdefghijk", 10) == "abcdef…ijk"
