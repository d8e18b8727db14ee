"""PyTorch itself: eager, the baseline that the speedup is counted from; with options, the ways to make it faster.

`channels_last` keeps tensors as NHWC; `cudnn_benchmark` lets cuDNN choose kernels by timing them; `fold_batch_norm`,
`first_conv` and `fuse_conv_relu` (a GPU's) are in `rewrites.py`; `compile` is a mode of `torch.compile`, with
`freezing` and other settings of `inductor`, see `compile.py`; `cuda_graph` (a GPU's) records one pass, `graph_parts`
and `graph_streams` cut it, see `cuda_graph.py`. For int8 the model is quantized after training, see `quantize.py`, and
always compiled, with freezing.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from bench_lib.core.engine import Unavailable, check_precision, compute_device, data_type
from bench_lib.core.errors import InputError
from bench_lib.engines.pytorch import rewrites
from bench_lib.engines.pytorch.compile import (
    RECORDS_GRAPHS,
    Mode,
    cold_caches,
    compile_lazily,
    read_settings,
    run_first_calls,
)
from bench_lib.engines.pytorch.cuda_graph import capture_graph, cut_batch
from bench_lib.engines.pytorch.quantize import QUANTIZATION, check_torchao, count_kernels, quantize_pt2e
from bench_lib.engines.shared.calibration import calibration_batches, calibration_count, calibration_kind

IMPORTS = ("torch",)
Count = Annotated[int, Field(ge=1, le=1024)]


def check_support(precision: str) -> None:
    """Raise `Unavailable` where this machine or this engine has no such arithmetic, or lacks torchao for int8."""
    check_precision(precision)
    if precision == "int8":
        check_torchao()


def choose_arithmetic(tf32: bool, cudnn_benchmark: bool) -> None:
    """Switch TF32 for convolutions and matrix products, both, and whether cuDNN chooses kernels by timing them.

    By default PyTorch computes convolutions in TF32.
    """
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = cudnn_benchmark


class PyTorchEngine:
    """A pass over one batch, `call`, and its input on the device, as `arranged` makes it from images."""

    def __init__(
        self, call: Callable[[], torch.Tensor], images: torch.Tensor, ran: dict,
        arranged: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:  # fmt: skip
        self._call, self._images, self._arranged = call, images, arranged
        self._output = torch.empty(0)
        self.ran = ran

    @torch.inference_mode()
    def run(self) -> None:
        """Send one batch; on a GPU this returns before it is done."""
        self._output = self._call()

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU is done when `run` returns."""
        if self._images.is_cuda:
            torch.cuda.synchronize()

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(self._arranged(images))

    def output(self) -> torch.Tensor:
        """A copy of the last output, `[batch_size, classes]`: a CUDA graph's own is overwritten by the next run."""
        return self._output.clone()


def build(
    model: nn.Module,
    images: torch.Tensor,
    precision: str,
    calibration: torch.Tensor | None = None,
    *,
    channels_last: bool = False,
    cudnn_benchmark: bool = False,
    fold_batch_norm: bool = False,
    first_conv: rewrites.FirstConv | None = None,
    fuse_conv_relu: bool = False,
    compile: Mode | None = None,
    freezing: bool = False,
    inductor: str = "",
    cuda_graph: bool = False,
    graph_parts: Count = 1,
    graph_streams: Count = 1,
) -> PyTorchEngine:
    """Put a copy of the model on the device, made faster by the options that the head of this module explains.

    Raise `InputError` for options that contradict each other, and `Unavailable` for those that cannot be had here.
    """
    check_options(compile, freezing, inductor, cuda_graph, graph_parts, graph_streams)
    check_gpu_options({"fuse_conv_relu": fuse_conv_relu, "cuda_graph": cuda_graph,
                       f"compile: {compile}": compile in RECORDS_GRAPHS})  # fmt: skip
    arranged = partial(rewrites.arranged_images, model, how=first_conv)
    batches = map(arranged, calibration_batches(images.shape, calibration))
    own, images = rewrite_network(model, images, first_conv, fold_batch_norm, fuse_conv_relu)
    if precision == "int8":
        own, compile, freezing = quantize_pt2e(own, images, batches), compile or "default", True
    network, images = place_network(own, images, precision, channels_last, cudnn_benchmark)
    ran, pieces = network_facts(network, images), cut_batch(images, graph_parts)
    if compile:
        network, ran["compiled"], steps = compile_network(network, pieces, compile, freezing, inductor)
    if precision == "int8":
        ran |= quantization_facts(steps, images.shape, calibration)
    call = partial(network, images)
    if cuda_graph:
        call, ran["cuda_graph"] = record_graph(network, pieces, graph_streams)
    return PyTorchEngine(call, images, ran, arranged)


