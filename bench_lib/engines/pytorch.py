"""PyTorch itself, eager: the baseline that the speedup is counted from."""

import copy

import torch
from torch import nn

from bench_lib.engines import check_precision, device, dtype

IMPORTS = ("torch",)


def check(precision: str) -> None:
    """Raise `Unavailable` where this machine has no such arithmetic."""
    check_precision(precision)


def allow_tf32(allowed: bool) -> None:
    """Switch TF32 for convolutions and matrix products, both: by default PyTorch computes convolutions in TF32."""
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


class PyTorchEngine:
    """An eager module and its input on the device."""

    def __init__(self, model: nn.Module, images: torch.Tensor) -> None:
        self._model, self._images = model, images
        self._output = torch.empty(0)
        self.ran = {
            "device": str(images.device),
            "dtype": str(images.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "tf32_allowed": torch.backends.cudnn.allow_tf32 if images.is_cuda else False,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "channels_last": images.is_contiguous(memory_format=torch.channels_last),
        }

    @torch.inference_mode()
    def run(self) -> None:
        """Send one batch; on a GPU this returns before it is done."""
        self._output = self._model(self._images)

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU is done when `run` returns."""
        if self._images.is_cuda:
            torch.cuda.synchronize()

    def output(self) -> torch.Tensor:
        """The last output, `[batch_size, classes]`."""
        return self._output


def build(
    model: nn.Module,
    images: torch.Tensor,
    precision: str,
    *,
    channels_last: bool = False,
    cudnn_benchmark: bool = False,
) -> PyTorchEngine:
    """Put a copy of the model on the device in the precision asked for.

    `channels_last` keeps tensors as NHWC; `cudnn_benchmark` lets cuDNN choose kernels by timing them.
    """
    allow_tf32(precision == "tf32")
    torch.backends.cudnn.benchmark = cudnn_benchmark
    layout = torch.channels_last if channels_last else torch.contiguous_format
    placed = copy.deepcopy(model).to(device(), dtype(precision), memory_format=layout)
    return PyTorchEngine(placed, images.to(device(), dtype(precision), memory_format=layout))
