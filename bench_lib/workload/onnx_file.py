"""A network in an ONNX file: reading it, fixing its shape and data type for a case, and computing its reference."""

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
    """A classifier with one float32 input, `[batch, 3, height, width]`, and one float32 output, `[batch, classes]`.

    `proto` is its `ModelProto`, which is never changed.
    """

    proto: Any

    @property
    def input(self) -> Any:
        """The `ValueInfoProto` of the input."""
        return model_inputs(self.proto)[0]


def read_onnx(path: Path) -> OnnxFile:
    """Read and check the file; raise `InputError` if it is not an ONNX model or not a classifier as in `OnnxFile`."""
    import onnx

    try:
        onnx.checker.check_model(str(path))
        proto = onnx.load(path)
    except Exception as error:  # from protobuf, the checker or the file system
        raise InputError(f"model {str(path)!r}: not an ONNX model ({error_text(error)}); give another file") from None
    inputs, outputs = model_inputs(proto), list(proto.graph.output)
    is_float = all(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for value in inputs + outputs)
    input_ranks, output_ranks = ([len(fixed_sizes(value)) for value in values] for values in (inputs, outputs))
    has_ranks = input_ranks == [4] and output_ranks == [2]
    if not is_float or not has_ranks or fixed_sizes(inputs[0])[1] not in (None, CHANNELS):
        shapes = ", ".join(f"{value.name} {fixed_sizes(value)}" for value in inputs + outputs)
        raise InputError(
            f"model {str(path)!r}: inputs and outputs are {shapes}; it must take one float32 [batch, 3, height, width] "
            "and answer one float32 [batch, classes]"
        )
    return OnnxFile(proto)


def model_inputs(proto: Any) -> list[Any]:
    """The inputs (`ValueInfoProto`) that a caller must provide.

    Files from before 2019 also list the weights among the inputs; those are left out.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in weights]


def fixed_sizes(value: Any) -> list[int | None]:
    """The shape of a `ValueInfoProto`, with None for each size that the caller may choose."""
    return [dim.dim_value if dim.dim_value > 0 else None for dim in value.type.tensor_type.shape.dim]


def model_of_shape(network: OnnxFile, shape: torch.Size) -> Any:
    """A copy of the model (`ModelProto`) whose input has the fixed shape `[batch, 3, height, width]`.

    Raise `Unavailable` if the file fixes another shape, or if the output's shape does not follow from the input's.
    """
    from onnxruntime.tools import onnx_model_utils

    own = fixed_sizes(network.input)
    if any(size not in (None, asked) for size, asked in zip(own, shape, strict=True)):
        fixes, asks = ("×".join("?" if size is None else str(size) for size in sizes) for sizes in (own, shape))
        raise Unavailable("onnx_input_is_fixed", fixed=fixes, asked=asks)
    proto = copy.deepcopy(network.proto)
    kept = model_inputs(proto)
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.ir_version = max(proto.ir_version, 4)  # the first version in which weights need not be inputs
    onnx_model_utils.make_input_shape_fixed(proto.graph, kept[0].name, list(shape))
    onnx_model_utils.fix_output_shapes(proto)
    if None in fixed_sizes(proto.graph.output[0]):
        raise Unavailable("onnx_output_is_unknown")
    return proto


def model_for_images(network: OnnxFile, images: torch.Tensor) -> Any:
    """The `ModelProto` for the shape and data type of `images`.

    Raise `Unavailable` for bf16, and as `model_of_shape` does.
    """
    if images.dtype == torch.bfloat16:
        raise Unavailable("onnx_lacks_bf16")
    proto = model_of_shape(network, images.shape)
    if images.dtype == torch.float16:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(proto)
    return proto


def onnx_reference(network: OnnxFile, images: torch.Tensor) -> torch.Tensor:
    """The output of ONNX Runtime on the CPU in fp32 without any of its optimizations, `[batch_size, classes]`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    model = model_of_shape(network, images.shape).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {network.input.name: images.numpy()})[0])


def rounded_to_bf16(network: OnnxFile) -> OnnxFile:
    """The network with each of its float32 weights rounded to bf16; they stay float32."""
    from onnx import numpy_helper

    proto = copy.deepcopy(network.proto)
    for tensor in proto.graph.initializer:
        if tensor.data_type == tensor.FLOAT:
            weights = torch.from_numpy(numpy_helper.to_array(tensor).copy()).bfloat16().float()
            tensor.CopyFrom(numpy_helper.from_array(weights.numpy(), tensor.name))
    return OnnxFile(proto)
