"""A network in an ONNX file: reading it, and fixing its shape, data type and operators' version for a case."""

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import InputError, brief, error_text
from bench_lib.workload.onnx_graph import foreign_arithmetic, is_quantized, sort_nodes, type_name, widen
from bench_lib.workload.onnx_size import outline
from bench_lib.workload.preprocessing import MEAN, STD

CHANNELS = 3
SHAPES = (
    "it must take one input, [batch, 3, height, width] or [batch, height, width, 3], of float numbers or uint8, and "
    "every output must be of float numbers"
)
PIXELS = "UINT8"  # the type of an input that takes pixels of 0 to 255 as they are in a picture


@dataclass(frozen=True)
class OnnxFile:
    """A network with one input, a batch of images, and outputs in float32, each `[batch, …]`.

    The input is float32 or uint8, `[batch, 3, height, width]` or `[batch, height, width, 3]`; `arranged` brings images
    into this form. `proto` is the network's `ModelProto`, which is never changed. Numbers that the file stores in fp16
    or bf16 are float32 in it.
    """

    proto: Any

    @property
    def input(self) -> Any:
        """The `ValueInfoProto` of the input."""
        return model_inputs(self.proto)[0]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the file's order."""
        return [value.name for value in self.proto.graph.output]

    @property
    def takes_pixels(self) -> bool:
        """Whether the input is uint8, so that its data type is the same in every precision."""
        return type_name(self.input.type.tensor_type.elem_type) == PIXELS

    def arranged(self, images: torch.Tensor) -> torch.Tensor:
        """Normalized images, `[batch, 3, height, width]`, in the layout and the type that the file takes.

        Where it takes pixels, they are those that a picture had before it was normalized as ImageNet's are. What is
        beyond 0 and 255, as in synthetic images, becomes 0 or 255.
        """
        if self.takes_pixels:
            mean, deviation = (torch.tensor(values).view(CHANNELS, 1, 1) for values in (MEAN, STD))
            images = (255 * (images * deviation + mean)).round().clamp(0, 255).to(torch.uint8)
        if not channels_first(fixed_sizes(self.input)):
            images = images.permute(0, 2, 3, 1).contiguous()
        return images

    @property
    def fixed_batch(self) -> int | None:
        """The batch size, if the file fixes it."""
        return next(iter(fixed_sizes(self.input)), None)

    @property
    def opset(self) -> int:
        """The version of ONNX's own operators that the file asks for."""
        return onnx_opset(self.proto)

    @cached_property
    def is_quantized(self) -> bool:
        """Whether the file holds a network that is quantized already."""
        return is_quantized(self.proto)


def read_onnx(path: Path) -> OnnxFile:
    """Read the file; raise `InputError` if it is not an ONNX model or not a network as in `OnnxFile`.

    It is not checked any further: what a runtime runs is not refused, though it may not be what the standard asks for.
    """
    try:
        return OnnxFile(prepared(read_proto(path)))
    except InputError as error:
        words = str(error)
    except Exception as error:  # from protobuf or the file system, or of numbers that do not fit their shape
        words = f"not an ONNX model ({error_text(error)}); give another file"
    raise InputError(f"model {str(path)!r}: {words}")


def read_proto(path: Path) -> Any:
    """The file's `ModelProto`, with the weights that lie in files beside it; raise `InputError` if those are not there.

    Files outside the model's folder are not read, whatever it asks for.
    """
    import onnx

    proto = onnx.load(path, load_external_data=False)
    if not proto.graph.node:
        raise InputError("not an ONNX model (it has no nodes); give another file")
    try:
        onnx.load_external_data_for_model(proto, str(path.parent))
    except Exception as error:
        raise InputError(
            f"its weights cannot be read ({error_text(error)}); put the files that it names beside it, whole"
        ) from None
    return proto


def prepared(proto: Any) -> Any:
    """The model with its numbers in float32 and its nodes in order; raise `InputError` for other inputs or outputs."""
    if found := foreign_arithmetic(proto):
        raise InputError(
            f"it computes in {found}, and only fp32, tf32, fp16, bf16 and int8 are measured; give another file"
        )
    widen(proto)
    sort_nodes(proto.graph)
    inputs, outputs = model_inputs(proto), list(proto.graph.output)
    if not takes_images(inputs) or not all(is_answer(value) for value in outputs):
        values = ", ".join(f"{value.name} {described(value)}" for value in inputs + outputs)
        raise InputError(f"inputs and outputs are {brief(values)}; {SHAPES}")
    return proto


