"""How long it takes to import a runtime: the part of a cold start that comes before the build.

The time is known only for a module that this process, or the process it was forked from, imported in `timed_import`.
"""

import contextlib
import sys
import time
from collections.abc import Iterator

SECONDS: dict[str, float] = {}  # seconds of each import, by the module's name


@contextlib.contextmanager
def timed_import(module: str) -> Iterator[None]:
    """Store in `SECONDS` how long the `with` block takes to import `module`; do nothing if it is already imported."""
    if module in sys.modules:
        yield
        return
    start = time.perf_counter()
    yield
    SECONDS[module] = time.perf_counter() - start


with timed_import("torch"):
    import torch  # noqa: F401
