"""An engine made slower on purpose by a known share: the difference that `bench selfcheck` must find."""

import time
from collections.abc import Callable
from typing import Any


class Slowed:
    """Another engine that takes `share` longer: after each wait for it, it spins for that share of what it took.

    Calls sent back to back and waited for once are slowed as one. `engine` is a `bench_lib.engines.Engine`.
    """

    def __init__(self, engine: Any, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._engine, self._share, self._clock = engine, share, clock
        self._sent_at: float | None = None  # when the first call was sent that is not yet waited for
        self.ran = engine.ran | {"slowed_by": share}

    def run(self) -> None:
        """Send one batch."""
        if self._sent_at is None:
            self._sent_at = self._clock()
        self._engine.run()

    def synchronize(self) -> None:
        """Wait until everything sent is done, and then for the share of that time."""
        self._engine.synchronize()
        if self._sent_at is None:
            return
        now = self._clock()
        end = now + self._share * (now - self._sent_at)
        while self._clock() < end:
            pass
        self._sent_at = None

    def fill(self, images: Any) -> None:
        """Put another batch where the next calls read their input."""
        self._engine.fill(images)

    def output(self) -> Any:
        """The last call's output, `[batch_size, classes]`."""
        return self._engine.output()
