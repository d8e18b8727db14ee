"""The section on several processes or threads at once on one device, as `bench scale` measured them."""

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import MIB
from bench_lib.core.reason import say
from bench_lib.report import load_plots, plots
from bench_lib.report.phrases import (
    SIZES,
    bullets,
    few,
    heading,
    image_sizes_sentence,
    load_title,
    members_text,
    memory_text,
    not_measured,
    unfinished,
)
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results import scaling
from bench_lib.results.scaling import Crowd, Scaled, Scaling, Way
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain, times

WAYS = {"processes": mark("processes"), "threads": mark("threads")}
HEADS = {"processes": mark("**Processes.**"), "threads": mark("**Threads.**")}
ADDED = {
    "processes": mark("Each added process takes another {sizes}."),
    "threads": mark("Each added thread takes another {sizes}."),
}
CAPTION = mark("Several at once on one device: images per second and median time per batch")


def show(report: Report) -> None:
    """Display the section: its heading, sentences, table and figure."""
    display(
        heading("### Several processes on one device"),
        scaling_text(report),
        scaling_table(report),
        scaling_figure(report),
    )


def scaling_text(report: Report) -> Markdown:
    """How many at once fill the device, what each adds in memory, and how they disturb each other."""
    found = report.result(Scaling)
    if found is None:
        return not_measured(tr("Several processes or threads at once were not measured"), Scaling.command)
    cases = [scaled for scaled in found.cases if any(crowd.each_ips for crowd in scaled.crowds)]
    how = f"{method_sentence(found)} {image_sizes_sentence(found.grid)}"
    told = few([case_sentences(scaled, load_title(scaled.case, found.grid)) for scaled in cases])
    return bullets([how, *told, *failure_sentences(found), *unfinished_sentences(found)])


def method_sentence(found: Scaling) -> str:
    """What ran at the same time, and how the device is shared."""
    shared = (
        tr(
            "each process has a CUDA context of its own and each thread a CUDA stream of its own; without MPS, "
            "processes take turns on the GPU. Utilisation is the share of time in which the GPU computes anything at "
            "all (NVML)"
        )
        if found.machine["gpu"]
        else tr("the cores are shared evenly among them. Utilisation is the share of all cores' CPU time")
    )
    return tr(
        "**How many at once.** Copies of one configuration run at the same time, {counts} of them ({ways}; {date}): "
        "each runs one batch after another, waiting for each to finish, for {window}{nbsp}s; {shared}.",
        counts=listed(list(map(str, found.grid.workers))), ways=listed([tr(WAYS[way]) for way in found.grid.ways]),
        date=quoted(found.started_at[:10]), window=plain(found.grid.window_s), shared=shared,
    )  # fmt: skip


def case_sentences(scaled: Scaled, name: str) -> str:
    """One case, as a list inside the list: the most that it does, then processes, threads, and the two compared."""
    measured = {way: crowds for way in WAYS if (crowds := scaled.measured(way))}
    lines = [f"**{quoted(name)}.** {most_sentence([one for crowds in measured.values() for one in crowds])}"]
    for way, crowds in measured.items():
        said = [tr("There is nothing to compare with: only one number of workers was measured.")]
        if len(crowds) > 1 and crowds[0].workers == 1:
            said = [saturation_sentence(crowds), delay_sentence(crowds), added_sentence(way, crowds)]
        lines.append(" ".join([tr(HEADS[way]), *said]))
    if len(measured) == 2:
        lines += ways_sentences(*measured.values())
    return "\n    - ".join(lines)


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


def delay_sentence(crowds: list[Crowd]) -> str:
    """How much longer a batch takes in the largest crowd, and how far its slowest member is behind the fastest."""
    alone, last = crowds[0], crowds[-1]
    ratio, uneven = last.p50_ms / alone.p50_ms, 1 - min(last.each_ips) / max(last.each_ips)
    figures = {
        "workers": last.workers, "p50": number(last.p50_ms), "p99": number(last.p99_ms), "uneven": percent(uneven),
    }  # fmt: skip
    if ratio > 1:
        return tr(
            "With {workers} at once, a batch takes {times} as long as with one: p50 {p50}{nbsp}ms, p99 {p99}{nbsp}ms; "
            "the slowest is {uneven} behind the fastest.",
            times=times(ratio), **figures,
        )  # fmt: skip
    return tr(
        "With {workers} at once, a batch takes no longer than with one: p50 {p50}{nbsp}ms, p99 {p99}{nbsp}ms; the "
        "slowest is {uneven} behind the fastest.",
        **figures,
    )


