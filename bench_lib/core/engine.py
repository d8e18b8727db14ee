"""The engines: a network built by a runtime and bound to one batch of images, and what is asked of its builder.

`bench_lib/engines` has one folder an engine, named as users name the runtime; its `builder.py` has
- `IMPORTS`, the modules whose import takes most of the time that importing the runtime takes;
- `check_support(precision)`, which raises `Unavailable` where the case cannot run on this machine;
- `build(model, images, precision, *, <options>)`, which puts both, given in fp32 on the host, on the device and returns
  an `Engine` bound to them; it raises `Unavailable` for an option that cannot be had here. One that computes in int8
  takes, after `precision`, the images to calibrate on (None: synthetic ones);
- `TAKES_ONNX`, if it is true that `model` may be a `bench_lib.workload.onnx_file.OnnxFile`;
- `check_options(**options)`, if there are options that contradict each other: it raises `InputError`.
"""

import importlib
import inspect
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import torch
from pydantic import ConfigDict, create_model
from torch import nn

from bench_lib.core.case import SLOWDOWN, Case, engine_names
from bench_lib.core.errors import InputError, validated
from bench_lib.core.reason import ReasonedError


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


class Unavailable(ReasonedError):
    """This case cannot run here, and why. The field `command` is what would add the runtime, where one command does."""

    @property
    def command(self) -> str:
        """The command that would add the runtime; empty where there is none."""
        return str(self.reason.fields.get("command", ""))


def load_builder(name: str) -> ModuleType:
    """The module of the engine; raise `InputError` naming the known ones if there is none of that name."""
    if name not in engine_names():
        raise InputError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return importlib.import_module(f"bench_lib.engines.{name}.builder")


def build_engine(case: Case, model: Any, images: torch.Tensor, calibration: torch.Tensor | None = None) -> Engine:
    """The case's engine, built by its runtime; slowed down on purpose if the case says so.

    `model` is a `bench_lib.workload.network.Network`, `calibration` the images (`[count, 3, height, width]`) for int8.
    Raise `Unavailable` for an ONNX file if the engine takes none.
    """
    runtime, options = load_builder(case.engine), dict(case.options)
    if not isinstance(model, nn.Module) and not getattr(runtime, "TAKES_ONNX", False):
        raise Unavailable("onnx_file_not_taken")
    share = options.pop(SLOWDOWN, 0)
    more = (calibration,) if case.precision == "int8" else ()
    engine = runtime.build(model, images, case.precision, *more, **options)
    return Slowed(engine, share) if share else engine


def check_case_options(case: Case) -> None:
    """Raise `InputError` if the case has an option, or a value of one, that the engine's `build` does not take."""
    parameters = inspect.signature(load_builder(case.engine).build).parameters.values()
    options = {p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    given = {name: value for name, value in case.options.items() if name != SLOWDOWN}
    model = create_model("Options", __config__=ConfigDict(strict=True, extra="forbid"), **options)
    validated(model, given, f"options.{case.engine}")
    getattr(load_builder(case.engine), "check_options", lambda **_: None)(**given)


def compute_device() -> torch.device:
    """Where every engine runs: the GPU if PyTorch sees one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def data_type(precision: str) -> torch.dtype:
    """The data type of the network's weights and input; TF32 and int8 are ways to compute on float32 data."""
    return {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)


def check_precision(precision: str) -> None:
    """Raise `Unavailable` where this machine's device has no such arithmetic."""
    if compute_device().type == "cuda":
        if precision in ("tf32", "bf16") and torch.cuda.get_device_capability() < (8, 0):
            raise Unavailable("needs_newer_gpu", precision=precision.upper())
        return
    if precision == "tf32":
        raise Unavailable("tf32_needs_gpu")
    computes = {"bf16": computes_bf16, "fp16": computes_fp16}.get(precision)
    if computes and not computes(torch.cpu.get_capabilities()):
        raise Unavailable("cpu_lacks_precision", precision=precision, extension=precision.upper())


def computes_fp16(capabilities: dict[str, Any]) -> bool:
    """Whether the CPU computes in fp16 itself, from `torch.cpu.get_capabilities()`; if not, it only emulates it."""
    names = ("avx512_fp16", "amx_fp16", "avx10_1", "avx10_2", "fp16_arith", "arm_fp16", "sve_fp16")
    return any(capabilities.get(name) for name in names)


def computes_bf16(capabilities: dict[str, Any]) -> bool:
    """Whether the CPU multiplies bf16 numbers itself, told as for `computes_fp16`."""
    names = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")
    return any(capabilities.get(name) for name in names)


class Slowed:
    """Another engine that takes `share` longer: after each wait for it, it spins for that share of what it took.

    Calls sent back to back and waited for once are slowed as one. `engine` is a `Engine`.
    """

    def __init__(self, engine: Any, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._engine, self._share, self._clock = engine, share, clock
        self._sent_at: float | None = None  # when the first call was sent that is not yet waited for
        self.ran = engine.ran | {"slowed_by": share}

    def run(self) -> None:
        """Send one batch."""
        if self._sent_at is None:
            self._sent_at = self._clock()
        self._engine.run()

    def synchronize(self) -> None:
        """Wait until everything sent is done, and then for the share of that time."""
        self._engine.synchronize()
        if self._sent_at is None:
            return
        now = self._clock()
        end = now + self._share * (now - self._sent_at)
        while self._clock() < end:
            pass
        self._sent_at = None

    def fill(self, images: Any) -> None:
        """Put another batch where the next calls read their input."""
        self._engine.fill(images)

    def output(self) -> Any:
        """The last call's output, `[batch_size, classes]`."""
        return self._engine.output()
