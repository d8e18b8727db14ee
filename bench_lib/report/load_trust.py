"""How far to trust what was measured under load: how many requests a p99 rests on, and what else may limit a rate."""

from collections.abc import Sequence

from bench_lib.report.phrases import load_name
from bench_lib.results import serving
from bench_lib.results.serving import P99_COUNT, Point, Served, Serving
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, plain

FEW = mark(
    "Whether it keeps the limit is not certain: the p99 of fewer than {least}{nbsp}requests is about the slowest of "
    "them (N{nbsp}={nbsp}{n})."
)
NEAR = mark(
    "That is more than half of what our queue is known to carry ({carried}{nbsp}requests/s), so the queue may be what "
    "limits it: the device itself may answer more."
)


def with_count(ms: float | None, count: int) -> str:
    """A percentile (ms) with the number of requests or calls that it rests on."""
    return tr("{ms}{nbsp}ms (N{nbsp}={nbsp}{n})", ms=number(ms), n=number(count, 0))


def doubts(point: Point, found: Serving) -> list[str]:
    """Why the rate of this point, which kept the limit, is not certain or not the device's; nothing if it is both."""
    few = [] if point.sure else [tr(FEW, least=number(P99_COUNT, 0), n=number(point.requests, 0))]
    near = found.near_queue(point.offered_ips)
    return few + [tr(NEAR, carried=number(found.queue_ips, 0))] * near


def count_sentences(found: Serving) -> list[str]:
    """What N is, which rates have no p99, and whose p99 of too few requests decides nothing."""
    points = [point for served in found.cases for point in served.points]
    if not points:
        return []
    text = tr(
        "**N** is the number of requests that a percentile rests on. A rate keeps the limit if its p99 is within it; "
        "the smallest N of a p99 here: {least}.",
        least=number(min((p.requests for p in points if p.loadgen.p99_ms is not None), default=None), 0),
    )
    if short := [point.requests for point in points if point.loadgen.p99_ms is None]:
        searched = tr(
            "Rates with fewer than {enough}{nbsp}requests (from {least}) have no p99: their p90 only shows which rates "
            "are too high.",
            enough=number(P99_COUNT, 0), least=number(min(short), 0),
        )  # fmt: skip
        text = f"{text} {searched}"
    limit = found.grid.p99_ms
    unsure = [quoted(load_name(served.case, found.grid)) for served in found.cases if not is_decided(served, limit)]
    few = tr(
        "**Not certain:** the p99 of fewer than {least}{nbsp}requests is about the slowest of them, so whether a rate "
        "kept the limit is not decided for {names}.",
        least=number(P99_COUNT, 0), names=listed_few(unsure),
    )  # fmt: skip
    return [text, few] if unsure else [text]


def is_decided(served: Served, p99_ms: float) -> bool:
    """Whether the p99 of the best rate rests on enough requests; where no rate kept the limit, that of every rate."""
    kept = serving.best_point(served.points, p99_ms)
    return all(point.sure for point in ([kept] if kept else served.points) if point.loadgen.p99_ms is not None)


def batch_sentences(found: Serving) -> list[str]:
    """Which batch sizes do not suit the limit: those that the queue left out, and those that it waited for."""
    limit, measured = found.grid.p99_ms, [served for served in found.cases if served.points]
    slow = {served.case.id: set(served.call_ms) - set(serving.unhurried(served.call_ms, limit)) for served in measured}
    kinds = {
        mark("Such batches were left out of the queue: {names}."):
            [(one, slow[one.case.id] - set(one.batches)) for one in measured],
        mark("All batches of an engine are such; the fastest alone was used: {names}."):
            [(one, slow[one.case.id] & set(one.batches)) for one in measured if one.queued is not None],
        mark("Yet the queue did wait for such batches; without them the limit may be kept at a higher rate: {names}."):
            [(one, slow[one.case.id] & set(one.batches)) for one in measured if one.queued is None],
    }  # fmt: skip
    told = [
        tr(words, names=listed_few([batches_text(one, sizes, found) for one, sizes in pairs if sizes]))
        for words, pairs in kinds.items() if any(sizes for _, sizes in pairs)
    ]  # fmt: skip
    why = tr(
        "**Batches and the limit.** A request that just misses a batch waits for the whole of it, and then needs a "
        "batch of its own: with batches that take more than half the limit, it cannot be answered in time."
    )
    return [" ".join([why, *told])] if told else []


