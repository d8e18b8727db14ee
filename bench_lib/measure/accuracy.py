"""How far an engine's outputs are from a reference's, and in which precision they were really computed.

This compares outputs only: it does not know the true class of an image. A network may have several outputs, each
`[images, …]`: each is compared with its own reference, and the one that is the furthest off decides.

The error is the root mean square of the differences from the reference, relative to the *spread*: the root mean square
of how the reference's answers to different images differ from their mean. So an output that does not depend on the
image has an error of 1 or more, however small its difference from the reference is beside the values themselves. The
square of the error is the "fraction of variance unexplained", 1 - R²; the error in decibels, with the sign changed, is
the signal-to-quantization-noise ratio by which quantized networks are judged.

How large an error rounding makes depends on the network. So the network is asked: `Reference.rounding` is the error of
the reference itself when its weights and images are rounded to bf16. That is a condition number times a known backward
error (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, chapter 1). Rounding errors are proportional to
the unit roundoff, which is 8 times smaller in TF32 and fp16, and 2^16 times smaller in fp32.
"""

import math
from collections.abc import Mapping

import torch

from bench_lib.core.engine import Engine, data_type
from bench_lib.core.record import Accuracy, Fault, Output
from bench_lib.measure.reference import Reference, error_of, joined, spread
from bench_lib.workload.images import batches

# The largest error allowed in the precision that was really computed in, in units of `Reference.rounding`: four times
# what rounding the weights and images makes, because an engine rounds in between as well. On 16 networks of
# torchvision, with every tensor rounded, that made up to 2.3 times as much.
ALLOWED = {"fp32": 4 / 8, "tf32": 4 / 8, "fp16": 4 / 8, "bf16": 4}
INT8_ALLOWED = 0.5  # its error depends on the ranges of activations more than on the network; 0.15 on ResNet-18
LARGEST_ALLOWED = 0.5  # in any precision: beyond it, a wrong answer could not be told from a right one
CONSTANT_BELOW = 1e-3  # an output that differs between images by this share of what the reference does, or less
FP8_BITS = 4  # of the significand of fp8 (E4M3)
MOST_VALUES = 4096  # of an image's answer that are counted
FEW_VALUES = 0.45  # of the different values that there are in bf16: midway, by ratio, between those in fp8 and all

FP32_BELOW = 1 / 700  # limits of the error, in units of `Reference.rounding`: midway, by ratio, between fp32 and TF32 …
BF16_FROM = 1 / 2.8  # … and between TF32 and bf16


def answers(engine: Engine, images: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, ...]:
    """The engine's outputs for any images of the size it was built for, each `[images, …]`, on the host.

    `batch_size` is the batch size that the engine was built for.
    """
    outputs = []
    for batch in batches(images, batch_size):
        engine.fill(batch)
        engine.synchronize()
        engine.run()
        engine.synchronize()
        outputs.append(tuple(output.cpu().clone() for output in engine.outputs()))
    return joined(outputs, len(images))


def compare_all(
    outputs: tuple[torch.Tensor, ...], against: list[Reference], names: list[str], precision: str,
    kernels: Mapping[str, int] | None = None,
) -> Accuracy:  # fmt: skip
    """Compare each of an engine's outputs as `compare` does; the result is that of the one that is the furthest off.

    Raise `ValueError` if the engine has more or fewer outputs than the reference.
    """
    if len(outputs) != len(against):
        raise ValueError(f"there are {len(outputs)} outputs, and {len(against)} in the reference")
    compared = [compare(*pair, precision, kernels) for pair in zip(outputs, against, strict=True)]
    each = [
        Output(name=name, shape=output.shape[1:], error=one.error, tolerance=one.tolerance, fault=one.fault)
        for name, output, one in zip(names, outputs, compared, strict=True)
    ]
    return max(compared, key=distance).model_copy(update={"outputs": each})


def distance(compared: Accuracy) -> float:
    """The error in units of what is allowed; infinite for an output with a fault."""
    return math.inf if compared.fault or compared.error is None else compared.error / compared.tolerance


