"""PyTorch's own post-training quantization to int8, on a CPU only: the "PyTorch 2 export" flow of torchao."""

import re
from collections import Counter
from collections.abc import Iterable

import torch
from torch import nn

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import error_text
from bench_lib.core.import_time import timed_import
from bench_lib.core.reason import ReasonedError

QUANTIZATION = {"activations": "u8", "weights": "s8", "per_channel": True}
COMMAND = "pip install -c constraints.txt torchao"
QUANTIZED = re.compile(r"(<locals>|onednn)\.q(conv|linear)")  # in the names that Inductor gives to quantized operations
FLOAT = re.compile(r"\baten\.(convolution|addmm|mm|bmm)\b|\b(mkldnn|onednn)\.\S*(conv|linear)")


class NotQuantized(ReasonedError):
    """The quantizer does not take the network."""


def check_torchao() -> None:
    """Raise `Unavailable` if torchao is not installed, or if there is a GPU, where Inductor has no int8 convolution."""
    if torch.cuda.is_available():
        raise Unavailable("pytorch_lacks_int8")
    try:
        with timed_import("torchao"):
            from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer  # noqa: F401
    except ImportError as error:
        raise Unavailable("torchao_not_installed", error=str(error), command=COMMAND) from None


def quantize_pt2e(model: nn.Module, images: torch.Tensor, batches: Iterable[torch.Tensor]) -> nn.Module:
    """Quantize the model for the shape of `images`; it computes in int8 once it is compiled with frozen weights.

    Inductor's quantizer for x86 makes activations unsigned, with one scale, and weights signed, with one scale for each
    output channel. The ranges of the activations are taken from `batches`, which have the shape of `images`. Raise
    `NotQuantized` for a network that cannot be traced as a whole, or whose weights the quantizer does not find.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    prepared = observed_network(model, images)
    with torch.no_grad():
        for batch in batches:
            prepared(batch)
    return convert_pt2e(prepared)


def observed_network(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """The network as a graph that notes the ranges of its activations; raise `NotQuantized` as `quantize_pt2e` does."""
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    # Strict, because only then does the graph show which module each operation came from, which the quantizer needs.
    try:
        return prepare_pt2e(torch.export.export(model, (images,), strict=True).module(), quantizer)
    except Exception as error:  # each step of them has errors of its own
        raise NotQuantized("not_quantized", kind=type(error).__name__, words=error_text(error)) from error


def count_kernels(steps: Iterable[str]) -> dict[str, int]:
    """Count the convolutions and matrix products in int8 and in fp32.

    `steps` are the names of the functions in Inductor's graphs, see `compile.cold_caches`.
    """
    counts: Counter[str] = Counter()
    for step in steps:
        if QUANTIZED.search(step):
            counts["int8"] += 1
        elif FLOAT.search(step):
            counts["fp32"] += 1
    return dict(counts)
