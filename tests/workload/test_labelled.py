"""Which images have which label, and one sentence before the sweep for labels that cannot be used."""

import json
import os
from pathlib import Path

import pytest
import torch
from corpus import images as corpus
from helpers import pictures
from torchvision.datasets import ImageFolder

from bench_lib.cli import main
from bench_lib.core.case import Case
from bench_lib.core.errors import InputError, validated
from bench_lib.core.grid import Grid
from bench_lib.workload.labelled import check_labels, check_one_label, images_id, labelled_files, labels_by_folder
from bench_lib.workload.network import answered_classes
from bench_lib.workload.onnx_file import read_onnx

AXES = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [2]}
BY_COLOUR = {"red": 0, "green": 1, "blue": 2}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder: class folders of colours in `photos`, and the module `colour_nets` that knows them."""
    pictures.write_classes(tmp_path / "photos")
    (tmp_path / "colour_nets.py").write_text(pictures.NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "colour_nets", raising=False)
    return tmp_path


def test_the_word_folders_labels_as_torchvision_s_image_folder_does(folder):
    (folder / "photos" / "red" / "below" / "deeper").mkdir(parents=True)
    pictures.write(folder / "photos" / "red" / "below" / "deeper", 2)
    theirs = [(Path(path), label) for path, label in ImageFolder("photos").samples]
    found = labelled_files("photos", "folders")
    assert sorted(found) == sorted(theirs)
    assert [path for path, _ in found] == sorted(path for path, _ in theirs)
    assert labels_by_folder("photos", "folders") == {"blue": 0, "green": 1, "red": 2}


def test_a_mapping_labels_by_the_names_of_folders():
    assert {label for path, label in labelled_files("photos", BY_COLOUR) if path.parts[1] == "red"} == {0}
    assert len(labelled_files("photos", BY_COLOUR)) == 18
    shared = labelled_files("photos", {"red": 4, "green": 4, "blue": 0})
    assert [label for _, label in shared] == [0] * 6 + [4] * 12


def test_images_beside_the_class_folders_have_no_label_and_hidden_folders_are_no_classes(folder):
    pictures.write(folder / "photos", 3)
    for name in (".trash", "__MACOSX"):
        pictures.write(folder / "photos" / name, 3)
    assert len(labelled_files("photos", "folders")) == 18


def test_an_id_is_of_the_paths_in_the_folder_and_their_labels(folder):
    found = labelled_files("photos", BY_COLOUR)
    (folder / "photos").rename("elsewhere")
    assert images_id(found, "photos") == images_id(labelled_files("elsewhere", BY_COLOUR), "elsewhere")
    others = [found[1:], labelled_files("elsewhere", "folders")]
    Path("elsewhere/red/0000.png").rename("elsewhere/red/x.png")
    others.append(labelled_files("elsewhere", BY_COLOUR))
    ids = [images_id(found, "photos")] + [images_id(other, str(other[0].path.parents[1])) for other in others]
    assert len(set(ids)) == 4


def test_labels_are_in_a_case_and_its_id_only_where_they_are_given():
    plain, named = Grid(**AXES, data="photos"), Grid(**AXES, data="photos", labels=BY_COLOUR)
    assert "labels" not in plain.model_dump().keys() | plain.cases()[0].model_dump().keys()
    assert named.cases()[0].labels == BY_COLOUR
    cases = [Grid(**AXES, data="photos", labels=labels).cases()[0] for labels in ("", "folders", BY_COLOUR)]
    assert len({case.id for case in cases}) == 3
    assert Case.model_validate_json(cases[2].model_dump_json()) == cases[2]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("folder", "labels: 'folder' is neither the word folders nor a mapping from the names of class folders"),
        ([0, 1], "labels: [0, 1] is neither the word folders"),
        ({}, "labels: {} is neither the word folders"),
        (None, "labels: None is neither"),
        ({1: 0}, "labels: the folder 1 is not a text; write its name in quotes"),
        ({"cat": -1}, "labels: the class of 'cat' is -1; it must be a whole number from 0 to 999999"),
        ({"cat": True}, "labels: the class of 'cat' is True; it must be"),
        ({"cat": "dog"}, "labels: the class of 'cat' is 'dog'; it must be"),
        ({"cat" * 100: 0}, "has a longer name than a folder can have"),
    ],
)
@pytest.mark.parametrize(("kind", "given"), [(Grid, AXES), (Case, {"engine": "pytorch"})])
def test_what_are_no_labels_gets_one_sentence(kind, given, labels, words):
    with pytest.raises(InputError) as caught:
        validated(kind, given | {"data": "photos", "labels": labels}, "grid.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(("kind", "given"), [(Grid, AXES), (Case, {"engine": "pytorch"})])
def test_labels_need_the_folder_of_their_images(kind, given):
    with pytest.raises(InputError, match="labels are given without data; name the folder of images in data"):
        validated(kind, given | {"labels": "folders"}, "grid.yaml")


def flat(folder):
    pictures.write(folder / "flat", 20)
    return {"data": "flat", "labels": "folders"}


def empty(folder):
    (folder / "photos" / "white").mkdir()
    (folder / "photos" / "white" / "readme.txt").write_text("none yet")
    return {"labels": BY_COLOUR | {"white": 1}}


def linked(folder):
    (folder / "photos" / "red" / "more").symlink_to(folder / "photos" / "blue")
    return {}


FIT = {"model": "colour_nets:colours", "data": "photos", "labels": BY_COLOUR}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (flat, "data 'flat': there are no folders in it, and labels need one for each class; sort the images"),
        (empty, "data 'photos': the class folder 'white' holds no image; put some there"),
        (linked, "'photos/blue/0000.png' and 'photos/red/more/0000.png' are one file, and of different classes"),
        ({"labels": {"red": 0, "blue": 2}}, "data 'photos': labels do not name 'green'; add them, or move them away"),
        ({"labels": BY_COLOUR | {"w": 1}}, "labels name 'w', and 'photos' has no such folders; correct or remove them"),
        (
            {"labels": {str(number): number for number in range(9)} | BY_COLOUR},
            "labels name '0', '1', '2', '3', '4' and 4 more, and 'photos' has no",
        ),
        ({"labels": BY_COLOUR | {"red": 3}}, "the class of 'red' is 3, and colour_nets:colours answers 3 classes, 0"),
        (
            {"model": "colour_nets:many", "labels": "folders"},
            "labels: folders makes 3 classes of the folders in 'photos', and colour_nets:many answers 7; name",
        ),
        ({"model": "resnet18"}, "labels are given, but the weights of resnet18 are random, and no accuracy can"),
        ({"data": "nowhere"}, "data 'nowhere': there is no such folder"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used_get_one_sentence_before_anything_runs(folder, capsys, given, words):
    given = given(folder) if callable(given) else given
    (folder / "grid.yaml").write_text(json.dumps(AXES | FIT | given))
    assert main.main(["sweep", "grid.yaml", "--output", "run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench: grid.yaml: ")
    assert len(said.splitlines()) == 1
    assert words in said
    assert not (folder / "run").exists()


def test_labels_that_fit_are_not_refused():
    check_labels("colour_nets:colours", "", "photos", BY_COLOUR)
    check_labels("resnet18", "net.pt", "photos", "folders")
    check_labels("net.onnx", "", "photos", "folders")


def test_a_file_may_be_linked_to_within_one_class(folder):
    (folder / "photos" / "red" / "again.png").symlink_to("0000.png")
    check_one_label(labelled_files("photos", "folders"))


def test_a_name_that_is_not_utf_8_is_told_as_it_can_be_written(folder):
    os.mkdir(folder / "photos" / corpus.FOREIGN)
    with pytest.raises(InputError, match=r"labels do not name 'caf\\\\xe9.jpg'"):
        labels_by_folder("photos", BY_COLOUR)


@pytest.mark.parametrize("batch", [None, 4])
def test_the_classes_of_an_onnx_file_are_read_from_it(folder, batch):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 7)).eval()
    axes = ({0: "batch", 2: "height", 3: "width"},) if batch is None else None
    torch.onnx.export(
        network, (torch.zeros(batch or 2, 3, 32, 32),), "net.onnx", dynamo=True, verbose=False, dynamic_shapes=axes
    )
    assert answered_classes(read_onnx(folder / "net.onnx"), torch.zeros(1, 3, 48, 48), "net.onnx") == 7
