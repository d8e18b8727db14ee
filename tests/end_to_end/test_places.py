"""Where commands run and what lies there: a stranger's folder, another Jupyter, odd temporary and home folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from corpus import places

from bench_lib.core.grid import read_grid
from bench_lib.results.run_folder import Run

ROOT = Path(__file__).parents[2]
TITLE = r"![x](x.png) <img src=x> $\frac{x$ [x](http://e.org)"
GRID = rf"""
title: '{TITLE}'
model: mine:build
engines: [pytorch]
precisions: [fp32]
image_sizes: [8]
batch_sizes: [1, 2]
limits: {{warmup_min_s: 0.01, warmup_max_s: 0.5, min_count: 2, min_s: 0.02}}
"""
MODEL = """
from torch import nn

def build():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 20))
"""
NO_PDF = "exporters.write_pdf = lambda *_: None"  # it takes long, and reads no more than the page does
COMMANDS = f"""
import shutil, sys
from pathlib import Path
from bench_lib.cli.main import main
from bench_lib.report import exporters

{NO_PDF}

def run(words):
    print(words)
    assert main(words.split()) == 0, words

run("sweep ../mine.yaml --output .")
next(Path("records").glob("*b2*.json")).unlink()
run("sweep ../mine.yaml --output . --plain")
shutil.copytree("records", "../other/records")
shutil.copy("grid.json", "../other")
run("compare ../other . --output compared")
run("export .")
run("report .")
"""


def told(*command, folder, **variables):
    """Run a command in the folder, with these environment variables; return what it did."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": path} | variables, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """A stranger's run, begun: its grid, among traps. The grid is the user's own too."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "mine.yaml").write_text(GRID)
    run, marks = folder / "run", folder / "marks"
    run.mkdir()
    Run(run).start(read_grid(folder / "mine.yaml"), None)
    places.make(run, marks)
    (run / "mine.py").write_text(MODEL)
    return run


def sprung(run):
    """Which traps were sprung."""
    return {path.name for path in (run.parent / "marks").iterdir()}


def test_nothing_in_the_folder_of_a_run_is_run_or_obeyed_save_the_user_s_own_model(strangers):
    done = told(sys.executable, "-c", COMMANDS, folder=strangers)
    assert sprung(strangers) == set()
    assert done.returncode == 0, done.stderr
    assert [record.process for record in Run(strangers).records()] == ["forked", "plain"]
    assert TITLE in BeautifulSoup((strangers / "report.html").read_bytes(), "html.parser").get_text()


@pytest.mark.parametrize("way", ["module", "script", "module, empty PYTHONPATH"])
def test_no_way_of_starting_bench_trusts_the_current_folder(strangers, way):
    script = Path(sys.executable).with_name("bench")
    command = [script] if way == "script" else [sys.executable, "-m", "bench_lib.cli.main"]
    if not script.exists() and way == "script":
        pytest.skip("bench_lib is not installed here")
    variables = {"PYTHONPATH": f"{ROOT}{os.pathsep}"} if "empty" in way else {}
    told(*command, "--help", folder=strangers, **variables)
    own = {"sitecustomize.py", "usercustomize.py"} if "empty" in way else set()  # what Python itself runs first
    assert sprung(strangers) <= own


def test_odd_folders_and_another_jupyter_are_no_obstacle(tmp_path):
    """A name that papermill could fill in, a TMPDIR too long for sockets, no home, a Jupyter of another Python."""
    jupyter, temporary = tmp_path / "jupyter", Path(f"{tmp_path}/".ljust(120, "x"))
    for folder in (jupyter / "kernels" / "python3", temporary):
        folder.mkdir(parents=True)
    (jupyter / "kernels" / "python3" / "kernel.json").write_text(
        '{"argv": ["false"], "display_name": "", "language": "R"}'
    )
    (jupyter / "jupyter_config.py").write_text("c.KernelSpecManager.allowed_kernelspecs = {'none'}\n")
    (tmp_path / "mine.yaml").write_text(GRID.replace("[1, 2]", "[1]"))
    (tmp_path / "mine.py").write_text(MODEL)
    name = "-out{x} {} %s#?&é"
    variables = {"JUPYTER_PATH": str(jupyter), "JUPYTER_CONFIG_DIR": str(jupyter), "TMPDIR": str(temporary)}
    for home, words in (
        (["-u", "HOME"], ["sweep", "mine.yaml", f"--output={name}"]),
        (["HOME=/proc/none"], ["report", "--", name]),
    ):
        command = (
            f"from bench_lib.report import exporters; from bench_lib.cli.main import main; {NO_PDF}; main({words!r})"
        )
        done = told("env", *home, sys.executable, "-c", command, folder=tmp_path, **variables)
        assert not any(words in done.stderr for words in ("bench:", "Error", "atplotlib")), done.stderr
    assert Run(tmp_path / name).records()[0].process == "forked"
    assert (tmp_path / name / "report.html").exists()
    assert [path.name for path in temporary.iterdir() if path.name.startswith(("bench", "matplotlib", "pymp"))] == []
