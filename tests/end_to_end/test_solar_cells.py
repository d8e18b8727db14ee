"""The example that trains: what it writes is what its grids measure, on a few small pictures."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench_lib.cli import sweep
from bench_lib.core.grid import read_grid
from bench_lib.workload.network import load_network

ROOT = Path(__file__).parents[2]
KINDS = ("mono-defective", "mono-functional", "poly-defective", "poly-functional")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("solar_cells", ROOT / "examples" / "solar_cells.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SIDE, module.LARGER = 32, 36
    return module


@pytest.fixture
def data(tmp_path):
    """A folder as the package's: forty pictures, ten of each class; those of a class have its shade of grey."""
    lines = []
    (tmp_path / "data" / "images").mkdir(parents=True)
    for number in range(40):
        kind, share = ("mono", "poly")[number % 2], ("0.3333", "1.0")[number // 2 % 2]
        noise = np.random.default_rng(number).integers(0, 40, (40, 40), np.uint8)
        name = f"images/cell{number:04}.png"
        Image.fromarray(noise + np.uint8(50 * (number % 4))).save(tmp_path / "data" / name)
        lines.append(f"{name}  {share}  {kind}\n")
    (tmp_path / "data" / "labels.csv").write_text("".join(lines))
    return tmp_path / "data"


def test_each_image_is_either_trained_on_or_tested_with(example, data):
    images = example.read_labels(data)
    assert {name for _, name in images} == set(KINDS)
    training, test = example.split(images, 0)
    assert (len(training), len(test)) == (24, 16)
    assert {path for path, _ in training}.isdisjoint(path for path, _ in test)
    assert all(sum(name == kind for _, name in test) == 4 for kind in KINDS)
    assert example.split(images, 0) == (training, test) != example.split(images, 1)


def test_what_is_written_is_what_the_grids_measure(example, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["solar_cells.py", "--data", str(data), "--epochs", "2"])
    monkeypatch.setattr(example.train, "__defaults__", (32,))
    monkeypatch.setattr(example.accuracy, "__defaults__", (32,))
    example.main()
    assert "24 images trained on" in capsys.readouterr().out
    assert sorted(path.name for path in Path("solar-cells/test").iterdir()) == list(KINDS)
    network = load_network("resnet18", 0, "solar-cells/net.pt")
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 4)
    for name in ("solar-cells", "solar-cells-cpu"):
        path = ROOT / "params" / f"{name}.yaml"
        sweep.check_grid(read_grid(path).model_copy(update={"image_sizes": [32]}), path)


def test_the_network_learns_what_tells_the_classes_apart(example, data):
    torch.manual_seed(0)
    pixels, classes = example.load(example.read_labels(data), 36)
    network = example.train(pixels, classes, 30, 32)
    assert example.accuracy(network, pixels, classes, 32) > 0.7


def test_without_the_package_the_program_says_what_to_install(example, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="elpv-dataset is not installed; pip install elpv-dataset, or give --data"):
        example.data_folder()
