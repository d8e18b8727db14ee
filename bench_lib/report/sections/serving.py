"""The section on load: how many requests an engine answers in time, as `bench serve` measured it."""

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import MIB
from bench_lib.analysis.case_table import MOST_NAMES
from bench_lib.core.case import engine_and_precision
from bench_lib.core.reason import say
from bench_lib.report import load_plots, load_trust, plots
from bench_lib.report.phrases import bullets, heading, image_sizes_sentence, load_name, unfinished
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results import serving
from bench_lib.results.serving import Point, Served, Serving
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain

CAPTION = mark("Under load: response time and share of requests served, over the request rate")


def show(report: Report) -> None:
    """Display the section: its heading, sentences, table and figure; nothing where it was not measured."""
    if report.result(Serving) is not None:
        display(heading("### Under load"), serving_text(report), serving_table(report), serving_figure(report))


def serving_text(report: Report) -> Markdown:
    """How latency under load was measured, which case answers most requests in time, and how far to trust it."""
    found = report.result(Serving)
    how = f"{method_sentence(found)} {image_sizes_sentence(found.grid)}"
    return bullets(
        [
            how,
            *outcome_sentences(found),
            *absent_sentences(found),
            *unfinished_sentences(found),
            *load_trust.count_sentences(found),
            *load_trust.batch_sentences(found),
            *load_trust.agreement_sentences(found),
            *load_trust.queue_sentences(found),
        ]
    )


def method_sentence(found: Serving) -> str:
    """How requests arrive and wait, and what a response time includes."""
    grid = found.grid
    return tr(
        "**Load.** MLPerf LoadGen {version}, Server scenario ({date}): requests of one image each arrive at random "
        "moments (a Poisson process). They wait in a queue: a batch leaves when the largest one is full or when the "
        "oldest request has waited for {wait}{nbsp}ms. The engine is built for batches of {sizes}; an incomplete batch "
        "is padded to the next of these. Response time runs from when a request was due to arrive until its output is "
        "ready; the images are already on the device, so preparing and copying them is not included. The precision is "
        "the one asked for: the table of results shows which one was actually used.",
        version=quoted(found.loadgen),
        date=quoted(found.started_at[:10]),
        wait=plain(grid.max_wait_ms),
        sizes=listed(list(map(str, sorted(grid.batch_sizes)))),
    )


def outcome_sentences(found: Serving) -> list[str]:
    """Which case answers most requests under the limit, beside its throughput without a limit, and what a knee is."""
    limit, kept = found.grid.p99_ms, found.kept
    head = tr("**Limit:** 99% of responses take no longer than {limit}{nbsp}ms.", limit=plain(limit))
    if not kept:
        return [f"{head} {tr('No configuration met it.')}"]
    point, most = max(kept, key=lambda pair: pair[0].offered_ips)
    said = tr(
        "The highest rate at which this held is {rate}{nbsp}requests/s ({name}): p50 {p50}{nbsp}ms, p99 {p99}, "
        "{batch}{nbsp}images per batch on average. This is {share} of what the same configuration answers without a "
        "limit, in back-to-back calls at its best batch size.",
        rate=number(point.offered_ips),
        name=quoted(load_name(most.case, found.grid)),
        p50=number(point.loadgen.p50_ms),
        p99=load_trust.with_count(point.loadgen.p99_ms, point.requests),
        batch=number(point.batch, 1),
        share=percent(point.offered_ips / most.ceiling_ips),
    )
    turn = tr(
        "The **knee** (in the table and the figure) is the rate at which the ratio of responses per second to median "
        "response time is largest (Kleinrock's power): beyond it, response time grows faster than the number of "
        "responses."
    )
    return [" ".join([head, said, *load_trust.doubts(point, found), turn])]


def absent_sentences(found: Serving) -> list[str]:
    """Which cases keep the limit at no rate, and which were not measured; nothing where there are none."""
    limit, lines = found.grid.p99_ms, []
    slow = [served for served in found.cases if served.points and not serving.best_point(served.points, limit)]
    if slow:
        names = [f"{quoted(load_name(served.case, found.grid))} ({least_text(served)})" for served in slow]
        lines.append(tr("Over the limit at every rate tried: {names}.", names=listed_few(names)))
    failed = [
        f"{quoted(load_name(served.case, found.grid))} — {quoted(say(served.failed))}"
        for served in found.cases if served.failed
    ]  # fmt: skip
    if failed:
        lines.append(tr("Not measured: {cases}.", cases="; ".join(failed)))
    return lines