def compare(
    output: torch.Tensor, against: Reference, precision: str, kernels: Mapping[str, int] | None = None
) -> Accuracy:
    """Compare one output of an engine, `[images, …]`, with the reference for the same images.

    `precision` is the one that was asked for, and `kernels` the engine's `ran["kernels"]`, if it reports them. A
    network that was quantized before may be as far off as in bf16, however it is computed: runtimes round its steps a
    little differently, which changes fewer of them than rounding its scales and images to bf16 does. Raise `ValueError`
    if the shapes differ.
    """
    expected = against.outputs
    if output.shape != expected.shape:
        raise ValueError(f"output is {list(output.shape)}, the reference {list(expected.shape)}")
    fault, rounding = find_fault(output, against, precision), against.rounding
    actual, error = precision, None
    if fault not in ("not_finite", "same_answers"):
        error = error_of(output, expected)
        actual = computed_in(output.dtype, error / rounding, kernels, against.is_quantized)
    return Accuracy(
        error=error,
        tolerance=tolerance("bf16" if against.is_quantized else actual, rounding),
        rounding=rounding,
        images=len(expected),
        answered_classes=len(first_classes(expected).unique()),
        top1_agreement=float((first_classes(output) == first_classes(expected)).double().mean()),
        fault=fault,
        reference=against.name,
        actual_precision=actual,
    )


def find_fault(output: torch.Tensor, against: Reference, precision: str) -> Fault | None:
    """What is wrong with the output whatever its error is, or with the reference; None if nothing is."""
    if not torch.isfinite(output).all():
        return "not_finite"
    if against.is_constant:
        return "same_answers"
    if spread(output) <= CONSTANT_BELOW * spread(against.outputs):
        return "constant_output"
    if precision != "int8" and has_few_digits(output, against.outputs.to(data_type(precision))):
        return "few_digits"
    return None


def first_classes(output: torch.Tensor) -> torch.Tensor:
    """Where the largest value of each image's answer is; of `[images, classes, height, width]`, of each pixel's."""
    return output.argmax(1) if output.dim() == 4 else output.reshape(len(output), -1).argmax(1)


def has_few_digits(output: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether the output holds no more digits than fp8 does: four significant bits or, with a scale, few values.

    An image's answers in bf16 take some 650 different values if they are 1000 random ones, and some 130 in fp8. So the
    different values in each image's answers are counted, and compared with those of the reference in bf16. `expected`
    is the reference in the data type that was asked for, because fp16 itself holds few digits of very small answers.
    """
    fractions = torch.frexp(output.detach().cpu().double())[0] * 2**FP8_BITS
    has_four_bits = bool((fractions == fractions.round()).all())
    return has_four_bits or count_values(output) < FEW_VALUES * count_values(expected.bfloat16())


def count_values(outputs: torch.Tensor) -> int:
    """The number of different values in the answers to each image, summed over the images.

    Of an answer of many values, such as a class for each pixel, `MOST_VALUES` at equal distances are counted.
    """
    images = outputs.detach().cpu().reshape(len(outputs), -1)
    step = max(1, images.shape[1] // MOST_VALUES)
    return sum(len(image.unique()) for image in images[:, ::step])


def tolerance(precision: str, rounding: float) -> float:
    """The largest error allowed in the precision that was computed in; `rounding` is that of the `Reference`."""
    allowed = INT8_ALLOWED if precision == "int8" else ALLOWED[precision] * rounding
    return min(allowed, LARGEST_ALLOWED)


def computed_in(
    output_dtype: torch.dtype, roundings: float, kernels: Mapping[str, int] | None = None, is_quantized: bool = False
) -> str:
    """The precision in which the output was computed, concluded from its data type, its error and the runtime's report.

    `roundings` is the error in units of `Reference.rounding`. An output in fp16 or bf16 shows its precision by its
    type; for a float32 output, the size of the error shows it. The error alone cannot show int8: a model quantized to
    int8 has the same error if its rounded numbers are multiplied in fp32. So if the runtime reports how many of its
    `kernels` compute in which precision, the most frequent one is taken (int8 if it is as frequent as another), unless
    the error is as small as that of fp32.

    If the network was quantized before (`is_quantized`), the reference has the same rounded numbers, so no error shows
    a precision: the runtime's report alone does, and int8 is taken where there is none.
    """
    kernels = kernels or {}
    reported = max(kernels, key=lambda name: (kernels[name], name == "int8"), default="")
    if is_quantized:
        return reported or "int8"
    if output_dtype in (torch.float16, torch.bfloat16):
        return reported or ("fp16" if output_dtype == torch.float16 else "bf16")
    if roundings < FP32_BELOW:
        return "fp32"
    if reported in ("", "fp32"):
        return "tf32" if roundings < BF16_FROM else "bf16"
    return reported


def is_acceptable(accuracy: Accuracy) -> bool:
    """Whether nothing is wrong with the output, and its error is within the tolerance."""
    return accuracy.fault is None and accuracy.error is not None and accuracy.error <= accuracy.tolerance
