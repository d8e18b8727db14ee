"""ONNX files of a few kilobytes: quantized already, in fp16, of old and new versions, with shapes that do not follow.

Each is a classifier of `[batch, 3, height, width]` into ten classes: a convolution, ReLU, the mean over the image, and
a matrix product. Weights are random, from a fixed seed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES, WIDTH, OPSET = 10, 8, 18
SCALES = {"x": 0.04, "w": 0.004, "c": 0.03, "f": 0.005, "v": 0.008, "y": 0.02}  # of each tensor when it is quantized


def weights() -> dict[str, np.ndarray]:
    """The convolution's weights `w`, and the product's `v`."""
    draw = np.random.default_rng(0)
    return {
        "w": draw.normal(0, 0.15, (WIDTH, 3, 3, 3)).astype(np.float32),
        "v": draw.normal(0, 0.3, (WIDTH, CLASSES)).astype(np.float32),
    }


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A node; `inputs` are names with spaces between them."""
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def model(
    nodes: list[onnx.NodeProto], tensors: dict[str, np.ndarray], *, batch: int | str = "n", opset: int = OPSET,
    kind: int = TensorProto.FLOAT, output_shape: list[int | str] | None = None,
) -> onnx.ModelProto:  # fmt: skip
    """A model from `x`, `[batch, 3, height, width]`, to `y`, with these tensors as its weights."""
    given = helper.make_tensor_value_info("x", kind, [batch, 3, "h", "w"])
    answer = helper.make_tensor_value_info("y", kind, output_shape or [batch, CLASSES])
    initializers = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "g", [given], [answer], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def plain_nodes() -> list[onnx.NodeProto]:
    """The nodes of the network in float32."""
    return [
        node("Conv", "x w", "c", strides=[2, 2]), node("Relu", "c", "r"), node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"), node("MatMul", "f v", "y"),
    ]  # fmt: skip


def quantized(name: str, kind: str) -> list[onnx.NodeProto]:
    """`QuantizeLinear` or `DequantizeLinear` of the tensor `name`; the result is called `name`_q or `name`_d."""
    given, made = (name, f"{name}_q") if kind == "QuantizeLinear" else (f"{name}_q", f"{name}_d")
    return [node(kind, f"{given} {name}_s {name}_z", made)]


def both(name: str) -> list[onnx.NodeProto]:
    """Rounding of the tensor `name` to eight bits: a pair of nodes."""
    return quantized(name, "QuantizeLinear") + quantized(name, "DequantizeLinear")


def eight_bits(*weight_names: str) -> dict[str, np.ndarray]:
    """Scale `_s` and zero point `_z` of each tensor (weights are signed, the rest unsigned); weights `_q` in int8."""
    tensors = {}
    for name, scale in SCALES.items():
        signed = name in weights()
        tensors[f"{name}_s"] = np.float32(scale)
        tensors[f"{name}_z"] = np.int8(0) if signed else np.uint8(0 if name == "f" else 128)
    for name in weight_names:
        tensors[f"{name}_q"] = np.clip(np.round(weights()[name] / SCALES[name]), -127, 127).astype(np.int8)
    return {name: np.asarray(value) for name, value in tensors.items()}


