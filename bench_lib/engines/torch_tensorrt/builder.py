"""Torch-TensorRT, both flavours: stock `torch-tensorrt`, and `torch-tensorrt-rtx` built on TensorRT-RTX."""

import contextlib
import copy
import inspect
import logging
import warnings
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from bench_lib.core.engine import Unavailable, check_precision, compute_device, data_type
from bench_lib.core.import_time import timed_import
from bench_lib.core.lifetime import temporary_folder
from bench_lib.engines.shared.calibration import calibration_batches, calibration_count, calibration_kind
from bench_lib.engines.torch_tensorrt.quantize import (
    QUANTIZATION,
    Unquantized,
    check_modelopt,
    check_rtx,
    count_kernels,
    export_quantized,
    lift_guard,
    not_built,
    quantize_model,
    without_compiler,
)
from bench_lib.workload.answers import as_tuple

IMPORTS = ("torch", "torch_tensorrt")
COMMAND = "pip install -c constraints.txt -e '.[tensorrt]' (or '.[tensorrt-rtx]')"


def check_support(precision: str) -> None:
    """Raise `Unavailable` without an NVIDIA GPU, without the package, or where it does not load."""
    if compute_device().type != "cuda":
        raise Unavailable("engine_needs_gpu", engine="Torch-TensorRT")
    try:
        runtime()
    except ImportError as error:
        raise Unavailable("not_installed", what="Torch-TensorRT", error=str(error), command=COMMAND) from None
    except (RuntimeError, OSError) as error:
        raise Unavailable("does_not_load", what="Torch-TensorRT", error=str(error)) from None
    if precision == "int8":
        check_modelopt()
        if flavour()[0] == "torch-tensorrt-rtx":
            check_rtx(tensorrt_version())
    check_precision(precision)


def runtime():
    """The `torch_tensorrt` module, imported without its warnings about optional parts."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), timed_import("torch_tensorrt"):
            warnings.simplefilter("ignore")
            import torch_tensorrt
    finally:
        logging.disable(logging.NOTSET)
    logging.getLogger("torch_tensorrt").setLevel(logging.ERROR)
    return torch_tensorrt


def flavour() -> tuple[str, str]:
    """Name and version of the installed flavour's package."""
    for name in ("torch-tensorrt-rtx", "torch-tensorrt"):
        try:
            return name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "torch-tensorrt", "unknown"


# Compute capabilities that NVIDIA's support matrix of TensorRT-RTX names (1.4, 12.1 since 1.5).
RTX_SUPPORTED = {(7, 5), (8, 6), (8, 9), (12, 0), (12, 1)}


def supports_this_gpu(name: str) -> bool:
    """Whether the flavour's documented support covers this GPU; stock TensorRT covers 7.5 and newer."""
    capability = torch.cuda.get_device_capability()
    return capability in RTX_SUPPORTED if name == "torch-tensorrt-rtx" else capability >= (7, 5)


class TorchTensorRTEngine:
    """A compiled module and its input on the GPU.

    `graphs` holds what the module needs open to replay CUDA graphs; it lives as long as the engine, and is not closed.
    """

    def __init__(
        self, module: nn.Module, images: torch.Tensor, ran: dict, graphs: contextlib.ExitStack | None = None
    ) -> None:
        self._module, self._images, self.ran, self._graphs = module, images, ran, graphs
        self._answer: Any = ()

    @torch.inference_mode()
    def run(self) -> None:
        """Send one batch; returns before it is done."""
        self._answer = self._module(self._images)

    def synchronize(self) -> None:
        """Wait for the GPU."""
        torch.cuda.synchronize()

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(images)

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """The last outputs, each `[batch_size, …]`."""
        return as_tuple(self._answer)


def compile_settings(precision: str, cache_folder: str, optimization_level: int | None = None) -> dict:
    """Options of `torch_tensorrt.dynamo.compile`, under the names that it uses.

    Typing is strong: the model's own data types decide the precision. The timing cache is always on; a new path for it
    makes the build time that of a cold build.
    """
    level = {} if optimization_level is None else {"optimization_level": optimization_level}
    return level | {
        "disable_tf32": precision != "tf32",
        "require_full_compilation": True,
        "min_block_size": 1,
        "truncate_double": False,
        "use_explicit_typing": True,
        "cache_built_engines": False,
        "reuse_cached_engines": False,
        "timing_cache_path": str(Path(cache_folder) / "timing_cache.bin"),
    }


DROPPED = {"use_explicit_typing"}  # the only way to compile from 2.13 on, so no longer an option