def model_inputs(proto: Any) -> list[Any]:
    """The inputs (`ValueInfoProto`) that a caller must provide.

    Files from before 2019 also list the weights among the inputs; those are left out.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in weights]


def takes_images(inputs: list[Any]) -> bool:
    """Whether the inputs are one batch of images as in `OnnxFile`, any size of which may be left open."""
    if len(inputs) != 1 or not (is_float(inputs[0]) or type_name(inputs[0].type.tensor_type.elem_type) == PIXELS):
        return False
    sizes = fixed_sizes(inputs[0]) or [None] * 4  # a file may leave out the whole shape
    return len(sizes) == 4 and (channels_first(sizes) or sizes[3] == CHANNELS)


def channels_first(sizes: list[int | None]) -> bool:
    """Whether an input of these sizes is `[batch, 3, height, width]`; so is one that leaves its channels open."""
    return not sizes or sizes[1] == CHANNELS or (sizes[1] is None and sizes[3] != CHANNELS)


def is_answer(value: Any) -> bool:
    """Whether an output (`ValueInfoProto`) is float32 with a batch, or one that the file does not describe."""
    if value.type.WhichOneof("value") is None:
        return True
    has_shape = value.type.tensor_type.HasField("shape")
    return is_float(value) and (not has_shape or len(fixed_sizes(value)) > 0)


def is_float(value: Any) -> bool:
    """Whether a `ValueInfoProto` is a tensor of float32."""
    return type_name(value.type.tensor_type.elem_type) == "FLOAT"


def described(value: Any) -> str:
    """The type and shape of a `ValueInfoProto`, as `uint8 [1, 3, None, None]`, or what it is instead of a tensor."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return (kind or "of no type").removesuffix("_type")
    return f"{type_name(value.type.tensor_type.elem_type).lower()} {fixed_sizes(value)}"


def fixed_sizes(value: Any) -> list[int | None]:
    """The shape of a `ValueInfoProto`, with None for each size that the caller may choose."""
    return [dim.dim_value if dim.dim_value > 0 else None for dim in value.type.tensor_type.shape.dim]


def arrangement(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """What brings images into the form that a network takes: `OnnxFile.arranged`, or nothing for one of PyTorch."""
    return model.arranged if isinstance(model, OnnxFile) else lambda images: images


def onnx_opset(proto: Any) -> int:
    """The version of ONNX's own operators; a file may import other sets of operators as well. 0 if it names none."""
    return next((opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx")), 0)


def model_of_shape(network: OnnxFile, shape: torch.Size) -> Any:
    """A copy of the model (`ModelProto`) whose input has the fixed shape that images of `shape` have once arranged.

    `shape` is `[batch, 3, height, width]`. The other shapes are those that follow, whatever the file says of them;
    where an output's does not follow, it has none, and the runtime finds it. Raise `Unavailable` if the file fixes
    another input shape.
    """
    own = fixed_sizes(network.input) or [None] * 4
    batch, channels, height, width = shape
    shape = (batch, channels, height, width) if channels_first(own) else (batch, height, width, channels)
    if any(size not in (None, asked) for size, asked in zip(own, shape, strict=True)):
        fixes, asks = ("×".join("?" if size is None else str(size) for size in sizes) for sizes in (own, shape))
        raise Unavailable("onnx_input_is_fixed", fixed=fixes, asked=asks)
    proto = copy.deepcopy(network.proto)
    kept = model_inputs(proto)
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.ir_version = max(proto.ir_version, 4)  # the first version in which weights need not be inputs
    for value in (*proto.graph.value_info, *proto.graph.output):
        value.type.tensor_type.ClearField("shape")
    given = proto.graph.input[0].type.tensor_type.shape
    del given.dim[:]
    for size in shape:
        given.dim.add(dim_value=size)
    for output, found in zip(proto.graph.output, inferred(proto).output, strict=True):
        if None not in fixed_sizes(found):
            output.CopyFrom(found)
    return proto


def inferred(proto: Any) -> Any:
    """The graph (`GraphProto`) without its weights, and with the types and shapes that follow from the input's.

    If they cannot be inferred, as for operators that the package `onnx` does not know, the graph as it is.
    """
    import onnx

    made = outline(proto)
    with contextlib.suppress(Exception):  # it raises RuntimeError and its own kinds
        return onnx.shape_inference.infer_shapes(made, data_prop=True).graph
    return made.graph