def record_graph(
    network: nn.Module, pieces: tuple[torch.Tensor, ...], streams: int
) -> tuple[Callable[[], torch.Tensor], dict[str, int]]:
    """What replays a CUDA graph of one pass over the pieces, and how it was cut."""
    with torch.inference_mode():
        return capture_graph(network, pieces, streams), {"parts": len(pieces), "streams": streams}


def rewrite_network(
    model: nn.Module, images: torch.Tensor, first_conv: str | None, fold_batch_norm: bool, fuse_conv_relu: bool
) -> tuple[nn.Module, torch.Tensor]:
    """A copy of the model, rewritten as told (see `rewrites.py`), and the images as its first layer takes them."""
    own = model
    if first_conv:
        own, images = rewrites.first_convolution(own, images, first_conv)
    if fuse_conv_relu:
        own = rewrites.fuse_conv_relu(own)  # which folds BatchNorm too
    elif fold_batch_norm:
        own = rewrites.fold_batch_norm(own)
    return copy.deepcopy(model) if own is model else own, images


def place_network(
    network: nn.Module, images: torch.Tensor, precision: str, channels_last: bool, cudnn_benchmark: bool
) -> tuple[nn.Module, torch.Tensor]:
    """The network and the images on the device, in the precision's data type and the layout; its arithmetic chosen."""
    choose_arithmetic(precision == "tf32", cudnn_benchmark)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    device, dtype = compute_device(), data_type(precision)
    return network.to(device, dtype, memory_format=layout), images.to(device, dtype, memory_format=layout)


def compile_network(
    network: nn.Module, pieces: tuple[torch.Tensor, ...], mode: Mode, freezing: bool, inductor: str
) -> tuple[nn.Module, dict[str, Any], list[str]]:
    """The network compiled for the pieces' shapes, what `cold_caches` saw of it, and the names of its functions."""
    compiled = compile_lazily(network, mode)
    with cold_caches(freezing, inductor) as seen:
        run_first_calls(compiled, pieces, mode)
    steps = seen.pop("steps", [])
    return compiled, {"mode": mode, **seen}, steps


def quantization_facts(steps: list[str], shape: torch.Size, calibration: torch.Tensor | None) -> dict[str, Any]:
    """How the network was quantized to int8: its kernels by precision, and what it was calibrated on."""
    return QUANTIZATION | {
        "kernels": count_kernels(steps), "calibration": f"histogram, {calibration_kind(calibration)} images",
        "calibration_images": calibration_count(shape, calibration),
    }  # fmt: skip


def check_options(
    compile: str | None = None,
    freezing: bool = False,
    inductor: str = "",
    cuda_graph: bool = False,
    graph_parts: int = 1,
    graph_streams: int = 1,
    **_others: Any,
) -> None:
    """Raise `InputError` for options that have no meaning together, and for settings that Inductor does not have."""
    if (freezing or inductor) and not compile:
        raise InputError("options.pytorch: freezing and inductor are of torch.compile; set compile too, or remove them")
    if max(graph_parts, graph_streams) > 1 and not cuda_graph:
        raise InputError("options.pytorch: graph_parts and graph_streams are of a CUDA graph; set cuda_graph too")
    if cuda_graph and compile in RECORDS_GRAPHS:
        raise InputError(f"options.pytorch: compile: {compile} records CUDA graphs itself; remove cuda_graph")
    if inductor:
        read_settings(inductor)


def check_gpu_options(given: dict[str, bool]) -> None:
    """Raise `Unavailable` if one of the options that only a GPU has is given without one."""
    names = ", ".join(name for name, wanted in given.items() if wanted)
    if names and compute_device().type != "cuda":
        raise Unavailable("option_needs_gpu", options=names)


def network_facts(network: nn.Module, images: torch.Tensor) -> dict:
    """What runs, read from the network and the input themselves."""
    modules = list(network.modules())
    steps = network.graph.nodes if isinstance(network, torch.fx.GraphModule) else []
    return {
        "device": str(images.device),
        "dtype": str(images.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "tf32_allowed": torch.backends.cudnn.allow_tf32 if images.is_cuda else False,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "channels_last": images.is_contiguous(memory_format=torch.channels_last),
        "input_shape": list(images.shape),
        "batch_norms": sum(isinstance(module, nn.BatchNorm2d) for module in modules),
        "fused_convolutions": sum(step.target is rewrites.CONV_RELU for step in steps),
    }
