"""Whatever is in a parameter file, a record or a run's folder: a right result, or one sentence; never markup."""

import dataclasses
import json
import tempfile
import unicodedata
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from helpers.here import NEEDS_PANGO
from helpers.made import (
    GPU,
    MACHINE,
    clock,
    crowd,
    end_to_end,
    labelled,
    pipelined,
    point,
    record,
    scaling,
    selfcheck,
    served,
    serving,
    skipped,
    worded,
)
from helpers.sentences import accepted, as_kept
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output

from bench_lib.analysis.case_table import tabulate
from bench_lib.cli import main, sweep
from bench_lib.core.case import Case
from bench_lib.core.grid import Grid, read_grid
from bench_lib.core.reason import because
from bench_lib.core.record import read_record
from bench_lib.report import plots
from bench_lib.report.exporters import ReportHTMLExporter, ReportPDFExporter
from bench_lib.report.load_advice import load_lines
from bench_lib.report.report import Report
from bench_lib.report.sections import (
    absent,
    abstract,
    accuracy,
    aim,
    approaches,
    auto_precision,
    batch_sizes,
    claims,
    cold_start,
    environment,
    image_sizes,
    interpretation,
    intervals,
    leaders,
    memory,
    method,
    recommendations,
    results,
    seed_rows,
    setting,
    time_parts,
    tuning,
)
from bench_lib.report.sections.clock import clock_table, clock_text
from bench_lib.report.sections.pipeline import pipeline_table, pipeline_text
from bench_lib.report.sections.scaling import scaling_table, scaling_text
from bench_lib.report.sections.serving import serving_table, serving_text
from bench_lib.report.sections.verdicts import verdicts_table, verdicts_text
from bench_lib.report.tables import record_card
from bench_lib.results.clock import EVENTS, Clock
from bench_lib.results.result_file import read_result
from bench_lib.results.run_folder import Run
from bench_lib.results.verdicts import SelfCheck
from bench_lib.text.markup import quoted

GOOD = {
    "title": "ResNet-18", "model": "resnet18", "weights": "", "data": "", "engines": ["pytorch"],
    "precisions": ["fp32"], "image_sizes": [224], "batch_sizes": [1],
    "options": {"pytorch": {"channels_last": True}}, "limits": {"min_s": 0.5}, "seed": 0,
}  # fmt: skip
NASTY = [
    "<img src=x onerror=alert(1)>", "</td></tr></table><script>alert(1)</script>", "[x](javascript:alert(1))", "`a`",
    "![x](http://e.org/x.png)", "a | b", "**b** __b__ ~~b~~", "$\\frac{x$", "\\", "&lt;b&gt; &#60;",
    "http://e.org www.e.org",
    "\n\n# head\n\n- item\n1. one", '" onload="x', "-->", "]]>", "\x00\x1b[31m", "\u202eabc", "<!--", "{{ 7*7 }}", "``",
    "<b", "a\u2028b", "~~~\nx", "    code", "[^1]: x", "x@e.org", "../../etc/x", "C:\\x", ".", "..", "NaN", "'",
    "a" * 9999,
]  # fmt: skip
TEXT = st.sampled_from(NASTY) | st.text(max_size=60) | st.lists(st.sampled_from(NASTY[:-1]), max_size=3).map("".join)
NUMBER = st.integers() | st.floats() | st.sampled_from([0, -1, 10**400, 2**64, 1e308, 5e-324, float("nan"), 10**18])
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
JUNK = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def mutated(good):
    """Strategy: `good` with a few values, keys or items replaced by junk, removed, repeated or added."""

    @st.composite
    def draw_one(draw):
        data = json.loads(json.dumps(good))
        for _ in range(draw(st.integers(1, 3))):
            places = list(containers(data))
            place = draw(st.sampled_from(places))
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                continue
            key, value = draw(st.sampled_from(keys)), draw(JUNK)
            match draw(st.sampled_from(["value", "remove", "key", "nest", "swap"])):
                case "value":
                    place[key] = value
                case "remove":
                    del place[key]
                case "key" if isinstance(place, dict):
                    place[draw(TEXT)] = place.pop(key)
                case "nest":
                    place[key] = [place[key]]
                case "swap":
                    place[key] = place[draw(st.sampled_from(keys))]
        return data

    return draw_one()


