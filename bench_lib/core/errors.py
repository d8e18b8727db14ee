"""Errors in a person's input, reported in one sentence: `InputError`, and how Pydantic's errors become one."""

import difflib
import re
import reprlib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

TERMINAL_CODE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # a colour, for example


class InputError(ValueError):
    """Bad input from a person. The message is one sentence: what was given, what is allowed, what to do.

    It is always one line without control characters, whatever was given.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__("".join(mark if mark.isprintable() else "\ufffd" for mark in one_line(sentence)))

    def _render_traceback_(self) -> list[str]:
        """Show a person in Jupyter the sentence alone (IPython calls this for an uncaught exception)."""
        return [f"InputError: {self}"]


def one_line(words: str) -> str:
    """The words on one line, without the codes that colour them on a terminal."""
    return " ".join(TERMINAL_CODE.sub("", words).split())


def error_text(error: BaseException) -> str:
    """An exception's message on one line, shortened to 300 characters; its type's name if it has no message."""
    return brief(str(error)) or type(error).__name__


def brief(words: str) -> str:
    """The words on one line, shortened to 300 characters."""
    return shortened(one_line(words), 300)


def shortened(words: str, most: int) -> str:
    """At most so many characters of the words: their beginning, “…” and their end, where a cause is often told."""
    end = most // 3
    return words if len(words) <= most else f"{words[: most - end - 1]}…{words[-end:]}"


def validated(model: type[BaseModel], data: dict[str, Any] | str, where: str) -> Any:
    """Build `model` from what a person wrote: `data`, a dict or a text in JSON.

    Raise `InputError` for the first fault: `where` it is (a path, for example), what was given, and what is allowed.
    """
    try:
        return model.model_validate_json(data) if isinstance(data, str) else model.model_validate(data)
    except ValidationError as error:
        faults = error.errors()
        unknown = [fault for fault in faults if fault["type"] == "extra_forbidden"]
        first = (unknown or faults)[0]  # a name with a typo explains why another is missing
        raise InputError(f"{where}: {_sentence(first, model)}") from None


def refusal(error: ValidationError, noun: str, remedy: str) -> str:
    """Why a file that a program wrote is not accepted: not complete JSON, or not a `noun`, with its first fault.

    The text ends with `remedy`, which tells a person what to do.
    """
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"not complete JSON ({first['msg']}); {remedy}"
    return f"not a {noun} ({_place(first)}: {first['msg']}); {remedy}"


def _place(error: dict) -> str:
    """Where in the data one of Pydantic's errors is: names and numbers with dots between, the names shortened."""
    return ".".join(_shown(str(part)) for part in error["loc"])


def _sentence(error: dict, model: type[BaseModel]) -> str:
    """What one of Pydantic's errors says to the person who wrote the data: what is given, what is allowed."""
    place = _place(error)
    given = shortened(reprlib.repr(error["input"]), 200)
    word = given.strip("'")
    match error["type"]:
        case "extra_forbidden":
            return unknown_key(place, _known_keys(model, error["loc"]))
        case "missing":
            return f"{place} is missing; add it (needed: {', '.join(required_fields(model))})"
        case "int_type" | "int_from_float":
            return f"{place} is {given}; it must be a whole number, written without quotes"
        case "greater_than_equal" | "greater_than":
            return f"{place} is {given}; it must be at least {error['ctx'].get('ge', 'more than 0')}"
        case "less_than_equal":
            return f"{place} is {given}; it must be at most {error['ctx']['le']}"
        case "literal_error":
            return f"{place} is {given}; allowed: {error['ctx']['expected']}"
        case "too_short":
            return f"{place} is an empty list, so the grid is empty; name at least one value"
        case "list_type":
            return f"{place} is {given}; it must be a list, for example [{word}]"
        case "value_error":
            return f"{place}: {error['ctx']['error']}" if place else str(error["ctx"]["error"])
    return f"{place} is {given}; {error['msg'][0].lower()}{error['msg'][1:]}"


def _shown(word: str) -> str:
    return word if len(word) <= 60 else f"{word[:60]}…"


def unknown_key(given: str, known: list[str]) -> str:
    """Say that `given` is no known key, name those that are, and guess which one was meant."""
    given = _shown(given)
    guess = difflib.get_close_matches(given.rsplit(".", 1)[-1], known, 1)
    hint = f"; did you mean {guess[0]!r}?" if guess else "; remove it or correct it"
    return f"unknown key {given!r}; known: {', '.join(known)}{hint}"


def _known_keys(model: type[BaseModel], place: tuple) -> list[str]:
    for name in place[:-1]:  # a field may hold a model or, as a union, a model or None
        kind = model.model_fields[name].annotation
        model = next(inner for inner in (*get_args(kind), kind) if isinstance(inner, type))
    return list(model.model_fields)


def required_fields(model: type[BaseModel]) -> list[str]:
    """Names of the fields that must be given."""
    return [name for name, field in model.model_fields.items() if field.is_required()]