def added_sentence(way: Way, crowds: list[Crowd]) -> str:
    """What each worker after the first takes in memory."""
    parts = [memory_text(size, field) for field in SIZES
             if (size := scaling.added_bytes(crowds, field)) is not None]  # fmt: skip
    return tr(ADDED[way], sizes=listed(parts)) if parts else ""


def ways_sentences(first: list[Crowd], second: list[Crowd]) -> list[str]:
    """Whether processes or threads do more, at the largest number that was measured of both."""
    both = sorted({crowd.workers for crowd in first} & {crowd.workers for crowd in second} - {1})
    if not both:
        return []
    one, other = (next(c for c in crowds if c.workers == both[-1]) for crowds in (first, second))
    fast, slow = (one, other) if one.ips >= other.ips else (other, one)
    if slow.ips >= scaling.SATURATED * fast.ips:
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


def failure_sentences(found: Scaling) -> list[str]:
    """Which crowds have no figures, and why."""
    failed = [
        f"{quoted(load_title(scaled.case, found.grid))}, {members_text(crowd)} — "
        f"{quoted(say(crowd.failed))}"
        for scaled in found.cases for crowd in scaled.crowds if crowd.failed
    ]  # fmt: skip
    return [tr("Not measured: {cases}.", cases=listed_few(failed))] if failed else []


def unfinished_sentences(found: Scaling) -> list[str]:
    """Which cases an interrupted measurement has left out or not finished."""
    crowds = len(found.grid.ways) * len(found.grid.workers)
    whole = {scaled.case.id for scaled in found.cases if len(scaled.crowds) == crowds}
    return unfinished(
        [load_title(case, found.grid) for case in found.grid.cases() if case.id not in whole], found.command
    )


def scaling_table(report: Report) -> Styler | HTML:
    """Every crowd's figures; nothing where nothing was measured."""
    found = report.result(Scaling)
    rows = [
        {
            "case": load_title(scaled.case, found.grid), "way": tr(WAYS[way]), "workers": str(crowd.workers),
            "ips": crowd.ips, "p50_ms": crowd.p50_ms, "p99_ms": crowd.p99_ms,
            "busy": "—" if crowd.busy is None else percent(crowd.busy),
            "device_mib": float("nan") if crowd.device_bytes is None else crowd.device_bytes / MIB,
            "host_mib": float("nan") if crowd.host_bytes is None else crowd.host_bytes / MIB,
        }
        for scaled in (found.cases if found else [])
        for way in found.grid.ways for crowd in scaled.measured(way)
    ]  # fmt: skip
    if not rows:
        return HTML("")
    headings = {
        "case": tr("Configuration"), "way": tr("Run as"), "workers": tr("At once"), "ips": tr("Images/s"),
        "p50_ms": tr("p50 (ms)"), "p99_ms": tr("p99 (ms)"), "busy": tr("Utilisation"),
        "device_mib": tr("GPU memory (MiB)"), "host_mib": tr("Host memory (MiB)"),
    }  # fmt: skip
    shown = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return styled(shown, headings, tr("Several at once on one device"))


def scaling_figure(report: Report) -> HTML:
    """Throughput and latency over how many run at once; nothing where no case was measured at two numbers."""
    found = report.result(Scaling)
    lines = [
        (load_title(scaled.case, found.grid), way, crowds)
        for scaled in (found.cases if found else [])
        for way in found.grid.ways
        if len(crowds := scaled.measured(way)) > 1
    ]
    if not lines:
        return HTML("")
    caption = tr("{caption}; solid lines: processes, dashed lines: threads", caption=tr(CAPTION))
    every = "; ".join(line_ends(f"{name}, {tr(WAYS[way])}", crowds) for name, way, crowds in lines)
    alt = tr("{caption}. Images/s: {lines}.", caption=tr(CAPTION), lines=every)
    return plots.figure_html(load_plots.draw_crowds(lines), caption, alt, report.figure_path("scaling"))


def line_ends(name: str, crowds: list[Crowd]) -> str:
    """The first and last point of a line, for those who do not see the figure."""
    first, last = crowds[0], crowds[-1]
    return tr(
        "{name}: {first} with {few}, {last} with {many}",
        name=name, first=number(first.ips), few=first.workers, last=number(last.ips), many=last.workers,
    )  # fmt: skip
