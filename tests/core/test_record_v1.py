"""Records and result files of version 1 are read, and say in either language what they said before."""

import json
from pathlib import Path

import pytest
from helpers.made import clock, crowd, end_to_end, pipelined, record, scaling, selfcheck, served, serving, worded

from bench_lib.core.reason import because, say
from bench_lib.core.record import read_record, write_record
from bench_lib.results.clock import EVENTS, Clock
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.result_file import read_result, write_result
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import Serving
from bench_lib.results.verdicts import SelfCheck
from bench_lib.text import language
from bench_lib.text.numbers import percent

OUTPUTS = Path(__file__).parents[2] / "outputs"
ENGLISH = {  # of the sentences that version 1 kept in Russian alone
    "счётчик энергии не меняется под нагрузкой": "the energy counter does not move under load",
    "драйвер GPU не отвечает на запросы NVML": "the GPU driver does not answer NVML queries",
    "у этого процессора нет счётчика энергии (RAPL), видимого системе": (
        "this processor has no energy counter (RAPL) that the system can see"
    ),
    "счётчик энергии процессора (RAPL) доступен только администратору": (
        "only the administrator can read the processor's energy counter (RAPL)"
    ),
    "драйвер GPU не сообщает энергию": "the GPU driver does not report energy",
    "медленнее": "slower",
    "быстрее ли, не решено, а погрешность больше": "not decided whether it is faster, and its error is larger",
    "процесс измерения аварийно завершился": "the process that measured it crashed",
} | {f"на деле посчитано в {name}": f"in fact computed in {name}" for name in ("FP32", "TF32", "FP16", "BF16", "INT8")}


def told(reason, detail):
    """Version 1's rule, in the chosen language; an error has one word in Russian now."""
    if language.chosen == "ru" or not reason:
        return reason.replace("погрешность", "ошибка")
    lines = detail.strip().splitlines() or [ENGLISH.get(reason, reason)]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


def no_counter(reason):
    """Version 1's rule for energy: the driver's own words stay as they are."""
    if language.chosen == "ru" or reason in ENGLISH:
        return told(reason, "")
    words, bracket, error = reason.partition(" (")
    return f"{ENGLISH.get(words, words)}{bracket}{error}"


def passed_over(trial, max_error):
    """Version 1's rule for a trial: an error that is too large was told anew."""
    detail = trial.get("detail", "")
    is_known = language.chosen == "en" and trial["reason"] in ENGLISH
    if not is_known and (trial.get("max_relative_error") or 0) > max_error:
        detail = f"error {percent(trial['max_relative_error'])} is above the allowed {percent(max_error)}"
    return told(trial["reason"], detail)


@pytest.fixture(params=language.LANGUAGES)
def in_each_language(request):
    language.use(request.param)
    yield
    language.use(language.DEFAULT)


def absences(data):
    """Every reason that a result file of version 1 keeps, in its order."""
    if isinstance(data, list | dict):
        if isinstance(data, dict) and set(data) == {"reason", "detail"}:
            yield data
        for value in data if isinstance(data, list) else data.values():
            yield from absences(value)


def reasons(data):
    """The same of version 2."""
    if isinstance(data, list | dict):
        if isinstance(data, dict) and set(data) == {"name", "fields"}:
            yield because(data["name"], **data["fields"])
        for value in data if isinstance(data, list) else data.values():
            yield from reasons(value)


@pytest.mark.usefixtures("in_each_language")
def test_every_published_record_says_what_it_said():
    said = 0
    for path in sorted(OUTPUTS.glob("*/records/*.json")):
        old, new = json.loads(path.read_text(encoding="utf-8")), read_record(path)
        if old["schema_version"] != 1:
            continue
        assert say(new.reason) == told(old.get("reason", ""), old.get("detail", "")), path
        assert say(new.energy_absent) == no_counter(old.get("energy_absent", "")), path
        assert (new.status, new.detail) == (old["status"], old.get("detail", ""))
        said += bool(new.reason)
    assert said > 50


KINDS = [Clock, Serving, Scaling, Pipeline, SelfCheck]


@pytest.mark.usefixtures("in_each_language")
@pytest.mark.parametrize("kind", KINDS)
def test_every_published_result_file_says_what_it_said(kind):
    for path in sorted(OUTPUTS.glob(f"*/{kind.file}")):
        old = json.loads(path.read_text(encoding="utf-8"))
        new = read_result(kind, path.parent)
        assert new.schema_version == 2
        said = [told(absent["reason"], absent["detail"]) for absent in absences(old)]
        assert list(map(say, reasons(json.loads(new.model_dump_json())))) == said


def old_record(tmp_path, **fields):
    """What is read of a record of version 1 with these fields; a status without figures where none is given."""
    made = record() if fields.get("status", "ok") == "ok" else record(status=fields["status"])
    data = json.loads(made.model_dump_json()) | {"schema_version": 1, "reason": "", "energy_absent": ""} | fields
    (tmp_path / "a.json").write_text(json.dumps(data))
    return read_record(tmp_path / "a.json")


REASONS = [
    ("не хватило памяти", "Traceback (most recent call last):\n  File x\nRuntimeError: out of memory\n"),
    ("у провайдера нет свёртки", "no convolution\nmore of it"),
    ("процесс измерения не оставил записи", ""),
    ("процесс измерения аварийно завершился", "  \n"),
    ("процесс измерения аварийно завершился", "Kernel died"),
    ("", "words"),
]


