"""Recommendations from what was measured under load: requests, several workers at once, and images from files."""

import math

from bench_lib.report.crowds import twice_sentence
from bench_lib.report.load_trust import doubts
from bench_lib.report.phrases import SIZES, STAGES, load_name, load_title, members_text, memory_text
from bench_lib.report.report import Report
from bench_lib.results import scaling
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.scaling import Crowd, Scaling
from bench_lib.results.serving import Serving
from bench_lib.text.language import number, tr
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, plain, span, times


def load_lines(report: Report) -> list[str]:
    """A line for each of the three that was measured, and one on how far they agree with the table of results."""
    at_rates, company, files = (report.result(kind) for kind in (Serving, Scaling, Pipeline))
    return [
        *served_lines(at_rates),
        *scaling_lines(company),
        *pipeline_lines(files),
        *beside_table_lines(report, company, files),
    ]


def beside_table_lines(report: Report, company: Scaling | None, files: Pipeline | None) -> list[str]:
    """How far the throughput of cases that ran alone under load differs from theirs in the table of results.

    Calls back to back are held against FPS, calls that were waited for against latency. Nothing if no case is in both.
    """
    table = report.measured.set_index("case")
    fps, waited = table.fps, 1e3 * table.batch_size / table.latency_ms
    ran = [(one.case, files.grid, one.infer_ips, fps) for one in (files.measured if files else [])]
    ran += [(scaled.case, company.grid, crowd.ips, waited) for scaled in (company.cases if company else [])
            for crowd in scaled.measured("processes") if crowd.workers == 1]  # fmt: skip
    alone = [(load_title(case, grid), ips, there[case.id]) for case, grid, ips, there in ran if case.id in there]
    if not alone:
        return []
    shares = [100 * here / there for _, here, there in alone]
    name, here, there = max(alone, key=lambda one: abs(math.log(one[1] / one[2])))
    return [
        tr(
            "**Load beside the table.** What ran alone in the measurements of load did {shares} of what the table of "
            "results has for the same configuration (back to back by its FPS, call by call by its time per batch); the "
            "furthest apart is {name}: {here} against {there}{nbsp}images/s.",
            shares=per_cent(span(min(shares), max(shares), digits=0)), name=quoted(name), here=number(here),
            there=number(there),
        )
    ]  # fmt: skip


def served_lines(found: Serving | None) -> list[str]:
    """The highest rate under the limit, and how to count devices for a rate of one's own."""
    if not found or not found.kept:
        return []
    point, most = max(found.kept, key=lambda pair: pair[0].offered_ips)
    limit = plain(found.grid.p99_ms)
    text = tr(
        "**Under load.** The highest rate that one device answered with p99 within {limit}{nbsp}ms is "
        "{rate}{nbsp}requests/s ({name}, N{nbsp}={nbsp}{n}).",
        rate=number(point.offered_ips), limit=limit, name=quoted(load_name(most.case, found.grid)),
        n=number(point.requests, 0),
    )  # fmt: skip
    more = tr(
        "How many devices another rate needs, `bench plan RUN --rate … --p99-ms {limit}` tells, where RUN is this "
        "report's folder.",
        limit=limit,
    )
    return [" ".join([text, *doubts(point, found), more])]


def scaling_lines(found: Scaling | None) -> list[str]:
    """What several at once gain at most, and what that costs in time and memory."""
    groups = [(scaled, crowds) for scaled in (found.cases if found else []) for way in found.grid.ways
              if len(crowds := scaled.measured(way)) > 1 and crowds[0].workers == 1]  # fmt: skip
    if not groups:
        return []
    scaled, crowds = max(groups, key=lambda group: crowd_gain(group[1]) * scaling.alike(group[0]))
    name, gain = quoted(load_title(scaled.case, found.grid)), crowd_gain(crowds)
    shown = scaling.largest_crowd(crowds)
    text = tr(
        "**Several at once.** The most that several on one device gain over one alone: {times} as many images/s "
        "({name}, {members}).",
        times=times(gain), name=name, members=members_text(shown),
    )  # fmt: skip
    if gain < 1 / scaling.alike(scaled):
        shown = crowds[-1]
        text = tr("**Several at once.** On one device they gain next to nothing over one alone; an example is {name}, "
                  "{members}.", name=name, members=members_text(shown))  # fmt: skip
    more = longer_sentence(crowds[0], shown), memory_sentence(crowds), twice_sentence(scaled)
    return [" ".join([text, *filter(None, more)])]


def longer_sentence(alone: Crowd, shown: Crowd) -> str:
    """How much longer a batch takes in this crowd than with one worker of the same case."""
    if shown.p50_ms <= alone.p50_ms:
        return tr("There, a batch takes no longer than with one.")
    return tr("There, a batch takes {longer} as long as with one.", longer=times(shown.p50_ms / alone.p50_ms))


def crowd_gain(crowds: list[Crowd]) -> float:
    """The largest throughput of the crowds over that of one alone, the first of them."""
    return scaling.largest_crowd(crowds).ips / crowds[0].ips


def memory_sentence(crowds: list[Crowd]) -> str:
    """The memory that each one more takes: the GPU's, or the host's where there is no GPU."""
    for field in SIZES:
        if (size := scaling.added_bytes(crowds, field)) is not None:
            return tr("Each one more takes another {size} there.", size=memory_text(size, field))
    return ""


def pipeline_lines(found: Pipeline | None) -> list[str]:
    """The best throughput from files to answers, and its share of the engine's throughput without preparation."""
    measured = found.measured if found else []
    if not measured:
        return []
    best = max(measured, key=lambda one: one.whole_ips)
    return [
        tr(
            "**With preparation.** From JPEG files on, at most {rate}{nbsp}images/s are answered ({name}, "
            "N{nbsp}≈{nbsp}{n} batches): {share} of what the same configuration answers without preparation. The "
            "slowest stage is {stage}.",
            rate=number(best.whole_ips), name=quoted(load_title(best.case, found.grid)),
            n=number(found.batches(best), 0),
            share=percent(best.whole_ips / best.infer_ips), stage=tr(STAGES[best.bottleneck]),
        )
    ]  # fmt: skip
