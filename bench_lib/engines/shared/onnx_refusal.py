"""What a runtime says of an ONNX file that it does not take, as a reason that names the versions of both."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import brief
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import OnnxFile


@contextmanager
def refusals_named(model: Network, runtime: str, version: str, signs: re.Pattern) -> Iterator[None]:
    """Around loading a model by a runtime: raise `Unavailable` if it is an ONNX file that the runtime does not take.

    `signs` are the runtime's words for that; what stands before them, the places in its own code, is left out. Any
    other error, such as lack of memory, is raised as it is.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        found = signs.search(str(error))
        if not isinstance(model, OnnxFile) or not found:
            raise
        raise Unavailable(
            "onnx_file_refused", runtime=runtime, version=version, opset=model.opset, ir=model.proto.ir_version,
            words=brief(str(error)[found.start() :]),
        ) from error  # fmt: skip


def check_answers(shapes: list[tuple[int, ...]], images: torch.Tensor) -> None:
    """Raise `Unavailable` unless each shape of an output is `[batch, …]` for these images."""
    for shape in shapes:
        if not shape or shape[0] != len(images):
            raise Unavailable("onnx_answers_otherwise", shape=str(list(shape)), asked=str(list(images.shape)))
