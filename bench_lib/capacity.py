"""How many devices serve a rate of requests, and at which engine, precision and batch: `bench plan`'s rule.

One device serves batches of b images with the throughput F (images/s, calls back to back). Requests of one image come
to it at random (Poisson) at the rate λ, and it is busy for the share ρ = λ / F. The time of an answer is the sum of

- filling the batch: the first of a batch waits for b − 1 others, a time of Erlang's distribution: its 99 % quantile;
- waiting for the device: batches come with a squared coefficient of variation of 1 / b, and take S = b / F. The share ρ
  of them waits at all, and near full load the wait is exponential with the mean S · (1/b + 0) / 2 / (1 − ρ), which is
  1 / F / 2 / (1 − ρ) (J. F. C. Kingman, "The single server queue in heavy traffic", 1961): the 99 % quantile of that;
- the inference: the 99th percentile of the measured latencies.

The sum of the three quantiles errs on the side of more devices: it is 5 to 66 % above what tests/test_capacity.py
simulates, for batches of 1 to 33 on a device that is busy for 10 to 95 % of the time. Where `bench serve` has measured
an engine under load, its curve replaces the rule: the highest rate whose p99 kept the limit. A load balancer that deals
requests at random leaves each device a Poisson stream of its share of the rate.
"""

import math
from dataclasses import dataclass

from bench_lib import serving
from bench_lib.serving import Served

TAIL = 0.01  # the share of answers that may take longer
STEPS = 1000  # how finely a device's load is tried


@dataclass(frozen=True)
class Device:
    """One device at one engine, precision, image size and batch, as measured.

    `busy_w` is the device's power in calls back to back, `idle_w` that before anything ran, `samples` how many
    latencies the 99th percentile is of; what is not known is NaN.
    """

    name: str
    image_size: int
    batch: int
    fps: float
    p99_ms: float
    memory_mib: float
    busy_w: float = math.nan
    idle_w: float = math.nan
    samples: int = 0


@dataclass(frozen=True)
class Option:
    """So many devices that serve the rate: the load of each, and the 99th percentile of an answer.

    `kept_ips` is the rate at which one was measured to keep the limit; NaN where the rule computed the percentile.
    """

    device: Device
    devices: int
    each_ips: float
    p99_ms: float
    kept_ips: float = math.nan

    @property
    def measured(self) -> bool:
        """Whether the percentile was measured under load."""
        return not math.isnan(self.kept_ips)

    @property
    def busy(self) -> float:
        """The share of its throughput that each device is asked for."""
        return self.each_ips / self.device.fps

    @property
    def watts(self) -> float:
        """Power of all devices: between idle and busy in proportion to the load (Fan, Weber and Barroso, 2007).

        Where the power of an idle device is not known, what computing alone takes.
        """
        idle = 0.0 if math.isnan(self.device.idle_w) else self.device.idle_w
        return self.devices * (idle + (self.device.busy_w - idle) * self.busy)


def fill_ms(batch: int, ips: float) -> float:
    """The 99 % quantile of the time until `batch` − 1 more requests have come, at `ips` a second."""
    from scipy.special import gammaincinv

    return 0.0 if batch == 1 else 1e3 * float(gammaincinv(batch - 1, 1 - TAIL)) / ips


def wait_ms(fps: float, ips: float) -> float:
    """The 99 % quantile of how long a full batch waits for the device; infinite where it is asked for all it can."""
    busy = ips / fps
    if busy >= 1:
        return math.inf
    mean_ms = 1e3 / fps / 2 / (1 - busy)
    return max(0.0, math.log(busy / TAIL)) * mean_ms


def answer_ms(device: Device, ips: float) -> float:
    """The 99th percentile of an answer's time on one device at `ips` requests a second, by the rule above."""
    return fill_ms(device.batch, ips) + wait_ms(device.fps, ips) + device.p99_ms


def largest_ips(device: Device, p99_ms: float) -> float | None:
    """The largest rate at which one device keeps the limit, in steps of its throughput; None where there is none."""
    loads = (device.fps * step / STEPS for step in range(STEPS - 1, 0, -1))
    return next((ips for ips in loads if answer_ms(device, ips) <= p99_ms), None)


def by_rule(device: Device, rate_ips: float, p99_ms: float) -> Option | None:
    """The fewest such devices that serve the rate under the limit, by the rule; None where no number does."""
    most = largest_ips(device, p99_ms)
    if most is None:
        return None
    count = math.ceil(rate_ips / most)
    each = rate_ips / count
    answer = answer_ms(device, each)  # fewer requests each fill a batch more slowly
    return Option(device, count, each, answer) if answer <= p99_ms else None


def by_curve(served: Served, device: Device, rate_ips: float, p99_ms: float) -> Option | None:
    """The fewest devices behind a queue as it was measured; None where no measured rate kept the limit."""
    kept = serving.best(served.points, p99_ms)
    if kept is None:
        return None
    count = math.ceil(rate_ips / kept.offered_ips)
    return Option(device, count, rate_ips / count, kept.loadgen.p99_ms, kept.offered_ips)
