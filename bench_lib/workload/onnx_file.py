"""A network in an ONNX file: read, given the shape and type of a case, and computed as the reference."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import InputError, error_text

CHANNELS = 3
ONNX_REFERENCE = "ONNX Runtime CPU fp32"


@dataclass(frozen=True)
class OnnxFile:
    """A classifier: one input of float32, `[batch, 3, height, width]`, and one output, `[batch, classes]`.

    `proto` is its `ModelProto`, which nothing changes.
    """

    proto: Any

    @property
    def input(self) -> Any:
        """The `ValueInfoProto` of the input."""
        return model_inputs(self.proto)[0]


def read_onnx(path: Path) -> OnnxFile:
    """Read and check the file; raise `InputError` if it holds no ONNX model, or none of a classifier of images."""
    import onnx

    try:
        onnx.checker.check_model(str(path))
        proto = onnx.load(path)
    except Exception as error:  # protobuf's, the checker's, the file system's
        raise InputError(f"model {str(path)!r}: not an ONNX model ({error_text(error)}); give another file") from None
    given, answered = model_inputs(proto), proto.graph.output
    is_float = [one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for one in (*given, *answered)]
    ranks = [len(one.type.tensor_type.shape.dim) for one in (*given, *answered)]
    channels = fixed_sizes(given[0])[1] if ranks == [4, 2] else CHANNELS
    if len(is_float) != 2 or not all(is_float) or ranks != [4, 2] or channels not in (None, CHANNELS):
        found = ", ".join(f"{one.name} {fixed_sizes(one)}" for one in (*given, *answered))
        raise InputError(
            f"model {str(path)!r}: inputs and outputs are {found}; it must take one float32 [batch, 3, height, width] "
            "and answer one float32 [batch, classes]"
        )
    return OnnxFile(proto)


def model_inputs(proto: Any) -> list[Any]:
    """What a caller gives: files of before 2019 list the weights among the inputs."""
    weights = {one.name for one in proto.graph.initializer}
    return [one for one in proto.graph.input if one.name not in weights]


def fixed_sizes(value: Any) -> list[int | None]:
    """The sizes that a `ValueInfoProto` fixes; None for those that a caller chooses."""
    return [dim.dim_value if dim.dim_value > 0 else None for dim in value.type.tensor_type.shape.dim]


def model_of_shape(network: OnnxFile, shape: torch.Size) -> Any:
    """A copy of the model for one shape, `[batch, 3, height, width]`; raise `Unavailable` if the file fixes another."""
    from onnxruntime.tools import onnx_model_utils

    own = fixed_sizes(network.input)
    if any(size not in (None, asked) for size, asked in zip(own, shape, strict=True)):
        fixes, asks = ("×".join("?" if size is None else str(size) for size in sizes) for sizes in (own, shape))
        raise Unavailable("onnx_input_is_fixed", fixed=fixes, asked=asks)
    proto = copy.deepcopy(network.proto)
    kept = model_inputs(proto)
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.ir_version = max(proto.ir_version, 4)  # the first that lets weights be no inputs
    onnx_model_utils.make_input_shape_fixed(proto.graph, kept[0].name, list(shape))
    onnx_model_utils.fix_output_shapes(proto)
    if None in fixed_sizes(proto.graph.output[0]):
        raise Unavailable("onnx_output_is_unknown")
    return proto


def model_for_images(network: OnnxFile, images: torch.Tensor) -> Any:
    """The `ModelProto` for these images' shape and data type; raise `Unavailable` for bf16, or as `shaped` does."""
    if images.dtype == torch.bfloat16:
        raise Unavailable("onnx_lacks_bf16")
    proto = model_of_shape(network, images.shape)
    if images.dtype == torch.float16:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(proto)
    return proto


def onnx_reference(network: OnnxFile, images: torch.Tensor) -> torch.Tensor:
    """What ONNX Runtime answers on the CPU in fp32, with none of its optimizations: `[batch_size, classes]`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    model = model_of_shape(network, images.shape).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {network.input.name: images.numpy()})[0])
