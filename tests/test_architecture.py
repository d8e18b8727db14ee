"""The house: rooms that import one way, a heart that stands by itself, modules and functions short enough to read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "bench_lib"
FIRST = "bench_lib.core.quiet"  # what the library itself imports, before any room
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 40
WITHOUT_TORCH = ("results", "analysis", "report", "text")
GONE = {
    "figures", "formats", "export", "checks", "trust", "parts", "trouble", "loads", "words", "facts", "origins",
    "slowed", "apart",
}  # fmt: skip
SAYS_NOTHING = {"check", "table", "printed", "reading", "figure"}


def modules():
    return {path.relative_to(ROOT).with_suffix(""): path.read_text(encoding="utf-8") for path in LIBRARY.rglob("*.py")}


def imported(source):
    """Every module of the library that a source imports, wherever in it, as dotted names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "bench_lib")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bench_lib":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted):
    """`bench_lib.report.sections.clock` is in the room `report`."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def allowed():
    """The table of docs/architecture.md: which rooms each room may import."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| Room | May use |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    return {name: {name, *re.findall(r"`(\w+)`", may)} for name, may in rows}


def arrow_faults(sources, may):
    """Imports that the table does not allow: “analysis/x imports report”, and a section that imports another."""
    faults = []
    for path, source in sources.items():
        here = room(".".join(path.parts))
        for name in imported(source):
            may_here = {room(FIRST)} if here == "__init__" and name == FIRST else may.get(here, set())
            if here and room(name) not in may_here:
                faults.append(f"{path} imports {name}")
            section = name.startswith("bench_lib.report.sections.")
            if section and path.parent.name == "sections" and path.name != "__init__":
                faults.append(f"{path} imports the section {name}")
    return faults


def test_rooms_import_only_what_the_table_allows():
    assert set(allowed()) == {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists()}
    assert arrow_faults(modules(), allowed()) == []


def drawing_too_early(sources):
    """The modules that import what imports Matplotlib without `matplotlib_alone` before it."""
    first = "from bench_lib.report import matplotlib_alone"
    drawing = re.compile(r"^(?:import|from) (?:matplotlib|seaborn)\b(?!_)", re.MULTILINE)
    return [str(path) for path, source in sources.items() if path.name != "matplotlib_alone"
            and (found := drawing.search(source)) and first not in source[: found.start()]]  # fmt: skip


def test_matplotlib_is_imported_without_the_settings_of_the_current_folder():
    assert drawing_too_early(modules()) == []
    early = "import seaborn as sns\nfrom bench_lib.report import matplotlib_alone\n"
    assert drawing_too_early({Path("x"): early, Path("y"): "import pandas\n"}) == ["x"]


def test_an_arrow_that_is_not_in_the_table_is_told():
    may = {"analysis": {"analysis", "core"}, "report": {"report", "analysis", "core"}}
    wrong = {
        Path("bench_lib/analysis/x"): "from bench_lib.report import plots",
        Path("bench_lib/report/sections/a"): "def f():\n    from bench_lib.report.sections import b",
        Path("bench_lib/report/y"): "import bench_lib.analysis.x\nfrom bench_lib.core.case import Case",
    }
    assert arrow_faults(wrong, may) == [
        "bench_lib/analysis/x imports bench_lib.report.plots",
        "bench_lib/report/sections/a imports the section bench_lib.report.sections.b",
    ]


def rooms_that_load_torch(rooms):
    """The rooms whose modules, imported one room after the other in a fresh process, load PyTorch or a runtime."""
    code = "import importlib, sys\n"
    for name in rooms:
        found = [".".join(path.parts) for path in modules() if path.parts[1:2] == (name,) and path.name != "__init__"]
        assert found
        code += f"for module in {found}: importlib.import_module(module)\n"
        code += f"if {{'torch', 'onnxruntime'}} & set(sys.modules): print({name!r})\n"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_report_needs_no_torch_and_a_room_that_does_is_told():
    assert rooms_that_load_torch([*WITHOUT_TORCH, "workload"]) == ["workload"]


def test_the_heart_has_what_its_name_says_and_is_imported_without_torch_until_it_is_asked_for():
    code = (
        "import sys; from bench_lib.core import Case, Grid, Limits, Record; assert 'torch' not in sys.modules; "
        "from bench_lib.core import Engine, time_engine; assert 'torch' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        from bench_lib.core import Nothing  # noqa: F401


def test_the_five_lines_of_the_library_s_own_page_run_as_written():
    example = re.findall(
        r"^    (.+)$", ast.get_docstring(ast.parse((LIBRARY / "__init__.py").read_text())), re.MULTILINE
    )
    assert len(example) == 5
    code = "\n".join(example).replace("224", "32").replace("Limits()", "Limits(min_s=0.01, warmup_min_s=0.01)")
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (shown.returncode, shown.stdout.startswith("[")) == (0, True), shown.stderr


def too_long(path, source):
    """What cannot be read at a sitting: the module, or functions of it, with their lines."""
    lines = len(source.splitlines())
    faults = [f"{path}: {lines} lines"] if lines > MOST_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            faults += [f"{path}: {node.name} has {length} lines"] if length > MOST_LINES_OF_A_FUNCTION else []
    return faults


def test_modules_and_functions_are_short():
    assert [fault for path, source in modules().items() for fault in too_long(path, source)] == []
    assert too_long("x", "def f():\n" + "    pass\n" * 300) == ["x: 301 lines", "x: f has 301 lines"]


def named_badly(paths, sources):
    """Modules that are called as if they held anything, and functions whose names do not say of what."""
    faults = [str(path) for path in paths if path.name in GONE]
    for path, source in zip(paths, sources, strict=True):
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name in SAYS_NOTHING:
                faults.append(f"{path}: {node.name}")
    return faults


def test_names_say_of_what():
    found = modules()
    assert named_badly(list(found), list(found.values())) == []
    assert named_badly([Path("a/words"), Path("a/b")], ["", "def table(): ..."]) == ["a/words", "a/b: table"]


def test_at_the_top_of_the_library_there_are_rooms_alone():
    assert [path.name for path in LIBRARY.glob("*.py")] == ["__init__.py"]
