"""A convolution, an addition and a ReLU in one kernel of cuDNN, as an operation that `torch.compile` knows."""

import torch
import torch.nn.functional as F

ONE = [1, 1]


@torch.library.custom_op("bench::conv_relu", mutates_args=())
def conv_relu(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, added: torch.Tensor | None,
    stride: list[int], padding: list[int],
) -> torch.Tensor:  # fmt: skip
    """ReLU of a convolution of `images` (`[N, C, H, W]`) by `weight` (`[C out, C, H, W]`), plus `added` if given.

    On a CPU it is computed by steps. Raise `ValueError` if `added` has another shape than the convolution.
    """
    if not images.is_cuda:
        return _by_steps(images, weight, bias, added, stride, padding)
    if added is None:
        return torch.cudnn_convolution_relu(images, weight, bias, stride, padding, ONE, 1)
    return torch.cudnn_convolution_add_relu(images, weight, added, 1.0, bias, stride, padding, ONE, 1)


@conv_relu.register_fake
def _by_steps(images, weight, bias, added, stride, padding):
    output = F.conv2d(images, weight, bias, stride, padding)
    if added is not None:
        if added.shape != output.shape:
            raise ValueError(f"a convolution of {list(output.shape)} cannot be fused with {list(added.shape)}")
        output = output + added
    return F.relu(output)


CONV_RELU = torch.ops.bench.conv_relu.default  # what a graph of torch.fx calls