def used(nodes: list[onnx.NodeProto], tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the tensors that a node reads."""
    read = {name for one in nodes for name in one.input}
    return {name: value for name, value in tensors.items() if name in read}


def qdq() -> onnx.ModelProto:
    """Quantized after training, with QDQ nodes around each operation."""
    nodes = [
        *both("x"), *quantized("w", "DequantizeLinear"), node("Conv", "x_d w_d", "c", strides=[2, 2]), *both("c"),
        node("Relu", "c_d", "r"), node("GlobalAveragePool", "r", "p"), node("Flatten", "p", "f"), *both("f"),
        *quantized("v", "DequantizeLinear"), node("MatMul", "f_d v_d", "y"),
    ]  # fmt: skip
    return model(nodes, used(nodes, eight_bits("w", "v")))


def qoperator() -> onnx.ModelProto:
    """Quantized with operators on integers: QLinearConv and QLinearMatMul."""
    nodes = [
        *quantized("x", "QuantizeLinear"),
        node("QLinearConv", "x_q x_s x_z w_q w_s w_z c_s c_z", "c_q", strides=[2, 2]),
        *quantized("c", "DequantizeLinear"), node("Relu", "c_d", "r"), node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"), *quantized("f", "QuantizeLinear"),
        node("QLinearMatMul", "f_q f_s f_z v_q v_s v_z y_s y_z", "y_q"),
        node("DequantizeLinear", "y_q y_s y_z", "y"),
    ]  # fmt: skip
    return model(nodes, used(nodes, eight_bits("w", "v")))


def dynamic() -> onnx.ModelProto:
    """Quantized with ranges that are found while it runs: DynamicQuantizeLinear, ConvInteger, MatMulInteger."""

    def product(kind: str, given: str, weight: str, made: str, **attributes: Any) -> list[onnx.NodeProto]:
        named = [f"{given}_q", f"{given}_s", f"{given}_z"]
        return [
            helper.make_node("DynamicQuantizeLinear", [given], named),
            node(kind, f"{given}_q {weight}_q {given}_z", f"{made}_i", **attributes),
            node("Cast", f"{made}_i", f"{made}_f", to=TensorProto.FLOAT),
            node("Mul", f"{given}_s {weight}_s", f"{made}_s"), node("Mul", f"{made}_f {made}_s", made),
        ]  # fmt: skip

    nodes = [
        *product("ConvInteger", "x", "w", "c", strides=[2, 2]), node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "p"), node("Flatten", "p", "f"), *product("MatMulInteger", "f", "v", "y"),
    ]  # fmt: skip
    made = {name for one in nodes for name in one.output}
    return model(nodes, {k: v for k, v in used(nodes, eight_bits("w", "v")).items() if k not in made})


def overflowing() -> onnx.ModelProto:
    """Products of 8-bit numbers as large as they can be: in 16 bits, as AVX2 adds pairs of them, sums overflow."""
    tensors = used(qoperator().graph.node, eight_bits("w", "v"))
    tensors |= {"w_q": np.full((WIDTH, 3, 3, 3), 127, np.int8), "w_s": np.float32(0.01), "c_s": np.float32(0.5)}
    tensors |= {"x_s": np.float32(0.004), "x_z": np.uint8(0), "c_z": np.uint8(0), "f_s": np.float32(0.5)}
    return model(list(qoperator().graph.node), {name: np.asarray(value) for name, value in tensors.items()}, opset=21)


def weights_only() -> onnx.ModelProto:
    """Weights alone in int8: they become float32 before they are multiplied."""
    nodes = [
        *quantized("w", "DequantizeLinear"), node("Conv", "x w_d", "c", strides=[2, 2]), *plain_nodes()[1:-1],
        *quantized("v", "DequantizeLinear"), node("MatMul", "f v_d", "y"),
    ]  # fmt: skip
    return model(nodes, used(nodes, eight_bits("w", "v")))


def plain(**options: Any) -> onnx.ModelProto:
    """The network in float32, with options of `model`."""
    return model(plain_nodes(), weights(), **options)


def stored_in(kind: int, *, inside: bool) -> onnx.ModelProto:
    """The network in another type of float; if `inside`, its input and output are float32, with casts behind them."""
    tensors = [numpy_helper.from_array(value, name) for name, value in weights().items()]
    numbers = {tensor.name: helper.tensor_dtype_to_np_dtype(kind) for tensor in tensors}
    held = {name: weights()[name].astype(dtype) for name, dtype in numbers.items()}
    if not inside:
        return model(plain_nodes(), held, kind=kind)
    nodes = [
        node("Cast", "x", "x1", to=kind), node("Conv", "x1 w", "c", strides=[2, 2]), *plain_nodes()[1:-1],
        node("MatMul", "f v", "y1"), node("Cast", "y1", "y", to=TensorProto.FLOAT),
    ]  # fmt: skip
    return model(nodes, held)


def view() -> onnx.ModelProto:
    """What `x.view(x.size(0), -1)` becomes: a shape computed from the input's; the output's is not described."""
    numbers = {"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])}
    nodes = [
        *plain_nodes()[:3], node("Shape", "p", "s"), node("Gather", "s zero", "b"), node("Unsqueeze", "b axis", "b1"),
        node("Concat", "b1 rest", "shape", axis=0), node("Reshape", "p shape", "f"), node("MatMul", "f v", "y"),
    ]  # fmt: skip
    return model(nodes, weights() | numbers, output_shape=["unknown", "classes"])


def expand() -> onnx.ModelProto:
    """A constant that is expanded to the shape of another tensor."""
    nodes = [
        *plain_nodes()[:-1], node("MatMul", "f v", "u"), node("Shape", "u", "s"), node("Expand", "z s", "e"),
        node("Add", "u e", "y"),
    ]  # fmt: skip
    return model(nodes, weights() | {"z": np.zeros((1, CLASSES), np.float32)}, output_shape=["unknown", "classes"])


def known_by_running() -> onnx.ModelProto:
    """The images whose largest number is not zero, which are all: how many they are shows only when it runs."""
    nodes = [
        *plain_nodes()[:-1], node("MatMul", "f v", "u"), node("ReduceMax", "x", "m", axes=[1, 2, 3], keepdims=0),
        node("NonZero", "m", "places"), node("Squeeze", "places axis", "i"), node("Gather", "u i", "y"),
    ]  # fmt: skip
    return model(nodes, weights() | {"axis": np.array([0])}, opset=17)


def changed(change: Any, **options: Any) -> onnx.ModelProto:
    """The network in float32, changed by `change(proto)`."""
    proto = plain(**options)
    change(proto)
    return proto


def no_output_type(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].ClearField("type")


def no_output_shape(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].type.tensor_type.ClearField("shape")


def no_input_shape(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.ClearField("shape")


def no_names(proto: onnx.ModelProto) -> None:
    proto.graph.name = ""


def nodes_reversed(proto: onnx.ModelProto) -> None:
    nodes = list(proto.graph.node)[::-1]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def old_shapes(proto: onnx.ModelProto) -> None:
    """Shapes of another batch are left in the file, as when someone frees the input's batch by hand."""
    proto.graph.value_info.append(helper.make_tensor_value_info("f", TensorProto.FLOAT, [1, WIDTH]))
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, CLASSES]))


