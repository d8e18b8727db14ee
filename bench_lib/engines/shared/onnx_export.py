"""The model as ONNX: exported by PyTorch for one shape, and quantized to int8 by ONNX Runtime's own tool."""

import copy
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench_lib.engines.pytorch import rewrites
from bench_lib.engines.shared.calibration import calibration_batches, calibration_count, calibration_kind
from bench_lib.workload import onnx_file
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import OnnxFile

PRODUCTS = ("Conv", "Gemm", "MatMul")
BF16_OPSET = 22  # the first whose convolutions and pooling take bf16


def export_onnx(model: Network, images: torch.Tensor):
    """The model as an ONNX `ModelProto` in the images' data type, with their fixed shape."""
    if isinstance(model, OnnxFile):
        return onnx_file.model_for_images(model, images)
    half = {"opset_version": BF16_OPSET} if images.dtype == torch.bfloat16 else {}
    # The exporter folds BatchNorm by itself, but leaves biases of float32 in a graph of bf16.
    placed = rewrites.fold_batch_norm(model) if half else copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations, nothing a reader can act on
        return torch.onnx.export(placed.to(images.dtype), (images,), dynamo=True, verbose=False, **half).model_proto


def quantize_qdq(proto, images: torch.Tensor, given: torch.Tensor | None = None) -> tuple[Any, dict[str, Any]]:
    """The model quantized to int8 after training, and how: QDQ nodes around each operation, ranges from calibration.

    Weights are signed, a scale for each output channel; activations are unsigned: with signed ones, OpenVINO computes
    convolutions in fp32. Ranges are the least and the largest value over the `given` images (`[count, 3, height,
    width]`), or over synthetic ones, which real images are not like.
    """
    settings = {"per_channel": True, "reduce_range": needs_reduced_range(torch.cpu.get_capabilities())}
    return with_qdq(proto, images, given, "QUInt8", settings), quantization_facts("u8", settings, images, given)


def quantize_qdq_for_tensorrt(
    proto, images: torch.Tensor, given: torch.Tensor | None = None
) -> tuple[Any, dict[str, Any]]:
    """The same as TensorRT wants it: all is signed and symmetric, biases stay as they are.

    Only the inputs of convolutions and matrix products are rounded, and all that read such a value read the rounded
    one, so that TensorRT can fuse what follows a convolution into it, the addition of a residual too.
    """
    settings = {"per_channel": True, "reduce_range": False}
    told = quantization_facts("s8", settings, images, given)
    options = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False,
               "OpTypesToExcludeOutputQuantization": list(PRODUCTS)}  # fmt: skip
    settings |= {"op_types_to_quantize": list(PRODUCTS), "extra_options": options}
    return with_qdq(proto, images, given, "QInt8", settings), told


def quantization_facts(
    activations: str, settings: dict[str, Any], images: torch.Tensor, given: torch.Tensor | None
) -> dict[str, Any]:
    """How a model was quantized, for a record."""
    return settings | {
        "activations": activations, "weights": "s8", "calibration": f"min-max, {calibration_kind(given)} images",
        "calibration_images": calibration_count(images.shape, given),
    }  # fmt: skip


def with_qdq(
    proto, images: torch.Tensor, given: torch.Tensor | None, activations: str, settings: dict[str, Any]
) -> Any:
    """The model with QDQ nodes, by ONNX Runtime's `quantize_static`, which `settings` are for."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    data = Calibration(proto.graph.input[0].name, calibration_batches(images.shape, given))
    logging.disable(logging.WARNING)  # advice to fold and infer shapes first, which PyTorch's exporter has done
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                proto, path, data, quant_format=QuantFormat.QDQ, activation_type=QuantType[activations],
                weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax, **settings,
            )  # fmt: skip
            return onnx.load(path)
    finally:
        logging.disable(logging.NOTSET)


def count_int8_products(proto) -> dict[str, int]:
    """How many convolutions and matrix products of a model with QDQ nodes take rounded inputs, and how many do not."""
    made = {name: node.op_type for node in proto.graph.node for name in node.output}
    found = [[made.get(name) for name in node.input[:2]] for node in proto.graph.node if node.op_type in PRODUCTS]
    return dict(Counter("int8" if set(inputs) == {"DequantizeLinear"} else "fp32" for inputs in found))


class Calibration:
    """Batches of images, read as ONNX Runtime's calibration does."""

    def __init__(self, name: str, images: Iterator[torch.Tensor]) -> None:
        self._name, self._left = name, images

    def get_next(self) -> dict[str, Any] | None:
        """The next batch by the input's name; None after the last."""
        batch = next(self._left, None)
        return None if batch is None else {self._name: batch.numpy()}


def needs_reduced_range(capabilities: dict[str, Any]) -> bool:
    """Whether weights must be of 7 bits: x86 without VNNI adds pairs of products in 16 bits, where they overflow.

    `capabilities` are `torch.cpu.get_capabilities()`; the rule is from ONNX Runtime's guide to quantization.
    """
    has_vnni = any(capabilities.get(name) for name in ("avx512_vnni", "avx_vnni", "avx10_1", "avx10_2"))
    return capabilities.get("architecture") == "x86_64" and not has_vnni
