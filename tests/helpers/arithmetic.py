"""What a network answers in arithmetic that this processor lacks: its numbers are rounded, and multiplied in fp32."""

import copy

import torch
from torch.utils._python_dispatch import TorchDispatchMode

BITS = {"fp32": 24, "tf32": 11, "fp16": 11, "bf16": 8, "fp8": 4}  # of the significand
OUTPUT = {"fp16": torch.float16, "bf16": torch.bfloat16}
LAYERS = (torch.nn.Conv2d, torch.nn.Linear)


def rounded(tensor, bits):
    """Numbers of so many bits, in float32."""
    return round_in_place(tensor.clone(), bits)


def round_in_place(tensor, bits):
    """Leave so many bits of float32 numbers; the lowest of those left is rounded."""
    lost = BITS["fp32"] - bits
    if lost:
        tensor.view(torch.int32).add_(1 << (lost - 1)).bitwise_and_(-1 << lost)
    return tensor


class Rounding(TorchDispatchMode):
    """Rounds what every operation gives to so many bits."""

    def __init__(self, bits):
        super().__init__()
        self.bits = bits

    def __torch_dispatch__(self, operation, _types, args=(), kwargs=None):
        given = operation(*args, **(kwargs or {}))
        for tensor in given if isinstance(given, tuple | list) else (given,):
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32 and not operation.is_view:
                round_in_place(tensor, self.bits)
        return given


def answers_in(precision, network, images):
    """What the fp32 network answers to the images, `[images, classes]`, in an output of the precision's data type.

    In fp32, numbers are added in another order. In TF32 and int8, it is what convolutions and linear layers multiply
    that is rounded or quantized: with a scale for each channel of the weights, and one for the input.
    """
    network = copy.deepcopy(network)
    with torch.no_grad():
        if precision == "fp32":
            return network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
        if precision in ("tf32", "int8"):
            return prepared(network, precision)(images)
        bits = BITS[precision]
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.dtype == torch.float32:
                round_in_place(tensor.data, bits)
        with Rounding(bits):
            answers = network(rounded(images, bits))
    return answers.to(OUTPUT.get(precision, torch.float32))


def prepared(network, precision):
    """The network with what its layers multiply rounded to TF32 or quantized to int8."""

    def fit(tensor, axes):
        return rounded(tensor, BITS["tf32"]) if precision == "tf32" else quantized(tensor, axes)

    for layer in network.modules():
        if isinstance(layer, LAYERS):
            layer.weight.copy_(fit(layer.weight, tuple(range(1, layer.weight.dim()))))
            layer.register_forward_pre_hook(lambda _, given: (fit(given[0], None), *given[1:]))
    return network


def quantized(tensor, axes):
    """Multiples of a scale, −127 to 127 of them; one scale for what lies along the axes (None: for all)."""
    largest = tensor.abs().amax() if axes is None else tensor.abs().amax(axes, keepdim=True)
    scale = largest.clamp(min=1e-30) / 127
    return (tensor / scale).round() * scale
