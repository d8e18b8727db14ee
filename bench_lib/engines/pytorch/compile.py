"""`torch.compile` as from a cold start, and what it really did."""

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
RECORDS_GRAPHS = ("reduce-overhead", "max-autotune")  # modes that record CUDA graphs themselves, on a GPU
NO_COMPILER = re.compile(
    r"No working C\+\+ compiler found|InvalidCxxCompiler|Failed to find C compiler|Cannot find a working triton"
)
COMMAND = "apt-get install g++"


def compile_lazily(model: nn.Module, mode: Mode) -> nn.Module:
    """The model that compiles when it is first called, whole (it fails otherwise) and for that input's shape."""
    torch._dynamo.reset()
    return torch.compile(model, mode=mode, fullgraph=True, dynamic=False)


def run_first_calls(network: nn.Module, pieces: tuple[torch.Tensor, ...], mode: Mode) -> None:
    """Call a compiled network so often that nothing is left to be done, for each shape of the pieces.

    The first call compiles; a mode that records CUDA graphs warms up in it, records in the second and then replays.
    """
    shapes = {piece.shape: piece for piece in pieces}
    with torch.inference_mode():
        for piece in shapes.values():
            for _ in range(3 if mode in RECORDS_GRAPHS else 1):
                network(piece)
    if pieces[0].is_cuda:
        torch.cuda.synchronize()


@contextlib.contextmanager
def cold_caches(freezing: bool, settings: str) -> Iterator[dict[str, Any]]:
    """For what is compiled inside: empty caches of Inductor and Triton, and Inductor's settings.

    `freezing` takes the weights as constants. `settings` names others of `torch._inductor.config`: `conv_1x1_as_mm
    epilogue_fusion=false`. The dict that is yielded holds at the end what was seen: `graphs` compiled, their `inputs`
    (the images alone, where the weights are constants), `cudagraph_skips`, passes that were not recorded though asked
    for, and `steps`, the names of the graphs' functions. Raise `InputError` for an unknown setting, and `Unavailable`
    where there is no compiler to use.
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
            warnings.simplefilter("ignore")  # PyTorch's own, about its own code
            yield seen
    except Exception as error:
        if NO_COMPILER.search(f"{type(error).__name__} {error}"):
            raise Unavailable("no_compiler", command=COMMAND) from error
        raise
    finally:
        async_compile.shutdown_compile_workers()  # nothing of it is left to disturb what is measured
    skips = counters["inductor"]["cudagraph_skips"]
    seen |= {"graphs": len(inputs), "inputs": sum(inputs), "cudagraph_skips": skips, "settings": settings,
             "steps": steps}  # fmt: skip


def read_settings(text: str) -> dict[str, Any]:
    """Settings of Inductor, `NAME` or `NAME=VALUE`, with spaces between; raise `InputError` for an unknown name."""
    from torch._inductor import config

    known = config.get_config_copy()
    given = dict(word.partition("=")[::2] for word in text.split())
    for name in given:
        if name not in known:
            near = ", ".join(difflib.get_close_matches(name, known, 4)) or "none"
            raise InputError(f"options.pytorch.inductor: torch._inductor.config has no {name!r}; nearest: {near}")
    return {name: yaml.safe_load(value) if value else True for name, value in given.items()}
