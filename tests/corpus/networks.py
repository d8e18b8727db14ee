"""Networks that a fault was found with: a module of functions that build them, and files of weights."""

import zipfile
from pathlib import Path

import torch
from torch import nn

NETS = '''
"""Small networks, each with something that tools trip over."""

import ctypes
import dataclasses
import os
import sys
import threading
import time

import torch
from torch import nn
from torch.nn import functional


def build():
    layers = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(8, 10))


class Around(nn.Module):
    """A network around another, which is to be overridden."""

    def __init__(self):
        super().__init__()
        self.net = build()

    def forward(self, images):
        return self.net(images)


# Compiled, wholly or in part.


def compiled():
    return torch.compile(build(), backend="eager")


def compiled_in_place():
    net = build()
    net.compile(backend="eager")
    return net


def compiled_inside():
    net = Around()
    net.net[0] = torch.compile(net.net[0], backend="eager")
    net.again = net.net[0]
    return net


def compiled_forward():
    net = Around()
    net.forward = torch.compile(net.forward, backend="eager")
    return net


def parallel():
    return nn.DataParallel(build())


# Not to be copied, until something is done.


def weight_normed():
    net = build()
    net[0] = torch.nn.utils.weight_norm(net[0])
    net[5] = torch.nn.utils.weight_norm(net[5])
    return net


class Keeping(Around):
    """Keeps the activations of its last call, which began with the one here."""

    def __init__(self):
        super().__init__()
        self.net[0].register_forward_hook(self.keep)
        self(torch.zeros(2, 3, 16, 16))

    def keep(self, _layer, _given, output):
        self.kept = output


class Counting(Around):
    """Keeps the sum of all it has seen, which has a history."""

    def __init__(self):
        super().__init__()
        self.seen = self.net[5].weight.sum()


def lazy():
    layers = nn.LazyConv2d(8, 3, stride=4), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*layers, nn.LazyLinear(10))


class Locked(Around):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class Branching(Around):
    """Takes another way for another image, which cannot be exported."""

    def forward(self, images):
        return self.net(images) if images.sum() > 0 else self.net(-images)


# Of another kind.


def scripted():
    return torch.jit.script(build())


def traced():
    return torch.jit.trace(build().eval(), torch.zeros(1, 3, 32, 32))


def scripted_inside():
    net = Around()
    net.net = torch.jit.script(net.net)
    return net


def quantized():
    net = build()
    return nn.Sequential(net[:5], torch.ao.quantization.quantize_dynamic(net[5:], {nn.Linear}))


def half():
    return build().half()


def bfloat16():
    return build().bfloat16()


def double():
    return build().double()


def complex_weights():
    net = Around()
    net.turn = nn.Parameter(torch.ones(1, dtype=torch.complex64))
    return net


def meta():
    with torch.device("meta"):
        return build()


def training():
    net = nn.Sequential(build(), nn.Dropout(0.5))
    net.train()
    return net


class Dropping(Around):
    """Drops out in evaluation mode too."""

    def forward(self, images):
        return functional.dropout(self.net(images), 0.5)


def frozen():
    return build().requires_grad_(False)


class Tuple(Around):
    def forward(self, images):
        return self.net(images), images


class Dict(Around):
    def forward(self, images):
        return {"logits": self.net(images)}


class Boxes(Around):
    """Answers as a detection network: a list with a dict for each image."""

    def forward(self, images):
        return [{"scores": scores, "area": scores.sum(0, keepdim=True)} for scores in self.net(images)]


class Nested(Around):
    def forward(self, images):
        scores = self.net(images)
        return {"out": scores, "more": (scores.flip(1), [scores[:, :4]]), "nothing": None}


class Nothing(Around):
    def forward(self, images):
        return {"out": None}


class Labels(Around):
    def forward(self, images):
        scores = self.net(images)
        return {"scores": scores, "labels": scores.argmax(1)}


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor


class Data(Around):
    def forward(self, images):
        return Answer(self.net(images))


class Halves(Around):
    """Answers in another type than it was asked in."""

    def forward(self, images):
        return self.net(images).half()


class Doubles(Around):
    def forward(self, images):
        return self.net(images).double()


class Classes(Around):
    def forward(self, images):
        return self.net(images).topk(5).indices


class Casting(Around):
    """Computes in bf16, whatever its weights are."""

    def forward(self, images):
        with torch.autocast("cpu", torch.bfloat16):
            return self.net(images).float()


class Squeezed(Around):
    def forward(self, images):
        return self.net(images).squeeze()


class Words(Around):
    """Takes whole numbers."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 10)

    def forward(self, images):
        return self.table(images).mean((1, 2, 3))


class Fixed(Around):
    """Takes batches of one alone."""

    def forward(self, images):
        return self.net(images.view(1, 3, 32, 32))


def small_vit():
    from torchvision.models import VisionTransformer

    net = VisionTransformer(32, 16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10)
    nn.init.normal_(net.heads.head.weight)  # zeros, as torchvision makes them
    return net


class Exits(Around):
    def forward(self, images):
        sys.exit(0)


def with_arguments(classes):
    return build()


net = build()


def exits():
    sys.exit(0)


def interrupts():
    raise KeyboardInterrupt


def segfault():
    ctypes.string_at(0)


def leaves():
    os._exit(0)


def hangs():
    time.sleep(10_000)


def coloured():
    raise RuntimeError("\\x1b[96mThis is advice.\\x1b[0m " + "Read it. " * 500)
'''

