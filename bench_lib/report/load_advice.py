"""Recommendations from what was measured under load: requests, several workers at once, and images from files."""

import math

from bench_lib.report.load_trust import doubts
from bench_lib.report.phrases import SIZES, STAGES, load_name, load_title, members_text, memory_text
from bench_lib.report.report import Report
from bench_lib.results import scaling
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.scaling import Crowd, Scaled, Scaling
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

    Nothing if no case is in both.
    """
    fps = dict(zip(report.measured.case, report.measured.fps, strict=True))
    ran = [(one.case, files.grid, one.infer_ips) for one in (files.measured if files else [])]
    ran += [(scaled.case, company.grid, crowd.ips) for scaled in (company.cases if company else [])
            for crowd in scaled.measured("processes") if crowd.workers == 1]  # fmt: skip
    alone = [(load_title(case, grid), ips, fps[case.id]) for case, grid, ips in ran if case.id in fps]
    if not alone:
        return []
    shares = [100 * here / there for _, here, there in alone]
    name, here, there = max(alone, key=lambda one: abs(math.log(one[1] / one[2])))
    return [
        tr(
            "**Load beside the table.** What ran alone in the measurements of load did {shares} of the FPS that the "
            "table of results has for it; the furthest apart is {name}: {here} against {there}{nbsp}images/s.",
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
    scaled, crowds = max(groups, key=lambda group: crowd_gain(group[1]))
    longer = times(max(crowd.p50_ms / crowds[0].p50_ms for _, crowds in groups for crowd in crowds[1:]))
    text = tr(
        "**Several at once.** On one device they do at most {times} as many images/s as one alone ({name}, {members}), "
        "and a batch takes up to {longer} as long.",
        times=times(crowd_gain(crowds)), name=quoted(load_title(scaled.case, found.grid)),
        members=members_text(scaling.largest_crowd(crowds)), longer=longer,
    )  # fmt: skip
    if crowd_gain(crowds) < 1 / scaling.SATURATED:
        text = tr("**Several at once.** On one device they gain next to nothing over one alone, and a batch takes up "
                  "to {longer} as long.", longer=longer)  # fmt: skip
    return [f"{text} {memory_sentence(groups)}".rstrip()]


def crowd_gain(crowds: list[Crowd]) -> float:
    """The largest throughput of the crowds over that of one alone, the first of them."""
    return scaling.largest_crowd(crowds).ips / crowds[0].ips


def memory_sentence(groups: list[tuple[Scaled, list[Crowd]]]) -> str:
    """The most memory that each one more takes: the GPU's, or the host's where there is no GPU."""
    for field in SIZES:
        sizes = [size for _, crowds in groups if (size := scaling.added_bytes(crowds, field)) is not None]
        if sizes:
            return tr("Each one more takes up to {size}.", size=memory_text(max(sizes), field))
    return ""


def pipeline_lines(found: Pipeline | None) -> list[str]:
    """The best throughput from files to answers, and its share of the engine's throughput without preparation."""
    measured = found.measured if found else []
    if not measured:
        return []
    best = max(measured, key=lambda one: one.whole_ips)
    return [
        tr(
            "**With preparation.** From JPEG files on, at most {rate}{nbsp}images/s are answered ({name}): {share} of "
            "what the engine answers without preparation. The slowest stage is {stage}.",
            rate=number(best.whole_ips), name=quoted(load_title(best.case, found.grid)),
            share=percent(best.whole_ips / best.infer_ips), stage=tr(STAGES[best.bottleneck]),
        )
    ]  # fmt: skip
