"""`bench plan`: how many devices serve a rate of requests."""

import argparse
import math
from pathlib import Path

import pandas as pd

from bench_lib.analysis.capacity import (
    Option,
    Plan,
    fill_ms,
    largest_rate,
    plan_devices,
    wait_ms,
)
from bench_lib.analysis.devices import served_devices
from bench_lib.analysis.marks import marks_of
from bench_lib.cli.parser import add_command, add_path
from bench_lib.cli.terminal import per_second
from bench_lib.core.errors import InputError
from bench_lib.report.marks import MEANINGS, UNKNOWN
from bench_lib.results.result_file import read_result
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import P99_COUNT, Serving, best_point

MOST_OPTIONS = 12  # lines


def add_plan(commands: argparse._SubParsersAction) -> None:
    """Add `bench plan` to the commands of `bench`."""
    made = add_command(
        commands, "plan", "tell how many devices serve a rate of requests, from a measured run",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10",
        "plan outputs/h200-batches --rate 20000 --p99-ms 10 --price-per-hour 3.5",
    )  # fmt: skip
    add_path(made, "folder", metavar="RUN", help="the run's folder, made by `bench sweep`")
    made.add_argument("--rate", type=float, required=True, metavar="N", help="images a second")
    made.add_argument("--p99-ms", type=float, required=True, metavar="MS", help="how long 99 %% of answers may take")
    made.add_argument("--image-size", type=int, metavar="PIXELS", help="which images, where the run has several")
    made.add_argument("--model", metavar="NAME", help="which network, where the run has several")
    made.add_argument("--price-per-hour", type=float, metavar="X", help="of one device, in whatever money")
    made.set_defaults(
        run=lambda given: run_plan(
            given.folder, given.rate, given.p99_ms, given.image_size, given.price_per_hour, given.model
        )
    )


def run_plan(
    folder: Path, rate_ips: float, p99_ms: float, image_size: int | None, price_per_hour: float | None,
    network: str | None = None,
) -> None:  # fmt: skip
    """Print how many devices serve `rate_ips` images a second with a p99 of at most `p99_ms`.

    `image_size` (pixels) and `network` choose among those of the run, and may be None where it has one. Raise
    `InputError` for a price that is no number of at least 0, and for what `plan_devices` refuses.
    """
    if price_per_hour is not None and not 0 <= price_per_hour < math.inf:
        raise InputError(f"--price-per-hour is {price_per_hour:g}; it must be a number of at least 0")
    found = plan_devices(folder, rate_ips, p99_ms, image_size, network)
    print(*plan_lines(found, price_per_hour), sep="\n")


def plan_lines(found: Plan, price_per_hour: float | None = None) -> list[str]:
    """Lines for the terminal: the options, then how far they go beyond what was measured.

    With the price of one device for an hour, each option has what it costs for an hour and for a million images.
    """
    machine = found.report.machine
    place = machine["gpu"]["name"] if machine.get("gpu") else f"{machine['cpu']}, {machine['cores']} cores"
    costs = "" if price_per_hour is None else f"{'per hour':>10}{'per million':>12}"
    network = f"{found.network}: " if found.report.several_networks else ""
    lines = [
        f"{network}{found.rate_ips:g} images/s, p99 at most {found.p99_ms:g} ms, on devices such as {place}",
        f"{'devices':>7}  {'engine and precision':34}{'batch':>6}{'img/s each':>11}{'busy':>6}{'p99 ms':>8}{'N':>7}"
        f"{'MiB each':>9}{'W in all':>9}{costs}  p99 is",
    ]
    lines += [option_line(option, found.rate_ips, price_per_hour) for option in found.options[:MOST_OPTIONS]]
    if len(found.options) > MOST_OPTIONS:
        lines.append(f"… and {len(found.options) - MOST_OPTIONS} more")
    return [
        *lines,
        *mark_lines(found),
        *reach_lines(found),
        *doubt_lines(found),
        *rule_lines(found),
        *company_lines(found),
    ]


def doubt_lines(found: Plan) -> list[str]:
    """Lines on the options that are not certain: by too few requests or calls, or perhaps limited by the queue."""
    shown, lines = found.options[:MOST_OPTIONS], []
    if few := [option.samples for option in shown if not option.sure]:
        lines.append(
            f"Not certain where N, the requests or calls behind a p99, is below {P99_COUNT} (here from {min(few)}): "
            "the p99 of so few is about the slowest of them."
        )
    if near := sorted({option.device.name for option in shown if option.near_queue}):
        lines.append(
            f"Perhaps limited by our queue rather than by the device: {', '.join(near)}, above half of what the queue "
            "is known to carry; fewer devices may do."
        )
    return lines