def batches_text(served: Served, sizes: set[int], found: Serving) -> str:
    """A case and the time of its batches of these sizes."""
    parts = [tr("{size} ({ms}{nbsp}ms)", size=size, ms=number(served.call_ms[size])) for size in sorted(sizes)]
    name = quoted(load_name(served.case, found.grid))
    return tr("{name}, batch {batch}", name=name, batch=listed(parts))


def agreement_sentences(found: Serving) -> list[str]:
    """How far LoadGen's count and our queue's own count differ."""
    apart = [point.apart for served in found.cases for point in served.points]
    if not apart:
        return []
    outside = sum(share > serving.WITHIN for share in apart)
    verdict = tr("within it at every rate")
    if outside:
        verdict = tr_n(
            "outside it at {outside} of {n}{nbsp}rate", "outside it at {outside} of {n}{nbsp}rates",
            len(apart), outside=outside,
        )  # fmt: skip
    return [
        tr(
            "**Cross-check.** Both LoadGen and our queue timed the same requests, each by its own clock: percentiles "
            "and the number of responses per second differ by at most {most} (the goal is {goal}; {verdict}). A "
            "request that LoadGen sent late has been waiting since it was due. The table and the figure show LoadGen's "
            "count; its summaries are in `serving-loadgen.txt` beside the report.",
            most=percent(max(*apart, 1e-4)),
            goal=per_cent(plain(100 * serving.WITHIN)),
            verdict=verdict,
        )
    ]


def queue_sentences(found: Serving) -> list[str]:
    """What the queue itself adds and sustains, and which cases it may have limited."""
    most = serving.best_point(found.queue, serving.QUEUE_P99_MS)
    if most is None:
        return []
    first = found.queue[0]
    text = tr(
        "**The queue itself**, including the wait for a batch to fill (with a call that does nothing): at "
        "{first}{nbsp}requests/s, p50 is {p50}{nbsp}ms and p99 {p99}; it sustains {most}{nbsp}requests/s with p99 "
        "within {limit}{nbsp}ms (N{nbsp}={nbsp}{n}).",
        first=number(first.offered_ips, 0),
        p50=number(first.loadgen.p50_ms),
        p99=with_count(first.loadgen.p99_ms, first.requests),
        most=number(most.offered_ips, 0),
        limit=plain(serving.QUEUE_P99_MS),
        n=number(most.requests, 0),
    )
    kept = [(point.offered_ips, quoted(load_name(served.case, found.grid))) for point, served in found.kept]
    if not most.sure:
        text = f"{text} {tr(FEW, least=number(P99_COUNT, 0), n=number(most.requests, 0))}"
    more = [name for ips, name in kept if ips == found.queue_ips > most.offered_ips]
    if more:
        yet = tr("Yet {rate}{nbsp}requests/s got through it in time ({name}), so it sustains at least as many.",
                 rate=number(found.queue_ips, 0), name=more[0])  # fmt: skip
        text = f"{text} {yet}"
    return [f"{text} {near_sentence([name for ips, name in kept if found.near_queue(ips)])}".rstrip()]


def near_sentence(names: Sequence[str]) -> str:
    """Whose rates the queue may have limited; nothing where there are none."""
    if not names:
        return ""
    return tr(
        "Above half of what it sustains, and so possibly limited by the queue rather than by the device: {names}.",
        names=listed_few(names),
    )
