"""Networks of timm: found by name, adapted, of as many classes as the weights, prepared for as timm says."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import pictures
from helpers.made import record, report
from PIL import Image
from safetensors.torch import save_file

from bench_lib.cli import main
from bench_lib.core.case import Case, Limits, model_kind
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.measure.measure_case import measure_case
from bench_lib.report.network_words import network_sentence
from bench_lib.workload.network import check_model, load_network
from bench_lib.workload.preprocessing import preprocessing_of, transform

AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [64], "batch_sizes": [1]}
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)


def test_a_name_with_timm_before_it_is_timm_s():
    assert [model_kind(name) for name in ("timm:resnet18", "timm:resnet18.a1_in1k", "nets.timm:build")] == [
        "timm", "timm", "function",
    ]  # fmt: skip
    assert Grid(**AXES, model="timm:resnet18").cases()[0].id.startswith("timm_resnet18-pytorch-fp32-64px-b1-")


def test_without_timm_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        InputError, match=r"'timm:resnet18' needs timm, which is not installed .*; pip install -c const"
    ):
        check_model("timm:resnet18")


@pytest.fixture
def timm():
    return pytest.importorskip("timm")


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize(
    ("model", "weights", "words"),
    [
        (
            "timm:resnet81",
            "",
            r"unknown model 'timm:resnet81'; near to it timm has .*resnet18.*; give one of",
        ),
        ("timm:resnet18.nothing", "", r"near to it timm has .*resnet18\.\w+"),
        ("timm:%%%", "", "near to it timm has none"),
        ("timm:test_mambaout", "DEFAULT", "weights DEFAULT: timm publishes none for test_mambaout; give a file"),
        ("timm:resnet18", "nothing.pt", "weights 'nothing.pt': there is no such file"),
    ],
)
def test_what_timm_does_not_have_gets_one_sentence(tmp_path, monkeypatch, capsys, model, weights, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        check_model(model, weights)
    Path("grid.yaml").write_text(json.dumps(AXES | {"model": model, "weights": weights}))
    assert main.main(["sweep", "grid.yaml", "--output", "run"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize("model", ["timm:test_resnet", "timm:test_efficientnet"])
def test_random_weights_are_seeded_and_answer_images_differently(model):
    first, again, other = (load_network(model, seed, image_size=64) for seed in (0, 0, 1))
    assert not first.training
    images = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = first(images)
        assert torch.equal(answers, again(images))
        assert not torch.equal(answers, other(images))
    assert answers.std(0).mean() > 0.3
    told = measure_case(Case(engine="pytorch", model=model, image_size=64), SHORT)
    assert told.status == "ok", told.detail


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_weights_of_a_file_decide_how_many_classes_there_are(timm, tmp_path, model, kind):
    own, path = timm.create_model(model, num_classes=7).eval(), tmp_path / f"net.{kind}"
    (torch.save if kind == "pt" else save_file)(own.state_dict(), path)
    loaded = load_network(f"timm:{model}", 0, str(path))
    image = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        assert torch.equal(loaded(image), own(image))
    assert loaded(image).shape == (1, 7)


@pytest.mark.parametrize(
    "model",
    ["resnet18.a1_in1k", "vit_base_patch16_224.augreg_in21k", "beit_base_patch16_224", "dm_nfnet_f0.dm_in1k",
     "convnext_small.fb_in22k_ft_in1k_384"],
)  # fmt: skip
def test_images_are_prepared_as_timm_does(timm, model):
    config = timm.data.resolve_data_config(pretrained_cfg=timm.models.get_pretrained_cfg(model).to_dict())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 375, 3), np.uint8))
    theirs = timm.data.create_transform(**config)(picture)
    found = preprocessing_of(Case(engine="pytorch", model=f"timm:{model}", image_size=config["input_size"][1]))
    assert (found.source, found.squashed) == ("timm", config["crop_mode"] == "squash")
    torch.testing.assert_close(transform(found)(picture), theirs, rtol=0, atol=1e-6)


@pytest.fixture
def hub(timm, tmp_path, monkeypatch):
    """What timm is asked to create, and the folder of the hub's cache, which is empty."""
    asked = []
    original = timm.create_model

    def create(name, pretrained=False, pretrained_cfg_overlay=None, **options):
        asked.append((name, pretrained, pretrained_cfg_overlay))
        if pretrained and not pretrained_cfg_overlay:
            raise FileNotFoundError("An error happened while trying to locate the file on the Hub")
        return original(name, pretrained=pretrained, pretrained_cfg_overlay=pretrained_cfg_overlay, **options)

    monkeypatch.setattr("timm.create_model", create)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path, asked


def keep(folder, content):
    """Put a copy of the weights of `test_resnet` into the hub's cache."""
    repository = folder / "models--timm--test_resnet.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    path = repository / "snapshots" / "abc" / "model.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file(content, path)
    return str(path)


def test_published_weights_in_the_cache_are_taken_without_asking_the_hub(hub, timm):
    folder, asked = hub
    own = timm.create_model("test_resnet").eval()
    path = keep(folder, own.state_dict())
    loaded = load_network("timm:test_resnet", 0, "DEFAULT")
    assert asked[-1] == ("test_resnet", True, {"file": path})
    assert all(
        torch.equal(one, two) for one, two in zip(loaded.state_dict().values(), own.state_dict().values(), strict=True)
    )


def test_without_a_copy_and_a_connection_a_sentence_says_what_to_do(hub):
    with pytest.raises(InputError) as told:
        load_network("timm:test_resnet", 0, "DEFAULT")
    assert str(told.value).startswith(
        f"weights DEFAULT of timm:test_resnet: there is no copy in {hub[0]}, and "
        "https://huggingface.co/timm/test_resnet.r160_in1k cannot be reached (An error happened"
    )
    assert str(told.value).endswith("save them by torch.save(net.state_dict(), 'net.pt'), and give that file")


def test_a_broken_copy_is_told(hub):
    keep(hub[0], b"cut")
    with pytest.raises(InputError, match=r"the copy in .* is damaged \(SafetensorError.*; delete it there"):
        load_network("timm:test_resnet", 0, "DEFAULT")


def test_the_report_says_where_the_network_and_its_weights_are_from():
    told = [
        network_sentence(report(record(), model="timm:resnet18", **given)).replace("\u00a0", " ")
        for given in ({}, {"weights": "DEFAULT"})
    ]
    assert "timm:resnet18</code> из timm) со случайными весами" in told[0]
    assert "timm:resnet18</code> из timm) с весами, опубликованными вместе с ней." in told[1]


@pytest.mark.usefixtures("timm")
def test_images_of_a_folder_are_prepared_so_and_the_record_tells_it(tmp_path):
    pictures.write(tmp_path, 16)
    told = measure_case(Case(engine="pytorch", model="timm:test_resnet", image_size=64, data=str(tmp_path)), SHORT)
    assert told.status == "ok", told.detail
    assert (told.data.preprocessing.source, told.data.preprocessing.resize) == ("timm", 67)  # 64 / 0.95
