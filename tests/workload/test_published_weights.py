"""`weights: DEFAULT`: from the cache or the network, and one sentence where neither has them."""

import json
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision import models

from bench_lib.cli import main
from bench_lib.core.case import Case, Limits, weights_are_random
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.measure.measure_case import measure_case
from bench_lib.report.phrases import has_random_weights
from bench_lib.results.run_folder import digests
from bench_lib.workload.network import check_model, load_network

AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1]}
MODEL = "squeezenet1_1"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Where PyTorch keeps what it downloads: an empty folder; nothing is downloaded."""

    def refuse(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    folder = tmp_path / "home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def kept(cache, content=None):
    """Put a copy into the cache: weights of a network that is returned, or this content."""
    torch.manual_seed(7)
    network = models.get_model(MODEL, weights=None).eval()
    path = cache / Path(models.get_model_weights(MODEL).DEFAULT.url).name
    if content is None:
        torch.save(network.state_dict(), path)
    else:
        path.write_bytes(content)
    return network


def test_weights_in_the_cache_are_taken_without_a_connection(cache):
    network, loaded = kept(cache), load_network(MODEL, 0, "DEFAULT")
    assert not loaded.training
    for one, other in zip(loaded.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_case_with_them_is_measured(cache):
    kept(cache)
    limits = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)
    told = measure_case(Case(engine="pytorch", model=MODEL, weights="DEFAULT", image_size=64), limits)
    assert told.accuracy is not None, told.detail
    assert told.case.id.startswith("squeezenet1_1-pytorch-fp32-64px-b1-weights=DEFAULT-")


def test_without_a_copy_and_a_connection_a_sentence_says_what_was_tried_and_what_to_do(cache):
    with pytest.raises(InputError) as told:
        load_network(MODEL, 0, "DEFAULT")
    url = models.get_model_weights(MODEL).DEFAULT.url
    assert str(told.value) == (
        f"weights DEFAULT of squeezenet1_1: there is no copy in {cache}, and {url} cannot be reached (<urlopen error "
        "Name or service not known>); where there is a connection, save them by torch.save(net.state_dict(), "
        "'net.pt'), and give that file"
    )


def test_the_sweep_says_so_before_anything_runs(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("grid.yaml").write_text(json.dumps(AXES | {"model": MODEL, "weights": "DEFAULT"}))
    assert main.main(["sweep", "grid.yaml", "--output", "run"]) == 2
    assert f"bench: grid.yaml: weights DEFAULT of {MODEL}: there is no copy in {cache}" in capsys.readouterr().err
    assert not Path("run").exists()


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut"])
def test_a_broken_copy_is_told(cache, content):
    kept(cache, content)
    with pytest.raises(InputError, match=rf"weights DEFAULT of {MODEL}: the copy in {cache} is damaged .*; delete it"):
        load_network(MODEL, 0, "DEFAULT")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nets:build", "weights DEFAULT are those that torchvision or timm publishes, and nets:build is a function"),
        ("net.onnx", "weights are given, but net.onnx holds its own; remove weights"),
        ("resnet81", "unknown model 'resnet81'"),
    ],
)
def test_nobody_publishes_weights_for_a_network_of_one_s_own(model, words):
    with pytest.raises(InputError, match=words):
        check_model(model, "DEFAULT")


def test_published_weights_are_not_random_and_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("DEFAULT").write_text("a file of that name is another thing: ./DEFAULT")
    grid = Grid(**AXES, model=MODEL, weights="DEFAULT")
    assert digests(grid) == {}
    assert not has_random_weights(grid)
    assert weights_are_random(MODEL, "")
    assert not weights_are_random("nets:build", "")
