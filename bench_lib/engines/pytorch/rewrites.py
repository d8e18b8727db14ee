"""A convolution, an addition and a ReLU in one kernel of cuDNN, as an operation that `torch.compile` knows."""

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

FirstConv = Literal["pad4", "pad8", "space_to_depth"]
TENSOR_CORES = 8  # channels of fp16 that a tensor core's operand is a multiple of


def fold_batch_norm(model: nn.Module) -> fx.GraphModule:
    """Put the scale and the shift of each BatchNorm that follows a convolution into its weights and bias.

    Raise what `torch.fx` raises for a network that it cannot trace.
    """
    return optimization.fuse(model)


def first_convolution(model: nn.Module, images: torch.Tensor, how: FirstConv) -> tuple[nn.Module, torch.Tensor]:
    """Give the first convolution more channels than the images' three, for which tensor cores have no good kernels.

    `pad4` and `pad8` add channels of zeros. `space_to_depth` puts the s×s pixels that a stride of s steps over into
    channels, 3·s² of them and zeros up to a multiple of 8, so that the stride becomes 1 (as MLPerf's ResNet does). The
    images (`[batch, 3, height, width]`) are returned as that network takes them. Raise `Unavailable` for another
    network than one that begins with an ordinary convolution.
    """
    model = copy.deepcopy(model)
    name, layer = first_of(model, images.shape[1])
    new, images = widened(layer, images, how)
    model.set_submodule(name, new)
    return model, images


def arranged_images(model: nn.Module, images: torch.Tensor, how: FirstConv | None) -> torch.Tensor:
    """The images as the model with that first convolution takes them; as they are, where it is None."""
    return widened(first_of(model, images.shape[1])[1], images, how)[1] if how else images


def widened(layer: nn.Conv2d, images: torch.Tensor, how: FirstConv) -> tuple[nn.Conv2d, torch.Tensor]:
    """The convolution with more channels, and the images as it takes them."""
    new, images = space_to_depth(layer, images) if how == "space_to_depth" else (layer, images)
    multiple = TENSOR_CORES if how == "space_to_depth" else int(how.removeprefix("pad"))
    more = (0, 0, 0, 0, 0, -new.in_channels % multiple)
    return convolution(F.pad(new.weight.data, more), new), F.pad(images, more)


def first_of(model: nn.Module, channels: int) -> tuple[str, nn.Conv2d]:
    """The one convolution that takes the images' channels, and its name."""
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)]
    first = [(name, layer) for name, layer in layers if layer.in_channels == channels]
    if len(first) != 1 or not is_plain(first[0][1]):
        raise Unavailable("first_conv_cannot_change")
    return first[0]


def is_plain(layer: nn.Conv2d) -> bool:
    """Whether a convolution has no groups, dilation or padding by anything but zeros."""
    given = isinstance(layer.padding, tuple) and layer.padding_mode == "zeros"
    return layer.groups == 1 and set(layer.dilation) == {1} and given


def convolution(weight: torch.Tensor, like: nn.Conv2d) -> nn.Conv2d:
    """A convolution by this weight, in all else like another."""
    new = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], like.stride, like.padding, bias=False)
    new.weight, new.bias = nn.Parameter(weight, requires_grad=False), like.bias
    return new.train(like.training)


def space_to_depth(layer: nn.Conv2d, images: torch.Tensor) -> tuple[nn.Conv2d, torch.Tensor]:
    """The convolution with a stride of 1 over blocks of s×s pixels, and the images padded and cut into such blocks.

    Along a side, output y of a kernel of k and padding p reads pixels s·y − p … s·y − p + k − 1. With −p mod s zeros
    before the kernel it begins at a whole block, and with some behind it, it takes whole blocks.
    """
    s = layer.stride[0]
    if layer.stride != (s, s) or s == 1:
        raise Unavailable("space_to_depth_needs_stride")
    kernel_pads, image_pads = [], []
    for side, k, p in zip(images.shape[:1:-1], layer.kernel_size[::-1], layer.padding[::-1], strict=True):
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
    """Fold BatchNorm, then make one step of each convolution with the addition and the ReLU that follow it.

    Where a convolution is what is added, its bias goes into the other's. Convolutions whose channels are no multiple of
    8 are left: cuDNN's fused kernels are slow there (pytorch#68506).
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
    """What goes into a ReLU: a convolution and what is added to it, or the node itself and nothing."""
    nodes = [operand for operand in node.args if isinstance(operand, fx.Node)]
    if node.target not in (operator.add, operator.iadd, torch.add) or len(node.users) > 1 or len(nodes) < 2:
        return node, None
    main = next(filter(is_convolution, nodes), None)
    return main, next((operand for operand in nodes if operand is not main), None)


def move_bias(source: nn.Conv2d, target: nn.Conv2d) -> None:
    """Add the bias of one convolution to that of another whose output is added to its own."""
    if source.bias is not None:
        total = source.bias if target.bias is None else source.bias + target.bias
        source.bias, target.bias = None, nn.Parameter(total.detach(), requires_grad=False)


def replace(relu: fx.Node, main: fx.Node, added: fx.Node | None, layer: nn.Conv2d) -> None:
    """Put one step in place of a ReLU; what was computed for it alone is left without a use."""
    graph = relu.graph
    with graph.inserting_before(relu):
        weight = graph.get_attr(f"{main.target}.weight")
        bias = None if layer.bias is None else graph.get_attr(f"{main.target}.bias")
        given = (main.args[0], weight, bias, added, list(layer.stride), list(layer.padding))
        step = graph.call_function(CONV_RELU, given)
    relu.replace_all_uses_with(step)
    graph.erase_node(relu)
