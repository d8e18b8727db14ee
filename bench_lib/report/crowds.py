"""Several workers of one case at once, in sentences: the most they do, what each adds, and what that costs."""

from bench_lib.report.load_trust import with_count
from bench_lib.report.phrases import SIZES, members_text, memory_text
from bench_lib.results import scaling
from bench_lib.results.scaling import Crowd, Scaled, Scaling, Way
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed
from bench_lib.text.numbers import percent, times

WAYS = {"processes": mark("processes"), "threads": mark("threads")}
HEADS = {"processes": mark("**Processes.**"), "threads": mark("**Threads.**")}
ADDED = {
    "processes": mark("Each added process takes another {sizes}."),
    "threads": mark("Each added thread takes another {sizes}."),
}


def most_sentence(crowds: list[Crowd]) -> str:
    """Which crowd has the largest throughput, and how many times that of one worker of its kind it is."""
    best = scaling.largest_crowd(crowds)
    alone = next((crowd for crowd in crowds if crowd.way == best.way and crowd.workers == 1), best)
    told = {"ips": number(best.ips), "members": members_text(best)}
    if best is alone:
        return tr("Largest throughput: {ips}{nbsp}images/s with {members}.", **told)
    return tr("Largest throughput: {ips}{nbsp}images/s with {members}, {times} as many as with one.",
              times=times(best.ips / alone.ips), **told)  # fmt: skip


def saturation_sentence(crowds: list[Crowd]) -> str:
    """What one alone reaches, and how many at once fill the device."""
    full, alone = scaling.saturation_crowd(crowds), crowds[0]
    one = tr("One alone: {ips}{nbsp}images/s.", ips=number(alone.ips))
    if alone.busy is not None:
        one = tr("One alone: {ips}{nbsp}images/s at a utilisation of {busy}.",
                 ips=number(alone.ips), busy=percent(alone.busy))  # fmt: skip
    if full is alone:
        share = scaling.largest_crowd(crowds[1:]).ips / alone.ips
        words = mark("More of them add next to nothing: at most {share} of that.")
        if share < scaling.SATURATED:
            words = mark("More of them get less done: at most {share} of that.")
        return f"{one} {tr(words, share=percent(share))}"
    more = tr(
        "Saturation (at least {share} of the largest throughput) is reached with {workers}: {ips}{nbsp}images/s, "
        "{times} as many as with one.",
        share=percent(scaling.SATURATED), workers=full.workers, ips=number(full.ips), times=times(full.ips / alone.ips),
    )  # fmt: skip
    return f"{one} {more}"


def delay_sentence(crowds: list[Crowd], scaled: Scaled, found: Scaling) -> str:
    """How much longer a batch takes in the largest crowd, and how far its slowest member is behind the fastest."""
    alone, last = crowds[0], crowds[-1]
    ratio, uneven = last.p50_ms / alone.p50_ms, 1 - min(last.each_ips) / max(last.each_ips)
    calls = found.calls(scaled, last)
    latency = tr("p50 {p50}", p50=with_count(last.p50_ms, calls))
    if last.p99_ms is not None:
        latency = tr("p50 {p50}{nbsp}ms, p99 {p99}", p50=number(last.p50_ms), p99=with_count(last.p99_ms, calls))
    figures = {
        "workers": last.workers, "latency": latency, "uneven": percent(uneven),
        "n": number(found.calls_at(scaled, min(last.each_ips)), 0),
    }  # fmt: skip
    if ratio > 1:
        return tr(
            "With {workers} at once, a batch takes {times} as long as with one: {latency}; the slowest "
            "(N{nbsp}≈{nbsp}{n}) is {uneven} behind the fastest.",
            times=times(ratio), **figures,
        )  # fmt: skip
    return tr(
        "With {workers} at once, a batch takes no longer than with one: {latency}; the slowest (N{nbsp}≈{nbsp}{n}) is "
        "{uneven} behind the fastest.",
        **figures,
    )


def added_sentence(way: Way, crowds: list[Crowd]) -> str:
    """What each worker after the first takes in memory."""
    parts = [memory_text(size, field) for field in SIZES
             if (size := scaling.added_bytes(crowds, field)) is not None]  # fmt: skip
    return tr(ADDED[way], sizes=listed(parts)) if parts else ""


def twice_sentence(scaled: Scaled) -> str:
    """How far one process and one thread of one process, which are the same, came out apart; nothing if they agree."""
    process, thread = (next(iter(scaled.measured(way)), None) for way in WAYS)
    if scaling.alike(scaled) == scaling.SATURATED or not (process and thread):
        return ""
    return tr(
        "**The same twice.** One process and one thread are the same work, yet came to {one} and "
        "{other}{nbsp}images/s: differences of this size mean nothing here.",
        one=number(process.ips), other=number(thread.ips),
    )  # fmt: skip


def ways_sentences(scaled: Scaled) -> list[str]:
    """Whether processes or threads do more, at the largest number that was measured of both."""
    first, second = (scaled.measured(way) for way in WAYS)
    both = sorted({crowd.workers for crowd in first} & {crowd.workers for crowd in second} - {1})
    if not both:
        return []
    one, other = (next(c for c in crowds if c.workers == both[-1]) for crowds in (first, second))
    fast, slow = (one, other) if one.ips >= other.ips else (other, one)
    if slow.ips >= scaling.alike(scaled) * fast.ips:
        return [
            tr_n(
                "**Compared.** {n}{nbsp}process and as many threads do about as much: {one} and "
                "{other}{nbsp}images/s.",
                "**Compared.** {n}{nbsp}processes and as many threads do about as much: {one} and "
                "{other}{nbsp}images/s.",
                both[-1], one=number(one.ips), other=number(other.ips),
            )
        ]  # fmt: skip
    return [
        tr_n(
            "**Compared.** Of {n}{nbsp}process and as many threads, {ways} get more done: {fast} against "
            "{slow}{nbsp}images/s, {times} as many.",
            "**Compared.** Of {n}{nbsp}processes and as many threads, {ways} get more done: {fast} against "
            "{slow}{nbsp}images/s, {times} as many.",
            both[-1], ways=tr(WAYS[fast.way]), fast=number(fast.ips), slow=number(slow.ips),
            times=times(fast.ips / slow.ips),
        )
    ]  # fmt: skip
