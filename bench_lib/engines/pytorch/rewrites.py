"""Rewrites that make a network faster and do not change what it computes.

- `fold_batch_norm`: BatchNorm becomes part of the convolution before it.
- `first_convolution`: the first convolution gets more input channels, which suit tensor cores.
- `fuse_conv_relu`: a convolution, an addition and a ReLU become one cuDNN kernel, `conv_relu`, registered as an
  operation that `torch.compile` knows.
"""

import copy
import operator
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.experimental import optimization

from bench_lib.core.engine import Unavailable

ONE = [1, 1]


@torch.library.custom_op("bench::conv_relu", mutates_args=())
def conv_relu(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, added: torch.Tensor | None,
    stride: list[int], padding: list[int],
) -> torch.Tensor:  # fmt: skip
    """Convolve `images` (`[N, C, H, W]`) with `weight` (`[C out, C, H, W]`), add `added` if given, and apply ReLU.

    On a GPU this is one cuDNN kernel, on a CPU separate operations. Raise `ValueError` if the shape of `added` is not
    that of the convolution's output.
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


CONV_RELU = torch.ops.bench.conv_relu.default  # the operation in the form that a torch.fx graph calls

FirstConv = Literal["pad4", "pad8", "space_to_depth"]
TENSOR_CORES = 8  # in fp16, tensor cores work on multiples of 8 channels


def fold_batch_norm(model: nn.Module) -> fx.GraphModule:
    """Fold the scale and shift of each BatchNorm that follows a convolution into the convolution's weights and bias.

    Raise whatever `torch.fx` raises for a network that it cannot trace.
    """
    return optimization.fuse(model)


def first_convolution(model: nn.Module, images: torch.Tensor, how: FirstConv) -> tuple[nn.Module, torch.Tensor]:
    """Give the first convolution more input channels than three, for which tensor cores have no good kernels.

    `pad4` and `pad8` add channels of zeros, up to a multiple of 4 or 8. `space_to_depth` is for a stride of s: it moves
    each block of s×s pixels into 3·s² channels, adds channels of zeros up to a multiple of 8, and thereby makes the
    stride 1, as MLPerf's ResNet does.

    `images` are `[batch, 3, height, width]`. Return a changed copy of the network, and the images in the form that it
    takes. Raise `Unavailable` if the network does not begin with one ordinary convolution.
    """
    model = copy.deepcopy(model)
    name, layer = first_of(model, images.shape[1])
    new, images = widened(layer, images, how)
    model.set_submodule(name, new)
    return model, images


def arranged_images(model: nn.Module, images: torch.Tensor, how: FirstConv | None) -> torch.Tensor:
    """The images in the form that `first_convolution` gives them for this (unchanged) model; unchanged for None."""
    if how is None:
        return images
    _, layer = first_of(model, images.shape[1])
    return widened(layer, images, how)[1]


def widened(layer: nn.Conv2d, images: torch.Tensor, how: FirstConv) -> tuple[nn.Conv2d, torch.Tensor]:
    """The convolution with more input channels, and the images in the form that it takes."""
    if how == "space_to_depth":
        layer, images = space_to_depth(layer, images)
        multiple = TENSOR_CORES
    else:
        multiple = int(how.removeprefix("pad"))
    missing_channels = -layer.in_channels % multiple  # up to the next multiple
    padding = (0, 0, 0, 0, 0, missing_channels)  # for F.pad: before and after the width, the height and the channels
    return convolution(F.pad(layer.weight.data, padding), layer), F.pad(images, padding)


def first_of(model: nn.Module, channels: int) -> tuple[str, nn.Conv2d]:
    """The name of the one convolution that has `channels` input channels, and that convolution.

    Raise `Unavailable` if there is none or more than one, or if it is not `is_plain`.
    """
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)]
    first = [(name, layer) for name, layer in layers if layer.in_channels == channels]
    if len(first) != 1 or not is_plain(first[0][1]):
        raise Unavailable("first_conv_cannot_change")
    return first[0]


def is_plain(layer: nn.Conv2d) -> bool:
    """Whether a convolution has one group, no dilation, and padding with zeros of a size that is given in numbers."""
    pads_with_zeros = isinstance(layer.padding, tuple) and layer.padding_mode == "zeros"
    return layer.groups == 1 and set(layer.dilation) == {1} and pads_with_zeros


def convolution(weight: torch.Tensor, like: nn.Conv2d) -> nn.Conv2d:
    """A convolution with this weight (`[C out, C in, H, W]`) and with the stride, padding and bias of `like`."""
    new = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], like.stride, like.padding, bias=False)
    new.weight, new.bias = nn.Parameter(weight, requires_grad=False), like.bias
    return new.train(like.training)


def space_to_depth(layer: nn.Conv2d, images: torch.Tensor) -> tuple[nn.Conv2d, torch.Tensor]:
    """Turn a convolution with stride s into one with stride 1 over blocks of s×s pixels.

    Return the new convolution, and the images padded and cut into such blocks. Along one side, output y of a kernel of
    size k with padding p reads the pixels s·y − p … s·y − p + k − 1. With −p mod s zeros added before the kernel, it
    begins at the edge of a block; with zeros added after it, it ends at one. Raise `Unavailable` if the two strides
    differ or are 1.
    """
    s = layer.stride[0]
    if layer.stride != (s, s) or s == 1:
        raise Unavailable("space_to_depth_needs_stride")
    kernel_pads, image_pads = [], []
    for axis in (1, 0):  # F.pad takes the padding of the last axis first: the width, then the height
        side, k, p = images.shape[2 + axis], layer.kernel_size[axis], layer.padding[axis]
        before = -p % s
        behind = -(before + k) % s
        blocks = (side + 2 * p - k) // s + (before + k + behind) // s
        kernel_pads += [before, behind]
        image_pads += [p + before, s * blocks - side - p - before]
    new = copy.deepcopy(layer)
    new.in_channels, new.stride, new.padding = layer.in_channels * s * s, (1, 1), (0, 0)
    new.weight = nn.Parameter(F.pixel_unshuffle(F.pad(layer.weight.data, kernel_pads), s), requires_grad=False)
    return new, F.pixel_unshuffle(F.pad(images, image_pads), s)


def fuse_conv_relu(model: nn.Module) -> fx.GraphModule:
    """Fold BatchNorm, then replace each convolution and the addition and ReLU that follow it by one `conv_relu`.

    If the other summand is also the output of a convolution, the bias of that convolution moves into the fused one.
    Convolutions whose input channels are not a multiple of 8 stay as they are: cuDNN's fused kernels are slow for them
    (pytorch#68506).
    """
    traced = fold_batch_norm(model)
    modules = dict(traced.named_modules())

    def layer_of(node: fx.Node | None) -> nn.Module | None:
        return modules.get(node.target) if node and node.op == "call_module" else None

    def is_convolution(node: fx.Node | None) -> bool:
        layer = layer_of(node)
        return isinstance(layer, nn.Conv2d) and len(node.users) == 1 and is_plain(layer)

    def is_relu(node: fx.Node) -> bool:
        return isinstance(layer_of(node), nn.ReLU) or node.target in (F.relu, torch.relu)

    for relu in filter(is_relu, list(traced.graph.nodes)):
        main, added = operands(relu.args[0], is_convolution)
        if is_convolution(main) and layer_of(main).in_channels % TENSOR_CORES == 0:
            if is_convolution(added):
                move_bias(layer_of(added), layer_of(main))
            replace(relu, main, added, layer_of(main))
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def operands(node: fx.Node, is_convolution: Callable[[fx.Node], bool]) -> tuple[fx.Node | None, fx.Node | None]:
    """The two summands of `node`, the input of a ReLU, if it is a sum that only the ReLU reads.

    The first is a convolution, or None if neither summand is one; the second is the other summand. If `node` is not
    such a sum, return the node itself and None.
    """
    nodes = [operand for operand in node.args if isinstance(operand, fx.Node)]
    if node.target not in (operator.add, operator.iadd, torch.add) or len(node.users) > 1 or len(nodes) < 2:
        return node, None
    main = next(filter(is_convolution, nodes), None)
    return main, next((operand for operand in nodes if operand is not main), None)


def move_bias(source: nn.Conv2d, target: nn.Conv2d) -> None:
    """Move the bias of one convolution into that of another; the sum of their outputs stays the same."""
    if source.bias is not None:
        total = source.bias if target.bias is None else source.bias + target.bias
        source.bias, target.bias = None, nn.Parameter(total.detach(), requires_grad=False)


def replace(relu: fx.Node, main: fx.Node, added: fx.Node | None, layer: nn.Conv2d) -> None:
    """Replace the node `relu` by one `conv_relu` of the convolution `main` (its module is `layer`) plus `added`.

    Nodes that only the ReLU used stay in the graph, unused.
    """
    graph = relu.graph
    with graph.inserting_before(relu):
        weight = graph.get_attr(f"{main.target}.weight")
        bias = None if layer.bias is None else graph.get_attr(f"{main.target}.bias")
        arguments = (main.args[0], weight, bias, added, list(layer.stride), list(layer.padding))
        fused = graph.call_function(CONV_RELU, arguments)
    relu.replace_all_uses_with(fused)
    graph.erase_node(relu)
