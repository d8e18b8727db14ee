"""How many devices serve a rate of requests, and at which engine, precision and batch: `bench plan`'s rule.

One device serves batches of b images with the throughput F (images/s, calls back to back). Requests of one image come
to it at random (Poisson) at the rate λ, and it is busy for the share ρ = λ / F. The time of an answer is the sum of

- filling the batch: its first request waits for b − 1 others, a time with an Erlang distribution: its 99 % quantile;
- waiting for the device: the times between batches have a squared coefficient of variation of 1 / b, and each batch
  takes S = b / F. The share ρ of the batches has to wait, and near full load the wait is exponential with the mean S ·
  (1/b + 0) / 2 / (1 − ρ) = 1 / F / 2 / (1 − ρ) (J. F. C. Kingman, "The single server queue in heavy traffic", 1961):
  its 99 % quantile;
- the inference: the 99th percentile of the measured latencies.

The sum of the three quantiles errs on the side of more devices: it is 5 to 66 % above what tests/test_capacity.py
simulates, for batches of 1 to 33 on a device that is busy for 10 to 95 % of the time. Where `bench serve` has measured
an engine under load, its curve replaces the rule: the highest rate whose p99 kept the limit. A load balancer that deals
requests at random leaves each device a Poisson stream of its share of the rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_lib.analysis.case_table import CaseTable
from bench_lib.analysis.devices import Device, known_devices, served_devices
from bench_lib.core.errors import InputError
from bench_lib.results import serving
from bench_lib.results.result_file import read_result
from bench_lib.results.serving import Served, Serving

TAIL = 0.01  # the share of answers that may take longer
STEPS = 1000  # the loads of a device are tried in this many steps


@dataclass(frozen=True)
class Option:
    """A number of identical devices that serve the rate, each one's share of it, and the p99 of an answer's time.

    `kept_ips` is the rate at which one was measured to keep the limit; NaN where the rule computed the percentile.
    `samples` is the number of requests behind the measured percentile or, for the rule, of calls behind that of
    inference. `near_queue` tells that the queue may have limited `kept_ips` (`Serving.near_queue`).
    """

    device: Device
    devices: int
    each_ips: float
    p99_ms: float
    samples: int
    kept_ips: float = math.nan
    near_queue: bool = False

    @property
    def measured(self) -> bool:
        """Whether the percentile was measured under load."""
        return not math.isnan(self.kept_ips)

    @property
    def sure(self) -> bool:
        """Whether enough requests or calls are behind the percentile; that of fewer is about the slowest of them."""
        return self.samples >= serving.P99_COUNT

    @property
    def busy(self) -> float:
        """The share of its throughput that each device is asked for."""
        return self.each_ips / self.device.fps

    @property
    def watts(self) -> float:
        """Power of all devices: between idle and busy in proportion to the load (Fan, Weber and Barroso, 2007).

        The load is the share of the throughput at which the busy power was measured. If the power of an idle device is
        unknown, it counts as 0 and the result is the power of computing alone.
        """
        idle, load = self.device.idle_w, min(1.0, self.each_ips / self.device.busy_fps)
        idle = 0.0 if math.isnan(idle) else idle
        return self.devices * (idle + (self.device.busy_w - idle) * load)


def fill_ms(batch: int, ips: float) -> float:
    """The 99 % quantile of the time until `batch` − 1 more requests have come, at `ips` a second."""
    from scipy.special import gammaincinv

    return 0.0 if batch == 1 else 1e3 * float(gammaincinv(batch - 1, 1 - TAIL)) / ips


def wait_ms(fps: float, ips: float) -> float:
    """The 99 % quantile of how long a full batch waits for the device; infinite if `ips` reaches its throughput."""
    busy = ips / fps
    if busy >= 1:
        return math.inf
    mean_ms = 1e3 / fps / 2 / (1 - busy)
    return max(0.0, math.log(busy / TAIL)) * mean_ms


def answer_ms(device: Device, ips: float) -> float:
    """The 99th percentile of an answer's time on one device at `ips` requests a second, by the rule above."""
    return fill_ms(device.batch, ips) + wait_ms(device.fps, ips) + device.p99_ms


