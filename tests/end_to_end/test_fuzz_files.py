"""Files of networks, weights and images with bytes flipped or lost: read, or refused in one sentence."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from corpus import images, onnx_files
from helpers.sentences import accepted
from hypothesis import example, given
from hypothesis import strategies as st

from bench_lib.core.record import RealData
from bench_lib.workload.image_files import UnreadableImage, load_picture
from bench_lib.workload.onnx_file import read_onnx
from bench_lib.workload.weights_file import read_weights

ONNX = [onnx_files.FILES[name]().SerializeToString() for name in ("qdq", "half_inside", "view", "sequence_output")]
STATE = {"fc.weight": torch.arange(12.0).reshape(3, 4), "fc.bias": torch.zeros(3), "count": torch.tensor(7)}
FLIPS = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), max_size=8)
LOST = st.integers(0, 3000)


def torch_file(held) -> bytes:
    content = io.BytesIO()
    torch.save(held, content)
    return content.getvalue()


WEIGHTS = [
    (".pt", torch_file(STATE)), (".pt", torch_file({"state_dict": STATE, "epoch": 3})),
    (".safetensors", safetensors.torch.save(STATE)),
]  # fmt: skip


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    images.colours().save(content, kind)
    return content.getvalue()


PICTURES = [(kind.lower(), picture(kind)) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")]


def spoilt(good: bytes, flips, lost: int) -> bytes:
    """The bytes without the last `lost`, if there are more, and with some of them flipped."""
    content = bytearray(good[: len(good) - lost] if lost < len(good) else good)
    for place, mask in flips:
        if content:
            content[place % len(content)] ^= mask
    return bytes(content)


def read_bytes(content: bytes, extension: str, function):
    """What the function makes of a file of this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"given{extension}"
        path.write_bytes(content)
        return function(path)


@given(st.sampled_from(ONNX), FLIPS, LOST)
@example(b"", [], 0)
def test_an_onnx_file_of_any_bytes_is_read_or_refused_in_one_sentence(good, flips, lost):
    network = accepted(read_bytes, spoilt(good, flips, lost), ".onnx", read_onnx)
    if network is not None:
        assert network.fixed_batch is None or network.fixed_batch > 0
        assert isinstance(network.is_quantized, bool)


@given(st.sampled_from(WEIGHTS), FLIPS, LOST)
@example((".pt", b""), [], 0)
@example((".safetensors", b""), [], 0)
def test_weights_of_any_bytes_are_read_or_refused_in_one_sentence(good, flips, lost):
    extension, content = good
    state = accepted(read_bytes, spoilt(content, flips, lost), extension, lambda path: read_weights(str(path)))
    assert state is None or all(isinstance(name, str) and tensor.numel() >= 0 for name, tensor in state.items())


@given(st.sampled_from(PICTURES), FLIPS, LOST)
@example(("png", b""), [], 0)
def test_an_image_of_any_bytes_is_decoded_or_told_in_words_that_a_record_holds(good, flips, lost):
    kind, content = good
    found = decoded(spoilt(content, flips, lost), f".{kind}")
    if isinstance(found, UnreadableImage):
        kept = RealData(found=1, used=1, decode_ms=[1], preprocess_ms=[1], skipped=1, first_skipped=found.name,
                        first_fault=found.fault)  # fmt: skip
        assert RealData.model_validate_json(kept.model_dump_json()) == kept
        assert 0 < len(found.fault) < 2000
    else:
        assert found.mode == "RGB"
        assert np.asarray(found).dtype == np.uint8


def decoded(content: bytes, extension: str):
    """The picture in a file of this content, or the error that says why there is none."""
    try:
        return read_bytes(content, extension, load_picture)
    except UnreadableImage as error:
        return error


@pytest.mark.parametrize("good", [*WEIGHTS, *PICTURES], ids=lambda good: good[0])
def test_the_files_are_read_as_long_as_they_are_whole(good):
    extension, content = good
    if extension in (".pt", ".safetensors"):
        assert read_bytes(content, extension, lambda path: read_weights(str(path))).keys() == STATE.keys()
    else:
        assert read_bytes(content, f".{extension}", load_picture).size == (images.SIDE, images.SIDE)
