"""Post-training quantization to int8 for TensorRT, by NVIDIA's ModelOpt.

The result is an exported program with an explicit operation wherever a value is rounded to int8.
"""

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
QUANTIZE = "tensorrt.quantize_op.default"  # ModelOpt's operation, which Torch-TensorRT converts to TensorRT's own
PRODUCTS = ("aten.conv2d.", "aten.convolution.", "aten.linear.", "aten.addmm.", "aten.mm.", "aten.matmul.")
MOVES = ("aten.view.", "aten.reshape.", "aten.permute.", "aten.t.", "aten.transpose.")
RTX_SINCE = (1, 4)  # the first version of TensorRT-RTX that takes int8 activations, see `lift_guard`

Unquantized = Literal["fp32", "fp16"]


def check_modelopt() -> None:
    """Raise `Unavailable` if ModelOpt is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import modelopt.torch.quantization  # noqa: F401
    except ImportError as error:
        raise Unavailable("modelopt_not_installed", error=str(error), command=COMMAND) from None


def check_rtx(version: str) -> None:
    """Raise `Unavailable` if this version of TensorRT-RTX, such as `1.4.0.76`, takes only weights in int8."""
    if tuple(map(int, version.split(".")[:2])) < RTX_SINCE:
        raise Unavailable("rtx_lacks_int8", version=version)


def lift_guard() -> None:
    """Remove the check in Torch-TensorRT that refuses int8 activations for TensorRT-RTX, if this version has it.

    Versions up to 2.11 refuse them, because TensorRT-RTX could not compute them before 1.4. Torch-TensorRT's pull
    request 4156 removed the check.
    """
    from torch_tensorrt.dynamo.conversion.impl import quantize

    if hasattr(quantize, "validate_int8_activation_quantization"):
        quantize.validate_int8_activation_quantization = lambda *_: None


def rounded(values: torch.Tensor, largest: torch.Tensor, bits: int, _unsigned: bool, _narrow: bool) -> torch.Tensor:
    """The values rounded to multiples of `largest` / (2^(bits - 1) - 1), as ModelOpt's CUDA extension computes them."""
    largest_integer = 2 ** (bits - 1) - 1
    step = largest / largest_integer
    return (values / step).round().clamp(-largest_integer, largest_integer) * step


def rounded_by_axis(values: torch.Tensor, largest: torch.Tensor, axis: int, *how: int) -> torch.Tensor:
    """Round as `rounded` does, where `largest` has one value for each index of `axis`."""
    shape = [-1 if number == axis else 1 for number in range(values.dim())]
    return rounded(values, largest.reshape(shape), *how)


def without_compiler() -> None:
    """Make ModelOpt round with PyTorch's own operations instead of compiling a CUDA extension, which takes a minute.

    The rounding is computed only during the build: Torch-TensorRT evaluates the rounding of each constant once, in
    order to fold it, and only then finds that it must keep the operation.
    """
    from modelopt.torch.quantization import extensions

    extensions.get_cuda_ext.extension = SimpleNamespace(
        fake_tensor_quant=rounded, fake_tensor_quant_with_axis=rounded_by_axis
    )


def not_built(tensorrt: str, gpu: str) -> Unavailable:
    """The error for a network from which TensorRT builds no engine.

    TensorRT-RTX 1.4 on an H100, for example, logs that it has convolutions in fp32, fp16, bf16 and fp8.
    """
    return Unavailable("tensorrt_builds_nothing", version=tensorrt, gpu=gpu)


def quantize_model(model: nn.Module, batches: Iterable[torch.Tensor]) -> nn.Module:
    """A copy of the model on the CPU, with BatchNorm folded, that rounds the input and weights of each layer to int8.

    ModelOpt's default for int8 makes both signed, with one scale for activations and one for each output channel of
    weights. The range of an activation is its largest absolute value over `batches`. The copy runs as ModelOpt's
    simulation of int8. Raise whatever `torch.fx` raises for a network that it cannot trace.
    """
    from modelopt.torch import quantization

    def calibrate(network: nn.Module) -> None:
        for batch in batches:
            network(batch)

    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):  # it prints how many layers it changed
        return quantization.quantize(rewrites.fold_batch_norm(model), quantization.INT8_DEFAULT_CFG, calibrate)


class Rounding(nn.Module):
    """The operation that TensorRT converts to int8 rounding; it can be exported on any device, but not run.

    `largest` holds the largest absolute value of the whole tensor, or one for each output channel.
    """

    def __init__(self, largest: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("largest", largest.detach().clone())

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The values rounded to 255 levels between minus and plus the largest value."""
        return torch.ops.tensorrt.quantize_op(values, self.largest, 8, 0, False, False)


class CastAround(nn.Module):
    """A network that computes in `dtype`, while its input and output are float32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network.to(dtype), dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The network's output in float32, `[batch_size, classes]`."""
        return self.network(images.to(self.dtype)).float()


def export_quantized(
    network: nn.Module, images: torch.Tensor, unquantized: Unquantized
) -> torch.export.ExportedProgram:
    """Export a network from `quantize_model` for the shape and device of `images`.

    What is not int8 computes in the precision `unquantized`. Each value is rounded only once, see `share`.
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
    """Let every reader of a value, above all the addition of a residual, read the value rounded for the first layer.

    NVIDIA's guide to quantized types advises this: the value then need not be stored in a larger type as well.
    """
    steps: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        if not is_step(node):
            continue
        value, largest = node.args[0], unwrapped(node.args[1])
        if value.op == "placeholder":  # weights or the images: nothing else reads them
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
    """The buffer itself, without the `detach` operations that the export puts around it."""
    while node.op == "call_function" and "detach" in str(node.target):
        node = node.args[0]
    return node


def count_kernels(graph: fx.Graph, unquantized: Unquantized) -> dict[str, int]:
    """Count the program's convolutions and matrix products by precision: `int8`, or else `unquantized`.

    The network is strongly typed, so TensorRT may not choose another type for them.
    """
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op == "call_function" and str(node.target).startswith(PRODUCTS):
            rounded_inputs = [value for value in node.all_input_nodes if reads_step(value)]
            counts["int8" if len(rounded_inputs) >= 2 else unquantized] += 1
    return dict(counts)


def reads_step(node: fx.Node) -> bool:
    """Whether the value is a rounded one, possibly reshaped or transposed."""
    while node.op == "call_function" and str(node.target).startswith(MOVES):
        node = node.args[0]
    return is_step(node)
