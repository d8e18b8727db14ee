"""Post-training quantization to int8 for TensorRT, by NVIDIA's ModelOpt: a graph with a step for each rounding."""

import contextlib
import copy
import io
import warnings
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Literal

import torch
from torch import fx, nn

from bench_lib.core.engine import Unavailable
from bench_lib.engines.pytorch import rewrites

COMMAND = "pip install -c constraints.txt nvidia-modelopt"
QUANTIZATION = {"activations": "s8", "weights": "s8", "per_channel": True}
QUANTIZE = "tensorrt.quantize_op.default"  # ModelOpt's, which Torch-TensorRT turns into TensorRT's own steps
PRODUCTS = ("aten.conv2d.", "aten.convolution.", "aten.linear.", "aten.addmm.", "aten.mm.", "aten.matmul.")
MOVES = ("aten.view.", "aten.reshape.", "aten.permute.", "aten.t.", "aten.transpose.")
RTX_SINCE = (1, 4)  # the first TensorRT-RTX that takes activations in int8, see `lift_guard`

Unquantized = Literal["fp32", "fp16"]


def check_modelopt() -> None:
    """Raise `Unavailable` without ModelOpt."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import modelopt.torch.quantization  # noqa: F401
    except ImportError as error:
        raise Unavailable("modelopt_not_installed", error=str(error), command=COMMAND) from None


def check_rtx(version: str) -> None:
    """Raise `Unavailable` with a TensorRT-RTX that takes weights alone in int8."""
    if tuple(map(int, version.split(".")[:2])) < RTX_SINCE:
        raise Unavailable("rtx_lacks_int8", version=version)


def lift_guard() -> None:
    """Let Torch-TensorRT convert int8 activations for TensorRT-RTX, if it is a version that still refuses to.

    Up to 2.11 it refuses, because TensorRT-RTX could not do it before 1.4; its pull request 4156 removed the refusal.
    """
    from torch_tensorrt.dynamo.conversion.impl import quantize

    if hasattr(quantize, "validate_int8_activation_quantization"):
        quantize.validate_int8_activation_quantization = lambda *_: None


def rounded(values: torch.Tensor, largest: torch.Tensor, bits: int, _unsigned: bool, _narrow: bool) -> torch.Tensor:
    """What ModelOpt's CUDA extension computes: the values rounded to steps of the largest over 2^(bits - 1) - 1."""
    most = 2 ** (bits - 1) - 1
    step = largest / most
    return (values / step).round().clamp(-most, most) * step


def rounded_by_axis(values: torch.Tensor, largest: torch.Tensor, axis: int, *how: int) -> torch.Tensor:
    """As `rounded`, with a largest value for each index of an axis."""
    shape = [-1 if number == axis else 1 for number in range(values.dim())]
    return rounded(values, largest.reshape(shape), *how)


def without_compiler() -> None:
    """Let ModelOpt round in PyTorch's own operations, where it would compile a CUDA extension first, for a minute.

    Torch-TensorRT computes each constant's step once, to fold it, and only then finds that it must keep it.
    """
    from modelopt.torch.quantization import extensions

    extensions.get_cuda_ext.extension = SimpleNamespace(
        fake_tensor_quant=rounded, fake_tensor_quant_with_axis=rounded_by_axis
    )


def not_built(tensorrt: str, gpu: str) -> Unavailable:
    """Why TensorRT built nothing; TensorRT-RTX 1.4 on an H100 logs that it convolves in fp32, fp16, bf16 and fp8."""
    return Unavailable("tensorrt_builds_nothing", version=tensorrt, gpu=gpu)


def quantize_model(model: nn.Module, batches: Iterable[torch.Tensor]) -> nn.Module:
    """A copy of the model, BatchNorm folded, that rounds the input and the weights of each layer to int8; on the CPU.

    By ModelOpt's default for int8, both are signed, with one scale for activations and one for each output channel of
    weights. Ranges of activations are the largest absolute values over `batches`. It runs as ModelOpt's simulation.
    Raise what `torch.fx` raises for a network that it cannot trace.
    """
    from modelopt.torch import quantization

    def calibrate(network: nn.Module) -> None:
        for batch in batches:
            network(batch)

    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):  # it prints how many layers it changed
        return quantization.quantize(rewrites.fold_batch_norm(model), quantization.INT8_DEFAULT_CFG, calibrate)


class Rounding(nn.Module):
    """What TensorRT makes an int8 step of; it can be exported, on any device, and not run."""

    def __init__(self, largest: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("largest", largest.detach().clone())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The values rounded to 255 steps between minus and plus the largest."""
        return torch.ops.tensorrt.quantize_op(values, self.largest, 8, 0, False, False)


class CastAround(nn.Module):
    """A network computing in another data type than its input and output, which are float32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network.to(dtype), dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The network's answer, `[batch_size, classes]`."""
        return self.network(images.to(self.dtype)).float()


def export_quantized(
    network: nn.Module, images: torch.Tensor, unquantized: Unquantized
) -> torch.export.ExportedProgram:
    """The program of a `quantized` network for the images' shape and device; what is not int8 computes as told.

    Each value is rounded once, and all that read it read the rounded one (see `share`).
    """
    from modelopt.torch.quantization.nn import TensorQuantizer

    network = copy.deepcopy(network)
    for name, module in list(network.named_modules()):
        if isinstance(module, TensorQuantizer) and module.is_enabled:
            network.set_submodule(name, Rounding(module.amax))
    placed = network if unquantized == "fp32" else CastAround(network, torch.float16)
    with torch.no_grad():
        program = torch.export.export(placed.eval().to(images.device), (images,)).run_decompositions({})
    share(program.graph)
    program.graph_module.recompile()
    return program


def share(graph: fx.Graph) -> None:
    """Let all that read a value read it as rounded for the first layer, above all the additions of residuals.

    NVIDIA's guide to quantized types advises so: the value need not be kept in a larger type as well.
    """
    steps: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        if not is_step(node):
            continue
        value, largest = node.args[0], unwrapped(node.args[1])
        if value.op == "placeholder":  # weights, or the images, which nothing else reads
            continue
        if value in steps:
            node.replace_all_uses_with(steps[value])
            graph.erase_node(node)
            continue
        steps[value] = node
        node.args = (value, largest, *node.args[2:])
        value.append(node)
        value.replace_all_uses_with(node, delete_user_cb=lambda user, own=node: user is not own and not is_step(user))
    graph.eliminate_dead_code()


def is_step(node: fx.Node) -> bool:
    """Whether the node rounds to int8."""
    return str(node.target) == QUANTIZE


def unwrapped(node: fx.Node) -> fx.Node:
    """The buffer behind what export puts around it."""
    while node.op == "call_function" and "detach" in str(node.target):
        node = node.args[0]
    return node


def count_kernels(graph: fx.Graph, unquantized: Unquantized) -> dict[str, int]:
    """How many convolutions and matrix products of the program take int8, and how many do not.

    TensorRT's typing is strong, so it may not choose another type for them.
    """
    kinds: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "call_function" and str(node.target).startswith(PRODUCTS):
            kinds["int8" if sum(map(reads_step, node.all_input_nodes)) >= 2 else unquantized] += 1
    return dict(kinds)


def reads_step(node: fx.Node) -> bool:
    """Whether the value is a rounded one, be it in another shape."""
    while node.op == "call_function" and str(node.target).startswith(MOVES):
        node = node.args[0]
    return is_step(node)
