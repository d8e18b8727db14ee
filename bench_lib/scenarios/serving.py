"""`bench serve`: the highest request rate at which an engine behind a queue keeps p99 under a limit."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench_lib.core.case import Case
from bench_lib.core.engine import Engine, Unavailable, build_engine
from bench_lib.core.errors import InputError
from bench_lib.core.files import write_text
from bench_lib.core.reason import Reason, because
from bench_lib.core.timing import NoOpEngine, batch_times_ms
from bench_lib.measure import memory, system
from bench_lib.measure.threads import threads
from bench_lib.results.serving import (
    P99_COUNT,
    QUEUE_P99_MS,
    SEARCH_REQUESTS,
    Point,
    Served,
    Serving,
    ServingGrid,
    best_point,
    best_throughput,
    first_broken,
    unhurried,
)
from bench_lib.scenarios import batching, loadgen
from bench_lib.scenarios.resume import measure_left
from bench_lib.scenarios.worker import check_answers, prepare_thread, run_in_process
from bench_lib.workload.images import synthetic_images
from bench_lib.workload.network import load_network

SHARES = tuple(tenths / 10 for tenths in range(1, 11))  # of the throughput without a queue: the rates tried first
FURTHER = 1.25  # factor to the next rate while every rate has kept the limit
HOPELESS = 4  # if p90 is this many times the limit, higher rates are left out
QUEUE_IPS, QUEUE_S = 1000.0, 0.25  # for the queue alone: the first rate, and how long each is held at least
LOADGEN_LOG = "serving-loadgen.txt"

Measure = Callable[[float, int], Point]  # of a rate (images/s) and the least number of requests


def measure_serving(grid: ServingGrid, folder: Path) -> Serving:
    """Measure each engine, precision and image size under load; write `serving.json` after each.

    LoadGen's summaries are written beside it. What the file holds already, of the same grid on this machine, is kept:
    its cases, and its measurement of the queue alone. Raise `InputError` if LoadGen is not installed, or if the grid
    asks for too few requests for a p99.
    """
    if grid.least_requests < P99_COUNT:
        raise InputError(
            f"least_requests is {grid.least_requests}; it must be at least {P99_COUNT}: the p99 of fewer is about "
            "the slowest of them"
        )
    try:
        loadgen.check_loadgen()
    except Unavailable as error:
        raise InputError(str(error)) from None
    log = folder / LOADGEN_LOG

    def serve(kept: list[Served], cases: list[Case]) -> list[Served]:
        served, summaries = serve_case(cases, grid)
        before = log.read_text(encoding="utf-8") if kept and log.exists() else ""
        write_text(log, before + summaries)
        return [*kept, served]

    def facts(begun: Serving | None) -> dict[str, Any]:
        return {"loadgen": loadgen.version(), "queue": begun.queue if begun else queue_alone(grid)}

    parts = {cases[-1].id: cases for cases in grid.groups()}
    return measure_left(Serving, grid, system.describe(), folder, parts, serve, facts=facts)


def serve_case(cases: list[Case], grid: ServingGrid) -> tuple[Served, str]:
    """Measure one queue in a fresh process: its engine at each batch size; return the curve and LoadGen's summaries.

    `cases` are those of `ServingGrid.groups`. What goes wrong is not raised but kept as the reason in `failed`.
    """
    found = run_in_process(cases[0].engine, serving_curve, cases, grid)
    return (Served(case=cases[-1], failed=found), "") if isinstance(found, Reason) else found


def serving_curve(cases: list[Case], grid: ServingGrid) -> tuple[Served, str]:
    """Build the engine for each batch size, try one request rate after another, and check the engines' outputs.

    Requests wait only for batches whose own time suits the limit (`unhurried`), or else for the fastest. Return the
    curve, and LoadGen's summaries of all rates. If even a call without a queue takes longer than the limit, no rate is
    tried. Raise `Unavailable` if the case cannot run here, and `Inexact` if an output is wrong.
    """
    idle = memory.device_bytes()
    built = build_engines(cases, grid.seed)
    call_ms = {size: batch_times_ms(engine, grid.limits)["throughput"] for size, engine in built.items()}
    added = None if idle is None else max(0, memory.device_bytes() - idle)
    told = {"case": cases[-1], "call_ms": call_ms, "device_bytes": added}
    if (least_ms := min(call_ms.values())) > grid.p99_ms:
        return Served(**told, failed=limit_too_small(least_ms, grid.p99_ms)), ""
    queued = unhurried(call_ms, grid.p99_ms) or [min(call_ms, key=call_ms.get)]
    words = [f"{cases[-1].id}\n"]

    def measure(rate_ips: float, least: int) -> Point:
        point, summary = at_rate({size: built[size] for size in queued}, rate_ips, least, grid)
        words.append(summary)
        return point

    rates = search_rates(measure, best_throughput({size: call_ms[size] for size in queued}), grid)
    points = list(tqdm(rates, desc=cases[-1].id, unit="rate", dynamic_ncols=True))
    points.sort(key=lambda point: point.offered_ips)
    for case in cases:
        check_answers(built[case.batch_size], case, grid.seed)
    return Served(**told, queued=queued, points=points), "\n".join(words) + "\n"


def limit_too_small(least_ms: float, p99_ms: float) -> Reason:
    """The reason why no rate is tried: the fastest call takes `least_ms`, and the limit is `p99_ms`."""
    return because("limit_too_small", p99_ms=p99_ms, least_ms=least_ms)


def build_engines(cases: list[Case], seed: int) -> dict[int, Engine]:
    """The engine built for the batch size of each case, by batch size; raise `Unavailable` where it cannot run.

    On a CPU it leaves one core free, because LoadGen sends requests from a thread of its own.
    """
    device = prepare_thread(cases[0], max(1, threads() - 1))
    model = load_network(cases[0].model, seed, cases[0].weights, cases[0].image_size)
    return {case.batch_size: build_engine(case, model, synthetic_images(case, seed, device)) for case in cases}


def at_rate(built: Mapping[int, Engine], rate_ips: float, least: int, grid: ServingGrid) -> tuple[Point, str]:
    """Send requests at one rate (images a second) to the queue in front of the engines; return LoadGen's summary too.

    The rate is held for the grid's `held_s` seconds, and for at least `least` requests.
    """
    requests = max(least, math.ceil(rate_ips * grid.held_s))
    return batching.under_load(built, rate_ips, requests, grid.max_wait_ms / 1e3, grid.p99_ms)


def search_rates(measure: Measure, ceiling_ips: float, grid: ServingGrid) -> Iterator[Point]:
    """Measure one rate after another, yielding each point, until the highest rate within the limit is known closely.

    `ceiling_ips` is the throughput without a queue (images/s). First come the `SHARES` of it, at least
    `SEARCH_REQUESTS` requests at each, up to the first whose p90 is above `HOPELESS` times the limit. They only tell
    which rates are too high: a rate keeps the limit by its p99 alone, of the grid's `least_requests` (`next_rate`).
    While nothing breaks the limit, higher rates are tried, up to twice the ceiling.
    """
    points: list[Point] = []
    for share in SHARES:
        points.append(measure(share * ceiling_ips, SEARCH_REQUESTS))
        yield points[-1]
        if points[-1].loadgen.p90_ms > HOPELESS * grid.p99_ms:
            break
    while (rate_ips := next_rate(points, grid.p99_ms, grid.closeness)) and rate_ips <= 2 * ceiling_ips:
        points.append(measure(rate_ips, grid.least_requests))
        yield points[-1]


def next_rate(points: list[Point], p99_ms: float, closeness: float) -> float | None:
    """The rate to try next (images/s), with a p99; None if the limit is known closely enough, or no rate keeps it.

    Until a rate keeps the limit, it is the highest one that no p90 excludes. Then it is one between the highest that
    kept the limit and the lowest above it that broke it, until these differ by at most the share `closeness`.
    """
    kept, above = best_point(points, p99_ms), first_broken(points, p99_ms)
    if kept is None:
        decided = {point.offered_ips for point in points if point.loadgen.p99_ms is not None}
        left = (p.offered_ips for p in points if not p.loadgen.breaks(p99_ms) and p.offered_ips not in decided)
        return max(left, default=None)
    if above is None:
        return FURTHER * kept.offered_ips
    if above.offered_ips <= (1 + closeness) * kept.offered_ips:
        return None
    return math.sqrt(kept.offered_ips * above.offered_ips)


def queue_alone(grid: ServingGrid) -> list[Point]:
    """Measure what the queue itself can do, in front of an engine that does nothing; return a point for each rate.

    The rate is doubled until two in a row have a p99 above `QUEUE_P99_MS`. One is not enough: it may come from a pause
    of the machine. Each rate is held for `QUEUE_S` seconds, and for at least `P99_COUNT` requests.
    """
    points, idle = [], {max(grid.batch_sizes): NoOpEngine()}
    while len(points) < 2 or best_point(points[-2:], QUEUE_P99_MS):
        rate_ips = QUEUE_IPS * 2 ** len(points)
        requests = max(P99_COUNT, math.ceil(rate_ips * QUEUE_S))
        point, _ = batching.under_load(idle, rate_ips, requests, grid.max_wait_ms / 1e3, QUEUE_P99_MS)
        points.append(point)
    return points
