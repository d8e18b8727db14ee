"""The model as ONNX: exported by PyTorch for one shape, and quantized to int8 by ONNX Runtime's own tool."""

import copy
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench_lib import calibration, onnx_file, rewrites
from bench_lib.models import Network
from bench_lib.onnx_file import OnnxFile

BF16_OPSET = 22  # the first whose convolutions and pooling take bf16


def export(model: Network, images: torch.Tensor):
    """The model as an ONNX `ModelProto` in the images' data type, with their fixed shape."""
    if isinstance(model, OnnxFile):
        return onnx_file.placed(model, images)
    half = {"opset_version": BF16_OPSET} if images.dtype == torch.bfloat16 else {}
    # The exporter folds BatchNorm by itself, but leaves biases of float32 in a graph of bf16.
    placed = rewrites.fold_batch_norm(model) if half else copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations, nothing a reader can act on
        return torch.onnx.export(placed.to(images.dtype), (images,), dynamo=True, verbose=False, **half).model_proto


def quantized(proto, images: torch.Tensor, given: torch.Tensor | None = None) -> tuple[Any, dict[str, Any]]:
    """The model quantized to int8 after training, and how: QDQ nodes around each operation, ranges from calibration.

    Weights are signed, a scale for each output channel; activations are unsigned: with signed ones, OpenVINO computes
    convolutions in fp32. Ranges are the least and the largest value over the `given` images (`[count, 3, height,
    width]`), or over synthetic ones, which real images are not like.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    settings = {"per_channel": True, "reduce_range": needs_reduced_range(torch.cpu.get_capabilities())}
    data = Calibration(proto.graph.input[0].name, calibration.read(images.shape, given))
    logging.disable(logging.WARNING)  # advice to fold and infer shapes first, which PyTorch's exporter has done
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                proto, path, data, quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax, **settings,
            )  # fmt: skip
            model = onnx.load(path)
    finally:
        logging.disable(logging.NOTSET)
    return model, settings | {
        "activations": "u8", "weights": "s8", "calibration": f"min-max, {calibration.kind(given)} images",
        "calibration_images": calibration.count(images.shape, given),
    }  # fmt: skip


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