def option_line(option: Option, rate_ips: float, price_per_hour: float | None) -> str:
    """The line of one option that serves `rate_ips` images a second; without a price it has no costs."""
    device, costs = option.device, ""
    if price_per_hour is not None:
        price = price_per_hour * option.devices
        costs = f"{price:10.4g}{1e6 * price / (3600 * rate_ips):12.4g}"
    return (
        f"{option.devices:7}  {device.name:34}{device.batch:6}{per_second(option.each_ips):>11}{option.busy:6.0%}"
        f"{option.p99_ms:8.3g}{option.samples:7}{device.memory_mib:9.0f}{watts_text(option.watts):>9}{costs}"
        f"  {'measured' if option.measured else 'computed'}"
    )


def rows_of_plan(found: Plan) -> pd.DataFrame:
    """The measured rows of the plan's network."""
    return found.report.measured[found.report.measured.model == found.network]


def mark_lines(found: Plan) -> list[str]:
    """A line that names what is wrong with the samples behind the best option's figures; none where nothing is."""
    device, rows = found.options[0].device, rows_of_plan(found)
    asked = rows[["engine", "variant", "precision"]].apply(tuple, axis="columns")
    like = rows[(asked == device.asked) & (rows.image_size == device.image_size) & (rows.batch_size == device.batch)]
    words = [MEANINGS.get(key, UNKNOWN).words for _, row in like.iterrows() for key in marks_of(row)]
    return [f"The first one's figures are marked in the report: {', '.join(words)}."] if words else []


def rule_lines(found: Plan) -> list[str]:
    """Lines that check the rule: for each engine measured under load, its measured rate and the rate by the rule.

    Empty if nothing was measured under load, or the rule allows no rate.
    """
    served, lines = read_result(Serving, found.folder), []
    if served is None:
        return []
    for curve, device in served_devices(served, found.known):
        kept = best_point(curve.points, found.p99_ms)
        allowed = max(largest_rate(like, found.p99_ms) or 0.0 for like in found.known if like.name == device.name)
        if kept and allowed:
            lines.append(
                f"Checked: {device.name} kept the limit at {per_second(kept.offered_ips)} images/s under load (N = "
                f"{kept.requests}); the rule allows it {per_second(allowed)}, {allowed / kept.offered_ips:.2f} of that."
            )
    return lines


def company_lines(found: Plan) -> list[str]:
    """Lines that check the plan's throughput of a device against two processes that were measured on it at once.

    The plan counts a device once, with the throughput of one process, however many processes send it work.
    """
    company = read_result(Scaling, found.folder)
    if company is None:
        return ["Not checked against two processes at once: `bench scale` measures them."]
    lines = []
    for scaled in company.cases:
        counted = {crowd.workers: crowd for crowd in scaled.measured("processes")}
        one, two = counted.get(1), counted.get(2)
        rows = rows_of_plan(found)
        like = rows[rows.case == scaled.case.id]
        if one and two and len(like):
            fps, name = float(like.iloc[0].fps), f"{like.iloc[0]['name']}, batch {scaled.case.batch_size}"
            lines.append(
                f"Checked: two processes at once on one device, each waiting for every batch, answer "
                f"{per_second(two.ips)} images/s ({name}), {two.ips / one.ips:.2f} of the {per_second(one.ips)} of one "
                f"alone, and {two.ips / fps:.2f} of the {per_second(fps)}, calls back to back, that the plan counts "
                "for it."
            )
    return lines or ["Not checked against two processes at once: `bench scale` measured none of this run's cases."]


def watts_text(watts: float) -> str:
    """Watts, or a dash where no energy was counted."""
    return "—" if math.isnan(watts) else f"{watts:.4g}"


def reach_lines(found: Plan) -> list[str]:
    """Lines that tell how far the best option goes beyond what was measured: load, number of devices, power."""
    first = found.options[0]
    device, lines = first.device, []
    if first.measured:
        lines.append(
            f"Measured under load: one device behind a queue (batches up to {device.batch}) answered "
            f"{per_second(first.kept_ips)} images/s with a p99 of {first.p99_ms:.3g} ms (N = {first.samples}); here "
            f"each gets {per_second(first.each_ips)}."
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
