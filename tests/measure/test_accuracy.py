"""The check of answers on chosen figures: what gets the label of which precision, and what is refused and why."""

import pytest
import torch

from bench_lib.core.reason import say
from bench_lib.measure import accuracy
from bench_lib.measure.accuracy import Reference
from bench_lib.measure.measure_case import inaccuracy
from bench_lib.measure.reference import references, root_mean_square, spread
from bench_lib.workload.images import draw_images

GENERATOR = torch.Generator().manual_seed(0)
EXPECTED = torch.randn(16, 1000, generator=GENERATOR)
NOISE = torch.randn(16, 1000, generator=GENERATOR)


def reference(outputs=EXPECTED, rounding=0.04):
    """A reference whose rounding to bf16 has this error."""
    noise = NOISE[: len(outputs), : outputs.shape[1]] * spread(outputs)
    return Reference(outputs, outputs + rounding * noise / root_mean_square(NOISE), "made")


def test_the_error_is_relative_to_how_answers_differ_between_images():
    far = EXPECTED + 1000.0  # beside the values themselves, any difference is small
    for outputs in (EXPECTED, far):
        compared = accuracy.compare(outputs + 0.5 * NOISE, reference(outputs), "fp32")
        assert compared.error == pytest.approx(0.5, rel=0.05)
        assert compared.rounding == pytest.approx(0.04 if outputs is EXPECTED else 2**-9 * 1000, rel=0.05)
    assert accuracy.compare(EXPECTED.clone(), reference(), "fp32").error == 0


@pytest.mark.parametrize(
    ("roundings", "dtype", "label"),
    [
        (1 / 2**16, torch.float32, "fp32"),
        (1 / 800, torch.float32, "fp32"),
        (1 / 600, torch.float32, "tf32"),
        (1 / 8, torch.float32, "tf32"),
        (1 / 3, torch.float32, "tf32"),
        (1 / 2.5, torch.float32, "bf16"),
        (1.0, torch.float32, "bf16"),
        (1 / 8, torch.float16, "fp16"),
        (1.0, torch.bfloat16, "bf16"),
    ],
)
def test_the_error_tells_which_precision_computed(roundings, dtype, label):
    error = roundings * 0.04
    output = (EXPECTED + error * NOISE).to(dtype)
    compared = accuracy.compare(output, reference(), "fp32")
    assert compared.actual_precision == label
    assert accuracy.is_acceptable(compared)
    assert compared.tolerance == pytest.approx(accuracy.ALLOWED[label] * compared.rounding)


def test_the_kernels_that_a_runtime_reports_tell_int8_but_not_for_an_error_of_fp32():
    kernels = {"int8": 20, "fp32": 2}
    compared = accuracy.compare(EXPECTED + 0.15 * NOISE, reference(), "int8", kernels)
    assert (compared.actual_precision, compared.tolerance) == ("int8", accuracy.INT8_ALLOWED)
    assert accuracy.compare(EXPECTED + 1e-6 * NOISE, reference(), "int8", kernels).actual_precision == "fp32"
    assert not accuracy.is_acceptable(accuracy.compare(EXPECTED + 0.6 * NOISE, reference(), "int8", kernels))


def test_no_network_is_so_sensitive_that_a_wrong_answer_passes():
    compared = accuracy.compare(EXPECTED.roll(1, 0), reference(rounding=0.9), "bf16")
    assert compared.tolerance == accuracy.LARGEST_ALLOWED
    assert not accuracy.is_acceptable(compared)


def test_an_infinite_output_is_not_acceptable():
    output = EXPECTED.clone()
    output[3, 5] = float("inf")
    compared = accuracy.compare(output, reference(), "fp16")
    assert (compared.error, compared.fault) == (None, "not_finite")
    assert not accuracy.is_acceptable(compared)
    assert say(inaccuracy(compared)) == "выход содержит бесконечность или NaN"
    assert str(inaccuracy(compared)) == "the output holds infinity or NaN"


def test_an_inexact_output_is_told_with_its_error():
    compared = accuracy.compare(EXPECTED.roll(1, 0), reference(), "fp32")
    assert compared.fault is None
    assert compared.error == pytest.approx(2**0.5, rel=0.05)
    assert str(inaccuracy(compared)).startswith("the output is inexact: its error is 14")


class Same(torch.nn.Module):
    """Answers to every image what it was made with, with the rounding errors of fp32."""

    def forward(self, images):
        return EXPECTED[:1] + 1e-8 * images.mean((1, 2, 3)).unsqueeze(1)


def test_a_network_that_answers_the_same_to_all_images_cannot_be_checked():
    images = draw_images(16, 8, 0, "check")
    against = references(Same(), images, torch.device("cpu"), 4)[0]
    assert against.is_constant
    compared = accuracy.compare(against.outputs, against, "fp32")
    assert (compared.fault, compared.error, compared.answered_classes) == ("same_answers", None, 1)
    assert not accuracy.is_acceptable(compared)
    assert "answers the same to all images" in str(inaccuracy(compared))
    assert not reference().is_constant


def test_a_zero_network_cannot_be_checked():
    zeros = torch.zeros(16, 10)
    compared = accuracy.compare(zeros, Reference(zeros, zeros, "made"), "fp32")
    assert compared.fault == "same_answers"


def test_an_output_that_hardly_depends_on_the_image_is_constant():
    mean = EXPECTED.mean(0)
    compared = accuracy.compare(mean + 1e-4 * (EXPECTED - mean), reference(), "fp32")
    assert compared.fault == "constant_output"
    assert str(inaccuracy(compared)) == "the output is the same for all images"


@pytest.mark.parametrize("classes", [10, 1000])
def test_four_bits_are_few_digits_however_few_classes_there_are(classes):
    against = reference(EXPECTED[:, :classes])
    output = against.outputs.to(torch.float8_e4m3fn).float()
    assert accuracy.compare(output, against, "bf16").fault == "few_digits"
    assert accuracy.compare(against.outputs.bfloat16(), against, "bf16").fault is None


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize(
    "outputs",
    [EXPECTED + 12, EXPECTED.relu(), (8 * EXPECTED).softmax(1)],
    ids=["far from zero", "half zeros", "shares"],
)
def test_an_honest_output_has_as_many_digits_as_its_type_holds_of_the_reference(precision, outputs):
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    against = reference(outputs)
    assert accuracy.compare(outputs.to(dtype), against, precision).fault is None
    scale = outputs.abs().amax(1, keepdim=True) / 448
    in_fp8 = (outputs / scale).to(torch.float8_e4m3fn).float() * scale
    assert accuracy.compare(in_fp8.to(dtype), against, precision).fault == "few_digits"


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match=r"output is \[16, 999\], the reference \[16, 1000\]"):
        accuracy.compare(EXPECTED[:, :999], reference(), "fp32")
