"""Right answers are counted on all labelled images, in order; an engine that cheats shows in the accuracy."""

import warnings

import numpy as np
import pytest
import torch
from helpers import pictures
from helpers.made import FakeClock, Honest
from PIL import Image

from bench_lib.core.case import Case, Limits
from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import read_record, write_record
from bench_lib.measure import labelled
from bench_lib.measure.labelled import hits_of, measure_labelled
from bench_lib.measure.measure_case import measure_case
from bench_lib.workload.images import UnreadableImages
from bench_lib.workload.labelled import images_id, labelled_files
from bench_lib.workload.network import load_network, try_network
from bench_lib.workload.preprocessing import of_imagenet

BY_COLOUR = {"red": 0, "green": 1, "blue": 2}
SHORT = Limits(warmup_min_s=0.01, warmup_max_s=0.5, min_count=2, min_s=0.02)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder: class folders of colours in `photos`, and the module `colour_nets` that knows them."""
    pictures.write_classes(tmp_path / "photos")
    (tmp_path / "colour_nets.py").write_text(pictures.NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "colour_nets", raising=False)
    return tmp_path


def case(batch=4, **fields):
    given = {"model": "colour_nets:colours", "data": "photos", "labels": BY_COLOUR}
    return Case(**{"engine": "pytorch", "image_size": 16, "batch_size": batch} | given | fields)


def network(name="colours"):
    made = {}
    exec(pictures.NETS, made)  # the tests' own
    return made[name]()


def measured(engine=None, name="colours", **fields):
    return measure_labelled(engine or honest(name), case(**fields))


def honest(name="colours"):
    return Honest(FakeClock(), network(name), torch.zeros(4, 3, 16, 16))


@pytest.mark.parametrize("batch", [1, 4, 5, 18, 40])
def test_all_images_are_answered_once_whatever_the_batch(batch):
    found = measured(batch=batch)
    assert (found.top1, found.top5, found.classes, found.skipped) == ("1" * 18, None, 3, 0)
    assert found.preprocessing == of_imagenet(16)
    assert found.images_id == images_id(labelled_files("photos", BY_COLOUR), "photos")


def test_each_image_is_judged_by_its_own_label_in_the_order_of_the_paths():
    swapped = {"red": 0, "green": 2, "blue": 2}
    assert measured(labels=swapped).top1 == "1" * 6 + "0" * 6 + "1" * 6  # blue, green, red


def test_a_network_of_more_than_five_classes_has_a_second_accuracy():
    found = measured(name="many", labels={"blue": 2, "green": 6, "red": 1})
    assert (found.classes, found.top1, found.top5) == (7, "111111" + "0" * 12, "111111111111000000")


def test_of_equal_scores_the_first_counts_and_the_first_answer_is_among_the_first_five():
    outputs = torch.zeros(3, 8).half()
    outputs[2, 7] = 1
    hits = hits_of(outputs, [0, 5, 7])
    assert hits[:, 0].tolist() == [True, False, True]
    assert hits.any(1).tolist() == [True, False, True]
    scores = torch.randn(50, 9, generator=torch.Generator().manual_seed(0))
    assert hits_of(scores, scores.argmax(1).tolist())[:, 0].all()
    top = [row[k].item() for row, k in zip(scores.topk(5).indices, [0, 1, 2, 3, 4] * 10, strict=True)]
    assert hits_of(scores, top).any(1).all()
    assert not hits_of(scores, scores.argmin(1).tolist()).any()


class Constant(Honest):
    """Answers one class, whatever the image is."""

    def outputs(self):
        return (torch.tensor([0.0, 1.0, 0.0]).repeat(len(self.taken), 1),)


class Reversed(Honest):
    """Answers the images of a batch in the wrong order."""

    def outputs(self):
        return (super().outputs()[0].flip(0),)


class Stale(Honest):
    """Answers the batch before."""

    def fill(self, images):
        self.before = self.images
        super().fill(images)

    def outputs(self):
        with torch.inference_mode():
            return (self.model(self.before),)


class Spoilt(Honest):
    """Answers not a number."""

    def outputs(self):
        return (super().outputs()[0] * float("nan"),)


@pytest.mark.parametrize(
    ("kind", "top1"),
    [
        (Constant, "000000" "111111" "000000"),
        (Reversed, "000000" "111111" "000000"),  # the blue come last, and the red first
        (Stale, "000000" "000000" "000000"),
        (Spoilt, "000000" "000000" "111111"),  # the class of the lowest index
    ],
)  # fmt: skip
def test_an_engine_that_cheats_is_seen_in_the_accuracy(kind, top1):
    batch = 6 if kind is Stale else 18
    engine = kind(FakeClock(), network(), torch.zeros(batch, 3, 16, 16))
    assert measured(engine, batch=batch).top1 == top1


class ForEachPixel(Honest):
    """Answers classes for each pixel, as a network of segmentation does."""

    def outputs(self):
        return (super().outputs()[0][..., None, None].expand(-1, -1, 16, 16),)


def test_labels_of_images_do_not_fit_answers_for_each_pixel():
    engine = ForEachPixel(FakeClock(), network(), torch.zeros(4, 3, 16, 16))
    with pytest.raises(InputError, match=r"answers \[3, 16, 16\] to an image, not its classes; remove labels"):
        measured(engine)
    grid = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[32], batch_sizes=[1], data="photos",
                model="lraspp_mobilenet_v3_large", weights="net.pt", labels=BY_COLOUR)  # fmt: skip
    torch.save(load_network(grid.model, 0, image_size=32).network.state_dict(), "net.pt")
    with pytest.raises(InputError, match=r"answers \[21, 32, 32\] to an image, not its classes; remove labels"):
        try_network(grid)


def test_images_that_cannot_be_decoded_are_named_and_not_counted(folder):
    (folder / "photos" / "green" / "0002.png").write_bytes(b"")
    found = measured()
    assert (found.top1, found.skipped) == ("1" * 17, 1)
    assert (found.first_skipped, found.first_fault) == ("0002.png", "the file is empty")
    assert found.images_id != images_id(labelled_files("photos", BY_COLOUR), "photos")


def test_too_many_that_cannot_be_decoded_are_an_error(folder):
    for name in ("green/0002.png", "red/0001.png"):
        (folder / "photos" / name).write_bytes(b"")
    with pytest.raises(UnreadableImages, match=r"2 of 18 images cannot be read, the first is 0002\.png"):
        measured()


def test_labels_that_the_network_does_not_answer_are_an_error():
    with pytest.raises(InputError, match="the class of 'red' is 3, and colour_nets:colours answers 3 classes"):
        measured(labels=BY_COLOUR | {"red": 3})


def test_kinds_of_images_are_read_as_everywhere(folder):
    grey, colour = np.full((20, 20), 60_000, np.uint16), np.zeros((20, 20, 3), np.uint8)
    Image.fromarray(grey).save(folder / "photos" / "red" / "grey16.png")
    colour[..., 0] = 255
    Image.fromarray(colour).convert("CMYK").save(folder / "photos" / "red" / "cmyk.jpg")
    found = measured()
    assert (len(found.top1), found.skipped) == (20, 0)
    names = [path.name for path, _ in labelled_files("photos", BY_COLOUR)]
    assert found.top1[names.index("cmyk.jpg")] == "1"


def test_no_more_than_a_batch_and_a_few_images_are_decoded_ahead(monkeypatch):
    decoded, used, most = [], [], []
    original = labelled.decode

    def decode(path, prepare):
        decoded.append(path)
        return original(path, prepare)

    class Watching(Honest):
        def fill(self, images):
            most.append(len(decoded) - len(used))
            used.extend(images)
            super().fill(images)

    monkeypatch.setattr(labelled, "decode", decode)
    monkeypatch.setattr(labelled, "AHEAD", 5)
    measured(Watching(FakeClock(), network(), torch.zeros(3, 3, 16, 16)), batch=3)
    assert max(most) <= 3 + 5
    assert len(decoded) == 18


def test_threads_leave_the_filters_of_warnings_as_they_were(folder):
    for path in (folder / "photos").glob("*/*.png"):
        Image.open(path).quantize(8).save(path, transparency=b"\x00\x80\xff")  # Pillow warns of these
    before = list(warnings.filters)
    measured()
    assert warnings.filters == before


def test_the_record_of_a_case_holds_which_were_right_and_the_labels_alone_ask_for_it(tmp_path):
    told = measure_case(case(), SHORT)
    assert told.status == "ok", told.detail
    write_record(told, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").labelled == measured()
    assert measure_case(case(labels=""), SHORT).labelled is None
