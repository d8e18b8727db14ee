"""The example of labels on the page runs as it is written: from images in folders to a table and a report."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from helpers import pictures
from helpers.sentences import everything

from bench_lib.cli import main
from bench_lib.report.report import Report
from bench_lib.results.run_folder import Run
from bench_lib.text import language

PAGE = Path(__file__).parents[2] / "docs" / "measure-your-own.md"
PETS = (
    pictures.NETS
    + """
def build():
    return network([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: `pets.py`, and `photos` of red cats and green dogs, of which one lies among the cats."""
    for colour, pet in (("red", "cats"), ("green", "dogs")):
        pictures.write_classes(tmp_path / "photos", 10, (colour,))
        (tmp_path / "photos" / colour).rename(tmp_path / "photos" / pet)
    (tmp_path / "photos" / "dogs" / "0009.png").rename(tmp_path / "photos" / "cats" / "a-dog.png")
    (tmp_path / "pets.py").write_text(PETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "pets", raising=False)
    return tmp_path


def examples():
    """The page's grids with labels, as text."""
    return [block for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL) if "labels:" in block]


def test_the_example_of_the_page_is_measured_exported_and_reported(folder):
    (text,) = (block for block in examples() if "engines:" in block)
    (folder / "pets.yaml").write_text(text)
    assert main.main(["sweep", "pets.yaml", "--output", "run"]) == 0
    records = Run("run").records()
    assert [record.case.engine for record in records] == yaml.safe_load(text)["engines"]
    for record in records:
        assert record.status == "ok", record.detail
        assert record.labelled.top1 == "1" * 10 + "0" + "1" * 9  # the dog comes last among the cats
        assert (record.labelled.top5, record.labelled.classes) == (None, 2)
    assert len({record.labelled.images_id for record in records}) == 1
    assert main.main(["export", "run", "--output", "tables"]) == 0
    with open("tables/cases.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["top1"]), row["top5"], float(row["labelled_images"])) for row in rows] == [(0.95, "", 20)] * 2
    told = everything(Report.read(Path("run")))
    assert "меток" not in told
    language.use("en")
    try:
        assert "no labels" not in everything(Report.read(Path("run")))
    finally:
        language.use(language.DEFAULT)


def test_a_run_goes_on_with_the_same_labels_alone(folder, capsys):
    (text,) = (block for block in examples() if "engines:" in block)
    grid = yaml.safe_load(text) | {"engines": ["pytorch"], "image_sizes": [32]}
    for labels, status in (("folders", 0), ("folders", 0), ({"cats": 1, "dogs": 0}, 2)):
        (folder / "pets.yaml").write_text(yaml.safe_dump(grid | {"labels": labels}))
        assert main.main(["sweep", "pets.yaml", "--output", "run"]) == status
    assert "holds a run of another grid" in capsys.readouterr().err