@pytest.mark.usefixtures("in_each_language")
@pytest.mark.parametrize(("reason", "detail"), REASONS)
def test_a_failed_record_says_what_it_said(tmp_path, reason, detail):
    found = old_record(tmp_path, status="failed", reason=reason, detail=detail)
    assert say(found.reason) == told(reason, detail)
    assert found.detail == detail


@pytest.mark.usefixtures("in_each_language")
@pytest.mark.parametrize("reason", ["", "нет", "драйвер GPU не сообщает энергию (Not (x) Supported)", *ENGLISH])
def test_why_energy_is_absent_says_what_it_said(tmp_path, reason):
    if reason != "драйвер GPU не сообщает энергию":  # its own words always followed
        assert say(old_record(tmp_path, energy_absent=reason).energy_absent) == no_counter(reason)


TRIALS = [
    {"precision": "fp32", "reason": ""},
    {"precision": "tf32", "reason": "нет GPU", "detail": "no GPU"},
    {"precision": "bf16", "reason": "ошибка", "detail": "Traceback (most recent call last):\nKeyError: 1"},
    {"precision": "int8", "max_relative_error": 0.2, "reason": "погрешность 20 % больше допуска 1,0 %"},
    {"precision": "fp16", "latency_ms": 1.0, "max_relative_error": 0.2, "reason": "на деле посчитано в FP32"},
    *({"precision": "fp16", "max_relative_error": 1e-3, "reason": reason} for reason in ENGLISH if "GPU" not in reason),
]  # fmt: skip


@pytest.mark.usefixtures("in_each_language")
@pytest.mark.parametrize("limits", [{"auto_max_error": 0.01}, {}])
def test_trials_say_what_they_said(tmp_path, limits):
    trials = [trial | {"reason": trial["reason"].replace(" %", "\u00a0%")} for trial in TRIALS]
    found = old_record(tmp_path, trials=trials, limits=limits)
    assert [say(trial.reason) for trial in found.trials] == [passed_over(trial, 0.01) for trial in trials]
    assert found.trials[0].reason is None


def test_sentences_that_are_known_get_their_names(tmp_path):
    found = old_record(tmp_path, energy_absent="драйвер GPU не сообщает энергию (no)", trials=[TRIALS[3]], limits={})
    assert found.energy_absent == because("driver_tells_no_energy", error="no")
    assert found.trials[0].reason == because("error_above_allowed", error=0.2, allowed=0.01)
    assert old_record(tmp_path, energy_absent="драйвер GPU не отвечает на запросы NVML").energy_absent == because(
        "nvml_does_not_answer"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": 1}, "reason"),
        ({"reason": {"name": "x"}, "detail": 3}, "detail"),
        ({"energy_absent": []}, "energy_absent"),
        ({"trials": [1]}, "trials"),
        ({"trials": [{"precision": "fp32", "reason": 2}]}, "trials"),
        ({"trials": [TRIALS[3]], "limits": 4}, "limits"),
    ],
)
def test_a_broken_record_of_version_1_is_refused_in_a_sentence(tmp_path, fields, words):
    with pytest.raises(ValueError, match=rf"a\.json: not a record \({words}"):
        old_record(tmp_path, **fields)


ABSENT = worded("нет", "none")
RESULTS = [
    clock(absent={EVENTS: ABSENT}, failed=ABSENT),
    serving(served(engine="openvino", failed=ABSENT)),
    scaling(crowd(1, 100), crowd(2, 1, "threads", each_ips=[], failed=ABSENT)),
    end_to_end(pipelined(1)),
    selfcheck(),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.file)
def test_a_result_file_is_read_in_both_versions(tmp_path, result):
    path = write_result(result, tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 2
    assert read_result(type(result), tmp_path) == result
    now = json.dumps(ABSENT.model_dump(), indent=1)
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")))
    old = text.replace(json.dumps(json.loads(now)), json.dumps({"reason": "нет", "detail": "none"}))
    path.write_text(old.replace('"schema_version": 2', '"schema_version": 1'))
    assert ('"detail"' in old) == (result.file in ("clock.json", "serving.json", "scaling.json"))
    assert read_result(type(result), tmp_path) == result


def test_a_record_with_reasons_reads_back_equal(tmp_path):
    made = record(
        status="failed", reason=because("inexact", error=0.5, allowed=1e-2, agreement=1),
        energy_absent=because("no_rapl"),
        trials=[{"precision": "fp32", "reason": because("of_tomorrow", share=0.5, count=3, name="x")}],
    )  # fmt: skip
    write_record(made, tmp_path / "a.json")
    assert read_record(tmp_path / "a.json") == made


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_check_of_answers_is_kept_and_known_as_such(tmp_path, version):
    data = json.loads(record().model_dump_json())
    data["schema_version"] = version
    kept = {"max_relative_error": 1e-3, "top1_agreement": 1.0, "tolerance": 1e-2}
    data["accuracy"] = kept | {"reference": "PyTorch fp32", "actual_precision": "fp32"}
    data["trials"] = [{"precision": "fp32", "latency_ms": 1.0, "max_relative_error": 2e-3}]
    (tmp_path / "a.json").write_text(json.dumps(data))
    found = read_record(tmp_path / "a.json")
    assert (found.schema_version, found.trials[0].error) == (3, 2e-3)
    assert (found.accuracy.is_of_old_check, found.accuracy.max_relative_error, found.accuracy.error) == (
        True,
        1e-3,
        None,
    )
    assert not record().accuracy.is_of_old_check
