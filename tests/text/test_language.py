"""The report's two languages: every message has its Russian, and English is written as the English write it."""

import ast
import json
import re
import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from helpers.made import record, report, worded
from helpers.sentences import everything

import bench_lib
from bench_lib.core.grid import Grid
from bench_lib.text import language
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.numbers import between, percent, plain, scientific, times

LIBRARY = Path(bench_lib.__file__).parent
NOTEBOOKS = LIBRARY.parent / "notebooks"
PLACES = {  # of the context, the message and its plural among the arguments
    "tr": (None, 0), "mark": (None, 0), "heading": (None, 0), "tr_n": (None, 0, 1), "tr_p": (0, 1),
}  # fmt: skip


@pytest.fixture
def english():
    language.use("en")
    yield
    language.use(language.DEFAULT)


def sources():
    for path in sorted(LIBRARY.rglob("*.py")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def titles():
    """Of the notebooks that are exported in either language: the others are Russian."""
    for name in ("report", "networks", "summary", "compare"):
        yield json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["metadata"]["title"]


def asked():
    """Every message that the code names: (context, id) → where."""
    found = {(None, title): "a notebook's metadata" for title in titles()}
    for name, source in sources():
        for call in ast.walk(ast.parse(source)):
            if not isinstance(call, ast.Call):
                continue
            function = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if function not in PLACES or not isinstance(call.args[PLACES[function][1]], ast.Constant):
                continue  # a name: what it stands for is named by `mark`
            context, *ids = (None if place is None else call.args[place].value for place in PLACES[function])
            found[context, ids[0] if len(ids) == 1 else tuple(ids)] = f"{name}:{call.lineno}"
    return found


@pytest.fixture(scope="module")
def catalog():
    with language.CATALOG.open("rb") as file:
        return read_po(file, locale="ru", abort_invalid=True)


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_message_has_its_russian_and_no_russian_is_left_over(catalog):
    told = {(message.context, message.id) for message in catalog if message.id}
    wanted = asked()
    assert {where for key, where in wanted.items() if key not in told} == set()
    assert told - set(wanted) == set()


def test_no_russian_is_empty_or_in_doubt_and_all_fill_the_same_fields(catalog):
    for message in catalog:
        if message.id:
            ids, strings = ((x,) if isinstance(x, str) else x for x in (message.id, message.string))
            assert all(strings), message.id
            assert not message.fuzzy, message.id
            known = fields(ids[-1]) | {"nbsp", "n"}
            assert all(fields(text) <= known for text in strings), message.id
            assert fields(ids[-1]) - {"nbsp", "n"} <= set().union(*map(fields, strings)), message.id


@pytest.mark.usefixtures("english")
def test_numbers_and_words_are_written_as_in_english():
    assert language.number(12345.678, 1) == "12,345.7"
    assert plain(0.5) == "0.5"
    assert percent(0.041) == "4.1%"
    assert scientific(4.4e-7) == "4.4×10⁻⁷"
    assert times(1.8).replace(language.NBSP, " ") == "1.80 times"
    assert between(1.2, 12).replace(language.NBSP, " ") == "1.20–12 times"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed_few(list("abcde"), 3) == "a, b, c and 2 more"


MADE = {
    "one engine": [record()],
    "a tie": [record(ms=10), record("onnx_runtime", ms=9.7)],
    "skipped": [record(), record("torch_tensorrt", "fp16", status="skipped", reason=worded("нет GPU", "no GPU"))],
    "sizes and batches": [
        record(engine, size=size, batch=batch, ms=size * batch / speed)
        for engine, speed in (("pytorch", 100), ("onnx_runtime", 130))
        for size in (224, 512)
        for batch in (1, 33)
    ],
}


def figures(text):
    """Its numbers as Python writes them, in either language."""
    plain = re.sub(r"(?<=\d) (?=\d\d\d\b)", "", text) if language.chosen == "ru" else text.replace(",", "")
    return sorted(re.findall(r"\d+(?:\.\d+)?", plain.replace(",", ".")))


@pytest.mark.parametrize("name", MADE)
def test_each_sentence_has_its_english_with_the_same_figures(name):
    russian = everything(report(*MADE[name]))
    told = figures(russian)
    language.use("en")
    try:
        english = everything(report(*MADE[name]))
        assert re.findall("[а-яё]+", english, re.IGNORECASE) == []
        assert figures(english) == told
    finally:
        language.use(language.DEFAULT)


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="no report in 'de'; the languages are ru, en"):
        language.use("de")
    axes = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [224], "batch_sizes": [1]}
    assert Grid(**axes).lang == "ru"
    assert Grid(**axes, lang="en").lang == "en"
