"""Whether a network takes images of a size: some are made for one size, and refuse the others."""

import contextlib
import re
from collections.abc import Iterator

import torch
from torch import nn

from bench_lib.core.errors import InputError, error_text, one_line, shortened
from bench_lib.core.reason import because

LACK_OF_MEMORY = re.compile(r"out of memory|allocate", re.IGNORECASE)  # says nothing of the size alone
MOST_WORDS = 200  # characters


class SizeRefused(InputError):
    """A network does not take images of this size; `reason` says so without the network's name, for its row."""

    def __init__(self, sentence: str, size: int, words: str) -> None:
        super().__init__(sentence)
        self.reason = because("size_not_taken", size=size, words=shortened(one_line(words), MOST_WORDS))


def check_size(model: nn.Module, image: torch.Tensor, name: str) -> None:
    """Run one image (`[1, 3, height, width]`) through the network; raise `SizeRefused` if it refuses the size."""
    with torch.no_grad(), size_taken(image, name):
        model(image)


def takes_size(model: nn.Module, image: torch.Tensor) -> bool:
    """Whether the network takes images such as this one (`[1, 3, height, width]`)."""
    try:
        check_size(model, image, "")
    except SizeRefused:
        return False
    return True


@contextlib.contextmanager
def size_taken(image: torch.Tensor, name: str) -> Iterator[None]:
    """Make what the network `name` raises at this image in the `with` block a `SizeRefused`.

    Errors that are sentences already, and a lack of memory, go on as they are.
    """
    try:
        yield
    except InputError:
        raise
    except (AssertionError, IndexError, RuntimeError, ValueError) as error:
        if LACK_OF_MEMORY.search(str(error)):
            raise
        words = f"{type(error).__name__}: {error_text(error)}"
        raise SizeRefused(
            f"model {name!r} does not take {list(image.shape)}: {words}", image.shape[-1], str(error)
        ) from None
