"""A run → what serves a rate of requests: its measured cases and curves, ordered, told, and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench_lib.capacity import STEPS, Device, Option, answer_ms, by_curve, by_rule, fill_ms, largest_ips, wait_ms
from bench_lib.cases import Case, InputError
from bench_lib.checks import read_check
from bench_lib.figures import MIB, called
from bench_lib.records import Record
from bench_lib.scaling import Scaling
from bench_lib.serving import Served, Serving, best
from bench_lib.statistics import median
from bench_lib.summary import Summary, all_repeats
from bench_lib.terminal import per_second

MOST_OPTIONS = 12  # lines


@dataclass(frozen=True)
class Plan:
    """What serves a rate under a limit, the best first."""

    folder: Path
    report: Summary
    rate_ips: float
    p99_ms: float
    known: list[Device]
    options: list[Option]


def plan(folder: str | Path, rate_ips: float, p99_ms: float, image_size: int | None = None) -> Plan:
    """The options of a run for a rate (images/s) and a limit of p99, the fewest devices first.

    Raise `InputError` for a rate or a limit that is no positive number, for a run without measured cases or with
    several image sizes where none is named, and where no number of devices keeps the limit.
    """
    for name, value in (("rate", rate_ips), ("p99-ms", p99_ms)):
        if not 0 < value <= 1e9:
            raise InputError(f"--{name} is {value:g}; it must be a number above 0, and at most 1e9")
    report = Summary.read(folder)
    known = devices(report, image_size)
    served = read_check(Serving, folder)
    measured = under_load(served, known) if served else []
    options = [by_curve(curve, device, rate_ips, p99_ms) for curve, device in measured]
    replaced = {(device.name, device.image_size) for _, device in measured}
    options += [by_rule(d, rate_ips, p99_ms) for d in known if (d.name, d.image_size) not in replaced]
    found = [option for option in options if option]
    if not found:
        raise InputError(f"{folder}: {impossible(known, measured, rate_ips, p99_ms)}")
    return Plan(Path(folder), report, rate_ips, p99_ms, known, sorted(found, key=order))


def order(option: Option) -> tuple[float, float, float]:
    """Fewer devices first, then less power where it is known, then the shorter answer."""
    return option.devices, math.inf if math.isnan(option.watts) else option.watts, option.p99_ms


def devices(report: Summary, image_size: int | None) -> list[Device]:
    """The measured cases of one image size; raise `InputError` where that is not told or there are none."""
    cases = report.measured
    if cases.empty:
        raise InputError("no case of this run was measured, so there is nothing to plan with; see its report for why")
    sizes = sorted(map(int, cases.image_size.unique()))
    if image_size is None and len(sizes) > 1:
        raise InputError(f"the run holds images of {listed(sizes)} pixels a side; choose one with --image-size")
    if image_size is not None and image_size not in sizes:
        raise InputError(f"--image-size is {image_size}; this run measured {listed(sizes)}")
    chosen = cases[cases.image_size == (image_size or sizes[0])]
    records = all_repeats([record for record in report.records if record.status == "ok"])
    return [device_of(row, records[row.case]) for _, row in chosen.iterrows()]


def listed(values: Sequence[int]) -> str:
    """Numbers with commas."""
    return ", ".join(map(str, values))


def device_of(row: pd.Series, records: Sequence[Record]) -> Device:
    """A device from a row of `Summary.cases` and the measured records that it is of."""
    idle = [r.gpu_idle["power_w"] for r in records if r.gpu_idle and r.gpu_idle.get("power_w") is not None]
    busy = [r.energy.joules / r.energy.seconds for r in records if r.energy]
    samples = sum(len(record.timing.latency_ms) for record in records)
    return Device(
        name=row["name"], image_size=int(row.image_size), batch=int(row.batch_size), fps=float(row.fps),
        p99_ms=float(row.p99_ms), memory_mib=float(row.memory_mib), samples=samples,
        busy_w=median(busy) if busy else math.nan, idle_w=min(idle, default=math.nan),
    )  # fmt: skip


def under_load(found: Serving, known: Sequence[Device]) -> list[tuple[Served, Device]]:
    """The curves of `bench serve` that are of an engine, precision and image size among the devices, with its device.

    That is the engine at the largest batch measured that a queue's mean batch fills, for its power; its throughput
    and memory are the queue's own.
    """
    pairs = []
    for served in found.cases:
        same = sorted((d for d in known if served.points and d.image_size == served.case.image_size
                       and is_of(d, served.case)), key=lambda d: d.batch)  # fmt: skip
        if same:
            mean = max(point.batch for point in served.points)
            like = next((d for d in reversed(same) if d.batch <= mean), same[0])
            memory = like.memory_mib if served.device_bytes is None else served.device_bytes / MIB
            pairs.append((served, Device(**vars(like) | {
                "batch": served.case.batch_size, "fps": served.ceiling_ips, "memory_mib": memory})))  # fmt: skip
    return pairs


def is_of(device: Device, case: Case) -> bool:
    """Whether a device is of the case's engine and precision; its name may end with the one it got in brackets."""
    name = called(case)
    return device.name == name or device.name.startswith(f"{name} (")


