"""Which measurements of a run went on at once on one host, by the times that its records hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bench_lib.core.record import Record


@dataclass(frozen=True)
class Stay:
    """When a record's measurement certainly went on: from `begin_s` to `end_s`, seconds of the Unix epoch.

    Where the record holds whole seconds, it began less than a second after `started_at`, so `begin_s` is a second
    later, and `end_s` may lie before it. `host` and `gpu` are empty where they are not known.
    """

    begin_s: float
    end_s: float
    host: str
    gpu: str

    def meets(self, other: "Stay") -> bool:
        """Whether the two can have run at once: on one host, as far as that is known, and not on the same GPU."""
        is_one_host = self.host == other.host or "" in (self.host, other.host)
        return is_one_host and (not self.gpu or self.gpu != other.gpu)


def company(records: Sequence[Record]) -> list[int]:
    """For each record of a run, how many others were measured at once on its host, at the most; 0: it was alone.

    A record without `ended_at` lasted at least as long as the times that it holds. Only what certainly overlaps counts,
    so a measurement that follows another within the same second does not. Without `host`, one host is assumed.
    """
    stays = [stay_of(record) for record in records]
    found, present = [0] * len(stays), []
    for new in sorted(range(len(stays)), key=lambda index: stays[index].begin_s):
        now_s = stays[new].begin_s
        present = [index for index in (*present, new) if stays[index].end_s >= now_s]
        for one in present:
            found[one] = max(found[one], sum(stays[one].meets(stays[other]) for other in present if other != one))
    return found


def stay_of(record: Record) -> Stay:
    """When the record's measurement certainly went on, and where."""
    begin = datetime.fromisoformat(record.started_at).timestamp()
    end = datetime.fromisoformat(record.ended_at).timestamp() if record.ended_at else begin + least_s(record)
    gpu = next((state["uuid"] for state in (record.gpu_busy, record.gpu_idle) if state and state.get("uuid")), "")
    return Stay(begin + 1, end, record.host, gpu)


def least_s(record: Record) -> float:
    """A lower bound (seconds) of how long a measurement took: the build, all timed calls, the count of energy."""
    calls_s = 0.0
    if timing := record.timing:
        calls_s = sum(timing.warmup_ms + timing.latency_ms) / 1e3 + sum(window.seconds for window in timing.throughput)
    return (record.build_s or 0.0) + calls_s + (record.energy.seconds if record.energy else 0.0)
