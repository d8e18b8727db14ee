"""Export of a network to ONNX by PyTorch, for one shape, and its quantization to int8 by ONNX Runtime's own tool."""

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench_lib.core.errors import error_text
from bench_lib.core.lifetime import temporary_folder
from bench_lib.core.reason import ReasonedError
from bench_lib.engines.pytorch import rewrites
from bench_lib.engines.shared.calibration import calibration_batches, calibration_count, calibration_kind
from bench_lib.engines.shared.onnx_refusal import refusals_named
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import OnnxFile, arrangement
from bench_lib.workload.onnx_precision import model_for_images
from bench_lib.workload.onnx_reference import UNREAD
from bench_lib.workload.onnx_size import is_large

PRODUCTS = ("Conv", "Gemm", "MatMul")
BF16_OPSET = 22  # the first opset in which convolutions and pooling take bf16


class NotExported(ReasonedError):
    """PyTorch's exporter refuses the network."""


def export_onnx(model: Network, images: torch.Tensor, for_int8: bool = False):
    """The model as an ONNX `ModelProto`, in the data type of `images` and with their shape fixed.

    `for_int8` says that it is going to be quantized by `quantize`. Raise `Unavailable` for an ONNX file as
    `model_for_images` does, and `NotExported` for a network that PyTorch's exporter refuses.
    """
    if isinstance(model, OnnxFile):
        return model_for_images(model, images, for_int8)
    if images.dtype == torch.bfloat16:
        # The exporter folds BatchNorm by itself, but then leaves float32 biases in a bf16 graph.
        network, options = rewrites.fold_batch_norm(model), {"opset_version": BF16_OPSET}
    else:
        network, options = copy.deepcopy(model), {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations, which a reader cannot act on
            network = network.to(images.dtype)
            return torch.onnx.export(network, (images,), dynamo=True, verbose=False, **options).model_proto
    except torch.onnx.OnnxExporterError as error:  # a page of advice around what was really wrong
        cause = error.__cause__ or error
        raise NotExported("not_exported", kind=type(cause).__name__, words=error_text(cause)) from error


def quantize(
    model: Network, proto, images: torch.Tensor, given: torch.Tensor | None, *, for_tensorrt: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Quantize the exported `proto` of the model by `quantize_qdq`, or by `quantize_qdq_for_tensorrt`.

    An ONNX file that is quantized already is left as it is: to quantize it again would measure another network.
    """
    import onnxruntime

    if isinstance(model, OnnxFile) and model.is_quantized:
        return proto, {"calibration": "in the file"}
    method = quantize_qdq_for_tensorrt if for_tensorrt else quantize_qdq
    with refusals_named(model, "ONNX Runtime (quantize_static)", onnxruntime.__version__, UNREAD):
        proto, facts = method(proto, map(arrangement(model), calibration_batches(images.shape, given)))
    return proto, facts | {
        "calibration": f"min-max, {calibration_kind(given)} images",
        "calibration_images": calibration_count(images.shape, given),
    }  # fmt: skip


def quantize_qdq(proto, batches: Iterator[torch.Tensor]) -> tuple[Any, dict[str, Any]]:
    """Quantize a `ModelProto` to int8 after training; return the quantized model, and how it was done, for a record.

    QDQ nodes are put around each operation. Weights are signed, with one scale for each output channel. Activations are
    unsigned, because OpenVINO computes convolutions in fp32 if they are signed. The range of an activation is from its
    smallest to its largest value over the `batches`, which the model takes as they are.
    """
    settings = {"per_channel": True, "reduce_range": needs_reduced_range(torch.cpu.get_capabilities())}
    return with_qdq(proto, batches, "QUInt8", settings), settings | {"activations": "u8", "weights": "s8"}


def quantize_qdq_for_tensorrt(proto, batches: Iterator[torch.Tensor]) -> tuple[Any, dict[str, Any]]:
    """Quantize as `quantize_qdq` does, but in the form that TensorRT needs.

    Weights and activations are signed and symmetric, and biases stay as they are. Only the inputs of convolutions and
    matrix products are rounded, and every other reader of such a value reads the rounded one. TensorRT can then fuse
    the operations that follow a convolution into it, including the addition of a residual.
    """
    settings = {"per_channel": True, "reduce_range": False}
    options = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False,
               "OpTypesToExcludeOutputQuantization": list(PRODUCTS)}  # fmt: skip
    more = {"op_types_to_quantize": list(PRODUCTS), "extra_options": options}
    return with_qdq(proto, batches, "QInt8", settings | more), settings | {"activations": "s8", "weights": "s8"}


def with_qdq(proto, batches: Iterator[torch.Tensor], activations: str, settings: dict[str, Any]) -> Any:
    """The model with QDQ nodes, made by ONNX Runtime's `quantize_static`.

    `activations` is the name of a `QuantType`; `settings` are further arguments of `quantize_static`.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    data = Calibration(proto.graph.input[0].name, batches)
    logging.disable(logging.WARNING)  # it advises folding and shape inference, which PyTorch's exporter has done
    try:
        with temporary_folder() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                proto, path, data, quant_format=QuantFormat.QDQ, activation_type=QuantType[activations],
                weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
                use_external_data_format=is_large(proto), **settings,
            )  # fmt: skip
            return onnx.load(path)
    finally:
        logging.disable(logging.NOTSET)


def count_int8_products(proto) -> dict[str, int]:
    """Count the convolutions and matrix products of a model with QDQ nodes by precision.

    `int8` are those whose two inputs are both rounded, `fp32` the others.
    """
    producers = {name: node.op_type for node in proto.graph.node for name in node.output}
    counts: Counter[str] = Counter()
    for node in proto.graph.node:
        if node.op_type in PRODUCTS:
            input_types = {producers.get(name) for name in node.input[:2]}
            counts["int8" if input_types == {"DequantizeLinear"} else "fp32"] += 1
    return dict(counts)


class Calibration:
    """Batches of images as a `CalibrationDataReader` of ONNX Runtime; `name` is the name of the model's input."""

    def __init__(self, name: str, images: Iterator[torch.Tensor]) -> None:
        self._name, self._left = name, images

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, in a dict with the input's name as its key; None after the last batch."""
        batch = next(self._left, None)
        return None if batch is None else {self._name: batch.numpy()}


def needs_reduced_range(capabilities: dict[str, Any]) -> bool:
    """Whether weights must be limited to 7 bits.

    An x86 CPU without VNNI adds pairs of products in 16 bits, which overflow with 8-bit weights. The rule is from ONNX
    Runtime's guide to quantization. `capabilities` is what `torch.cpu.get_capabilities()` returns.
    """
    has_vnni = any(capabilities.get(name) for name in ("avx512_vnni", "avx_vnni", "avx10_1", "avx10_2"))
    return capabilities.get("architecture") == "x86_64" and not has_vnni
