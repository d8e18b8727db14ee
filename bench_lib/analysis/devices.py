"""The devices that `bench plan` counts with: a run's measured cases, and its engines behind `bench serve`'s queue."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench_lib.analysis.case_row import MIB
from bench_lib.analysis.case_table import CaseTable, records_by_case
from bench_lib.core.case import Case
from bench_lib.core.errors import InputError, shortened
from bench_lib.core.intervals import median
from bench_lib.core.record import Record
from bench_lib.results.serving import Served, Serving, best_point, best_throughput, knee_point


@dataclass(frozen=True)
class Device:
    """One device at one network, engine, precision, image size and batch, as measured.

    `busy_w` is its power (W) during calls back to back that answer `busy_fps` images a second, `idle_w` its power
    before anything ran; an unknown one is NaN. `samples` is the number of latencies behind `p99_ms`; `asked` are the
    engine, variant and precision asked for.
    """

    name: str
    image_size: int
    batch: int
    fps: float
    p99_ms: float
    memory_mib: float
    busy_w: float = math.nan
    busy_fps: float = math.nan
    idle_w: float = math.nan
    samples: int = 0
    asked: tuple[str, str, str] = ("", "", "")
    network: str = ""


def known_devices(report: CaseTable, image_size: int | None, network: str | None = None) -> list[Device]:
    """The measured cases of one image size and one network, which is named as in the grid.

    Raise `InputError` if there are none, or several sizes or networks and none named.
    """
    cases = report.measured
    if cases.empty:
        raise InputError("no case of this run was measured, so there is nothing to plan with; see its report for why")
    networks = list(cases.model.unique())
    if network is None and len(networks) > 1:
        raise InputError(f"the run holds the networks {shortened(', '.join(networks), 200)}; choose one with --model")
    if network is not None and network not in networks:
        raise InputError(f"--model is {network!r}; this run measured {shortened(', '.join(networks), 200)}")
    cases = cases[cases.model == (network or networks[0])]
    sizes = sorted(map(int, cases.image_size.unique()))
    if image_size is None and len(sizes) > 1:
        raise InputError(f"the run holds images of {comma_list(sizes)} pixels a side; choose one with --image-size")
    if image_size is not None and image_size not in sizes:
        raise InputError(f"--image-size is {image_size}; this run measured {comma_list(sizes)}")
    chosen = cases[cases.image_size == (image_size or sizes[0])]
    records = records_by_case([record for record in report.records if record.status == "ok"])
    return [device_of(row, records[row.case]) for _, row in chosen.iterrows()]


def comma_list(values: Sequence[int]) -> str:
    """Numbers in a sentence, with commas between them."""
    return ", ".join(map(str, values))


def device_of(row: pd.Series, records: Sequence[Record]) -> Device:
    """A device from a row of `CaseTable.cases` and the measured records of the same case."""
    idle = [r.gpu_idle["power_w"] for r in records if r.gpu_idle and r.gpu_idle.get("power_w") is not None]
    busy = [r.energy.joules / r.energy.seconds for r in records if r.energy]
    samples = sum(len(record.timing.latency_ms) for record in records)
    return Device(
        name=row["name"], image_size=int(row.image_size), batch=int(row.batch_size), fps=float(row.fps),
        p99_ms=float(row.p99_ms), memory_mib=float(row.memory_mib), samples=samples,
        busy_w=median(busy) if busy else math.nan, busy_fps=float(row.fps), idle_w=min(idle, default=math.nan),
        asked=(row.engine, row.variant, row.precision), network=row.model,
    )  # fmt: skip


def served_devices(found: Serving, known: Sequence[Device]) -> list[tuple[Served, Device]]:
    """What `bench serve` measured, each case with the known device of its network, engine, precision and image size.

    Cases without such a device are left out. Power is that of the known device with the largest batch that is at most
    the queue's mean batch at its best rate (or its knee); throughput and memory are those that `bench serve` measured.
    """
    pairs = []
    for served in found.cases:
        same = sorted((d for d in known if served.points and d.image_size == served.case.image_size
                       and device_is_of(d, served.case)), key=lambda d: d.batch)  # fmt: skip
        if same:
            point = best_point(served.points, found.grid.p99_ms) or knee_point(served.points)
            like = next((d for d in reversed(same) if d.batch <= point.batch), same[0])
            fps = best_throughput({size: served.call_ms[size] for size in served.batches})
            memory = like.memory_mib if served.device_bytes is None else served.device_bytes / MIB
            pairs.append((served, Device(**vars(like) | {
                "batch": served.batches[-1], "fps": fps, "memory_mib": memory})))  # fmt: skip
    return pairs


def device_is_of(device: Device, case: Case) -> bool:
    """Whether a device is of the case's network, engine, variant and precision asked for, whatever it computed in."""
    return (device.network, device.asked) == (case.model, (case.engine, case.variant, case.precision))