MODULES = {
    "compiling_nets": """
import torch
from nets import Around


class Compiled(Around):
    @torch.compile(backend="eager")
    def forward(self, images):
        return self.net(images)


@torch.compile(backend="eager")
def twice(images):
    return images + images


class Step(Around):
    def forward(self, images):
        return self.net(twice(images))
""",
    "exiting_nets": "import sys\nsys.exit(0)\n",
    "parsing_nets": """
import argparse

from nets import build

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=8)
width = parser.parse_args().width
""",
    "demanding_nets": """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.parse_args()
""",
    "meddling_nets": """
import os
import signal
import sys
import warnings

import nets
import torch

print("hello from the module")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.set_grad_enabled(False)
torch.set_float32_matmul_precision("medium")
torch.use_deterministic_algorithms(True)
torch.backends.mkldnn.enabled = False
torch.manual_seed(42)
signal.signal(signal.SIGINT, signal.SIG_IGN)
warnings.simplefilter("error")
os.chdir("/")
sys.argv[1:] = ["of", "the", "module"]


def build():
    torch.set_default_device("cpu")
    return nets.build()
""",
}


def make(folder: Path) -> None:
    """Write the modules of networks and the files of weights into the folder."""
    (folder / "nets.py").write_text(NETS)
    for name, code in MODULES.items():
        (folder / f"{name}.py").write_text(code)
    make_weights(folder)


def make_weights(folder: Path) -> None:
    """Write weights of `nets:build`, as they are, in forms that trainings leave, and files that hold none."""
    torch.manual_seed(5)
    layers = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    net = nn.Sequential(*layers, nn.Linear(8, 10)).state_dict()
    weights = {
        "plain": net,
        "parallel": {f"module.{name}": value for name, value in net.items()},
        "compiled": {f"_orig_mod.{name}": value for name, value in net.items()},
        "both": {f"module._orig_mod.{name}": value for name, value in net.items()},
        "lightning": {"epoch": 3, "state_dict": net},
        "checkpoint": {"model_state_dict": {f"module.{name}": value for name, value in net.items()}, "epoch": 3},
        "two": {"model": net, "state_dict": net},
        "other": {"generator": net, "epoch": 3},
        "numbers": dict(enumerate(net.values())),
        "list": list(net.values()),
        "nothing": {},
        "expanded": net | {"5.bias": torch.zeros(1).expand(10**12)},
        "meta": {name: value.to("meta") for name, value in net.items()},
    }
    for name, held in weights.items():
        torch.save(held, folder / f"{name}.pt")
    whole = (folder / "plain.pt").read_bytes()
    (folder / "truncated.pt").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.pt").write_bytes(b"")
    (folder / "nothing.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (folder / "truncated.safetensors").write_bytes(b"\xff\x01\0\0\0\0\0\0{")
    (folder / "renamed.safetensors").write_bytes(whole)
    make_claiming(folder / "plain.pt", folder / "claiming.pt")


def make_claiming(source: Path, target: Path) -> None:
    """Copy a file of weights that begins with a tensor of 216 elements, and let that claim to have 10¹²."""
    claimed = b"\x8a\x06" + (10**12).to_bytes(6, "little")  # how pickle writes it; 216 is written as K and one byte
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            made.writestr(name, content.replace(b"K\xd8", claimed, 1) if name.endswith("data.pkl") else content)