def containers(data):
    """Every dict and list in JSON data."""
    if isinstance(data, dict | list):
        yield data
        for inner in list(data.values()) if isinstance(data, dict) else data:
            yield from containers(inner)


def read(content: bytes):
    """The grid in a file of this content, as `bench sweep` reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.yaml"
        path.write_bytes(content)
        grid = read_grid(path)
        sweep.check_grid(grid, path)
    return grid


def stays_inside(path: Path, folder: Path) -> bool:
    name = path.name
    return path.resolve().parent == folder.resolve() and len(name.encode()) < 200 and name.isprintable()


def check_grid(content: bytes):
    grid = accepted(read, content)
    if grid is not None:
        run = Run("run")
        paths = {run.record_path(case) for case in grid.cases()}
        assert len(paths) == len(grid.cases())
        assert all(stays_inside(path, run.folder / "records") for path in paths)


@given(JUNK)
def test_any_data_as_a_grid(data):
    check_grid(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(mutated(GOOD))
def test_a_good_grid_with_faults(data):
    check_grid(yaml.safe_dump(data).encode())


@given(mutated(GOOD | {"data": "photos", "labels": {"cats": 0, "dogs": 1}}))
def test_a_grid_with_labels_and_faults(data):
    check_grid(yaml.safe_dump(data).encode())


YAML_BITS = [
    "!!python/object/apply:os.system [touch hacked]", "!!python/name:os.system", "!!timestamp x", "!!bool x", "!!int x",
    "2001-99-99", "&a [*a, *a]", "<<: 1", "? [1]", "!!binary x", "1" * 5000, "[" * 3000, "{a: {b: ", "0x", "!!float x",
    "\t", "%YAML 9.9", "---", "- ", ": ", "'", '"\\ud800"', "|", ">", "\ufeff", "image_sizes: [1]",
    "engines: [pytorch]", "&a [1,1]\n", "title: &t [x,x,x,x]\n", "limits: {}",
    "batch_sizes: !!set {1, 2}", "precisions: !!omap [a: 1]",
]  # fmt: skip


@given(st.binary(max_size=200) | st.lists(st.sampled_from(YAML_BITS) | TEXT, max_size=6).map("\n".join).map(
    lambda text: text.encode("utf-8", "surrogatepass")))  # fmt: skip
@example(b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" + b"".join(
    f"{y}: &{y} [{','.join([f'*{x}'] * 9)}]\n".encode() for x, y in zip("bcdefghi", "cdefghij", strict=True))
    + b"title: *j\nengines: *j\n")  # fmt: skip
def test_any_bytes_as_a_grid(content):
    check_grid(content)
    assert not Path("hacked").exists()


SHORT_TEXT = TEXT.map(lambda text: text[:200])
LIKE_OTHERS = st.sampled_from([True, 0.5, 1.0, 1, "1", "True", "1-b=2", "b=1"])  # easily taken for another's
CASES = st.builds(
    Case, engine=st.sampled_from(["pytorch", "onnx_runtime"]), precision=st.sampled_from(["fp32", "fp16"]),
    image_size=st.integers(1, 2), batch_size=st.integers(1, 2), model=SHORT_TEXT,
    options=st.dictionaries(SHORT_TEXT | st.sampled_from("ab"), st.integers(-2, 2) | LIKE_OTHERS | SHORT_TEXT,
                            max_size=2),
)  # fmt: skip
PLAIN_NAMES = st.sampled_from(["resnet18", "a-b", "a", "b=1", "A", "a/b", "a_b", "a b"])


@given(st.lists(CASES | st.builds(Case, engine=st.just("pytorch"), model=PLAIN_NAMES), max_size=4))
def test_the_files_of_a_case_stay_in_the_run_and_are_its_own(cases):
    run = Run("run")
    for path_of, kind in ((run.record_path, "records"), (run.notebook_path, "notebooks")):
        assert all(stays_inside(path_of(case), run.folder / kind) for case in cases)
        different = {case.model_dump_json() for case in cases}
        assert len({path_of(case) for case in cases}) == len(different)


def files_of_a_run(grid, machine, *records):
    """Texts of a run's files, by their paths in its folder."""
    texts = {"grid.json": json.dumps(grid), "machine.json": json.dumps(machine)}
    cases = [Case(engine="pytorch", options=GOOD["options"]["pytorch"]), None]
    return texts | {f"records/{case.id if case else 'other'}.json": text
                    for case, text in zip(cases, records, strict=False)}  # fmt: skip


