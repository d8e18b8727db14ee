"""Two networks from a grid to their report, through papermill; one of them takes one image size alone."""

import pytest
from bs4 import BeautifulSoup
from corpus import networks

from bench_lib.cli.main import main
from bench_lib.report.exporters import write_html
from bench_lib.results.run_folder import Run
from bench_lib.sweep.execute import NOTEBOOKS, execute_notebook
from bench_lib.text.language import NBSP

GRID = """
models: ["nets:build", "nets:small_vit"]
lang: en
engines: [pytorch, nhwc]
variants: {nhwc: {engine: pytorch, options: {channels_last: true}}}
precisions: [fp32]
image_sizes: [32, 64]
batch_sizes: [1]
limits: {warmup_min_s: 0.01, warmup_max_s: 0.5, min_count: 3, min_s: 0.02}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The run of that grid."""
    networks.make(tmp_path)
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "grid.yaml", "--output", "run"]) == 0
    return tmp_path / "run"


def test_two_networks_are_measured_and_reported_and_the_size_that_one_refuses_is_a_row(run):
    found = {(one.case.model, one.case.variant, one.case.image_size): one for one in Run(run).records()}
    assert len(found) == 8
    refused = {key for key, one in found.items() if one.status == "skipped"}
    assert refused == {("nets:small_vit", variant, 64) for variant in ("", "nhwc")}
    assert {one.status for key, one in found.items() if key not in refused} == {"ok"}
    made = run / "report.ipynb"
    execute_notebook(NOTEBOOKS / "networks.ipynb", made, {"run": ".", "lang": "en"}, cwd=run)
    page = BeautifulSoup(write_html(made, run / "report.html").read_text(encoding="utf-8"), "html.parser")
    told = " ".join(page.main.get_text(" ", strip=True).replace(NBSP, " ").split())
    assert "2 networks; " in told
    assert "PyTorch fp32 — nets:small_vit (skipped: the network does not take images of 64×64" in told
    assert "the network does not take images of 64×64: Wrong image height! Expected 32 but got 64!" in told
    captions = [caption.get_text() for caption in page.select("caption")]
    assert any(words.startswith("32×32, batch 1: the fastest of each precision") for words in captions)
    assert (run / "networks.png").exists()
