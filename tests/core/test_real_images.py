"""A record of labelled images is whole: one verdict an image, two accuracies that fit each other, an id."""

import json

import pytest
from helpers.made import record
from pydantic import ValidationError

from bench_lib.core.real_images import Labelled, Preprocessing, RealData
from bench_lib.core.record import Record, read_record, write_record

PREPARED = Preprocessing(resize=256, crop=224, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic", source="timm")
GOOD = {"top1": "0110", "top5": "0111", "images_id": "0" * 64, "classes": 10, "preprocessing": PREPARED}


def test_it_is_read_as_it_was_written(tmp_path):
    told = Labelled(**GOOD, skipped=1, first_skipped="a.jpg", first_fault="the file is empty")
    write_record(record(labelled=told), tmp_path / "a.json")
    assert read_record(tmp_path / "a.json").labelled == told


def test_records_of_before_have_none():
    old = json.loads(record(data=RealData(found=1, used=1, decode_ms=[1.0], preprocess_ms=[1.0])).model_dump_json())
    del old["labelled"], old["data"]["preprocessing"]
    read = Record.model_validate_json(json.dumps(old))
    assert (read.labelled, read.data.preprocessing) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"top1": "0210"}, "should match pattern"),
        ({"top1": ""}, "should match pattern"),
        ({"top5": "011"}, "top1 has 4 images, top5 3"),
        ({"top5": "0011"}, "an image is right in top1 and wrong in top5"),
        ({"top5": None}, "top5 is for networks of more than 5 classes, and there it must be given"),
        ({"classes": 5}, "top5 is for networks of more than 5 classes"),
        ({"classes": 0}, "greater than or equal to 1"),
        ({"images_id": "x"}, "should match pattern"),
        ({"correct": 3}, "Extra inputs"),
        ({"preprocessing": PREPARED.model_dump() | {"source": "mine"}}, "'torchvision_weights', 'timm' or 'imagenet'"),
        ({"preprocessing": PREPARED.model_dump() | {"mean": [0.5]}}, "at least 3 items"),
    ],
)
def test_what_is_not_whole_is_refused(wrong, words):
    with pytest.raises(ValidationError, match=words):
        Labelled(**GOOD | wrong)


def test_a_network_of_few_classes_has_one_accuracy():
    assert Labelled(**GOOD | {"classes": 5, "top5": None}).top5 is None