def accepted_settings(compile_function, wanted: dict) -> dict:
    """The wanted options that `compile_function` takes; raise `TypeError` if it lacks any but `DROPPED`.

    `torch_tensorrt.dynamo.compile` ignores unknown keyword arguments without an error, so its signature is read
    instead.
    """
    known = inspect.signature(compile_function).parameters
    if lacking := set(wanted) - set(known) - DROPPED:
        raise TypeError(f"torch_tensorrt.dynamo.compile does not take {', '.join(sorted(lacking))}")
    return {name: value for name, value in wanted.items() if name in known}


def left_in_pytorch(module: torch.fx.GraphModule) -> list[str]:
    """Operations of the compiled graph that stayed in PyTorch: all calls but those of TensorRT engines."""
    kept = []
    for node in module.graph.nodes:
        is_engine = node.op == "call_module" and "_run_on_acc" in str(node.target)
        takes_item = "getitem" in str(node.target)
        if node.op in ("call_function", "call_method", "call_module") and not (is_engine or takes_item):
            kept.append(str(node.target))
    return kept


def build(
    model: nn.Module,
    images: torch.Tensor,
    precision: str,
    calibration: torch.Tensor | None = None,
    *,
    cuda_graphs: bool = False,
    optimization_level: Annotated[int, Field(ge=0, le=5)] | None = None,
    unquantized: Unquantized = "fp16",
) -> TorchTensorRTEngine:
    """Export the model in the precision asked for and compile it whole into a TensorRT engine.

    `cuda_graphs` records the launches once and replays them; the runtime then copies input and output.
    `optimization_level` is TensorRT's, from 0 to 5: how long it looks for the fastest kernels. For int8 the model is
    quantized after training, see `quantize.py`; `unquantized` is the data type of the parts that are not quantized.
    """
    torch_tensorrt, graphs = runtime(), contextlib.ExitStack()
    images = images.to(compute_device(), data_type(precision))
    with warnings.catch_warnings(), temporary_folder() as cache, torch.no_grad():
        warnings.simplefilter("ignore")
        program, quantization = export_program(model, images, precision, calibration, unquantized)
        options = accepted_settings(
            torch_tensorrt.dynamo.compile, compile_settings(precision, cache, optimization_level)
        )
        module = compile_program(torch_tensorrt, program, images, precision, options)
        left = left_in_pytorch(module)
        if cuda_graphs:
            module = graphs.enter_context(torch_tensorrt.runtime.enable_cudagraphs(module))
    name, version = flavour()
    options["timing_cache_path"] = "fresh"
    return TorchTensorRTEngine(module, images, {
        "device": str(images.device), "dtype": str(images.dtype).removeprefix("torch."), "flavour": name,
        "flavour_version": version, "tensorrt_version": tensorrt_version(),
        "documented_support": supports_this_gpu(name), "left_in_pytorch": left,
        "cuda_graphs": cuda_graphs, "compile_options": options, **quantization,
    }, graphs)  # fmt: skip


def export_program(
    model: nn.Module,
    images: torch.Tensor,
    precision: str,
    calibration: torch.Tensor | None,
    unquantized: Unquantized,
) -> tuple[torch.export.ExportedProgram, dict]:
    """The model's program for the images, which are on the GPU, and how it was quantized if it was."""
    if precision != "int8":
        return torch.export.export(copy.deepcopy(model).to(images.device, images.dtype), (images,)), {}
    lift_guard()
    without_compiler()
    network = quantize_model(model, calibration_batches(images.shape, calibration))
    program = export_quantized(network, images, unquantized)
    return program, QUANTIZATION | {
        "kernels": count_kernels(program.graph, unquantized), "unquantized": unquantized,
        "calibration": f"largest absolute value, {calibration_kind(calibration)} images",
        "calibration_images": calibration_count(images.shape, calibration),
    }  # fmt: skip


def compile_program(torch_tensorrt, program, images: torch.Tensor, precision: str, options: dict) -> torch.nn.Module:
    """The program compiled; raise `Unavailable` where TensorRT builds nothing from it in int8."""
    try:
        return torch_tensorrt.dynamo.compile(program, arg_inputs=[images], **options)
    except TypeError as error:  # the builder returned None, and Torch-TensorRT failed to read it
        if precision != "int8" or "None" not in str(error):
            raise
        raise not_built(tensorrt_version(), torch.cuda.get_device_name()) from error


def tensorrt_version() -> str:
    """Version of the TensorRT library that `torch_tensorrt` uses."""
    import tensorrt  # torch_tensorrt puts TensorRT-RTX under this name too

    return str(tensorrt.__version__)