def largest_rate(device: Device, p99_ms: float) -> float | None:
    """The largest rate at which one device keeps the limit, in 1/`STEPS` of its throughput; None if none does."""
    loads = (device.fps * step / STEPS for step in range(STEPS - 1, 0, -1))
    return next((ips for ips in loads if answer_ms(device, ips) <= p99_ms), None)


def by_rule(device: Device, rate_ips: float, p99_ms: float) -> Option | None:
    """The fewest such devices that serve the rate under the limit, by the rule; None where no number does."""
    most = largest_rate(device, p99_ms)
    if most is None:
        return None
    count = math.ceil(rate_ips / most)
    each = rate_ips / count
    answer = answer_ms(device, each)  # fewer requests each fill a batch more slowly
    return Option(device, count, each, answer, device.samples) if answer <= p99_ms else None


def by_curve(served: Served, device: Device, rate_ips: float, p99_ms: float, found: Serving) -> Option | None:
    """The fewest devices, by a curve of `found` (of `bench serve`); None if none of its rates kept the limit."""
    kept = serving.best_point(served.points, p99_ms)
    if kept is None:
        return None
    count = math.ceil(rate_ips / kept.offered_ips)
    near = found.near_queue(kept.offered_ips)
    return Option(device, count, rate_ips / count, kept.loadgen.p99_ms, kept.requests, kept.offered_ips, near)


@dataclass(frozen=True)
class Plan:
    """The ways to serve a rate under a limit of p99 (`options`, the best first), all of one network."""

    folder: Path
    report: CaseTable
    rate_ips: float
    p99_ms: float
    known: list[Device]
    options: list[Option]

    @property
    def network(self) -> str:
        """The network, as the grid names it."""
        return self.known[0].network


def plan_devices(
    folder: str | Path, rate_ips: float, p99_ms: float, image_size: int | None = None, network: str | None = None
) -> Plan:
    """The options of a run for a rate (images/s) and a limit of p99, the fewest devices first.

    Raise `InputError` for a rate or a limit that is no positive number, for a run without measured cases or with
    several image sizes or networks where none is named, and where no number of devices keeps the limit.
    """
    for name, value in (("rate", rate_ips), ("p99-ms", p99_ms)):
        if not 0 < value <= 1e9:
            raise InputError(f"--{name} is {value:g}; it must be a number above 0, and at most 1e9")
    report = CaseTable.read(folder)
    known = known_devices(report, image_size, network)
    served = read_result(Serving, folder)
    measured = served_devices(served, known) if served else []
    options = [by_curve(curve, device, rate_ips, p99_ms, served) for curve, device in measured]
    replaced = {(device.name, device.image_size) for _, device in measured}
    options += [by_rule(d, rate_ips, p99_ms) for d in known if (d.name, d.image_size) not in replaced]
    found = [option for option in options if option]
    if not found:
        raise InputError(f"{folder}: {why_impossible(known, measured, rate_ips, p99_ms)}")
    return Plan(Path(folder), report, rate_ips, p99_ms, known, sorted(found, key=plan_order))


def plan_order(option: Option) -> tuple[float, float, float]:
    """Fewer devices first, then less power where it is known, then the shorter answer."""
    return option.devices, math.inf if math.isnan(option.watts) else option.watts, option.p99_ms


def why_impossible(
    known: Sequence[Device], measured: Sequence[tuple[Served, Device]], rate_ips: float, p99_ms: float
) -> str:
    """A sentence on why no number of devices keeps the limit, with the shortest answer that any device gives."""
    answers = []
    for served, device in measured:
        if least := serving.least_p99(served.points):
            answers.append((least.loadgen.p99_ms, device, f"measured under load, p99 of {least.requests} requests"))
    for device in known:
        loads = [rate_ips / count for count in range(1, STEPS) if rate_ips / count < device.fps] or [device.fps / 2]
        words = f"by the rule, of which inference takes {device.p99_ms:.3g} ms, p99 of {device.samples} calls"
        answers.append((min(answer_ms(device, ips) for ips in loads), device, words))
    least_ms, device, how = min(answers, key=lambda answer: answer[0])
    return (
        f"no number of devices keeps p99 under {p99_ms:g} ms at {rate_ips:g} images/s: the least is {least_ms:.3g} ms "
        f"({device.name}, batch {device.batch}; {how}); allow more"
    )
