"""The repository's own promises: clean notebooks, pins in one place, imports that point one way."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from corpus.__main__ import make_all

from bench_lib.report.report import Report
from bench_lib.report.sections.results import results_table

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PUBLISHED = re.findall(r"^- `(.+?)/`", (ROOT / "outputs" / "README.md").read_text(), re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_short_and_have_one_parameters_cell(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1
    source = "\n".join("".join(cell["source"]) for cell in code)
    assert re.findall(r"^\s*(def|class|for|try|while)\b", source, re.MULTILINE) == []


def test_every_dependency_is_pinned_once_and_no_index_is_named():
    extras = [name for group in PROJECT["optional-dependencies"].values() for name in group]
    wanted = {name_of(requirement) for requirement in PROJECT["dependencies"] + extras}
    wanted.discard("onnxruntime")  # for systems other than Linux, where the pins were not made
    assert wanted - {name.lower().replace("_", "-") for name in PINS} == set()
    text = (ROOT / "constraints.txt").read_text() + (ROOT / "environment.yml").read_text()
    assert "://" not in text
    assert "--index" not in text


# Modules that are not called as their distribution is; ONNX Runtime's is called otherwise on Linux, where GPUs are.
DISTRIBUTIONS = {
    "IPython": {"ipython"}, "PIL": {"pillow"}, "bs4": {"beautifulsoup4"}, "mlperf_loadgen": {"mlcommons-loadgen"},
    "modelopt": {"nvidia-modelopt"}, "onnxruntime": {"onnxruntime", "onnxruntime-gpu"}, "pynvml": {"nvidia-ml-py"},
    "onnxruntime_ep_nv_tensorrt_rtx": {"onnxruntime-ep-nv-tensorrt-rtx-cu13"}, "yaml": {"pyyaml"},
    "tensorrt": {"torch-tensorrt"}, "torch_tensorrt": {"torch-tensorrt", "torch-tensorrt-rtx"},
}  # fmt: skip
RUN_NOT_IMPORTED = {
    "jinja2",  # pandas makes tables with it
    "jupyterlab",  # notebooks are opened in it
}


def imported_modules(sources):
    """The names, up to the first dot, of what is imported anywhere in the sources, but for Python's own and ours."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"bench_lib"}


def dependency_faults(sources, declared):
    """Distributions that are imported and not declared, and those that are declared and neither imported nor run."""
    wanted = [DISTRIBUTIONS.get(name, {name.lower().replace("_", "-")}) for name in imported_modules(sources)]
    undeclared = [f"{min(names)} is not declared" for names in wanted if not names & declared]
    idle = declared - RUN_NOT_IMPORTED - set().union(*wanted)
    return sorted(undeclared + [f"{name} is not imported" for name in idle])


def test_what_is_imported_is_declared_and_what_is_declared_is_imported_or_run():
    groups = PROJECT["optional-dependencies"] | {"dev": PROJECT["dependencies"]}  # what tests use is no matter here
    declared = {name_of(requirement) for group in groups.values() for requirement in group}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "bench_lib").rglob("*.py")]
    assert dependency_faults(sources, declared) == []
    assert declared >= RUN_NOT_IMPORTED


def test_a_package_that_is_not_declared_or_not_imported_is_told():
    sources = ["import os, yaml\nfrom bench_lib.core import case", "def f():\n    from a_b.c import d"]
    assert dependency_faults(sources, {"pyyaml", "jinja2", "idle"}) == ["a-b is not declared", "idle is not imported"]
    assert dependency_faults(sources, {"pyyaml", "a-b"}) == []


def test_environment_yml_takes_its_versions_from_the_pins_alone():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda, (pip,) = environment["dependencies"][:-1], environment["dependencies"][-1].values()
    assert [name for name in conda if "=" in name] == ["python=3.12"]
    assert tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split("."))) <= (3, 12)
    constraint, editable = pip
    assert (ROOT / constraint.removeprefix("--constraint ")).samefile(ROOT / "constraints.txt")
    extras = re.fullmatch(r"--editable \.\[(.+)\]", editable)[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def rows_of(html):
    return {tuple(td.get_text() for td in tr.select("td")) for tr in BeautifulSoup(html, "html.parser").select("tr")}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_run_is_whole_and_its_report_shows_its_records(name):
    folder = ROOT / "outputs" / name
    report = Report.read(folder)
    assert len(report.records) == len(report.grid.cases())
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    published = rows_of((folder / "report.html").read_text(encoding="utf-8"))
    assert rows_of(results_table(report).to_html()) <= published


def test_the_script_makes_the_whole_corpus(tmp_path):
    make_all(tmp_path)
    made = {folder.name: len(list(folder.rglob("*"))) for folder in tmp_path.iterdir()}
    assert made.keys() == {path.stem for path in (ROOT / "tests" / "corpus").glob("[!_]*.py")}
    assert min(made.values()) >= 1