STATE = {"sm_clock_mhz": 1, "temperature_c": 60, "power_w": None, "throttling": ["hw_slowdown"], "processes": 2}
RECORD = json.loads(record(
    machine=MACHINE | {"gpu": GPU, "versions": {"torch": "2"}}, gpu_idle=STATE, gpu_busy=STATE,
    case=Case(engine="pytorch", options=GOOD["options"]["pytorch"]),
    ran={"flavour": "tensorrt", "tensorrt_version": "10", "documented_support": True},
    work={"flops": 10**9, "flops_least": 10**9, "bytes_least": 10**6},
    data={"found": 9, "used": 3, "decode_ms": [3.0], "preprocess_ms": [2.0], "copy_ms": [0.5]},
    labelled=labelled("0110", "0111"),
    reason=because("inexact", error=0.5, allowed=0.01, agreement=0.0),
    energy_absent=because("driver_tells_no_energy", error="no"),
    trials=[{"precision": "fp32", "reason": because("error_above_allowed", error=0.5, allowed=0.1)}],
).model_dump_json())  # fmt: skip
RECORD_V1 = RECORD | {
    "schema_version": 1, "reason": "скорость невозможна: 10", "detail": "impossible speed: 10",
    "energy_absent": "драйвер GPU не сообщает энергию (no)",
    "trials": [{"precision": "fp32", "max_relative_error": 0.5, "reason": "погрешность", "detail": "no"}],
}  # fmt: skip


def written(folder: Path, texts) -> Run:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return Run(folder)


def everything(report: Report):
    """All that report.ipynb shows, save the figures and what other commands measured."""
    parts = (
        abstract.abstract_html, aim.aim_text, method.conditions_text, environment.machine_table, method.method_text,
        results.columns_text, results.results_table, intervals.intervals_text, intervals.intervals_table,
        intervals.sampling_text, time_parts.time_parts_text, time_parts.time_parts_table, absent.absent_table,
        cold_start.cold_start_table, approaches.approaches_text, image_sizes.image_sizes_text,
        batch_sizes.batch_sizes_text, memory.memory_text, accuracy.accuracy_text,
        interpretation.interpretation_text, setting.setting_text, leaders.leaders_table,
        claims.claims_table, seed_rows.seed_rows, recommendations.advice_text, auto_precision.choices_text,
        tuning.tuning_text, tuning.tuning_table, tuning.variants_table,
    )  # fmt: skip
    return [part(report) for part in parts] + [record_card(record) for record in report.records]


CUT = st.builds(lambda cut, end: json.dumps(RECORD)[:cut] + end, st.integers(0, 2500), st.text(max_size=5))
FOREIGN = st.sampled_from(
    ["[" * 10**5, '{"schema_version": 1}', '{"schema_version": 2}', '{"a": "\\ud800"}', "9" * 5000]
)
RECORD_TEXT = (
    mutated(RECORD).map(json.dumps) | mutated(RECORD_V1).map(json.dumps) | CUT | JUNK.map(json.dumps) | TEXT | FOREIGN
)