def impossible(known, measured, rate_ips: float, p99_ms: float) -> str:
    """Why no number of devices keeps the limit: the shortest answer that any gives."""
    answers = [(min(p.loadgen.p99_ms for p in served.points), device, "measured under load")
               for served, device in measured]  # fmt: skip
    for device in known:
        loads = [rate_ips / count for count in range(1, STEPS) if rate_ips / count < device.fps] or [device.fps / 2]
        answers.append((min(answer_ms(device, ips) for ips in loads), device, "by the rule"))
    least, device, how = min(answers, key=lambda answer: answer[0])
    alone = min(known, key=lambda device: device.p99_ms)
    return (
        f"no number of devices keeps p99 under {p99_ms:g} ms at {rate_ips:g} images/s: the least is {least:.3g} ms "
        f"{how} ({device.name}, batch {device.batch}), of which inference alone takes at least {alone.p99_ms:.3g} ms "
        f"({alone.name}, batch {alone.batch}); allow more"
    )


def printed(found: Plan, price_per_hour: float | None = None) -> list[str]:
    """Lines for the terminal: the options, and how far they reach beyond what was measured."""
    machine, costs = found.report.machine, price_per_hour is not None
    place = machine["gpu"]["name"] if machine.get("gpu") else f"{machine['cpu']}, {machine['cores']} cores"
    lines = [
        f"{found.rate_ips:g} images/s, p99 at most {found.p99_ms:g} ms, on devices such as {place}",
        f"{'devices':>7}  {'engine and precision':34}{'batch':>6}{'img/s each':>11}{'busy':>6}{'p99 ms':>8}"
        f"{'MiB each':>9}{'W in all':>9}" + f"{'per hour':>10}{'per million':>12}" * costs + "  p99 is",
    ]
    for option in found.options[:MOST_OPTIONS]:
        device, price = option.device, (price_per_hour or 0) * option.devices
        lines.append(
            f"{option.devices:7}  {device.name:34}{device.batch:6}{per_second(option.each_ips):>11}{option.busy:6.0%}"
            f"{option.p99_ms:8.3g}{device.memory_mib:9.0f}{shown(option.watts):>9}"
            + f"{price:10.4g}{1e6 * price / (3600 * found.rate_ips):12.4g}" * costs
            + ("  measured" if option.measured else "  computed")
        )
    if more := len(found.options) - MOST_OPTIONS:
        lines += [f"… and {more} more"] * (more > 0)
    return [*lines, *reach(found), *ruled(found), *in_company(found)]


def ruled(found: Plan) -> list[str]:
    """What the rule allows a device at the limit, beside what one was measured to keep it at."""
    served, lines = read_check(Serving, found.folder), []
    for curve, device in under_load(served, found.known) if served else []:
        kept = best(curve.points, found.p99_ms)
        allowed = max(largest_ips(like, found.p99_ms) or 0.0 for like in found.known if like.name == device.name)
        if kept and allowed:
            lines.append(
                f"Checked: {device.name} kept the limit at {per_second(kept.offered_ips)} images/s under load; the "
                f"rule allows it {per_second(allowed)}, {allowed / kept.offered_ips:.2f} of that."
            )
    return lines


def in_company(found: Plan) -> list[str]:
    """What two processes measured at once on one device answer, beside one alone and what the plan counts for it.

    The plan counts a device once, with its throughput, however many processes send it work.
    """
    company = read_check(Scaling, found.folder)
    if company is None:
        return ["Not checked against two processes at once: `bench scale` measures them."]
    lines = []
    for scaled in company.cases:
        counted = {crowd.workers: crowd for crowd in scaled.measured("processes")}
        one, two = counted.get(1), counted.get(2)
        rows = found.report.measured
        like = rows[rows.case == scaled.case.id]
        if one and two and len(like):
            fps, name = float(like.iloc[0].fps), f"{like.iloc[0]['name']}, batch {scaled.case.batch_size}"
            lines.append(
                f"Checked: two processes at once on one device answer {per_second(two.ips)} images/s ({name}), "
                f"{two.ips / one.ips:.2f} of the {per_second(one.ips)} of one alone, and {two.ips / fps:.2f} of the "
                f"{per_second(fps)} that the plan counts for it."
            )
    return lines or ["Not checked against two processes at once: `bench scale` measured none of this run's cases."]


def shown(watts: float) -> str:
    """Watts, or a dash where no energy was counted."""
    return "—" if math.isnan(watts) else f"{watts:.4g}"


def reach(found: Plan) -> list[str]:
    """How far the first option goes beyond what was measured."""
    first = found.options[0]
    device, lines = first.device, []
    if first.measured:
        lines.append(
            f"Measured under load: one device behind a queue (batches up to {device.batch}) answered "
            f"{per_second(first.kept_ips)} images/s with a p99 of {first.p99_ms:.3g} ms; here each gets "
            f"{per_second(first.each_ips)}."
        )
    else:
        lines.append(
            f"Not measured under load: p99 is computed, {fill_ms(device.batch, first.each_ips):.3g} ms for a batch to "
            f"fill, {wait_ms(device.fps, first.each_ips):.3g} for the device, {device.p99_ms:.3g} for inference (p99 "
            f"of {device.samples} calls); `bench serve` measures it."
        )
    if first.devices > 1:
        lines.append(
            f"Measured was one device; {first.devices} are {first.devices} times it: what they share (network, "
            "decoding, a host's processor and power) is not in the figures, nor is one to spare for when one fails."
        )
    if math.isnan(device.busy_w):
        lines.append("Power is not known: this run counted no energy.")
    elif math.isnan(device.idle_w):
        lines.append("Power is that of computing alone: what an idle device takes was not measured.")
    return lines
