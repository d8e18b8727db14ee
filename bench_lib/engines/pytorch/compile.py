"""`torch.compile` with empty caches, as in a cold start, and a report of what it really compiled."""

import contextlib
import difflib
import re
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import torch
import yaml
from torch import nn

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import InputError

Mode = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
RECORDS_GRAPHS = ("reduce-overhead", "max-autotune")  # on a GPU, these modes record CUDA graphs themselves
NO_COMPILER = re.compile(
    r"No working C\+\+ compiler found|InvalidCxxCompiler|Failed to find C compiler|Cannot find a working triton"
)
COMMAND = "apt-get install g++"


def compile_lazily(model: nn.Module, mode: Mode) -> nn.Module:
    """A model that is compiled at its first call, for the shape of that input.

    That call fails if the model cannot be compiled as one graph.
    """
    torch._dynamo.reset()
    return torch.compile(model, mode=mode, fullgraph=True, dynamic=False)


def run_first_calls(network: nn.Module, pieces: tuple[torch.Tensor, ...], mode: Mode) -> None:
    """Call a compiled network, for each shape among the pieces, until no compilation or recording is left to do.

    The first call compiles. A mode that records CUDA graphs warms up in the first call, records in the second and
    replays from the third on.
    """
    piece_of_shape = {piece.shape: piece for piece in pieces}
    calls = 3 if mode in RECORDS_GRAPHS else 1
    with torch.inference_mode():
        for piece in piece_of_shape.values():
            for _ in range(calls):
                network(piece)
    if pieces[0].is_cuda:
        torch.cuda.synchronize()


@contextlib.contextmanager
def cold_caches(freezing: bool, settings: str) -> Iterator[dict[str, Any]]:
    """Compile in the `with` block with empty caches of Inductor and Triton, and with these settings of Inductor.

    `freezing` treats the weights as constants. `settings` sets other values of `torch._inductor.config`, in the form
    `conv_1x1_as_mm epilogue_fusion=false`. The yielded dict is filled at the end of the block: `graphs` is the number
    of compiled graphs, `inputs` the number of their inputs (only the images, if the weights are constants),
    `cudagraph_skips` how many passes were not recorded although CUDA graphs were requested, `settings` the settings as
    given, and `steps` the names of the functions that the graphs call. Raise `InputError` for an unknown setting, and
    `Unavailable` if there is no compiler.
    """
    from torch._dynamo.utils import counters
    from torch._inductor import async_compile, config
    from torch._inductor.utils import fresh_cache

    inputs: list[int] = []
    steps: list[str] = []

    def look(graph: torch.fx.Graph) -> None:
        inputs.append(sum(node.op == "placeholder" for node in graph.nodes))
        steps.extend(str(node.target) for node in graph.nodes if node.op == "call_function")

    seen: dict[str, Any] = {}
    counters.clear()
    chosen = read_settings(settings) | {"freezing": freezing, "post_grad_custom_post_pass": look}
    try:
        with fresh_cache(), config.patch(chosen), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's warnings about its own code
            yield seen
    except Exception as error:
        if NO_COMPILER.search(f"{type(error).__name__} {error}"):
            raise Unavailable("no_compiler", command=COMMAND) from error
        raise
    finally:
        async_compile.shutdown_compile_workers()  # otherwise they could disturb the measurement
    skips = counters["inductor"]["cudagraph_skips"]
    seen |= {"graphs": len(inputs), "inputs": sum(inputs), "cudagraph_skips": skips, "settings": settings,
             "steps": steps}  # fmt: skip


def read_settings(text: str) -> dict[str, Any]:
    """Read Inductor's settings, `NAME=VALUE` or `NAME` (for true), separated by spaces; values are read as YAML.

    Raise `InputError` for a name that `torch._inductor.config` does not have.
    """
    from torch._inductor import config

    known = config.get_config_copy()
    settings = {}
    for setting in text.split():
        name, _, value = setting.partition("=")
        settings[name] = value
    for name in settings:
        if name not in known:
            near = ", ".join(difflib.get_close_matches(name, known, 4)) or "none"
            raise InputError(f"options.pytorch.inductor: torch._inductor.config has no {name!r}; nearest: {near}")
    return {name: yaml.safe_load(value) if value else True for name, value in settings.items()}