@given(RECORD_TEXT)
def test_a_record_with_faults(text):
    with tempfile.TemporaryDirectory() as folder:
        run = written(Path(folder), files_of_a_run(GOOD, MACHINE, text))
        path = next(run.folder.glob("records/*.json"))
        found = accepted(read_record, path)
        report = accepted(Report.read, folder)
        assert report is None or found is not None
        if report:
            assert len(report.cases) == 1
            assert all(map(as_kept, everything(report)))


GOOD_REPORT = Report.of(tabulate(Grid.model_validate(GOOD), [record()]))
ABSENT = worded("нет GPU", "no GPU")
CLOCK = json.loads(clock(absent={EVENTS: ABSENT}, failed=ABSENT).model_dump_json())
SELFCHECK = json.loads(selfcheck().model_dump_json())


@given(mutated(CLOCK) | mutated(CLOCK["cases"][0]).map(lambda case: CLOCK | {"cases": [case]}) | JUNK)
def test_a_check_of_the_clock_with_faults(data):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "clock.json").write_text(json.dumps(data))
        report = Report.of(GOOD_REPORT, folder)
        if accepted(report.result, Clock):
            assert as_kept(clock_text(report))
            assert as_kept(clock_table(report))


@given(mutated(SELFCHECK) | JUNK)
def test_a_check_of_the_verdicts_with_faults(data):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "selfcheck.json").write_text(json.dumps(data))
        if check := accepted(read_result, SelfCheck, folder):
            report = dataclasses.replace(GOOD_REPORT, check=check)
            assert as_kept(verdicts_text(report))
            assert as_kept(verdicts_table(report))


LOADS = {
    (serving_text, serving_table): serving(served([point(100, 4.0), point(900, 40.0)], device_bytes=2**20),
                                           served(engine="openvino", failed=ABSENT)),
    (scaling_text, scaling_table): scaling(crowd(1, 100, device_bytes=2**20), crowd(2, 150, device_bytes=2**21),
                                           crowd(1, 90, "threads"),
                                           crowd(2, 1, "threads", each_ips=[], failed=ABSENT)),
    (pipeline_text, pipeline_table): end_to_end(pipelined(1), pipelined(4, infer=300.0)),
}  # fmt: skip


@pytest.mark.parametrize("parts", LOADS, ids=lambda parts: parts[0].__name__)
@given(given=st.data())
def test_a_measurement_under_load_with_faults(parts, given):
    kind, good = type(LOADS[parts]), json.loads(LOADS[parts].model_dump_json())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, kind.file).write_text(json.dumps(given.draw(mutated(good) | mutated(good["cases"][0]).map(
            lambda case: good | {"cases": [case]}) | JUNK)))  # fmt: skip
        report = Report.of(GOOD_REPORT, folder)
        if accepted(read_result, kind, folder):
            assert all(as_kept(part(report)) for part in parts)
            assert all(isinstance(line, str) for line in load_lines(report))


@given(mutated(GOOD) | JUNK, st.just(MACHINE) | mutated(MACHINE) | JUNK, st.binary(max_size=20))
def test_a_run_s_folder_with_faults(grid, machine, noise):
    with tempfile.TemporaryDirectory() as folder:
        run = written(Path(folder), files_of_a_run(grid, machine, json.dumps(RECORD)))
        accepted(run.start, Grid.model_validate(GOOD), MACHINE)
        accepted(run.grid)
        accepted(Report.read, folder)
        run.grid_path.write_bytes(noise)
        assert accepted(run.grid) is None
        assert accepted(run.start, Grid.model_validate(GOOD), MACHINE) is None


@given(mutated(RECORD) | JUNK)
def test_bench_with_a_broken_folder_exits_2_with_one_line(data):
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), files_of_a_run(data, data, "{"))
        said = StringIO()
        with redirect_stderr(said):
            assert main.main(["report", folder]) == 2
        assert len(said.getvalue().splitlines()) == 1
        assert said.getvalue().startswith("bench: ")


EXPORTER = ReportHTMLExporter()


