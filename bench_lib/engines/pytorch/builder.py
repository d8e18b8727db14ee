"""PyTorch itself: in eager mode, the baseline of every speedup; with options, the ways to make it faster.

The options of `build` are:

- `channels_last`: keep tensors in the layout NHWC.
- `cudnn_benchmark`: let cuDNN choose its kernels by timing them.
- `fold_batch_norm`, `first_conv`, `fuse_conv_relu` (GPU only): rewrites of the network, see `rewrites.py`.
- `compile`: a mode of `torch.compile`; `freezing` and `inductor` are its settings, see `compile.py`.
- `cuda_graph` (GPU only): record one pass; `graph_parts` and `graph_streams` cut it into parts, see `cuda_graph.py`.

For int8 the model is quantized after training, see `quantize.py`, and always compiled with `freezing`. `build` raises
`InputError` for options that contradict each other, and `Unavailable` for an option that this machine or this network
cannot have.
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
from bench_lib.workload.answers import as_tuple

IMPORTS = ("torch",)
Count = Annotated[int, Field(ge=1, le=1024)]


def check_support(precision: str) -> None:
    """Raise `Unavailable` if this machine cannot compute in this precision or, for int8, torchao is missing."""
    check_precision(precision)
    if precision == "int8":
        check_torchao()


def allow_tf32(allowed: bool) -> None:
    """Allow or forbid TF32, for both convolutions and matrix products.

    By default PyTorch allows it for convolutions only.
    """
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


class PyTorchEngine:
    """An `Engine` that runs `call`, a forward pass over the batch `images` on the device.

    `arranged` turns images as `build` takes them into the form of that batch.
    """

    def __init__(
        self, call: Callable[[], Any], images: torch.Tensor, ran: dict,
        arranged: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:  # fmt: skip
        self._call, self._images, self._arranged = call, images, arranged
        self._answer: Any = ()
        self.ran = ran

    @torch.inference_mode()
    def run(self) -> None:
        """Send one batch; on a GPU this returns before it is done."""
        self._answer = self._call()

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU is done when `run` returns."""
        if self._images.is_cuda:
            torch.cuda.synchronize()

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(self._arranged(images))

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """Copies of the last outputs, each `[batch_size, …]`: a CUDA graph's own are overwritten by the next run."""
        return tuple(output.clone() for output in as_tuple(self._answer))


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
    """Put a copy of the model on the device and bind it to the images; see the module for the options and errors."""
    check_options(compile, freezing, inductor, cuda_graph, graph_parts, graph_streams)
    check_gpu_options({"fuse_conv_relu": fuse_conv_relu, "cuda_graph": cuda_graph,
                       f"compile: {compile}": compile in RECORDS_GRAPHS})  # fmt: skip
    choose_kernels(precision, cudnn_benchmark)
    batches = calibration_batches(images.shape, calibration)
    network, images, arranged = rewritten_network(model, images, first_conv, fuse_conv_relu, fold_batch_norm)
    if precision == "int8":
        network = quantize_pt2e(network, images, map(arranged, batches))
        compile, freezing = compile or "default", True
    network, images = on_device(network, images, precision, channels_last)
    ran, pieces = network_facts(network, images), cut_batch(images, graph_parts)
    if compile:
        network, ran["compiled"], steps = compile_now(network, pieces, compile, freezing, inductor)
    if precision == "int8":
        ran |= quantization_facts(steps, images.shape, calibration)
    if not cuda_graph:
        return PyTorchEngine(partial(network, images), images, ran, arranged)
    with torch.inference_mode():
        recorded_pass = capture_graph(network, pieces, graph_streams)
    ran["cuda_graph"] = {"parts": len(pieces), "streams": graph_streams}
    return PyTorchEngine(recorded_pass, images, ran, arranged)


def choose_kernels(precision: str, cudnn_benchmark: bool) -> None:
    """Allow TF32 only if it is the precision, and let cuDNN choose its kernels by timing them if `cudnn_benchmark`."""
    allow_tf32(precision == "tf32")
    torch.backends.cudnn.benchmark = cudnn_benchmark


def rewritten_network(
    model: nn.Module, images: torch.Tensor, first_conv: rewrites.FirstConv | None, fuse_conv_relu: bool,
    fold_batch_norm: bool,
) -> tuple[nn.Module, torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:  # fmt: skip
    """Rewrite a copy of the model, see `rewrites.py`.

    Return the copy, the images in the form that it takes, and the function that brings other images into this form.
    """
    arranged = partial(rewrites.arranged_images, model, how=first_conv)
    network = model
    if first_conv:
        network, images = rewrites.first_convolution(network, images, first_conv)
    if fuse_conv_relu:
        network = rewrites.fuse_conv_relu(network)
    elif fold_batch_norm:
        network = rewrites.fold_batch_norm(network)
    if network is model:  # each rewrite makes a copy itself
        network = copy.deepcopy(model)
    return network, images, arranged


def on_device(
    network: nn.Module, images: torch.Tensor, precision: str, channels_last: bool
) -> tuple[nn.Module, torch.Tensor]:
    """The network and the images on the device, in the data type of the precision and in the layout NHWC or NCHW."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    device, dtype = compute_device(), data_type(precision)
    return network.to(device, dtype, memory_format=layout), images.to(device, dtype, memory_format=layout)


def compile_now(
    network: nn.Module, pieces: tuple[torch.Tensor, ...], mode: Mode, freezing: bool, inductor: str
) -> tuple[nn.Module, dict[str, Any], list[str]]:
    """Compile the network for the shapes of the pieces, with empty caches.

    Return the compiled network, what was compiled, for a record, and the names of the functions that its graphs call.
    """
    network = compile_lazily(network, mode)
    with cold_caches(freezing, inductor) as seen:
        run_first_calls(network, pieces, mode)
    steps = seen.pop("steps", [])
    return network, {"mode": mode, **seen}, steps


def quantization_facts(steps: list[str], shape: torch.Size, calibration: torch.Tensor | None) -> dict[str, Any]:
    """How the network was quantized, for a record; `steps` are those of `compile_now`, `shape` that of a batch."""
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
    """Raise `InputError` for options that contradict each other, and for settings that Inductor does not have."""
    if (freezing or inductor) and not compile:
        raise InputError("options.pytorch: freezing and inductor are of torch.compile; set compile too, or remove them")
    if max(graph_parts, graph_streams) > 1 and not cuda_graph:
        raise InputError("options.pytorch: graph_parts and graph_streams are of a CUDA graph; set cuda_graph too")
    if cuda_graph and compile in RECORDS_GRAPHS:
        raise InputError(f"options.pytorch: compile: {compile} records CUDA graphs itself; remove cuda_graph")
    if inductor:
        read_settings(inductor)


def check_gpu_options(given: dict[str, bool]) -> None:
    """Raise `Unavailable` if an option that needs a GPU is wanted and there is no GPU.

    `given` says for each such option, by its name for a reader, whether it is wanted.
    """
    names = ", ".join(name for name, wanted in given.items() if wanted)
    if names and compute_device().type != "cuda":
        raise Unavailable("option_needs_gpu", options=names)


def network_facts(network: nn.Module, images: torch.Tensor) -> dict:
    """What runs, for a record, read from the network, the input and PyTorch's own state."""
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
