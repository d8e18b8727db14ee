"""How far an engine's output is from PyTorch's reference."""

import copy
from collections.abc import Mapping
from functools import partial

import torch

from bench_lib.core.engine import Engine
from bench_lib.core.record import Accuracy
from bench_lib.workload import onnx_file
from bench_lib.workload.images import batches
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import OnnxFile

# Largest error allowed, relative to the reference's largest value. Roundings are 2^-24 in fp32, 2^-11 in TF32 and fp16,
# 2^-8 in bf16; some twenty layers in a row add up to about twenty of them, and the bounds leave a few times more, less
# so in bf16: its twenty are 8e-2, and it measures at most 1.4e-2. In int8 a rounding is half of one of 255 steps, 2^-9
# of the range: twenty are 4e-2. It measures 1.6e-2 to 3.1e-2 on ResNet-18 and at most 7.1e-2 on eight other networks;
# two whose activations have outliers, MobileNetV3 and EfficientNet, may be outside (up to 2e-1).
TOLERANCE = {"fp32": 1e-2, "tf32": 1e-2, "fp16": 3e-2, "bf16": 1e-1, "int8": 1e-1}

# Between what was measured over 17 of torchvision's networks, whose weights and activations were rounded to each
# precision before every convolution and matrix product: fp32 at most 2e-6, TF32 and fp16 from 3e-4 to 1.7e-3, bf16 from
# 2.3e-3 to 1.4e-2 (ResNet-18: 3e-7, 5e-4, 4e-3).
FP32_BELOW = 5e-5
BF16_FROM = 2e-3


def reference(
    model: Network, images: torch.Tensor, device: torch.device, batch_size: int = 0
) -> tuple[torch.Tensor, str]:
    """The output that others are compared with, `[images, classes]`, and how it was computed.

    PyTorch's, fp32 on a CPU and fp64 on a GPU, where TF32 must be told from fp32; of an ONNX file ONNX Runtime's on the
    CPU. The images go through whole or, to take no more memory than the case does, in batches of `batch_size`.
    """
    if isinstance(model, OnnxFile):
        name, compute = onnx_file.ONNX_REFERENCE, partial(onnx_file.onnx_reference, model)
    else:
        name, precision = ("fp64", torch.float64) if device.type == "cuda" else ("fp32", torch.float32)
        name, placed = f"PyTorch {name}", copy.deepcopy(model).to(device, precision)

        def compute(batch: torch.Tensor) -> torch.Tensor:
            return placed(batch.to(device, precision)).cpu()

    with torch.inference_mode():
        outputs = [compute(batch) for batch in (batches(images, batch_size) if batch_size else [images])]
    return torch.cat(outputs)[: len(images)], name


def answers(engine: Engine, images: torch.Tensor, batch_size: int) -> torch.Tensor:
    """The engine's output for other images than it was built with, `[images, classes]`, on the host."""
    outputs = []
    for batch in batches(images, batch_size):
        engine.fill(batch)
        engine.synchronize()
        engine.run()
        engine.synchronize()
        outputs.append(engine.output().cpu().clone())
    return torch.cat(outputs)[: len(images)]


def compare(
    output: torch.Tensor, expected: torch.Tensor, name: str, precision: str, kernels: Mapping[str, int] | None = None
) -> Accuracy:
    """Compare outputs `[batch_size, classes]`; `kernels` is an engine's `ran["kernels"]`, where it tells of them.

    The error is max|output − expected| / max|expected|, the agreement the share of images whose largest class is the
    same. Raise `ValueError` if the shapes differ.
    """
    if output.shape != expected.shape:
        raise ValueError(f"output is {list(output.shape)}, the reference {list(expected.shape)}")
    output_dtype = output.dtype
    output, expected = output.detach().cpu().double(), expected.double()
    finite = bool(torch.isfinite(output).all())
    error = float((output - expected).abs().max() / expected.abs().max()) if finite else None
    return Accuracy(
        max_relative_error=error,
        top1_agreement=float((output.argmax(1) == expected.argmax(1)).double().mean()),
        tolerance=TOLERANCE[precision],
        reference=name,
        actual_precision=precision if error is None else computed_in(output_dtype, error, kernels or {}),
    )


def computed_in(output_dtype: torch.dtype, error: float, kernels: Mapping[str, int]) -> str:
    """The precision that the figures show: the output's type tells fp16 and bf16, the error those that give float32.

    Some figures cannot tell: a model quantized to int8 is as inexact where its rounded numbers are multiplied in fp32.
    So a runtime that tells how many of its `kernels` compute in which precision is believed as far as the error agrees.
    """
    told = max(kernels, key=kernels.get) if kernels else ""
    if output_dtype in (torch.float16, torch.bfloat16):
        return told or ("fp16" if output_dtype == torch.float16 else "bf16")
    if error < FP32_BELOW:
        return "fp32"
    if told in ("", "fp32"):
        return "tf32" if error < BF16_FROM else "bf16"
    return told


def is_acceptable(accuracy: Accuracy) -> bool:
    """Whether the error is known and within the tolerance of the precision asked for."""
    return accuracy.max_relative_error is not None and accuracy.max_relative_error <= accuracy.tolerance
