"""What an engine is (a network built by a runtime and bound to one batch of images), and what its builder must have.

Each engine has a folder in `bench_lib/engines`, and the folder's name is the engine's name. Its `builder.py` has

- `IMPORTS`: the modules whose import takes most of the runtime's import time;
- `check_support(precision)`: raises `Unavailable` if the runtime or the precision cannot run on this machine;
- `build(model, images, precision, *, <options>)`: takes the network and the images in fp32 on the host, puts both on
  the device, and returns an `Engine` bound to them. It raises `Unavailable` for an option that this machine cannot
  provide. If the engine has int8, `build` takes the calibration images after `precision` (None: synthetic images);
- `TAKES_ONNX = True`, only if `model` may be a `bench_lib.workload.onnx_file.OnnxFile`;
- `check_options(**options)`, only if some options contradict each other: raises `InputError` for those.
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
    """A network built by a runtime and bound to one batch of images that is already on the device.

    `ran` describes what really runs (device, provider, data type, versions), as the runtime reports it.
    """

    ran: dict[str, Any]

    def run(self) -> None:
        """Send one batch to the device; this may return before the output is ready."""

    def synchronize(self) -> None:
        """Wait until all calls sent so far are done."""

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """The outputs of the last call, each `[batch_size, …]`: of a classifier one, `[batch_size, classes]`."""

    def fill(self, images: torch.Tensor) -> None:
        """Make the next calls read these images, which have the shape and type of those that `build` was given."""


class Unavailable(ReasonedError):
    """This case cannot run here; `reason` says why.

    Its field `command` is the command that installs the runtime, if there is such a command.
    """

    @property
    def command(self) -> str:
        """The command that would add the runtime; empty where there is none."""
        return str(self.reason.fields.get("command", ""))


def load_builder(name: str) -> ModuleType:
    """Import the engine's `builder` module; raise `InputError` with the known names if there is no such engine."""
    if name not in engine_names():
        raise InputError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return importlib.import_module(f"bench_lib.engines.{name}.builder")


def build_engine(case: Case, model: Any, images: torch.Tensor, calibration: torch.Tensor | None = None) -> Engine:
    """Build the case's engine; wrap it in `Slowed` if the case has the option `slowdown`.

    `model` is a `bench_lib.workload.network.Network`, `images` a float32 batch `[batch_size, 3, height, width]` on the
    host. `calibration` are the images for int8, `[count, 3, height, width]`. Raise `Unavailable` if the model is an
    ONNX file and the engine does not take one, and whatever the engine's `build` raises.
    """
    runtime, options = load_builder(case.engine), dict(case.options)
    if not isinstance(model, nn.Module) and not getattr(runtime, "TAKES_ONNX", False):
        raise Unavailable("onnx_file_not_taken")
    share = options.pop(SLOWDOWN, 0)
    if case.precision == "int8":
        engine = runtime.build(model, images, case.precision, calibration, **options)
    else:
        engine = runtime.build(model, images, case.precision, **options)
    return Slowed(engine, share) if share else engine


def check_case_options(case: Case) -> None:
    """Raise `InputError` if the engine's `build` does not take one of the case's options, or not with that value.

    The known options are the keyword-only parameters of `build`, and their annotations say which values are allowed.
    The engine's `check_options`, if it has one, then checks them together.
    """
    builder = load_builder(case.engine)
    parameters = inspect.signature(builder.build).parameters.values()
    fields = {p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    model = create_model("Options", __config__=ConfigDict(strict=True, extra="forbid"), **fields)
    options = {name: value for name, value in case.options.items() if name != SLOWDOWN}
    validated(model, options, f"options.{case.engine}")
    if hasattr(builder, "check_options"):
        builder.check_options(**options)


def compute_device() -> torch.device:
    """The device that every engine runs on: the GPU if PyTorch sees one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def data_type(precision: str) -> torch.dtype:
    """The data type of the network's weights and input.

    For tf32 and int8 it is float32: they are ways to compute on float32 data.
    """
    return {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)


def check_precision(precision: str) -> None:
    """Raise `Unavailable` if the device of this machine has no arithmetic in this precision."""
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
    """Whether the CPU has fp16 arithmetic of its own; without it, fp16 is only emulated.

    `capabilities` is what `torch.cpu.get_capabilities()` returns.
    """
    names = ("avx512_fp16", "amx_fp16", "avx10_1", "avx10_2", "fp16_arith", "arm_fp16", "sve_fp16")
    return any(capabilities.get(name) for name in names)


def computes_bf16(capabilities: dict[str, Any]) -> bool:
    """Whether the CPU has bf16 multiplication of its own; `capabilities` are those of `computes_fp16`."""
    names = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")
    return any(capabilities.get(name) for name in names)


class Slowed:
    """Wraps an `Engine` and makes it slower by `share` of its time (0.05: 5 % longer), for `bench selfcheck`.

    `synchronize` first waits for the engine. Then it spins for `share` of the time since the first call that had not
    been waited for. Calls that are sent back to back and waited for once are therefore slowed down together.
    """

    def __init__(self, engine: Any, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._engine, self._share, self._clock = engine, share, clock
        self._sent_at: float | None = None  # when the first call was sent that has not been waited for
        self.ran = engine.ran | {"slowed_by": share}

    def run(self) -> None:
        """Send one batch."""
        if self._sent_at is None:
            self._sent_at = self._clock()
        self._engine.run()

    def synchronize(self) -> None:
        """Wait until all calls sent so far are done, and then for `share` of the time that they took."""
        self._engine.synchronize()
        if self._sent_at is None:
            return
        now = self._clock()
        end = now + self._share * (now - self._sent_at)
        while self._clock() < end:
            pass
        self._sent_at = None

    def fill(self, images: Any) -> None:
        """Make the next calls read these images."""
        self._engine.fill(images)

    def outputs(self) -> Any:
        """The outputs of the last call, each `[batch_size, …]`."""
        return self._engine.outputs()