def in_a_circle(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "y"


def another_input(proto: onnx.ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.BOOL, ["n"]))


def another_output(proto: onnx.ModelProto) -> None:
    proto.graph.output.append(helper.make_tensor_value_info("f", TensorProto.FLOAT, ["n", WIDTH]))


def integer_output(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(node("ArgMax", "y", "k", axis=1))
    proto.graph.output.append(helper.make_tensor_value_info("k", TensorProto.INT64, ["n", 1]))


def scalar_output(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(node("ReduceMean", "y", "m", keepdims=0))
    proto.graph.output.append(helper.make_tensor_value_info("m", TensorProto.FLOAT, []))


def one_answer(proto: onnx.ModelProto) -> None:
    """The file says `[n, 10]`, and answers one row for all images."""
    proto.graph.node[-1].output[0] = "z"
    proto.graph.node.append(node("ReduceMean", "z", "y", axes=[0], keepdims=1))


def sequence_output(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(node("SequenceConstruct", "y", "ys"))
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_sequence_value_info("ys", TensorProto.FLOAT, ["n", CLASSES]))


def features(proto: onnx.ModelProto) -> None:
    """The file says `[n, 10]`, and answers `[n, 8, 1, 1]`."""
    proto.graph.node[2].output[0] = "y"
    del proto.graph.node[3:]


def newer(proto: onnx.ModelProto) -> None:
    proto.ir_version = 99


def unknown_operator(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].op_type = "Rectify"


def foreign_operator(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].domain, proto.graph.node[1].op_type = "my.own", "Rectify"
    proto.opset_import.append(helper.make_opsetid("my.own", 1))


def takes(kind: int) -> onnx.ModelProto:
    """The network with an input of another type, cast to float32."""
    return with_first(node("Cast", "x", "x1", to=TensorProto.FLOAT), kind, ["n", 3, "h", "w"])


def channels_last(kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """The network with an input of `[batch, height, width, 3]`."""
    proto = with_first(node("Transpose", "x0" if kind == TensorProto.UINT8 else "x", "x1", perm=[0, 3, 1, 2]), kind,
                       ["n", "h", "w", 3])  # fmt: skip
    if kind == TensorProto.UINT8:
        proto.graph.node.insert(0, node("Cast", "x", "x0", to=TensorProto.FLOAT))
    return proto


def with_first(first: onnx.NodeProto, kind: int, sizes: list[int | str]) -> onnx.ModelProto:
    """The network behind a node that makes its images, `x1`, of an input of this type and these sizes."""
    proto = model([first, *plain_nodes()], weights())
    proto.graph.node[1].input[0] = "x1"
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", kind, sizes))
    return proto


FILES = {
    "plain": plain, "qdq": qdq, "qoperator": qoperator, "dynamic": dynamic, "weights_only": weights_only,
    "overflowing": overflowing,
    "half": lambda: stored_in(TensorProto.FLOAT16, inside=False),
    "half_inside": lambda: stored_in(TensorProto.FLOAT16, inside=True),
    "brain_inside": lambda: stored_in(TensorProto.BFLOAT16, inside=True),
    "double_inside": lambda: stored_in(TensorProto.DOUBLE, inside=True),
    "opset_8": lambda: plain(opset=8), "opset_12": lambda: plain(opset=12), "opset_99": lambda: plain(opset=99),
    "ir_99": lambda: changed(newer), "view": view, "expand": expand, "known_by_running": known_by_running,
    "no_output_type": lambda: changed(no_output_type), "no_output_shape": lambda: changed(no_output_shape),
    "no_input_shape": lambda: changed(no_input_shape), "no_names": lambda: changed(no_names),
    "nodes_reversed": lambda: changed(nodes_reversed), "old_shapes": lambda: changed(old_shapes),
    "in_a_circle": lambda: changed(in_a_circle), "another_input": lambda: changed(another_input),
    "another_output": lambda: changed(another_output), "sequence_output": lambda: changed(sequence_output),
    "integer_output": lambda: changed(integer_output), "scalar_output": lambda: changed(scalar_output),
    "one_answer": lambda: changed(one_answer, opset=12), "channels_last": channels_last,
    "pixels_last": lambda: channels_last(TensorProto.UINT8), "features": lambda: changed(features),
    "foreign_operator": lambda: changed(foreign_operator),
    "unknown_operator": lambda: changed(unknown_operator, opset=12),
    "uint8_input": lambda: takes(TensorProto.UINT8), "int64_input": lambda: takes(TensorProto.INT64),
    "batch_20": lambda: plain(batch=20),
}  # fmt: skip
LOCATIONS = {"missing": "nowhere.bin", "truncated": "short.bin", "outside": "../../x", "absolute": "/etc/hosts"}


def make(folder: Path) -> None:
    """Write each of `FILES`, and files whose weights are beside them, or are not."""
    for name, build in FILES.items():
        (folder / f"{name}.onnx").write_bytes(build().SerializeToString())
    onnx.save_model(
        plain(), folder / "beside.onnx", save_as_external_data=True, location="beside.bin", size_threshold=0
    )
    (folder / "short.bin").write_bytes((folder / "beside.bin").read_bytes()[:100])
    for name, location in LOCATIONS.items():
        proto = onnx.load(folder / "beside.onnx", load_external_data=False)
        for tensor in proto.graph.initializer:
            tensor.external_data[0].value = location
        (folder / f"{name}.onnx").write_bytes(proto.SerializeToString())
