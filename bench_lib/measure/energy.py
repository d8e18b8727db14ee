"""Energy of a case: joules that the device counts while the case runs back to back."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench_lib.core.engine import Engine
from bench_lib.core.reason import ReasonedError
from bench_lib.core.record import Energy
from bench_lib.core.timing import Clock
from bench_lib.measure.system import nvml

LEAST_S = 1.0  # a counter moves every 20 to 100 ms
PATIENCE_S = 0.5  # for a counter's next step; one that does not move for so long counts nothing
LOOK_S = 0.005  # of calls between two looks at the counter
POWERCAP = Path("/sys/class/powercap")
Counter = Callable[[], float]  # joules since some time in the past


class NoCounter(ReasonedError):
    """There is no counter to read, and why."""


def measure_energy(
    engine: Engine, batch_size: int, latency_s: float, on_gpu: bool, clock: Clock = time.perf_counter
) -> Energy:
    """Joules, images and seconds between two steps of the device's counter at least `LEAST_S` apart.

    Raise `NoCounter` where this machine has none that can be read.
    """
    with gpu_counter() if on_gpu else cpu_counter() as counter:
        calls = max(1, round(LOOK_S / max(latency_s, 1e-9)))
        begin_joules, begin_s, _ = next_step(engine, calls, counter, clock, 0)
        joules, seconds, sent = next_step(engine, calls, counter, clock, LEAST_S)
    return Energy(joules=joules - begin_joules, images=sent * batch_size, seconds=seconds - begin_s,
                  source="NVML" if on_gpu else "RAPL")  # fmt: skip


def next_step(engine: Engine, calls: int, counter: Counter, clock: Clock, least_s: float) -> tuple[float, float, int]:
    """Call until the counter moves, once `least_s` have passed: its joules, the time then, and the calls made."""
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
    """The GPU's own counter, as NVML tells; from the Volta generation on."""
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
    """The counters of all processor packages (RAPL), where the system lets them be read."""
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
    """Joules of a RAPL zone, whose counter begins anew at `max_energy_range_uj`."""

    def __init__(self, zone: Path) -> None:
        self._zone, self._rolled_uj, self._last_uj = zone, 0, 0

    def __call__(self) -> float:
        """Joules since the first call's count began."""
        now_uj = int((self._zone / "energy_uj").read_text())
        if now_uj < self._last_uj:
            self._rolled_uj += int((self._zone / "max_energy_range_uj").read_text())
        self._last_uj = now_uj
        return (self._rolled_uj + now_uj) / 1e6
