"""What the pages promise: links, commands, grids, options, tests, figures. Each check is fed a bad page too."""

import contextlib
import inspect
import io
import re
import shlex
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "constraints.txt").exists())
DOCS = ROOT / "docs"
PAGES = [
    *sorted(ROOT.glob("README*.md")),
    *sorted(DOCS.glob("*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "outputs/README.md",
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NBSP = "\N{NO-BREAK SPACE}"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def fenced(text, *kinds):
    return [body for kind, body in FENCE.findall(text) if kind in kinds]


def without_fences(text):
    return FENCE.sub("", text)


def table_rows(lines):
    return [tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in lines.splitlines()]


def tables_after(text, header):
    """Rows, without the header, of each table whose header begins so."""
    found = re.findall(rf"(?:\A|(?<=\n\n))\| {re.escape(header)}.*?(?=\n\n|\Z)", text, re.DOTALL)
    return [table_rows(table)[2:] for table in found]


# The front door.


def front_door_faults(text):
    lines = text.splitlines()
    first = lines[:30]
    return (
        [f"{len(lines)} lines, of at most 150"] * (len(lines) > 150)
        + [f"{len(text.encode())} bytes, of at most 12000"] * (len(text.encode()) > 12_000)
        + [f"no {name} before line 30" for name in ("make report", "make test")
           if not any(line.startswith(name) for line in first)]
        + [f"{len(tables_after(text, 'Optimisation'))} tables of figures, not 1"]
        * (len(tables_after(text, "Optimisation")) != 1)
    )  # fmt: skip


def test_the_readme_is_a_front_door():
    assert front_door_faults((ROOT / "README.md").read_text()) == []
    assert len((ROOT / "README.ru.md").read_text().splitlines()) <= 80


def test_a_long_readme_whose_commands_come_late_is_refused():
    late = "words\n" * 100 + "make report\nmake test\n" + "more words " * 2000 + "\n" * 60
    assert front_door_faults(late) == [
        "162 lines, of at most 150", f"{len(late)} bytes, of at most 12000", "no make report before line 30",
        "no make test before line 30", "0 tables of figures, not 1",
    ]  # fmt: skip


def tree_faults(text, root):
    """Names in the tree of the README that are no files: two spaces deeper is inside the folder above."""
    folder, faults = "", []
    for indent, name in re.findall(r"^( *)([\w./-]+)  +\S", next(iter(fenced(text, "")), ""), re.MULTILINE):
        folder = folder if indent else name
        path = Path(folder, name) if indent else Path(name)
        faults += [] if (root / path).exists() else [str(path)]
    return faults


def test_the_tree_in_the_readme_is_that_of_the_repository():
    text = (ROOT / "README.md").read_text()
    assert tree_faults(text, ROOT) == []
    named = set(re.findall(r"^  (\w+)/", fenced(text, "")[0], re.MULTILINE))
    assert named == rooms_of(ROOT / "bench_lib")


def test_a_tree_of_things_that_are_not_there_is_refused(tmp_path):
    (tmp_path / "lib").mkdir()
    assert tree_faults("```\nlib/   it\n  core/   the heart\nout/   runs\n```\n", tmp_path) == ["lib/core", "out"]


# Links and names.


def anchors(text):
    found = []
    for title in re.findall(r"^#+ (.+)$", without_fences(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return found


def link_faults(page):
    text = without_fences(page.read_text())
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    faults = []
    for link in links:
        place, _, anchor = unquote(link).partition("#")
        target = page.parent / place if place else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists():
            faults.append(f"{link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            faults.append(f"{link}: no such heading")
    return faults


@every_page
def test_links_lead_to_files_and_headings(page):
    assert link_faults(page) == []


def test_links_that_lead_nowhere_are_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '# One `bench`, two\n[a](#one-bench-two) [b](#two) [c](gone.md) [d](page.md#three) <img src="x.png">\n'
    )
    assert link_faults(page) == [
        "#two: no such heading", "gone.md: no such file", "page.md#three: no such heading", "x.png: no such file",
    ]  # fmt: skip


def test_each_page_can_be_reached_from_the_readme():
    linked = {(ROOT / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)", (ROOT / "README.md").read_text())}
    assert [str(page) for page in PAGES if page.name != "README.md" and page.resolve() not in linked] == []


def path_faults(text, root):
    """Paths in code that name no file; those that a page has the reader write are known by a comment, `# params/…`."""
    written = set(re.findall(r"^# (\S+\.yaml)$", text, re.MULTILINE))
    paths = re.findall(
        r"^(?:bench_lib|params|notebooks|tests|benchmarks|docs)/[\w./-]*", "\n".join(CODE.findall(text)), re.M
    )
    return sorted({path for path in paths if path not in written and not (root / path).exists()})


@every_page
def test_paths_in_code_are_there(page):
    assert path_faults(page.read_text(), ROOT) == []


def test_a_path_that_is_not_there_is_named(tmp_path):
    (tmp_path / "params").mkdir()
    assert path_faults("`params/`, `params/a.yaml`, `params/b.yaml`\n# params/b.yaml\n", tmp_path) == ["params/a.yaml"]


# Commands.


def command_lines(text):
    """Command lines of the shell's blocks, and those that a workflow in YAML runs, without comments, as words."""
    blocks = fenced(text, "sh") + re.findall(r"^ *- run: (.+)$", "\n".join(fenced(text, "yaml")), re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [[word for word in words if word != "…"] for words in found if words]


def bench_faults(text, root, parser):
    """Commands of `bench` that its parser refuses, and grids that they name but that neither are there nor written."""
    written = set(re.findall(r"^# (\S+\.yaml)$", text, re.MULTILINE))
    faults = []
    for program, *arguments in command_lines(text):
        if Path(program).name != "bench":
            continue
        told = io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            try:
                parser().parse_args(arguments)
            except SystemExit as stop:
                faults += [told.getvalue().strip()] if stop.code else []
        grids = [word for word in arguments if word.endswith(".yaml")]
        faults += [f"{path}: no such grid" for path in grids if path not in written and not (root / path).exists()]
    return faults


def make_faults(text, makefile):
    """Targets and variables that pages give to `make`, in blocks or in a sentence, and that the Makefile has not."""
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^(\w+) [?:]?=", makefile, re.MULTILINE))
    spoken = [shlex.split(code) for code in CODE.findall(without_fences(text)) if code.startswith("make ")]
    words = [word for program, *words in command_lines(text) + spoken if program == "make" for word in words]
    return [word for word in words if word.partition("=")[0] not in (variables if "=" in word else targets)]


@every_page
def test_commands_of_bench_parse_and_their_grids_are_there(page):
    from bench_lib.cli.commands import parser

    assert bench_faults(page.read_text(), ROOT, parser) == []


def test_commands_that_bench_does_not_know_are_told(tmp_path):
    from bench_lib.cli.commands import parser

    page = """
```sh
.venv/bin/bench report outputs/a --language en    # no such option
bench sweep params/none.yaml --output \\
    outputs/a
bench report outputs/a …
```

```yaml
steps:
  - run: .venv/bin/bench comparison outputs/a
```
"""
    option, grid, command = bench_faults(page, tmp_path, parser)
    assert "--language" in option
    assert grid == "params/none.yaml: no such grid"
    assert "comparison" in command


@every_page
def test_commands_named_in_a_sentence_are_commands_of_bench(page):
    from bench_lib.cli.commands import parser

    named = {code.split()[1] for code in CODE.findall(page.read_text()) if re.match(r"bench [a-z]", code)}
    known = next(action.choices for action in parser()._actions if action.choices and "sweep" in action.choices)
    assert named - set(known) == set()


@every_page
def test_targets_of_make_are_in_the_makefile(page):
    assert make_faults(page.read_text(), (ROOT / "Makefile").read_text()) == []


def test_a_target_or_variable_that_make_does_not_have_is_told():
    page = "`make speed` and `make report GRID=x`\n```sh\nmake report PARAMS=x\nmake tests\n```\n"
    assert make_faults(page, "PARAMS ?= a\nreport: install\n") == ["tests", "speed", "GRID=x"]


# Grids.


def grid_faults(text, folder):
    """Blocks of YAML that are a grid, or a part to add to one, and that `read_grid` refuses; it says why."""
    from bench_lib.core.errors import InputError
    from bench_lib.core.grid import Grid, read_grid

    faults, whole = [], yaml.safe_load((ROOT / "params" / "seed.yaml").read_text())
    for number, block in enumerate(fenced(text, "yaml")):
        given = yaml.safe_load(block)
        if not given.keys() & Grid.model_fields.keys():
            continue
        path = folder / f"{number}.yaml"
        path.write_text(block if "engines" in given else yaml.safe_dump(whole | given))
        try:
            read_grid(path)
        except InputError as error:
            faults.append(str(error))
    return faults


@every_page
def test_grids_on_the_pages_are_read(page, tmp_path):
    assert grid_faults(page.read_text(), tmp_path) == []


def test_grids_that_are_wrong_are_told(tmp_path):
    part, whole = "```yaml\nslurm: {minutes: 5}\n```\n", "```yaml\nengines: [pytorch]\nprecisions: [fp8]\n```\n"
    other = "```yaml\njobs: {speed: {}}\n```\n"
    first, second = grid_faults(part + whole + other, tmp_path)
    assert "minutes" in first
    assert "fp8" in second


def test_grids_are_found_on_the_pages():
    keys = [yaml.safe_load(block).keys() for page in PAGES for block in fenced(page.read_text(), "yaml")]
    assert sum("engines" in given for given in keys) >= 2
    assert sum("slurm" in given for given in keys) >= 1


# Options of the engines.


def told_options(text, engine):
    tables = tables_after(text, f"Option of `{engine}` |")
    return {name for table in tables for row in table for name in re.findall(r"`(\w+):", row[0])}


def test_every_option_of_the_engines_is_told():
    from bench_lib.core.case import engine_names
    from bench_lib.core.engine import load_builder

    text, names = (DOCS / "engine-options.md").read_text(), engine_names()
    parameters = {name: inspect.signature(load_builder(name).build).parameters.values() for name in names}
    options = {name: {one.name for one in parameters[name] if one.kind is one.KEYWORD_ONLY} for name in names}
    assert len(names) >= 4
    assert {name: told_options(text, name) for name in names} == options


def test_options_are_read_from_their_own_table_alone():
    first = "| Option of `a` | What |\n|---|---|\n| `x: 1`, `y:` | unlike `z: 2` |\n"
    page = first + "\n| Option of `b` | What |\n|---|---|\n| `w:` | |\n"
    assert [told_options(page, engine) for engine in "abc"] == [{"x", "y"}, {"w"}, set()]


# Faults and their tests.


def untested(text, tests):
    """Names of tests on the page, in a table of faults, that no test has; and rows that name none."""
    rows = [row for table in tables_after(text, "Fault ") for row in table]
    named = re.findall(r"`(test_\w+)(?:\[\w+\])?`", text)
    return [row[0] for row in rows if not re.search(r"`(test_|…\[)", row[-1])] + [
        name for name in named if f"def {name}(" not in tests
    ]


def test_each_fault_has_its_test():
    text = (DOCS / "faults.md").read_text()
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(tables_after(text, "Fault ")[0]) >= 15
    assert untested(text, tests) == []


def test_a_fault_without_its_test_is_told():
    page = "| Fault | What | Test |\n|---|---|---|\n| fire | row | `test_fire[hot]` |\n| flood | row | |\n"
    assert untested(page, "def test_flood(): ...") == ["flood", "test_fire"]


# Figures.


def published_rows(report):
    html = report.read_text(encoding="utf-8").replace(NBSP, " ")
    return {
        tuple(cell.get_text() for cell in row.select("th, td"))
        for row in BeautifulSoup(html, "html.parser").select("tr")
    }


def figure_faults(page):
    """Rows, headers too, of a page's tables of results that are not in the report that is linked last before them."""
    text, faults = page.read_text(), []
    for table in re.finditer(
        r"^\| (?:Optimisation|Оптимизация) \| (?:Precision|Точность).*?(?=^$|\Z)", text, re.M | re.S
    ):
        links = re.findall(r"\]\(([^)]*report(?:\.\w\w)?\.html)\)", text[: table.start()])
        header, _, *rows = table_rows(table[0])
        published = published_rows(page.parent / links[-1]) if links else set()
        faults += [" | ".join(row) for row in [header, *rows] if row not in published]
    return faults


@every_page
def test_tables_of_results_are_those_of_the_published_reports(page):
    assert figure_faults(page) == []


def test_tables_of_results_are_found_and_the_readme_takes_its_own_from_the_english_report():
    readme = (ROOT / "README.md").read_text()
    before = readme[: readme.index("| Optimisation |")]
    assert re.findall(r"\]\(([^)]+\.html)\)", before)[-1] == "outputs/h200-best/report.en.html"
    assert len(tables_after(readme, "Optimisation")[0]) >= 11
    assert len(tables_after((DOCS / "published-runs.md").read_text(), "Оптимизация")) >= 3


def test_a_figure_that_is_not_in_the_report_is_told(tmp_path):
    cells = [("Optimisation", "Precision", "FPS"), ("PyTorch", "fp32", f"6{NBSP}396")]
    html = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
    (tmp_path / "report.en.html").write_text(f"<table>{html}</table>", encoding="utf-8")
    page, link = tmp_path / "page.md", "[it](report.en.html)\n\n"
    table = "| Optimisation | Precision | FPS |\n|---|---|--:|\n| PyTorch | fp32 | 6 396 |\n"
    page.write_text(link + table)
    assert figure_faults(page) == []
    page.write_text(link + table.replace("396", "397").replace("FPS", "Speed"))
    assert figure_faults(page) == ["Optimisation | Precision | Speed", "PyTorch | fp32 | 6 397"]
    page.write_text(table)
    assert len(figure_faults(page)) == 2


def translation_faults(text, russian):
    """Words that the page gives as the report's, in English and in Russian, and that the catalog has not so."""
    rows = [row for header in ("Column |", "Verdict |") for table in tables_after(text, header) for row in table]
    return [row[0] for row in rows if russian(row[0]) != row[1]]


def test_the_words_of_the_table_are_the_reports_own():
    from babel.messages.pofile import read_po

    with (ROOT / "bench_lib/text/locale/ru.po").open("rb") as file:
        catalog = {message.id: message.string for message in read_po(file) if isinstance(message.id, str)}
    text = (DOCS / "read-the-table.md").read_text()
    assert (
        len([row for header in ("Column |", "Verdict |") for table in tables_after(text, header) for row in table])
        >= 15
    )
    assert translation_faults(text, lambda word: catalog.get(word, "")) == []


def test_a_word_that_the_report_does_not_use_is_told():
    page = "| Column | In Russian | What |\n|---|---|---|\n| Size | Размер | |\n| Batch | Пачка | |\n"
    assert translation_faults(page, {"Size": "Размер", "Batch": "Батч"}.get) == ["Batch"]


# Rooms.


def rooms_of(library):
    return {path.name for path in library.iterdir() if path.is_dir() and any(path.rglob("*.py"))}


def arrows(text):
    """Which rooms each room of the library may import, as `docs/architecture.md` has it."""
    ((table),) = tables_after(text, "Room | May use |")
    return {re.fullmatch(r"`(\w+)`", room)[1]: set(re.findall(r"`(\w+)`", may)) for room, may in table}


def arrow_faults(allowed):
    """What is wrong with the arrows themselves: rooms that have no row, rooms without the common ones, circles."""
    named = set().union(*allowed.values())
    faults = [f"{room} has no row" for room in sorted(named - allowed.keys())]
    common = {"core": {"text"}, "text": set()}
    for room, may in allowed.items():
        faults += [f"{room} may not use {other}" for other in sorted(common.get(room, {"core", "text"}) - may)]
    with contextlib.suppress(CycleError):
        TopologicalSorter(allowed).prepare()
        return faults
    return [*faults, "the arrows form a circle"]


def file_faults(text, library):
    """Files that the table of rooms names and that the library has not."""
    ((table),) = tables_after(text, "Room | What it does |")
    named = [f"{room.strip('`')}/{name}" for room, _, files in table for name in re.findall(r"`([\w./]+)`", files)]
    return [name for name in named if not (library / name).exists() and not (library / f"{name}.py").exists()]


def test_the_arrows_are_a_table_without_circles_over_all_rooms():
    allowed = arrows((DOCS / "architecture.md").read_text())
    assert arrow_faults(allowed) == []
    assert allowed.keys() == rooms_of(ROOT / "bench_lib")
    assert not any("cli" in may for may in allowed.values())


def test_arrows_that_are_wrong_are_told():
    page = "| Room | May use |\n|---|---|\n| `text` | nothing |\n| `core` | `text`, `a` |\n| `a` | `core`, `b` |\n"
    assert arrows(page) == {"text": set(), "core": {"text", "a"}, "a": {"core", "b"}}
    assert arrow_faults(arrows(page)) == ["b has no row", "a may not use text", "the arrows form a circle"]


def test_the_rooms_hold_the_files_that_the_page_names():
    assert file_faults((DOCS / "architecture.md").read_text(), ROOT / "bench_lib") == []


def test_a_file_that_a_room_does_not_hold_is_told(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "case.py").touch()
    page = "| Room | What it does | Files |\n|---|---|---|\n| `core` | it | `case`, `crate` |\n"
    assert file_faults(page, tmp_path) == ["core/crate"]
