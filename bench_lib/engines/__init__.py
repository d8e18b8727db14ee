"""The engines: one file each, named as users name the runtime, found by the file name.

An engine's file has
- `IMPORTS`, the modules whose import takes most of the time that importing the runtime takes;
- `check(precision)`, which raises `Unavailable` where the case cannot run on this machine;
- `build(model, images, precision, *, <options>)`, which puts both, given in fp32 on the host, on the device and returns
  an `Engine` bound to them; it raises `Unavailable` for an option that cannot be had here. One that computes in int8
  takes, after `precision`, the images to calibrate on (None: synthetic ones);
- `TAKES_ONNX`, if it is true that `model` may be a `bench_lib.onnx_file.OnnxFile`;
- `check_options(**options)`, if there are options that contradict each other: it raises `InputError`.
"""

import importlib
import inspect
from types import ModuleType
from typing import Any, Protocol

import torch
from pydantic import ConfigDict, create_model
from torch import nn

from bench_lib.cases import SLOWDOWN, Case, InputError, engine_names
from bench_lib.faults import validated
from bench_lib.machine import computes_bf16, computes_fp16
from bench_lib.slowed import Slowed


class Engine(Protocol):
    """A network built by a runtime and bound to one batch of images already on the device.

    `ran` tells what really runs (device, provider, data type, versions), as the runtime reports it.
    """

    ran: dict[str, Any]

    def run(self) -> None:
        """Send one batch to inference; may return before the output is ready."""

    def synchronize(self) -> None:
        """Wait until everything sent is done."""

    def output(self) -> torch.Tensor:
        """The last call's output, `[batch_size, classes]`."""

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch, as `build` was given one, where the next calls read their input."""


class Unavailable(Exception):
    """This case cannot run here. `reason` is for the report's reader (Russian), `str()` in English for the terminal.

    `command` is what would add the runtime, where one command does.
    """

    def __init__(self, english: str, reason: str, command: str = "") -> None:
        super().__init__(english)
        self.reason = reason
        self.command = command


def load(name: str) -> ModuleType:
    """The module of the engine; raise `InputError` naming the known ones if there is none of that name."""
    if name not in engine_names():
        raise InputError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return importlib.import_module(f"bench_lib.engines.{name}")


def build(case: Case, model: Any, images: torch.Tensor, calibration: torch.Tensor | None = None) -> Engine:
    """The case's engine, built by its runtime; slowed down on purpose if the case says so.

    `model` is a `bench_lib.models.Network`, `calibration` the images (`[count, 3, height, width]`) for int8. Raise
    `Unavailable` for an ONNX file if the engine takes none.
    """
    runtime, options = load(case.engine), dict(case.options)
    if not isinstance(model, nn.Module) and not getattr(runtime, "TAKES_ONNX", False):
        raise Unavailable("the model is an ONNX file, and this engine takes PyTorch networks alone",
                          "сеть задана ONNX-файлом, а этот способ принимает только сети PyTorch "
                          "(например, model: модуль:функция)")  # fmt: skip
    share = options.pop(SLOWDOWN, 0)
    more = (calibration,) if case.precision == "int8" else ()
    engine = runtime.build(model, images, case.precision, *more, **options)
    return Slowed(engine, share) if share else engine


def check_options(case: Case) -> None:
    """Raise `InputError` if the case has an option, or a value of one, that the engine's `build` does not take."""
    parameters = inspect.signature(load(case.engine).build).parameters.values()
    options = {p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    given = {name: value for name, value in case.options.items() if name != SLOWDOWN}
    model = create_model("Options", __config__=ConfigDict(strict=True, extra="forbid"), **options)
    validated(model, given, f"options.{case.engine}")
    getattr(load(case.engine), "check_options", lambda **_: None)(**given)


def device() -> torch.device:
    """Where every engine runs: the GPU if PyTorch sees one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype(precision: str) -> torch.dtype:
    """The data type of the network's weights and input; TF32 and int8 are ways to compute on float32 data."""
    return {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)


def check_precision(precision: str) -> None:
    """Raise `Unavailable` where this machine's device has no such arithmetic."""
    if device().type == "cuda":
        if precision in ("tf32", "bf16") and torch.cuda.get_device_capability() < (8, 0):
            name = precision.upper()
            raise Unavailable(f"{name} needs an NVIDIA GPU of compute capability 8.0 or newer",
                              f"{name} есть только у GPU NVIDIA начиная с поколения Ampere")  # fmt: skip
        return
    if precision == "tf32":
        raise Unavailable("TF32 exists only on NVIDIA GPUs, and there is none here",
                          "TF32 есть только у GPU NVIDIA, а здесь расчёт идёт на процессоре")  # fmt: skip
    if precision == "bf16" and not computes_bf16(torch.cpu.get_capabilities()):
        raise Unavailable("this CPU has no bf16 arithmetic (no AVX512-BF16 or AMX-BF16) and would only emulate it",
                          "процессор не считает в bf16 (нет AVX512-BF16 и AMX-BF16), а лишь эмулирует её")  # fmt: skip
    if precision == "fp16" and not computes_fp16(torch.cpu.get_capabilities()):
        raise Unavailable("this CPU has no fp16 arithmetic (no AVX512-FP16 or AMX-FP16) and would only emulate it",
                          "процессор не считает в fp16 (нет AVX512-FP16 и AMX-FP16), а лишь эмулирует её")  # fmt: skip
