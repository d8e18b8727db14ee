"""The network and its synthetic input, both seeded."""

import psutil
import torch
from torch import nn

from bench_lib.cases import Case, InputError

CHANNELS = 3


class InputTooLarge(MemoryError):
    """The images alone do not fit in memory; `reason` says so to the report's reader (Russian)."""

    def __init__(self, asked_bytes: int, free_bytes: int) -> None:
        asked, free = (f"{count / 2**30:.1f}" for count in (asked_bytes, free_bytes))
        super().__init__(f"the input alone takes {asked} GiB, free are {free} GiB")
        self.reason = f"не хватило памяти: один только вход занимает {asked} ГиБ, свободно {free} ГиБ".replace(".", ",")


def check_model(name: str) -> None:
    """Raise `InputError` unless `name` is a classification network of torchvision."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(f"unknown model {name!r}; allowed: torchvision's classifiers, such as {', '.join(known[-6:])}")


def network(name: str, seed: int) -> nn.Module:
    """The network in fp32 on the CPU, in evaluation mode, with random weights drawn from `seed`.

    Speed does not depend on what the weights are, so none are downloaded.
    """
    from torchvision import models

    check_model(name)
    torch.manual_seed(seed)
    return models.get_model(name, weights=None).eval()


def images(case: Case, seed: int, device: torch.device) -> torch.Tensor:
    """Synthetic images ~ N(0, 1), float32, `[batch_size, 3, image_size, image_size]`, the same for equal seeds.

    They are on the host: an engine puts its own copy on the device, so that no other one counts as its memory.
    Raise `InputTooLarge` if they alone do not fit in the host's free memory or, where `device` is a GPU, in its.
    """
    shape = (case.batch_size, CHANNELS, case.image_size, case.image_size)
    asked = 4 * CHANNELS * case.batch_size * case.image_size**2
    free = psutil.virtual_memory().available
    if device.type == "cuda":
        free = min(free, torch.cuda.mem_get_info(device)[0])
    if asked > free:
        raise InputTooLarge(asked, free)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator)