def least_text(served: Served) -> str:
    """The lowest p99 of a case in words; its lowest p90 if no rate has a p99."""
    if least := serving.least_p99(served.points):
        return tr("lowest p99: {p99}", p99=load_trust.with_count(least.loadgen.p99_ms, least.requests))
    least = min(served.points, key=lambda point: point.loadgen.p90_ms)
    return tr("lowest p90: {p90}", p90=load_trust.with_count(least.loadgen.p90_ms, least.requests))


def unfinished_sentences(found: Serving) -> list[str]:
    """Which cases an interrupted measurement has left out."""
    there = {served.case.id for served in found.cases}
    asked = [cases[-1] for cases in found.grid.groups()]
    return unfinished([engine_and_precision(case) for case in asked if case.id not in there], found.command)


def serving_table(report: Report) -> Styler | HTML:
    """Each case's best rate under the limit, its knee, and its memory; nothing where nothing was measured."""
    found = report.result(Serving)
    if not any(served.points for served in found.cases):
        return HTML("")
    limit, nan, rows = found.grid.p99_ms, float("nan"), []
    for served in filter(lambda served: served.points, found.cases):
        kept, knee = serving.best_point(served.points, limit), serving.knee_point(served.points)
        rows.append({
            "case": load_name(served.case, found.grid),
            "kept_ips": kept.offered_ips if kept else nan,
            "p50_ms": kept.loadgen.p50_ms if kept else nan,
            "p99_ms": kept.loadgen.p99_ms if kept else nan,
            "count": kept.requests if kept else nan,
            "mean_batch": kept.batch if kept else nan,
            "ceiling_ips": served.ceiling_ips,
            "knee_ips": knee.offered_ips,
            "knee_p50_ms": knee.loadgen.p50_ms,
            "memory_mib": nan if served.device_bytes is None else served.device_bytes / MIB,
        })  # fmt: skip
    headings = {
        "case": tr("Configuration"), "kept_ips": tr("Within limit (requests/s)"), "p50_ms": tr("p50 (ms)"),
        "p99_ms": tr("p99 (ms)"), "count": tr("N of p99"), "mean_batch": tr("Mean batch"),
        "ceiling_ips": tr("Without limit (requests/s)"),
        "knee_ips": tr("Knee (requests/s)"), "knee_p50_ms": tr("p50 at knee (ms)"), "memory_mib": tr("Memory (MiB)"),
    }  # fmt: skip
    shown = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return styled(shown, headings, tr("Highest request rate with p99 of at most {limit}{nbsp}ms", limit=plain(limit)))


def serving_figure(report: Report) -> HTML:
    """Response times and the share served over the rate of requests; nothing where nothing was measured."""
    found = report.result(Serving)
    every = [served for served in found.cases if served.points] if found else []
    if not every:
        return HTML("")
    shown = sorted(every, key=lambda served: -served.ceiling_ips)[:MOST_NAMES]
    caption = tr(
        "{caption}; star: knee, dotted line: limit of {limit}{nbsp}ms",
        caption=tr(CAPTION), limit=plain(found.grid.p99_ms),
    )  # fmt: skip
    if len(shown) < len(every):
        caption = tr("{caption}; the fastest {shown} of {all} are shown",
                     caption=caption, shown=len(shown), all=len(every))  # fmt: skip
    alt = f"{tr(CAPTION)}. {'; '.join(line_ends(served, found) for served in shown)}."
    return plots.figure_html(load_plots.draw_served(found, shown), caption, alt, report.figure_path("serving"))


def line_ends(served: Served, found: Serving) -> str:
    """The first and last point of a line, for those who do not see the figure."""
    first, last = map(point_words, (served.points[0], served.points[-1]))
    return f"{load_name(served.case, found.grid)}: {first}, {last}"


def point_words(point: Point) -> str:
    """A point's rate and p99 in words; its p90 if it has no p99."""
    counted, rate = point.loadgen, number(point.offered_ips)
    if counted.p99_ms is None:
        p90 = load_trust.with_count(counted.p90_ms, point.requests)
        return tr("p90 of {p90} at {rate}{nbsp}requests/s", p90=p90, rate=rate)
    p99 = load_trust.with_count(counted.p99_ms, point.requests)
    return tr("p99 of {p99} at {rate}{nbsp}requests/s", p99=p99, rate=rate)
