"""Where a network comes from, told from how `model` names it; imports nothing, so that a report can tell it too."""

import re
from typing import Literal

Kind = Literal["torchvision", "function", "onnx"]
TORCHVISION = "torchvision:"
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def kind(model: str) -> Kind:
    """What the name is of: a file (`path/to/net.onnx`), a function (`package.module:build`), or torchvision's."""
    if model.lower().endswith(".onnx"):
        return "onnx"
    return "function" if FUNCTION.fullmatch(model) else "torchvision"


def plain_name(model: str) -> str:
    """The name without `torchvision:`, which says nothing more: `torchvision:resnet18` is `resnet18`."""
    return model.removeprefix(TORCHVISION)
