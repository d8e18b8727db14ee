"""`selfcheck.json`, which `bench selfcheck` writes: how often the verdicts are wrong."""

import math
import statistics as stdlib
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, computed_field, model_validator

from bench_lib.core import intervals
from bench_lib.core.case import Case, Limits
from bench_lib.core.intervals import Interval
from bench_lib.core.proportions import wilson
from bench_lib.core.quantities import Count, Milliseconds
from bench_lib.core.record import Record
from bench_lib.results.result_file import ResultFile

FALSE_ALARMS, POWER = 0.01, 0.95  # the goals: the largest and the smallest share of pairs allowed

Medians = Annotated[list[Milliseconds], Field(min_length=2)]


class SelfCheck(ResultFile):
    """`selfcheck.json`: a case compared with itself, and with itself slowed down by the share `slowdown`.

    `plain_ms` and `slowed_ms` are the processes' median latencies; their records are in `selfcheck/`, beside the file.
    Groups of `repeats` processes were compared in pairs, `pairs` times. `false_alarms` counts the pairs of two plain
    groups that were called different, `found` the pairs of a slowed and a plain group where the slowed one was called
    slower. `host_paced` is the result of the function of that name for the case; None in files older than this field.
    """

    file, command = "selfcheck.json", "bench selfcheck"
    case: Case
    limits: Limits
    slowdown: float = Field(gt=0, le=100)
    repeats: Count
    pairs: Count
    seed: int
    plain_ms: Medians
    slowed_ms: Medians
    false_alarms: int = Field(ge=0)
    found: int = Field(ge=0)
    host_paced: bool | None = None

    @model_validator(mode="after")
    def _of_pairs(self) -> "SelfCheck":
        if max(self.false_alarms, self.found) > self.pairs:
            raise ValueError("more pairs are counted than there are")
        return self

    @computed_field
    @property
    def false_alarm_rate(self) -> Interval:
        """The share of pairs of plain groups that were called different, though they are the same case."""
        return wilson(self.false_alarms, self.pairs)

    @computed_field
    @property
    def power(self) -> Interval:
        """The share of pairs of a slowed and a plain group in which the slowed one was called slower."""
        return wilson(self.found, self.pairs)

    @computed_field
    @property
    def process_sd(self) -> float:
        """How much the median latency varies from process to process: its relative standard deviation."""
        return relative_sd(self.plain_ms)

    @computed_field
    @property
    def reached(self) -> bool:
        """Whether both goals are reached."""
        return self.false_alarm_rate.value <= FALSE_ALARMS and self.power.value >= POWER


def relative_sd(values: list[float]) -> float:
    """The relative standard deviation of positive figures, computed as the standard deviation of their logarithms."""
    return stdlib.stdev(map(math.log, values))


HOST_PACED = 0.5  # enqueue time as a share of latency: from here on launches, and so the host, set the pace


def host_paced(records: Sequence[Record]) -> bool | None:
    """Whether a case waits for the host, which sends the GPU's work, rather than for the GPU.

    That is so if sending takes the share `HOST_PACED` of the latency or more. `records` are those of the case's
    processes, and the median of their shares counts. Without a GPU it is never so; on a GPU it is not known (None) from
    older records, which do not hold how long sending takes.
    """
    timed = [record for record in records if record.timing]
    shares = [
        intervals.median(record.timing.enqueue_ms) / intervals.median(record.timing.latency_ms)
        for record in timed if record.timing.enqueue_ms
    ]  # fmt: skip
    if shares:
        return intervals.median(shares) >= HOST_PACED
    return None if any(record.machine.get("gpu") for record in timed) else False
