"""What a network of the user's own must be, so that each engine measures what it says: plain PyTorch in fp32.

What stands around a network (`torch.compile`, `DataParallel`) is taken off. What would make another baseline than
PyTorch's own eager mode in fp32, or cannot be compared with it, is refused in one sentence.
"""

import copy
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench_lib.core.errors import InputError, error_text
from bench_lib.workload.answers import ANSWERS, as_tuple, flattened, output_names
from bench_lib.workload.image_size import size_taken
from bench_lib.workload.own_function import refused

SHORTER = (torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)  # types with fewer digits than fp32
SAME = 1e-3  # answers to one image that differ by a larger share of the largest are drawn anew at each call


def plain_network(model: nn.Module, name: str) -> nn.Module:
    """The network in fp32 on the CPU in evaluation mode, without what compiles it or its parts or spreads it over GPUs.

    `name` is that of the model, for a reader. Raise `InputError` for a network that is not PyTorch's own modules in
    fp32: one of TorchScript, a quantized one, or one with complex weights.
    """
    model = unwrapped(model)
    for module in list(model.modules()):
        module._compiled_call_impl = None  # what `module.compile()` sets
        for key, part in module._modules.items():
            module._modules[key] = unwrapped(part)
    if any(isinstance(part, torch.jit.ScriptModule) for part in model.modules()):
        raise InputError(
            f"model {name!r} is compiled by TorchScript (torch.jit), wholly or in part; return the nn.Module that it "
            "was made of"
        )
    if any(tensor.is_complex() for tensor in [*model.parameters(), *model.buffers()]):
        raise InputError(f"model {name!r} has complex weights, which no engine computes with; return a real network")
    with refused(f"model {name!r} cannot be brought to the CPU in fp32"):
        return model.to("cpu", torch.float32).eval()


def unwrapped(part: nn.Module | None) -> nn.Module | None:
    """A module without `torch.compile`, `DataParallel` and `DistributedDataParallel` around it."""
    while isinstance(part, torch._dynamo.OptimizedModule | nn.DataParallel | nn.parallel.DistributedDataParallel):
        part = part._orig_mod if isinstance(part, torch._dynamo.OptimizedModule) else part.module
    return part


def check_answers(model: nn.Module, image: torch.Tensor, name: str) -> nn.Module:
    """Run one image (`[1, 3, height, width]`) through the network twice, and copy it, as engines will.

    The first run also gives lazy modules their weights. Return the network as `flattened` does. Raise `InputError`
    unless it takes the image, answers tensors `[1, …]` in float32, the same both times, computes in nothing shorter
    than fp32, compiles nothing by itself and can be copied; `SizeRefused`, which is one, if it takes no image of that
    size.
    """
    taken = f"model {name!r} does not take {list(image.shape)}"
    with torch.no_grad(), refused(taken), size_taken(image, name):
        model = flattened(model, run_uncompiled(model, image, name), name)
        outputs = as_tuple(model(image))
        check_outputs(outputs, output_names(model), name)
        with Steps() as steps:
            again = as_tuple(model(image))
    check_steps(steps, name)
    if not all(are_the_same(*pair) for pair in zip(outputs, again, strict=True)):
        raise InputError(
            f"model {name!r} answers the same image differently each time, so no answer can be checked; let it draw "
            "nothing in evaluation mode: functional.dropout(x, training=self.training)"
        )
    forget_histories(model)
    try:
        copy.deepcopy(model)
    except Exception as error:
        raise InputError(
            f"model {name!r} cannot be copied ({type(error).__name__}: {error_text(error)}); keep in the network only "
            "what copy.deepcopy takes"
        ) from None
    return model


def are_the_same(output: torch.Tensor, again: torch.Tensor) -> bool:
    """Whether two answers to the same image are equal but for rounding."""
    return torch.allclose(output, again, rtol=0, atol=SAME * float(output.abs().max()), equal_nan=True)


def run_uncompiled(model: nn.Module, image: torch.Tensor, name: str) -> Any:
    """What the network answers; raise `InputError` if it compiles a part of itself by `torch.compile`."""
    torch.compiler.reset()  # what is compiled already would not be seen
    try:
        with torch.compiler.set_stance("fail_on_recompile"):
            return model(image)
    except RuntimeError as error:
        if "fail_on_recompile" not in str(error):
            raise
        raise InputError(
            f"model {name!r} compiles a part of itself (torch.compile); remove that, and let the bench compile the "
            "network where it is to be compiled (options: {pytorch: {compile: default}})"
        ) from None


def check_outputs(outputs: tuple[torch.Tensor, ...], names: list[str], name: str) -> None:
    """Raise `InputError` unless each output for one image is `[1, …]` in float32, and not empty."""
    for output, called in zip(outputs, names, strict=True):
        answers = f"model {name!r} answers" + (f" {called}:" if len(names) > 1 else "")
        if output.dim() == 0 or len(output) != 1 or not output.numel():
            raise InputError(f"{answers} {list(output.shape)} to one image; it must answer {ANSWERS}")
        if output.dtype != torch.float32:
            kind = str(output.dtype).removeprefix("torch.")
            raise InputError(
                f"{answers} in {kind}, although it is in fp32; return float32 scores, and let precisions choose the "
                "data type"
            )


class Steps(TorchDispatchMode):
    """Sees which data types PyTorch's operations return in the `with` block, and whether some are quantized."""

    def __init__(self) -> None:
        super().__init__()
        self.types: set[torch.dtype] = set()
        self.quantized = False

    def __torch_dispatch__(self, function: Any, types: Any, given: tuple = (), named: Any = None) -> Any:
        """Call the operation, and note what it is and returns."""
        output = function(*given, **(named or {}))
        self.quantized |= function.namespace.startswith("quantized")
        self.types |= {one.dtype for one in torch.utils._pytree.tree_leaves(output) if isinstance(one, torch.Tensor)}
        return output


def check_steps(steps: Steps, name: str) -> None:
    """Raise `InputError` if a network in fp32 computes in a shorter type, or in int8."""
    shorter = sorted(str(one).removeprefix("torch.") for one in steps.types.intersection(SHORTER))
    if steps.quantized or shorter:
        found = "int8" if steps.quantized else shorter[0]
        raise InputError(
            f"model {name!r} computes in {found} by itself, so it would be measured as fp32 that it is not; return the "
            "network without autocast, casts and quantization, and let precisions choose the data type"
        )


def forget_histories(model: nn.Module) -> None:
    """Detach the tensors that modules keep beside their weights: one that has a gradient's history is not copied."""
    for module in model.modules():
        for key, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                setattr(module, key, value.detach())
