"""How much work one batch of a case is: arithmetic operations and bytes, counted from the network itself.

What a runtime really executes is not known here; the counts do not depend on the machine.
"""

from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from bench_lib.core.case import Case
from bench_lib.core.engine import data_type
from bench_lib.core.record import Work
from bench_lib.workload import onnx_file
from bench_lib.workload.answers import as_tuple
from bench_lib.workload.network import Network

TILE = 4  # outputs along the side of a tile in F(4×4, 3×3), the largest that cuDNN's Winograd is known to use


def count_work(case: Case, network: Network) -> Work | None:
    """The work of one batch of the case; None for an ONNX file, and for a network that fails on the meta device.

    One image is passed through the network on PyTorch's meta device, where tensors have a shape but no data, so nothing
    is computed. A batch takes as many operations as its images together. A multiplication and an addition count as two
    operations. Only convolutions and matrix products are counted: the rest (normalisation, activations, pooling) is far
    less work, and runtimes fuse it into them.
    """
    if not isinstance(network, nn.Module):
        return None
    try:
        return network_work(case, network)
    except Exception:  # a user's own network may do things that the meta device cannot
        return None


def network_work(case: Case, network: nn.Module) -> Work:
    """The work of one batch of a PyTorch network, see `count_work`; raise whatever the network raises."""
    tensors = {name: on_meta(weights, weights.is_floating_point()) for name, weights in network.named_parameters()}
    tensors |= {name: on_meta(buffer, buffer.requires_grad) for name, buffer in network.named_buffers()}
    image = torch.empty(1, onnx_file.CHANNELS, case.image_size, case.image_size, device="meta")
    direct = FlopCounterMode(display=False)
    fast = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution: fast_convolution_flops})
    with torch.enable_grad(), direct, fast:
        outputs = as_tuple(torch.func.functional_call(network, tensors, image))
    item_bytes = data_type(case.precision).itemsize
    weight_bytes = 1 if case.precision == "int8" else item_bytes
    weight_count = sum(weight.numel() for weight in weights_behind(outputs))
    input_and_output_count = case.batch_size * (image.numel() + sum(output.numel() for output in outputs))
    return Work(
        flops=case.batch_size * direct.get_total_flops(),
        flops_least=case.batch_size * fast.get_total_flops(),
        bytes_least=weight_count * weight_bytes + input_and_output_count * item_bytes,
    )


def on_meta(tensor: torch.Tensor, with_gradient: bool) -> torch.Tensor:
    """A tensor of the same shape on the meta device, that is, without data; weights are found by their gradient."""
    return torch.empty_like(tensor, device="meta", requires_grad=with_gradient)


def fast_convolution_flops(
    image: list[int], kernel: list[int], _bias: Any, stride: list[int], _padding: Any, _dilation: Any, transposed: bool,
    *_: Any, out_shape: list[int], **__: Any,
) -> int:  # fmt: skip
    """The operations of a convolution by Winograd's algorithm; shapes are `[N, C, H, W]` and `[C out, C in, H, W]`.

    With stride 1 and a kernel of size k along a side, m outputs take m + k − 1 multiplications instead of m · k (Lavin
    and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015); for a 3×3 kernel and m = 4 this is 4 times
    fewer. The transformation of the tiles is not counted, so the result is a lower bound for every implementation. With
    other strides, the result is the number of operations of a direct convolution.
    """
    direct = conv_flop_count(image, kernel, out_shape, transposed)
    if set(stride) != {1}:
        return direct
    sides = kernel[2:]
    return direct * prod(TILE + side - 1 for side in sides) // prod(TILE * side for side in sides)


def weights_behind(outputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """The kernels and matrices that the outputs were computed from: the leaves of their autograd graph.

    Parts of the network that only training uses are not among them. Tensors with one dimension (biases, normalisation)
    are left out, because they can be folded into other weights.
    """
    visited, waiting = set(), [output.grad_fn for output in outputs if output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node not in visited:
            visited.add(node)
            waiting += [input_node for input_node, _ in node.next_functions if input_node]
    leaves = [node.variable for node in visited if hasattr(node, "variable")]
    return [leaf for leaf in leaves if leaf.dim() > 1]
