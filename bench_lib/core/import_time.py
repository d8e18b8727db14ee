"""How long a runtime's import takes in a process that has not imported it yet: what a start costs before any build."""

import contextlib
import sys
import time
from collections.abc import Iterator

SECONDS: dict[str, float] = {}  # by module, of those that this process or the one it was forked from imported


@contextlib.contextmanager
def timed_import(module: str) -> Iterator[None]:
    """Time what is imported inside, unless it was imported before."""
    if module in sys.modules:
        yield
        return
    start = time.perf_counter()
    yield
    SECONDS[module] = time.perf_counter() - start


with timed_import("torch"):
    import torch  # noqa: F401
