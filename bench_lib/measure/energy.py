"""The energy of a case: the joules that the device counts while calls are sent to it back to back.

The counters are NVML's on a GPU and RAPL's on a CPU. They count the whole device, whatever else runs on it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_lib.core.engine import Engine
from bench_lib.core.reason import ReasonedError
from bench_lib.core.record import Energy
from bench_lib.core.timing import Clock
from bench_lib.measure.system import nvml

PATIENCE_S = 0.5  # the longest wait for an update; a counter without one in this time does not work
LOOK_S = 0.005  # the time that the calls between two reads of the counter take
POWERCAP = Path("/sys/class/powercap")
Counter = Callable[[], float]  # returns the joules since some moment in the past


class NoCounter(ReasonedError):
    """There is no counter to read, and why."""


def measure_energy(
    engine: Engine, batch_size: int, latency_s: float, least_s: float, on_gpu: bool, clock: Clock = time.perf_counter
) -> Energy:
    """Run the engine between two updates of the device's counter that are at least `least_s` seconds apart.

    A counter is updated every 20 to 100 ms. Return the joules, images and seconds between the two updates. `latency_s`
    is the time of one call in seconds. Raise `NoCounter` if this machine has no counter that can be read, or if
    `least_s` is 0.
    """
    if not least_s:
        raise NoCounter("energy_not_asked")
    with gpu_counter() if on_gpu else cpu_counter() as counter:
        calls = max(1, round(LOOK_S / max(latency_s, 1e-9)))
        begin_joules, begin_s, _ = next_step(engine, calls, counter, clock, 0)
        joules, seconds, sent = next_step(engine, calls, counter, clock, least_s)
    return Energy(joules=joules - begin_joules, images=sent * batch_size, seconds=seconds - begin_s,
                  source="NVML" if on_gpu else "RAPL")  # fmt: skip


def next_step(engine: Engine, calls: int, counter: Counter, clock: Clock, least_s: float) -> tuple[float, float, int]:
    """Run calls until the first update of the counter after `least_s` seconds.

    The counter is read after every `calls` calls. Return its joules, the clock's time and the number of calls made.
    Raise `NoCounter` if the counter is not updated for `PATIENCE_S` after `least_s`.
    """
    start, sent, before = clock(), 0, counter()
    while True:
        for _ in range(calls):
            engine.run()
        engine.synchronize()
        sent += calls
        now, joules = clock(), counter()
        if joules != before and now - start >= least_s:
            return joules, now, sent
        if now - start > least_s + PATIENCE_S and joules == before:
            raise NoCounter("energy_stands_still")
        if now - start < least_s:
            before = joules


@contextlib.contextmanager
def gpu_counter() -> Iterator[Counter]:
    """Yield the GPU's own counter, read through NVML; GPUs have one from the Volta generation on.

    Raise `NoCounter` if there is none.
    """
    with nvml() as (api, handle):
        if api is None:
            raise NoCounter("nvml_does_not_answer")
        try:
            api.nvmlDeviceGetTotalEnergyConsumption(handle)
        except api.NVMLError as error:
            raise NoCounter("driver_tells_no_energy", error=str(error)) from None
        yield lambda: api.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3


@contextlib.contextmanager
def cpu_counter() -> Iterator[Counter]:
    """Yield the sum of the counters of all processor packages (RAPL).

    Raise `NoCounter` if there is none or if the system does not allow this user to read it.
    """
    packages = [zone for zone in sorted(POWERCAP.glob("*:*")) if (zone / "name").read_text().startswith("package")]
    if not packages:
        raise NoCounter("no_rapl")
    counts = [Unrolled(zone) for zone in packages]
    try:
        counts[0]()
    except PermissionError:
        raise NoCounter("rapl_is_closed") from None
    yield lambda: sum(count() for count in counts)


class Unrolled:
    """A RAPL zone's counter without its wraparounds: the zone's own starts again at 0 after `max_energy_range_uj`."""

    def __init__(self, zone: Path) -> None:
        self._zone = zone
        self._rolled_uj = 0  # microjoules of all wraparounds so far
        self._last_uj = 0

    def __call__(self) -> float:
        """The joules since the zone's counter was last at zero before the first call."""
        now_uj = int((self._zone / "energy_uj").read_text())
        if now_uj < self._last_uj:
            self._rolled_uj += int((self._zone / "max_energy_range_uj").read_text())
        self._last_uj = now_uj
        return (self._rolled_uj + now_uj) / 1e6
