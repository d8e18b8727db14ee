"""How far an engine's output is from a reference output, and in which precision it was really computed.

This compares outputs only: it does not know the true class of an image.
"""

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

# The largest error allowed, relative to the largest value of the reference. One rounding error is 2^-24 in fp32, 2^-11
# in TF32 and fp16, and 2^-8 in bf16. Some twenty layers in a row add up to about twenty rounding errors, and the bounds
# allow a few times more. bf16 has less margin: twenty of its rounding errors are 8e-2, while at most 1.4e-2 was
# measured. In int8 a rounding error is half of one of 255 steps, or 2^-9 of the range, and twenty are 4e-2. Measured
# were 1.6e-2 to 3.1e-2 on ResNet-18, and at most 7.1e-2 on eight other networks. Two networks whose activations have
# outliers, MobileNetV3 and EfficientNet, may exceed the bound (up to 2e-1).
TOLERANCE = {"fp32": 1e-2, "tf32": 1e-2, "fp16": 3e-2, "bf16": 1e-1, "int8": 1e-1}

# Limits of the error that separate the precisions. They lie between the errors measured on 17 of torchvision's networks
# whose weights and activations were rounded to each precision before every convolution and matrix product: in fp32 at
# most 2e-6, in TF32 and fp16 from 3e-4 to 1.7e-3, in bf16 from 2.3e-3 to 1.4e-2 (ResNet-18: 3e-7, 5e-4, 4e-3).
FP32_BELOW = 5e-5
BF16_FROM = 2e-3


def reference(
    model: Network, images: torch.Tensor, device: torch.device, batch_size: int = 0
) -> tuple[torch.Tensor, str]:
    """The reference output for the images, `[images, classes]` on the host, and the name of how it was computed.

    The reference of an ONNX file is computed by ONNX Runtime on the CPU. The reference of a PyTorch network is computed
    by PyTorch in fp32 on a CPU, or in fp64 on a GPU, because TF32 must be distinguished from fp32 there. With
    `batch_size` 0 all `images` (`[images, 3, height, width]`) are one batch; otherwise they are computed in batches of
    that size, so as to take no more memory than the case does.
    """
    if isinstance(model, OnnxFile):
        name, compute = onnx_file.ONNX_REFERENCE, partial(onnx_file.onnx_reference, model)
    else:
        name, dtype = "PyTorch fp32", torch.float32
        if device.type == "cuda":
            name, dtype = "PyTorch fp64", torch.float64
        placed = copy.deepcopy(model).to(device, dtype)

        def compute(batch: torch.Tensor) -> torch.Tensor:
            return placed(batch.to(device, dtype)).cpu()

    parts = batches(images, batch_size) if batch_size else [images]
    with torch.inference_mode():
        outputs = [compute(batch) for batch in parts]
    return torch.cat(outputs)[: len(images)], name  # the last batch may be filled up with images again


def answers(engine: Engine, images: torch.Tensor, batch_size: int) -> torch.Tensor:
    """The engine's output for any images of the size it was built for, `[images, classes]`, on the host.

    `batch_size` is the batch size that the engine was built for.
    """
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
    """Compare an engine's output with the expected one, both `[batch_size, classes]`.

    The error is max|output − expected| / max|expected|, or None if the output contains infinity or NaN. The agreement
    is the share of images whose class with the largest value is the same. `name` is the name of the reference,
    `precision` the one that was asked for, and `kernels` the engine's `ran["kernels"]`, if it reports them. Raise
    `ValueError` if the shapes differ.
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
    """The precision in which the output was computed, concluded from its data type, its error and the runtime's report.

    An output in fp16 or bf16 shows its precision by its type; for a float32 output, the size of the error shows it. The
    error alone cannot show int8: a model quantized to int8 has the same error if its rounded numbers are multiplied in
    fp32. So if the runtime reports how many of its `kernels` compute in which precision, the most frequent one is
    taken, unless the error is as small as that of fp32.
    """
    reported = max(kernels, key=kernels.get) if kernels else ""
    if output_dtype in (torch.float16, torch.bfloat16):
        return reported or ("fp16" if output_dtype == torch.float16 else "bf16")
    if error < FP32_BELOW:
        return "fp32"
    if reported in ("", "fp32"):
        return "tf32" if error < BF16_FROM else "bf16"
    return reported


def is_acceptable(accuracy: Accuracy) -> bool:
    """Whether the error is known and within the tolerance of the precision that was asked for."""
    return accuracy.max_relative_error is not None and accuracy.max_relative_error <= accuracy.tolerance
