"""What an engine's answers are compared with: the outputs of a reference, and those of the same one in bf16."""

import copy
from dataclasses import dataclass
from functools import partial

import torch

from bench_lib.core.references import PYTORCH_FP32, PYTORCH_FP64
from bench_lib.workload.answers import as_tuple
from bench_lib.workload.images import LEAST, batches
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import OnnxFile
from bench_lib.workload.onnx_reference import open_reference, rounded_to_bf16

LEAST_ROUNDING = 2**-9  # the unit roundoff of bf16
SAME_BELOW = 1e-6  # answers that differ by a smaller share of their size are the same in fp32


@dataclass(frozen=True)
class Reference:
    """What an engine's answers are compared with: `outputs`, `[images, …]`, and how they were computed (`name`).

    `rounded` are the answers to the first images with weights and images rounded to bf16. `is_quantized` says that the
    network was quantized before it came here, so that the reference rounds as int8 does.
    """

    outputs: torch.Tensor
    rounded: torch.Tensor
    name: str
    is_quantized: bool = False

    @property
    def rounding(self) -> float:
        """The error that rounding to bf16 makes in this network."""
        expected = self.outputs[: len(self.rounded)]
        least = LEAST_ROUNDING * root_mean_square(expected) / spread(expected) if spread(expected) else 0.0
        return max(error_of(self.rounded, expected), least)

    @property
    def is_constant(self) -> bool:
        """Whether the network itself answers the same to all images, so that no output can be checked."""
        return spread(self.outputs) <= SAME_BELOW * root_mean_square(self.outputs)


def references(model: Network, images: torch.Tensor, device: torch.device, batch_size: int) -> list[Reference]:
    """The reference of each output for the images (`[images, 3, height, width]`), in batches of `batch_size`.

    The reference of an ONNX file is that of `open_reference`. The reference of a PyTorch network is computed by PyTorch
    in fp32 on a CPU, or in fp64 on a GPU, because TF32 must be distinguished from fp32 there. Raise `NoReference` for
    an ONNX file that nothing here evaluates.
    """
    few = images[:LEAST]
    few_size, is_quantized = min(batch_size, len(few)), False
    if isinstance(model, OnnxFile):
        few_size, is_quantized = model.fixed_batch or few_size, model.is_quantized
        name, compute = open_reference(model, torch.Size([batch_size, *images.shape[1:]]))
        _, compute_rounded = open_reference(rounded_to_bf16(model), torch.Size([few_size, *images.shape[1:]]))
    else:
        name, dtype = (PYTORCH_FP64, torch.float64) if device.type == "cuda" else (PYTORCH_FP32, torch.float32)
        compute = partial(run_network, copy.deepcopy(model).to(device, dtype))
        compute_rounded = partial(run_network, copy.deepcopy(model).bfloat16().to(device, dtype))
    with torch.inference_mode():
        outputs = joined([compute(batch) for batch in batches(images, batch_size)], len(images))
        rounded = joined([compute_rounded(batch.bfloat16().float()) for batch in batches(few, few_size)], len(few))
    return [Reference(*pair, name, is_quantized) for pair in zip(outputs, rounded, strict=True)]


def run_network(model: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The network's outputs on the host, computed on its own device and in its own data type."""
    placed = next(iter([*model.parameters(), *model.buffers()]), images)
    return tuple(output.cpu() for output in as_tuple(model(images.to(placed.device, placed.dtype))))


def joined(answers: list[tuple[torch.Tensor, ...]], count: int) -> tuple[torch.Tensor, ...]:
    """Each output of all batches put together, for the first `count` images."""
    return tuple(torch.cat(parts)[:count] for parts in zip(*answers, strict=True))


def root_mean_square(values: torch.Tensor) -> float:
    """The root mean square of all values."""
    return float(values.detach().double().square().mean().sqrt())


def spread(outputs: torch.Tensor) -> float:
    """How the answers to different images differ: the root mean square of the differences from the images' mean."""
    outputs = outputs.detach().cpu().double()
    return root_mean_square(outputs - outputs.mean(0))


def error_of(output: torch.Tensor, expected: torch.Tensor) -> float:
    """The root mean square of output − expected, both `[images, …]`, relative to the `spread` of the expected."""
    difference = root_mean_square(output.detach().cpu().double() - expected.cpu().double())
    return difference / spread(expected) if difference else 0.0
