"""The first screen of each published run: a choice, its interval, its cost, a date and a machine, in few words."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from helpers.made import GPU, record, report, skipped

from bench_lib.report.report import read_report
from bench_lib.report.sections import abstract
from bench_lib.text import language
from bench_lib.text.language import NBSP

OUTPUTS = Path(__file__).parents[2] / "outputs"
PUBLISHED = sorted(path.parent.name for path in OUTPUTS.glob("*/report.html"))
MOST_WORDS = 150
SAID = {  # by language: what must be there
    "en": {
        "choice": r"Highest throughput.*images/s", "cost": r"Cost: deviation .* MiB, (start|build) .* s\.",
        "interval": r"\(99% CI [\d.]+–[\d.]+×|‡|^(?!.*PyTorch fp32.*×)", "date": r"20\d\d-\d\d-\d\d",
        "sureness": r"How sure: \d+ process",
    },
    "ru": {
        "choice": r"аибольшая пропускная способность.*изобр\./с",
        "cost": r"Цена: отклонение .* МиБ, (запуск|сборка) .* с\.",
        "interval": r"\(99 % ДИ [\d,]+–[\d,]+×|‡|^(?!.*PyTorch fp32.*×)", "date": r"20\d\d-\d\d-\d\d",
        "sureness": r"Достоверность: \d+ процесс",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def russian_again():
    yield
    language.use(language.DEFAULT)


def said(made):
    page = BeautifulSoup(abstract.abstract_html(made).data, "html.parser")
    return " ".join(page.get_text(" ").replace(NBSP, " ").replace(" :", ":").split())


def faults(told, machine, words):
    """What the first screen lacks, or has too much of."""
    lacking = [name for name, pattern in words.items() if not re.search(pattern, told)]
    long = sum(any(map(str.isalpha, word)) for word in told.split()) > MOST_WORDS
    return [*lacking, *(["machine"] if machine not in told else []), *(["length"] if long else [])]


def machine_of(made):
    gpu = made.machine.get("gpu")
    return gpu["name"] if gpu else made.machine["cpu"]


@pytest.mark.parametrize("lang", SAID)
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_first_screen_of_a_published_run_is_a_decision(name, lang):
    made = read_report(OUTPUTS / name, lang)
    assert faults(said(made), machine_of(made), SAID[lang]) == []
    assert "Error" not in said(made)  # nothing raw


def test_a_first_screen_that_lacks_something_is_told():
    made = report(record(ms=10.0, batch=33), record("onnx_runtime", ms=5.0, batch=33), gpu=GPU)
    told = said(made)
    assert faults(told, machine_of(made), SAID["ru"]) == []
    assert faults(told.replace("Цена", ""), machine_of(made), SAID["ru"]) == ["cost"]
    assert faults(re.sub(r"\(99 % ДИ.*?\)", "", told), machine_of(made), SAID["ru"]) == ["interval"]
    assert faults(told.replace("2026-", ""), machine_of(made), SAID["ru"]) == ["date"]
    assert faults(told.replace(GPU["name"], ""), machine_of(made), SAID["ru"]) == ["machine"]
    assert faults(told + " слово" * MOST_WORDS, machine_of(made), SAID["ru"]) == ["length"]


def test_of_one_runtime_alone_the_choice_has_no_comparison():
    told = said(report(record(ms=10.0)))
    assert "×" not in told.replace("224×224", "")
    assert "PyTorch fp32, 224×224, батч 1: 100 изобр./с; 10,0 мс; 500 МиБ" in told


def test_where_nothing_was_measured_the_first_screen_says_so():
    told = said(report(skipped("pytorch")))
    assert told.startswith("Ответа нет: ни одна конфигурация не измерена; причины: приложение Е.")
    assert "Не измерено: PyTorch fp32 (приложение Е)." in told
