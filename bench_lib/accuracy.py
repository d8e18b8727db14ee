"""How far an engine's output is from PyTorch's reference."""

import copy

import torch
from torch import nn

from bench_lib.records import Accuracy

# Largest error allowed, relative to the reference's largest value. Roundings are 2^-24 in fp32 and 2^-11 in TF32 and
# fp16; some twenty layers in a row add up to about twenty of them, and the bounds leave a few times more.
TOLERANCE = {"fp32": 1e-2, "tf32": 1e-2, "fp16": 3e-2}
# Strict fp32 measures about 1e-6 and TF32 about 1e-3: the bound between them.
FP32_BELOW = 5e-5


def reference(model: nn.Module, images: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, str]:
    """PyTorch's output, and how it was computed: fp32 on a CPU, fp64 on a GPU, where TF32 must be told from fp32."""
    name, precision = ("fp64", torch.float64) if device.type == "cuda" else ("fp32", torch.float32)
    placed = copy.deepcopy(model).to(device, precision)
    with torch.inference_mode():
        output = placed(images.to(device, precision)).cpu()
    return output, f"PyTorch {name}"


def compare(output: torch.Tensor, expected: torch.Tensor, name: str, precision: str) -> Accuracy:
    """Compare outputs `[batch_size, classes]`.

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
        actual_precision=precision if error is None else computed_in(output_dtype, error),
    )


def computed_in(output_dtype: torch.dtype, error: float) -> str:
    """The precision that the figures show: the output's type tells fp16, its error tells fp32 from TF32."""
    if output_dtype == torch.float16:
        return "fp16"
    return "fp32" if error < FP32_BELOW else "tf32"


def is_acceptable(accuracy: Accuracy) -> bool:
    """Whether the error is known and within the tolerance of the precision asked for."""
    return accuracy.max_relative_error is not None and accuracy.max_relative_error <= accuracy.tolerance
