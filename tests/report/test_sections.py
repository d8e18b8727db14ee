"""Each section displays its heading, sentences, tables and figures in order, with a run's folder and without one."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from helpers.made import (
    clock,
    crowd,
    end_to_end,
    labelled,
    pipelined,
    point,
    record,
    report,
    scaling,
    selfcheck,
    served,
    serving,
)
from helpers.sentences import as_kept, displayed

from bench_lib.analysis.case_table import tabulate
from bench_lib.core.case import Case
from bench_lib.report import chapters, phrases, sections
from bench_lib.report.data_files import FIGURES
from bench_lib.report.report import Report
from bench_lib.report.sections import unmeasured
from bench_lib.results.result_file import write_result
from bench_lib.text import language

ROOT = Path(__file__).parents[2]
HEADINGS = {
    "abstract": ["# Inference speed of ResNet-18: PyTorch and ONNX Runtime on CPU"],
    "aim": [],
    "setting": [],
    "leaders": [],
    "interpretation": [],
    "recognition": ["### Recognition against speed"],
    "recommendations": ["### Recommendations"],
    "method": ["### How it was measured"],
    "clock": ["### Validation of the timer"],
    "verdicts": ["### Validation of the verdicts"],
    "results": ["### Table of results"],
    "intervals": ["### Intervals and verdicts"],
    "tuning": ["### Headroom: options of each runtime"],
    "time_parts": ["### Time breakdown"],
    "cold_start": ["### Start-up cost"],
    "charts": ["### Plots"],
    "approaches": ["### Which variants are faster?"],
    "image_sizes": ["### Effect of the image size"],
    "batch_sizes": ["### Effect of the batch size"],
    "memory": ["### Memory"],
    "accuracy": ["### Accuracy of the computation"],
    "claims": ["### All claims of the original report"],
    "seed_rows": ["### Rows of the original report beside the measured ones"],
    "absent": ["### Skipped and failed configurations"],
    "environment": ["### Environment"],
    "unmeasured": ["### Not measured"],
    "serving": ["### Under load"],
    "scaling": ["### Several instances on one device"],
    "pipeline": ["### End to end, with the preparation of images"],
}
NETWORKS = {  # the sections of a run of several networks that such a run alone has, and then those it shares
    "networks": [
        "# Inference speed of several networks", "## 1. Comparison of networks", "### On average over the networks",
    ],
    "each_network": ["### The fastest for each network", "### Speedups by network"],
}  # fmt: skip
SHARED = [
    "setting", "method", "clock", "verdicts", "results", "intervals", "time_parts", "cold_start", "accuracy",
    "auto_precision", "absent", "environment",
]  # fmt: skip
# What each displays after its headings: sentences in Markdown, a table or figure (an empty one too) in HTML.
SHOWN = {
    "sentences": ["markdown"],
    "table": ["html"],
    "both": ["markdown", "html"],
    "all": ["markdown", "html", "html"],
}
KINDS = dict.fromkeys(HEADINGS, "sentences") | {
    "abstract": "table", "absent": "table",
    "leaders": "table", "environment": "table", "cold_start": "table", "claims": "table", "seed_rows": "table",
    "clock": "both", "verdicts": "both", "results": "both", "time_parts": "both",
    "serving": "all", "scaling": "all", "pipeline": "all",
}  # fmt: skip
OTHERS = {
    "method": ["markdown", "markdown"],
    "intervals": ["markdown", "html", "markdown"],
    "charts": ["html"] * 2,
    "recognition": ["markdown", "html", "html", "html", "markdown"],
    "tuning": ["markdown", "html", "html", "html"],
}
OF_FILES = {"clock", "verdicts", "serving", "scaling", "pipeline"}
ALONE = "auto_precision"  # shown only where the precision was chosen automatically


@pytest.fixture(autouse=True)
def english():
    language.use("en")
    yield
    language.use(language.DEFAULT)


def made(folder=None, checked=False) -> Report:
    """Three approaches, one of them a variant, at two image sizes and two batch sizes."""
    variant = {"variant": "nhwc", "options": {"channels_last": True}}
    cases = [Case(engine=engine, image_size=size, batch_size=batch, **more)
             for engine, more in (("pytorch", {}), ("onnx_runtime", {}), ("pytorch", variant))
             for size in (224, 448) for batch in (1, 33)]  # fmt: skip
    ms = {"onnx_runtime": 8.0, "pytorch": 10.0}
    data = report(*(record(ms=(ms[case.engine] - 4 * bool(case.variant)) * case.batch_size * case.image_size / 224,
                           size=case.image_size, batch=case.batch_size, case=case,
                           labelled=labelled("1" * 80 + "0" * 20)) for case in cases))  # fmt: skip
    return Report.of(tabulate(data.grid, data.records, selfcheck() if checked else None), folder)


@pytest.fixture
def folder(tmp_path):
    """A folder that holds all that other commands write."""
    for found in (clock(), serving(served([point(100, 4.0), point(900, 40.0)])),
                  scaling(crowd(1, 100), crowd(2, 190)), end_to_end(pipelined(1), pipelined(8))):  # fmt: skip
        write_result(found, tmp_path)
    return tmp_path


def shown(name, data):
    return [as_kept(output) for output in displayed(getattr(sections, name), "show", data)]


def kinds(outputs):
    return [kind.partition("/")[2] for output in outputs for kind in output]


@pytest.mark.parametrize("name", HEADINGS)
def test_a_section_displays_its_heading_and_parts_in_order(name, folder):
    outputs, count = shown(name, made(folder, checked=True)), len(HEADINGS[name])
    assert [output["text/markdown"] for output in outputs[:count]] == HEADINGS[name]
    assert kinds(outputs[count:]) == OTHERS.get(name, SHOWN[KINDS[name]])
    assert all(text for output in outputs[count:] for text in output.values())


@pytest.mark.parametrize("name", [*HEADINGS, ALONE])
def test_without_data_a_section_is_no_stub_and_the_others_stay(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outputs = shown(name, made())
    if name in OF_FILES | {ALONE}:
        assert outputs == []
    else:
        count = len(HEADINGS[name])
        assert [output["text/markdown"] for output in outputs[:count]] == HEADINGS[name]
        assert kinds(outputs[count:]) == OTHERS.get(name, SHOWN[KINDS[name]])
        assert all(text for output in outputs for text in output.values())
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_measured_is_listed_with_its_command_and_the_run_s_folder(folder):
    assert unmeasured.unmeasured_lines(made(folder, checked=True)) == [
        f"how often the verdicts are wrong: `bench selfcheck --output {folder.name}`"
    ]
    (folder / "serving.json").unlink()
    inside = folder.parent / "outputs" / "mine"
    inside.parent.mkdir()
    folder.rename(inside)
    (told,) = (line for line in unmeasured.unmeasured_lines(made(inside)) if "load" in line)
    assert told == "latency under load: `bench serve params/load/serving.yaml --output outputs/mine`"


def test_the_chapter_of_loads_is_there_only_where_any_was_measured(folder):
    (told,) = displayed(chapters, "chapter", made(folder), "load")
    assert told.data == "## Appendix G. Load, several instances, preparation of images"
    assert displayed(chapters, "chapter", made(), "load") == []
    (told,) = displayed(chapters, "chapter", made(), "rows")
    assert told.data == "## Appendix B. All configurations"


def test_the_sections_together_save_every_figure_under_its_name_and_suffix(folder):
    before = set(folder.iterdir())
    data = dataclasses.replace(made(folder), suffix=".en")
    for name in HEADINGS:
        shown(name, data)
    displayed(sections.charts, "show_main", data)
    saved = {path.name for path in set(folder.iterdir()) - before}
    assert saved == {f"{name}.en.{kind}" for name in FIGURES for kind in ("png", "svg")}


def code_of(name):
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def test_the_notebook_is_a_cell_for_each_section_in_order_and_one_import():
    parameters, opening, *cells = code_of("report")
    assert [line.split(" = ")[0] for line in parameters.splitlines()] == ["run", "lang", "suffix"]
    assert opening.splitlines() == [
        "from bench_lib.report import sections", "", "report = sections.open_report(run, lang, suffix)",
    ]  # fmt: skip
    assert names_of(cells, r"sections\.(\w+)\.show\(report\)") == [*list(HEADINGS)[:21], ALONE, *list(HEADINGS)[21:]]
    assert names_of(cells, r'sections\.chapter\(report, "(\w+)"\)') == [*chapters.MAIN, *phrases.APPENDICES]
    assert len(cells) == len(HEADINGS) + 1 + len(chapters.MAIN) + len(phrases.APPENDICES) + 2
    named = {*HEADINGS, ALONE, *NETWORKS, "summary", "comparison", "chapter", "open_report", "open_networks"}
    assert set(sections.__all__) | {"comparison"} == named


def names_of(cells, pattern):
    return [found[1] for cell in cells if (found := re.fullmatch(pattern, cell))]


def test_the_notebook_of_several_networks_is_a_cell_for_each_of_its_sections():
    parameters, opening, *cells = code_of("networks")
    assert parameters == code_of("report")[0]
    assert opening == code_of("report")[1].replace("open_report", "open_networks")
    assert names_of(cells, r"sections\.(\w+)\.show\(report\)") == [*NETWORKS, *SHARED]
    chosen = names_of(cells, r'sections\.chapter\(report, "(\w+)"\)')
    assert chosen == ["conditions", "validation", "rows", "time", "details", "absent"]
    assert len(cells) == len(NETWORKS) + len(SHARED) + len(chosen)


@pytest.mark.parametrize("name", [*NETWORKS, *SHARED])
def test_a_section_of_several_networks_displays_its_headings_and_parts(name, tmp_path):
    data = report(*(record(engine, model=model, batch=batch, ms=ms * batch) for model in ("alexnet", "vgg11")
                    for engine, ms in (("pytorch", 10.0), ("onnx_runtime", 8.0)) for batch in (1, 8)),
                  folder=tmp_path)  # fmt: skip
    outputs = shown(name, data)
    told = [output["text/markdown"] for output in outputs if output.get("text/markdown", "").startswith("#")]
    assert told == ([] if name in OF_FILES | {ALONE} else (HEADINGS | NETWORKS)[name])
    assert all(text for output in outputs for text in output.values()) or name in OF_FILES
    assert {path.name for path in tmp_path.iterdir()} == (
        {"networks.png", "networks.svg"} if name == "each_network" else set()
    )


def test_the_notebook_of_a_comparison_is_short_and_has_one_import():
    _, opening, *cells = code_of("compare")
    assert opening.count("import") == 1
    assert cells == [f"comparison.show_{part}(found)" for part in ("abstract", "conditions", "results")]


def test_every_heading_has_its_russian():
    with language.CATALOG.open("rb") as file:
        catalog = {message.id for message in read_po(file) if message.id}
    computed = HEADINGS["abstract"][0]
    assert {one for headings in (HEADINGS | NETWORKS).values() for one in headings} - {computed} <= catalog