def page_of(report: Report, title: str = "Отчёт") -> BeautifulSoup:
    """The report's page without figures, made as nbconvert makes it from the notebook's outputs."""
    cells = [new_code_cell(outputs=[new_output("display_data", as_kept(shown))]) for shown in everything(report)]
    notebook = nbformat.from_dict(new_notebook(cells=cells, metadata={"title": title}))
    html, _ = EXPORTER.from_notebook_node(notebook)
    return BeautifulSoup(html, "html.parser")


def skeleton(page: BeautifulSoup):
    """All elements with the names of their attributes, and where they lead; a cell's class depends on its letters."""
    return [
        (tag.name, sorted(set(tag.attrs) - ({"class"} if tag.name == "td" else set())), tag.get("href"), tag.get("src"))
        for tag in page.find_all(True)
    ]


def hostile(word: str, on_gpu: bool) -> Report:
    """A report whose every free text is `word`."""
    gpu = GPU | {"name": word, "driver": word, "cuda": word}
    machine = MACHINE | {"gpu": gpu if on_gpu else None, "cpu": word, "os": word, "python": word,
                         "versions": {word: word}}  # fmt: skip
    told = {"ran": {"flavour": word, "tensorrt_version": word, "documented_support": False},
            "gpu_busy": {"throttling": [word], "temperature_c": 60}, "detail": word}  # fmt: skip
    records = [
        record(ms=20, **told), record(precision="fp16", ms=10, **told), record(ms=40, size=448),
        skipped("onnx_runtime", reason=word), skipped("torch_tensorrt", "fp16", reason=word),
    ]  # fmt: skip
    restless = {"timing": records[1].timing.model_copy(update={"warm": False})}
    case = records[1].case.model_copy(update={"model": word, "options": {word: word}})
    records[1] = records[1].model_copy(update=restless | {"case": case})
    grid = Grid(engines=["pytorch", "onnx_runtime", "torch_tensorrt"], precisions=["fp32", "fp16"],
                image_sizes=[224, 448], batch_sizes=[1])  # fmt: skip
    grid = grid.model_copy(update={"title": word, "model": word, "weights": word, "data": word})
    return Report.of(tabulate(grid, [r.model_copy(update={"machine": machine}) for r in records]))


PLAIN = {on_gpu: skeleton(page_of(hostile("word", on_gpu))) for on_gpu in (True, False)}


@settings(max_examples=settings.default.max_examples // 8)  # a whole page takes a second
@given(TEXT.filter(str.strip), st.booleans())
def test_no_text_becomes_markup_in_the_report(word, on_gpu):
    page = page_of(hostile(word, on_gpu), word)
    assert skeleton(page) == PLAIN[on_gpu]
    shown = BeautifulSoup(quoted(word), "html.parser").get_text()
    assert page.select_one(".summary").get_text().count(shown) >= 2  # the title and the machine
    assert shown in [cell.get_text() for cell in page.select("td")]  # a reason


@given(TEXT)
def test_quoted_words_read_as_they_were_written(word):
    shown = BeautifulSoup(quoted(word), "html.parser").get_text()
    kept = [mark for mark in word if not mark.isspace() and unicodedata.category(mark)[0] != "C"]
    assert [mark for mark in shown if not mark.isspace() and mark != "\ufffd"] == [m for m in kept if m != "\ufffd"]


@given(TEXT, TEXT)
def test_a_figure_s_caption_and_text_are_words(caption, alt):
    shown = BeautifulSoup(plots.figure_html(Figure(figsize=(0.1, 0.1)), caption, alt).data, "html.parser")
    assert [(tag.name, sorted(tag.attrs)) for tag in shown.find_all(True)] == [
        ("figure", []), ("img", ["alt", "src"]), ("figcaption", []),
    ]  # fmt: skip


@NEEDS_PANGO
def test_the_pdf_of_a_hostile_report_is_made():
    cells = [new_code_cell(outputs=[new_output("display_data", as_kept(shown))])
             for shown in everything(hostile(" ".join(NASTY[:-1]), True))]  # fmt: skip
    body, _ = ReportPDFExporter().from_notebook_node(new_notebook(cells=cells, metadata={"title": NASTY[0]}))
    assert body.startswith(b"%PDF")
