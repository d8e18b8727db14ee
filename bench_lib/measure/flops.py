"""How much work a case is: operations and bytes of one batch, counted from the model itself."""

from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from bench_lib.core.case import Case
from bench_lib.core.engine import data_type
from bench_lib.core.record import Work
from bench_lib.workload import onnx_file
from bench_lib.workload.network import Network

TILE = 4  # F(4×4, 3×3), the largest tile that cuDNN's Winograd algorithms are known to use


def count_work(case: Case, network: Network) -> Work | None:
    """Work of one batch of the case; None where it cannot be counted: for an ONNX file, or if the network fails there.

    One image goes through the network on PyTorch's meta device, where tensors have a shape and no data: nothing is
    computed, and a batch takes as many operations as its images together. A multiplication and an addition are two
    operations. Only those of convolutions and matrix products are counted: the rest (normalisation, activations,
    pooling) is far less, and runtimes fuse it away.
    """
    if not isinstance(network, nn.Module):
        return None
    try:
        return network_work(case, network)
    except Exception:  # a network of a person's own may do what the meta device cannot
        return None


def network_work(case: Case, network: nn.Module) -> Work:
    """Work of one batch of a PyTorch network."""
    tensors = {name: on_meta(tensor) for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    image = torch.empty(1, onnx_file.CHANNELS, case.image_size, case.image_size, device="meta")
    direct = FlopCounterMode(display=False)
    fast = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution: fast_convolution_flops})
    with torch.enable_grad(), direct, fast:
        output = torch.func.functional_call(network, tensors, image)
    weights = sum(weight.numel() for weight in weights_behind(output))
    itemsize = data_type(case.precision).itemsize
    return Work(
        flops=case.batch_size * direct.get_total_flops(),
        flops_least=case.batch_size * fast.get_total_flops(),
        bytes_least=weights * (1 if case.precision == "int8" else itemsize)
        + case.batch_size * (image.numel() + output.numel()) * itemsize,
    )


def on_meta(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape without data."""
    return torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)


def fast_convolution_flops(
    image: list[int], kernel: list[int], _bias: Any, stride: list[int], _padding: Any, _dilation: Any, transposed: bool,
    *_: Any, out_shape: list[int], **__: Any,
) -> int:  # fmt: skip
    """Operations of a convolution (shapes `[N, C, H, W]` and `[C out, C in, H, W]`) by Winograd's algorithm.

    With stride 1, a tile of m outputs along a side of a kernel of k takes m + k − 1 multiplications in place of m · k
    (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015): 4 times fewer for 3×3 and m = 4.
    Transforming the tiles is left out, so that no implementation does less.
    """
    direct = conv_flop_count(image, kernel, out_shape, transposed)
    if set(stride) != {1}:
        return direct
    sides = kernel[2:]
    return direct * prod(TILE + side - 1 for side in sides) // prod(TILE * side for side in sides)


def weights_behind(output: torch.Tensor) -> list[torch.Tensor]:
    """The kernels and matrices that the output was computed from: the leaves of its autograd graph.

    Parts of a network that serve training alone are not among them, nor are biases and normalisation, which can be
    folded into others.
    """
    seen, waiting = set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions if before]
    leaves = [node.variable for node in seen if hasattr(node, "variable")]
    return [leaf for leaf in leaves if leaf.dim() > 1]
