"""What the published reports say is no more than their records hold: each is read, and so is a spoilt copy of it."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from bench_lib.analysis.marks import marks_of
from bench_lib.core.case import variant_of
from bench_lib.report.report import Report
from bench_lib.results.load_grid import P99_COUNT
from bench_lib.results.serving import Serving
from bench_lib.text.language import NBSP

ROOT = Path(__file__).parents[1]
PUBLISHED = re.findall(r"^- `(.+?)/`", (ROOT / "outputs" / "README.md").read_text(), re.MULTILINE)
DECIDED = ("faster", "slower", "same")
HEADLINES = {  # what the first screen says of a goal, up to the next line
    "fps": r"аибольшая пропускная способность[^:]*: (.*?) (?:Наименьшая|Самый|С учётом|Достоверность)",
    "latency_ms": r"аименьшая задержка[^:]*: (.*?) (?:Наименьшая|Самый|С учётом|Достоверность)",
}


def words_of(folder):
    """The text of a run's Russian report, on one line, without its figures."""
    page = BeautifulSoup((folder / "report.html").read_text(encoding="utf-8"), "html.parser")
    for drawn in page(["style", "svg"]):
        drawn.decompose()
    return " ".join(page.get_text(" ").replace(NBSP, " ").split())


def faults(report, told):
    """What a report (`told`, its words) says more surely than its records allow."""
    rules = (answer_faults, company_faults, spread_faults, baseline_faults, check_faults, mark_faults, claim_faults,
             load_faults, condition_faults)  # fmt: skip
    return [fault for rule in rules for fault in rule(report, told)]


def answer_faults(report, told):
    checked = [record.accuracy for record in report.records if record.accuracy]
    if any(one.is_of_old_check for one in checked):
        if "Верны ли эти выходы, неизвестно" not in told:
            yield "outputs of the old check are not called unknown"
        if "первый класс совпал" in told:
            yield "an agreement of the old check is reported"
    elif any(one.images < 16 for one in checked):
        yield "outputs were compared on fewer than 16 images"


def company_faults(report, told):
    cases = report.measured
    if (cases.company > 0).any() and "измерена одна на машине" in told:
        yield "cases that ran beside others are said to have run alone"
    shared = cases[(cases.company > 0) & (cases.host_paced != False)]  # noqa: E712  # None: not known
    if shared.verdict.isin(DECIDED).any():
        yield "a host-paced row in company has a verdict"


def spread_faults(report, told):
    cases = report.measured
    if (cases.spread_from == "assumed").any() and "†" not in told:
        yield "an assumed spread is not marked"
    if (cases.spread_from == "unknown").any() and "‡" not in told:
        yield "an unknown spread is not marked"
    lone = cases[(cases.processes == 1) & (cases.host_paced == True) & (cases.spread_from == "assumed")]  # noqa: E712
    if lone.verdict.isin(DECIDED).any():
        yield "a host-paced row of one process has a verdict on an assumed spread"
    if "Ускорение (раз), 95" in told:
        yield "a speedup stands beside a 95 % interval, which does not decide"


def baseline_faults(report, told):
    if report.machine["gpu"] and "по умолчанию считает свёртки" not in told:
        yield "TF32, PyTorch's default, is not told of"


def check_faults(report, told):
    if report.check and (options := report.check.case.options) and variant_of(report.check.case) not in told:
        yield f"the checked case is named without its options {options}"


def mark_faults(report, told):
    cases = report.measured
    first = cases[cases.batch_size == cases.batch_size.min()]
    best = {"fps": cases.loc[cases.fps.idxmax()], "latency_ms": first.loc[first.latency_ms.idxmin()]}
    for figure, row in best.items():
        headline = re.search(HEADLINES[figure], told)[1]
        if marks_of(row) and "⚑" not in headline and "⚠" not in headline:
            yield f"a headline from a marked row has no mark: {headline}"


def claim_faults(report, told):
    cases = report.measured
    row = cases[(cases.engine == "torch_tensorrt") & (cases.precision == "fp16") & (cases.variant == "")
                & (cases.image_size == 224) & (cases.batch_size == 33)]  # fmt: skip
    verdict = re.search(r"около 11× \(224, батч 33\).*?(не подтверждается|подтверждается|не провер|не решено)", told)
    if len(row) and row.speedup_high.iloc[0] < 10 and verdict and verdict[1] == "подтверждается":
        yield "about 11× is confirmed by less"


def load_faults(report, told):
    found = report.result(Serving)
    few = found and any(point.requests < P99_COUNT for served in found.cases for point in served.points)
    if few and "N" not in told[told.index("LoadGen") :]:
        yield "a p99 of few requests stands without their number"


def condition_faults(_report, told):
    yield from (f"no word on {what}" for what in ("Раскладка", "Вход", "Дата") if what not in told)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_report_says_no_more_than_its_records_hold(name):
    folder = ROOT / "outputs" / name
    assert faults(Report.read(folder), words_of(folder)) == []


def spoilt(name, **columns):
    """A published run whose measured rows hold other values in some columns."""
    report = Report.read(ROOT / "outputs" / name)
    cases = report.measured.assign(**columns)
    return SimpleNamespace(measured=cases, machine=report.machine, records=report.records, check=report.check,
                           result=report.result)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "was", "now", "fault"),
    [
        ("h200-best", "Верны ли эти выходы, неизвестно", "", "outputs of the old check are not called unknown"),
        ("h200-best", "Верны ли", "первый класс совпал у всех. Верны ли", "an agreement of the old check is reported"),
        (
            "h100-x2-seed",
            "Раскладка",
            "Каждая конфигурация измерена одна на машине. Раскладка",
            "cases that ran beside",
        ),
        ("h200-best", "†", "", "an assumed spread is not marked"),
        ("h200-seed", "‡", "", "an unknown spread is not marked"),
        ("h200-best", "по умолчанию считает свёртки", "", "TF32, PyTorch's default, is not told of"),
        ("h100-x2-seed", "cuda_graph", "", "the checked case is named without its options"),
        ("h100-seed", "⚑", "", "a headline from a marked row has no mark"),
        ("h100-seed", "не подтверждается", "подтверждается", "about 11× is confirmed by less"),
        ("h100-seed", "Ускорение (раз), 99", "Ускорение (раз), 95", "a speedup stands beside a 95 % interval"),
        ("h100-seed", "Раскладка", "", "no word on Раскладка"),
    ],
)
def test_a_published_report_that_says_more_is_told(name, was, now, fault):
    told = words_of(ROOT / "outputs" / name)
    assert was in told
    found = faults(Report.read(ROOT / "outputs" / name), told.replace(was, now))
    assert [one for one in found if one.startswith(fault)] != []


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"company": 1, "host_paced": True, "verdict": "slower"}, "a host-paced row in company has a verdict"),
        (
            {"processes": 1, "host_paced": True, "spread_from": "assumed", "verdict": "faster"},
            "a host-paced row of one process has a verdict on an assumed spread",
        ),
    ],
)
def test_a_verdict_that_the_rules_do_not_allow_is_told(columns, fault):
    assert fault in faults(spoilt("h100-seed", **columns), words_of(ROOT / "outputs" / "h100-seed"))
