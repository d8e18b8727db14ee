"""PyTorch's own post-training quantization to int8, for a CPU: torchao's "PyTorch 2 export" flow."""

import re
from collections import Counter
from collections.abc import Iterable

import torch
from torch import nn

from bench_lib.core.engine import Unavailable
from bench_lib.core.import_time import timed_import

QUANTIZATION = {"activations": "u8", "weights": "s8", "per_channel": True}
COMMAND = "pip install -c constraints.txt torchao"
QUANTIZED = re.compile(r"(<locals>|onednn)\.q(conv|linear)")  # in the names of what Inductor makes of a quantized graph
FLOAT = re.compile(r"\baten\.(convolution|addmm|mm|bmm)\b|\b(mkldnn|onednn)\.\S*(conv|linear)")


def check_torchao() -> None:
    """Raise `Unavailable` without torchao, or beside a GPU, for which Inductor has no int8 convolution."""
    if torch.cuda.is_available():
        raise Unavailable("pytorch_lacks_int8")
    try:
        with timed_import("torchao"):
            from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer  # noqa: F401
    except ImportError as error:
        raise Unavailable("torchao_not_installed", error=str(error), command=COMMAND) from None


def quantize_pt2e(model: nn.Module, images: torch.Tensor, batches: Iterable[torch.Tensor]) -> nn.Module:
    """The model quantized for the images' shape; compiled, with its weights frozen, it computes in int8.

    By Inductor's quantizer for x86, activations are unsigned, with one scale, weights signed, with a scale for each
    output channel. `batches` are of the images' shape, to take the activations' ranges from. Raise what
    `torch.export` raises for a network that it cannot trace whole.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    # Strict: only then does the graph tell which steps a module's call became, and the quantizer asks for that.
    exported = torch.export.export(model, (images,), strict=True).module()
    prepared = prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for batch in batches:
            prepared(batch)
    return convert_pt2e(prepared)


def count_kernels(steps: Iterable[str]) -> dict[str, int]:
    """How many convolutions and matrix products among the steps of Inductor's graph are in int8, and how many not."""
    kinds = ("int8" if QUANTIZED.search(step) else "fp32" if FLOAT.search(step) else "" for step in steps)
    return dict(Counter(filter(None, kinds)))
