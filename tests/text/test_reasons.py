"""Why there is no figure: every message is used and filled, and each language writes it with its own signs."""

import ast
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import bench_lib
from bench_lib.core.reason import Reason, ReasonedError, because, say
from bench_lib.text import language
from bench_lib.text.language import LANGUAGES, NBSP
from bench_lib.text.reasons import AS_RECORDED, MESSAGES, sentence

LIBRARY = Path(bench_lib.__file__).parent
DICTIONARY = LIBRARY / "text" / "reasons.py"
OF_OLD_RECORDS = {"inexact", "onnx_output_is_unknown", "process_killed", "unreadable_image"}
RAISE = {
    "because", "InputTooLarge", "NoCounter", "NoReference", "NotExported", "Unavailable", "UnreadableImages",
}  # fmt: skip


def trees():
    for path in sorted(LIBRARY.rglob("*.py")):
        if path != DICTIONARY:
            yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def needed(message):
    return {name for _, name, _, _ in string.Formatter().parse(message) if name not in (None, "nbsp")}


def given_reasons():
    """Each call that names a message: where, its name, and the names of the fields given."""
    for file, tree in trees():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if function in RAISE and isinstance(call.args[0], ast.Constant):
                yield f"{file}:{call.lineno}", call.args[0].value, {word.arg for word in call.keywords}


def test_every_reason_that_the_code_gives_is_a_message_with_all_its_fields():
    wrong = [
        (where, name, fields)
        for where, name, fields in given_reasons()
        if name != AS_RECORDED and (name not in MESSAGES or not needed(MESSAGES[name]) <= fields)
    ]
    assert wrong == []


def test_the_scan_sees_every_subclass_that_takes_a_message():
    classes = {
        node.name
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "ReasonedError" for base in node.bases)
    }
    assert classes - {"Inexact"} == RAISE - {"because"}  # `Inexact` is given what `inaccuracy` returns
    assert len(list(given_reasons())) > 50


def test_every_message_is_used():
    named = {node.value for _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    written = (LIBRARY / "core" / "record_v1.yaml").read_text(encoding="utf-8")
    assert {name for name in MESSAGES if name not in named and name not in written} == OF_OLD_RECORDS


def test_no_russian_is_left_in_the_code():
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(LIBRARY.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search("[а-яё]", line, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize("chosen", LANGUAGES)
def test_each_message_is_said_in_each_language(chosen):
    for name, message in MESSAGES.items():
        asked = {field for field in needed(message) if re.search(rf"{{{field}:", message)}
        fields = {field: 0.5 if field in asked else "word" for field in needed(message)}
        said = sentence(name, fields, chosen)
        assert name == "slower" or not said.startswith(name)
        assert bool(re.search("[а-яё]", said, re.IGNORECASE)) == (chosen == "ru")


@pytest.mark.parametrize(
    ("reason", "english", "russian"),
    [
        (because("timed_out", seconds=0.5), "the measurement did not end within 0.5 s",
         "измерение не закончилось за 0,5 с"),
        (because("timed_out", seconds=900), "the measurement did not end within 900 s",
         "измерение не закончилось за 900 с"),
        (because("error_above_allowed", error=0.034, allowed=0.25), "error 3.4% is above the allowed 25%",
         "ошибка 3,4 % больше допуска 25 %"),
        (because("limit_too_small", p99_ms=10, least_ms=1234.5),
         "p99_ms is 10, less than a call without a queue takes (1,234 ms); allow more",
         "предел 10 мс меньше одного вызова без очереди (1 234 мс)"),
        (because("impossible_latency", ips=123456.7, gpu="GPU, 1.5", precision="fp16", most=1e3),
         "impossible speed: 123,457 images/s by latency; GPU, 1.5 can do no more than 1,000 in fp16",
         "скорость невозможна: 123 457 изображений/с по задержке, а GPU, 1.5 в fp16 не может больше 1 000"),
        (because("inexact", error=1.23e-3, allowed=1e-4, agreement=0.5),
         "the output is inexact: the largest relative error is 1.2e-03, 1.0e-04 is allowed; the first class agrees for "
         "50%",
         "выход неточен: наибольшая относительная ошибка 1,2e-03 при допуске 1,0e-04, совпадение первого класса 50 %"),
        (because("too_inexact", error=1.42, allowed=0.0135, agreement=0.5),
         "the output is inexact: its error is 142% of the spread between images, 1.4% is allowed; the first class "
         "agrees for 50%",
         "выход неточен: ошибка — 142 % от разброса между изображениями при допуске 1,4 %, совпадение первого "
         "класса 50 %"),
        (because("as_recorded", ru="нет", en="none"), "none", "нет"),
    ],
)  # fmt: skip
def test_numbers_have_the_signs_of_the_language_and_texts_stay_as_they_are(reason, english, russian):
    assert str(reason) == f"{reason}" == english
    assert say(reason).replace(NBSP, " ") == russian
    language.use("en")
    try:
        assert say(reason) == english
    finally:
        language.use(language.DEFAULT)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (because("of_tomorrow"), "of_tomorrow"),
        (because("of_tomorrow", card="H300", share=0.5), "of_tomorrow (card: H300, share: 0.5)"),
        (because("timed_out"), "timed_out"),  # a field is missing
        (because("timed_out", seconds="long"), "timed_out (seconds: long)"),  # not a number
        (because("as_recorded", ru="нет"), "as_recorded (ru: нет)"),
        (because("timed_out", seconds=10**400), f"timed_out (seconds: {10**400})"),  # larger than a float
    ],
)  # fmt: skip
def test_what_is_not_known_is_shown_by_its_name_and_fields(reason, shown):
    assert str(reason) == shown


@given(st.sampled_from([*MESSAGES, AS_RECORDED]) | st.text(), st.dictionaries(
    st.sampled_from(["error", "seconds", "what", "ru", "en"]) | st.text(),
    st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=4))  # fmt: skip
def test_no_reason_is_a_crash(name, fields):
    reason = Reason(name=name, fields=fields)
    assert isinstance(str(reason), str)
    assert isinstance(say(reason), str)
    assert Reason.model_validate_json(reason.model_dump_json()) == reason


def test_a_reason_is_frozen_whole_and_finite():
    assert say(None) == ""
    with pytest.raises(ValidationError, match="finite"):
        because("timed_out", seconds=float("inf"))
    with pytest.raises(ValidationError, match="frozen"):
        because("timed_out").name = "slower"
    assert [type(value) for value in because("x", a=1, b=1.0, c="1").fields.values()] == [int, float, str]


def test_an_error_carries_its_reason_and_is_english():
    error = ReasonedError("unreadable_image", name="a.jpg", error="cut")
    assert error.reason == because("unreadable_image", name="a.jpg", error="cut")
    assert str(error) == "the image a.jpg cannot be read (cut)"
