"""What an ONNX model holds, at any depth: the types of its numbers, whether it is quantized, the order of its nodes.

It knows neither shapes nor runtimes.
"""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from bench_lib.core.errors import InputError

TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "output_datatype")  # of a node: the type of what it makes
NARROW = ("FLOAT16", "BFLOAT16")  # each of their values is a float32 too
# Operators on 8-bit numbers, of ONNX and of ONNX Runtime's own set, as they are called: QuantizeLinear,
# DequantizeLinear, DynamicQuantizeMatMul, QLinearConv, QGemm, ConvInteger, MatMulIntegerToFloat, MatMulNBits.
QUANTIZED = re.compile(r"[Qq]uantize|^Q[A-Z]|Integer|NBits")
# Types of weights, and ONNX Runtime's operators, that compute in none of the precisions that are measured.
FOREIGN_TYPES = re.compile(r"^(DOUBLE|FLOAT8|FLOAT4|U?INT4|U?INT2)")
FOREIGN_OPERATORS = re.compile(r"NBits|Bnb4|FpQ4")


def messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all that are in it; of a tensor, not what is in it."""
    yield message
    if message.DESCRIPTOR.name == "TensorProto":
        return
    for field, value in message.ListFields():
        if field.message_type:
            for inner in [value] if hasattr(value, "ListFields") else value:  # one, or several
                yield from messages(inner)


def nodes_of(message: Any) -> list[Any]:
    """Every `NodeProto`, those of functions and of inner graphs too."""
    return [one for one in messages(message) if one.DESCRIPTOR.name == "NodeProto"]


def is_quantized(proto: Any) -> bool:
    """Whether the model is quantized already: whether it has an operator that makes or takes quantized numbers."""
    return any(QUANTIZED.search(node.op_type) for node in nodes_of(proto))


def foreign_arithmetic(proto: Any) -> str:
    """What the model has that no measured precision names: a type of weights or an operator; nothing if all are known.

    Weights are tensors of two or more dimensions: a scalar in DOUBLE may be no more than a constant that is cast.
    """
    tensors = [one for one in messages(proto) if one.DESCRIPTOR.name == "TensorProto" and len(one.dims) > 1]
    types = {type_name(tensor.data_type) for tensor in tensors}
    operators = {node.op_type for node in nodes_of(proto)}
    found = [name for name in types if FOREIGN_TYPES.search(name)]
    return min([*found, *(name for name in operators if FOREIGN_OPERATORS.search(name))], default="")


def type_name(number: int) -> str:
    """The name of a value of `TensorProto.DataType`, such as FLOAT; the number itself if it has none."""
    from onnx import TensorProto

    return TensorProto.DataType.Name(number) if number in TensorProto.DataType.values() else str(number)


def widen(proto: Any) -> None:
    """Make every fp16 and bf16 number of the model, and every type that says so, float32.

    No value changes. What precision is computed in is then decided by the case alone, and not by how a file is stored.
    """
    from onnx import TensorProto, numpy_helper

    narrow = {TensorProto.DataType.Value(name) for name in NARROW}
    for message in list(messages(proto)):
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and message.data_type in narrow:
            values = numpy_helper.to_array(message).astype(np.float32)
            message.CopyFrom(numpy_helper.from_array(values, message.name))
        elif kind == "Tensor" and message.elem_type in narrow:  # of a `TypeProto`
            message.elem_type = TensorProto.FLOAT
        elif kind == "AttributeProto" and message.name in TYPE_ATTRIBUTES and message.i in narrow:
            message.i = TensorProto.FLOAT


def sort_nodes(graph: Any) -> None:
    """Put each node behind those whose outputs it reads, as the standard asks; raise `InputError` for a circle."""
    made_by = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    reads = [{name for inner in nodes_of(node) for name in inner.input} for node in graph.node]
    behind = {number: {made_by[name] for name in names if name in made_by} for number, names in enumerate(reads)}
    if all(max(before, default=-1) < number for number, before in behind.items()):
        return
    try:
        order = list(TopologicalSorter(behind).static_order())
    except CycleError:
        raise InputError("its nodes read one another's outputs in a circle; give another file") from None
    nodes = [graph.node[number] for number in order]
    del graph.node[:]
    graph.node.extend(nodes)
