"""Whether other processes computed where a case was timed, by what its record holds: on its cores, or on its GPU.

A case beside them has no verdict: how much they slowed it down, and whether as much as the case that it is compared
with, is not known.
"""

import math

from bench_lib.core.machine import ProcessorTime
from bench_lib.core.record import Record

# Cores. The threads of an operation wait for the slowest of them, so a share of one core that is taken from them can
# lengthen it by that share, however many they are. A process that computes gets half a core or more even where it must
# share one; what a system does by itself takes a few hundredths.
LEAST_TAKEN = 0.1
TICK_S = 0.01  # Linux looks this often, or more often, who computes on a core


def others_cores(used: ProcessorTime) -> float:
    """How many cores other processes computed on, on average."""
    return max(0.0, used["busy_s"] - used["own_s"]) / used["seconds"] if used["seconds"] else 0.0


def taken_cores(used: ProcessorTime, threads: int) -> float:
    """How many of the cores that so many threads needed the others took, on average.

    They took none as long as they fit on the other physical cores. (Two logical cores of one physical core share what
    computes.)
    """
    return max(0.0, others_cores(used) - max(0, used["physical_cores"] - threads))


def is_disturbing(used: ProcessorTime, threads: int) -> bool:
    """Whether others took more than `LEAST_TAKEN` cores from so many threads, beyond the error of counting.

    A core is counted as busy in the ticks in which it was found so. Where it is busy half of the time, the share that
    is counted in n ticks has a standard deviation of 0.5/√n; twice that of all cores together is allowed for. On two
    cores over two seconds, that is another tenth of a core.
    """
    if not used["seconds"]:
        return False
    error = math.sqrt(used["cores"] * TICK_S / used["seconds"])
    return taken_cores(used, threads) > LEAST_TAKEN + error


def needed_threads(record: Record) -> int:
    """How many threads of the processor a measured case needed: on a GPU the one that sends its work."""
    if record.timing.enqueue_ms:
        return 1
    return record.ran.get("threads") or record.machine.get("threads", 1)


def shares_processor(record: Record) -> bool:
    """Whether other processes took cores that the case needed; not where the record does not tell."""
    if record.timing is None or record.processor is None:
        return False
    return is_disturbing(record.processor, needed_threads(record))


def shares_gpu(record: Record) -> bool:
    """Whether other processes were on the GPU: before the case sent anything to it or, beside its own, at the end."""
    before, after = ((state or {}).get("processes") or 0 for state in (record.gpu_idle, record.gpu_busy))
    return before > 0 or after > 1


def is_crowded(record: Record) -> bool:
    """Whether other processes computed where the case was timed."""
    return shares_processor(record) or shares_gpu(record)
