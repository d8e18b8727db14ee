"""Which files are images, how each kind is decoded, and that one that cannot be decoded is skipped and told of."""

import subprocess

import numpy as np
import pytest
import torch
from corpus import images as corpus
from helpers import pictures
from torchvision.datasets.folder import default_loader

from bench_lib.core.case import Case, Limits
from bench_lib.core.errors import InputError
from bench_lib.core.reason import say
from bench_lib.core.record import RealData, read_record, write_record
from bench_lib.measure.measure_case import measure_case
from bench_lib.workload.image_files import UnreadableImage, image_paths, load_picture
from bench_lib.workload.images import check_readable, read_images

HERE = torch.device("cpu")
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    corpus.make(folder)
    return folder


def case(folder, **fields):
    return Case(**{"engine": "pytorch", "image_size": 32, "batch_size": 2, "data": str(folder)} | fields)


def test_hidden_files_and_previews_are_no_images(made):
    assert list(image_paths(made / "hidden")) == [made / "hidden" / "photo.jpg"]


def test_links_to_folders_are_followed_once_each(made):
    photos = made / "linked" / "photos"
    assert sorted(image_paths(photos)) == [photos / "again" / "1.jpg", photos / "dogs" / "1.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error(made, monkeypatch):
    def refuse(_place):
        raise PermissionError(13, "Permission denied", "photos/dogs")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match=r"photos/dogs.*make it readable"):
        list(image_paths(made / "kinds"))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("empty.jpg", "the file is empty"),
        ("text.png", "not one of JPEG, PNG, WEBP"),
        ("program.jpg", "not one of JPEG, PNG, WEBP"),
        ("cut.jpg", "Truncated File Read"),
        ("bomb.png", "exceeds limit"),
        ("line.png", "2000×1 pixels: one side is over 100 times the other"),
        ("float.tif", "pixels of 32 bits (mode F) have no known range"),
        ("int32.tif", "pixels of 32 bits (mode I) have no known range"),
    ],
)
def test_what_cannot_be_decoded_is_told_and_starts_no_program(made, monkeypatch, name, fault):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(UnreadableImage) as told:
        load_picture(made / "broken" / name)
    assert told.value.name == name
    assert fault in told.value.fault


@pytest.mark.parametrize("name", ["grey16.png", "grey16.tif", "grey16-big-endian.tif", "grey16.pgm"])
def test_16_bit_grey_is_scaled_to_8_bits(made, name):
    found = np.asarray(load_picture(made / "kinds" / name))
    assert found.shape == (corpus.SIDE, corpus.SIDE, 3)
    assert np.array_equal(found[..., 0], np.round(corpus.GREY / 65535 * 255))
    assert np.asarray(default_loader(made / "kinds" / name))[1:].min() == 255  # what torchvision's own gives


@pytest.mark.parametrize(
    "name",
    [
        "palette.png",
        "transparent.png",
        "cmyk.jpg",
        "turned.jpg",
        "animated.webp",
        "animated-gif.jpg",
        "bits.png",
        corpus.FOREIGN,
    ],
)
@pytest.mark.filterwarnings("ignore:Palette images")
def test_every_other_kind_is_decoded_as_torchvision_does(made, name):
    path = made / "kinds" / name
    assert np.array_equal(np.asarray(load_picture(path)), np.asarray(default_loader(path)))


def spoilt(folder, count, bad):
    """A folder of so many pictures, of which so many are empty; the last of these has a name that is not UTF-8."""
    paths = pictures.write(folder, count, side=8)
    for path in paths[1 : bad + 1]:
        path.write_bytes(b"")
    if bad:
        paths[1].rename(paths[1].with_name("0001" + corpus.FOREIGN))
    return folder


def test_one_that_cannot_be_decoded_is_skipped_and_the_record_tells_of_it(tmp_path):
    told = measure_case(case(spoilt(tmp_path / "photos", 17, 1)), SHORT)
    write_record(told, tmp_path / "record.json")
    data = read_record(tmp_path / "record.json").data
    assert told.status == "ok", told.detail
    assert (data.found, data.used, data.skipped, data.first_skipped) == (17, 16, 1, r"0001caf\xe9.jpg")
    assert data.first_fault == "the file is empty"


@pytest.mark.parametrize(
    ("count", "bad", "used"),
    [(16, 0, 16), (17, 1, 16), (40, 2, 0), (64, 3, 61), (64, 4, 0), (80, 3, 64), (200, 150, 0)],
)
def test_a_few_may_be_skipped_and_others_are_taken_in_their_place(tmp_path, count, bad, used):
    folder = spoilt(tmp_path / "photos", count, bad)
    if used:
        assert len(read_images(case(folder, image_size=4), HERE).pixels) == used
        check_readable(sorted(image_paths(folder)))
        return
    told = measure_case(case(folder, image_size=4), SHORT)
    assert told.status == "failed"
    assert say(told.reason).startswith("изображений не читается ")
    assert say(told.reason).endswith(".jpg (the file is empty)")
    with pytest.raises(InputError, match=r"images cannot be read, the first is .*mend or remove them"):
        check_readable(sorted(image_paths(folder)))


def test_a_folder_with_too_few_left_is_refused(tmp_path):
    told = measure_case(case(spoilt(tmp_path / "photos", 16, 1)), SHORT)
    assert str(told.reason) == r"1 of 16 images cannot be read, the first is 0001caf\xe9.jpg (the file is empty)"


def test_a_record_of_before_skipped_none():
    data = RealData(
        found=17, used=16, decode_ms=[1.0], preprocess_ms=[1.0], skipped=1, first_skipped="a", first_fault="b"
    )
    old = data.model_dump(exclude={"skipped", "first_skipped", "first_fault"})
    assert RealData(**old).skipped == 0
