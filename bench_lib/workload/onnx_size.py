"""ONNX models whose weights do not fit into one protobuf message, which holds less than 2 GiB."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from bench_lib.core.lifetime import temporary_folder

LIMIT_BYTES = 2**31 - 2**26  # 64 MiB are left for what is not weights
SMALL_BYTES = 256  # a tensor of no more stays in the model: it may be a shape, which others are computed from


def is_large(proto: Any) -> bool:
    """Whether the weights do not fit into one protobuf message."""
    return sum(tensor_bytes(tensor) for tensor in proto.graph.initializer) >= LIMIT_BYTES


def tensor_bytes(tensor: Any) -> int:
    """The size of a `TensorProto`'s data; 0 for a type that is unknown."""
    from onnx import helper

    try:
        return prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError):
        return 0


@contextmanager
def loadable(proto: Any) -> Iterator[bytes | str]:
    """The model as runtimes load it: its bytes or, if it is large, the path of a file with its weights beside it.

    The file is there as long as the context is.
    """
    import onnx

    if not is_large(proto):
        yield proto.SerializeToString()
        return
    with temporary_folder() as folder:
        path = str(Path(folder) / "model.onnx")
        onnx.save_model(
            copy.deepcopy(proto), path, save_as_external_data=True, location="weights", size_threshold=SMALL_BYTES
        )
        yield path


def outline(proto: Any) -> Any:
    """A copy of the model without the numbers of its weights: enough to infer shapes and types from."""
    from onnx import ModelProto, TensorProto

    made = ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    for name in ("node", "input", "output", "value_info", "sparse_initializer"):
        getattr(made.graph, name).extend(getattr(proto.graph, name))
    for tensor in proto.graph.initializer:
        empty = TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
        empty.data_location = TensorProto.EXTERNAL
        made.graph.initializer.append(tensor if tensor_bytes(tensor) <= SMALL_BYTES else empty)
    return made
