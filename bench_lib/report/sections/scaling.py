"""The section on several processes or threads at once on one device, as `bench scale` measured them."""

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_row import MIB
from bench_lib.core.reason import say
from bench_lib.report import load_plots, plots
from bench_lib.report.crowds import (
    HEADS,
    WAYS,
    added_sentence,
    delay_sentence,
    most_sentence,
    saturation_sentence,
    twice_sentence,
    ways_sentences,
)
from bench_lib.report.phrases import (
    bullets,
    few,
    heading,
    image_sizes_sentence,
    load_title,
    members_text,
    unfinished,
)
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results.load_grid import P99_COUNT
from bench_lib.results.scaling import Crowd, Scaled, Scaling
from bench_lib.text.language import mark, number, tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain

CAPTION = mark("Several at once on one device: images per second and median time per batch")


def show(report: Report) -> None:
    """Display the section: its heading, sentences, table and figure; nothing where it was not measured."""
    if report.result(Scaling) is None:
        return
    display(
        heading("### Several instances on one device"),
        scaling_text(report),
        scaling_table(report),
        scaling_figure(report),
    )


def scaling_text(report: Report) -> Markdown:
    """How many at once fill the device, what each adds in memory, and how they disturb each other."""
    found = report.result(Scaling)
    cases = [scaled for scaled in found.cases if any(crowd.each_ips for crowd in scaled.crowds)]
    how = f"{method_sentence(found)} {image_sizes_sentence(found.grid)}"
    told = few([case_sentences(scaled, found) for scaled in cases])
    rest = [*count_sentences(found), *failure_sentences(found), *unfinished_sentences(found)]
    return bullets([how, *told, *rest])


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


def count_sentences(found: Scaling) -> list[str]:
    """What N is, and what follows where it is too small for a p99; nothing where nothing was measured."""
    counted = [(found.calls(scaled, crowd), crowd.p99_ms) for scaled in found.cases for crowd in scaled.crowds
               if crowd.each_ips]  # fmt: skip
    if not counted:
        return []
    least, enough = min(calls for calls, _ in counted), number(P99_COUNT, 0)
    text = tr("**N** is the number of calls that a figure rests on, of all workers together: from {least}.",
              least=number(least, 0))  # fmt: skip
    if any(p99_ms is None for _, p99_ms in counted):
        text = f"{text} {tr('There is no p99 of fewer than {enough}.', enough=enough)}"
    if any(calls < P99_COUNT and p99_ms is not None for calls, p99_ms in counted):
        few_calls = tr(
            "**Not certain:** a p99 of fewer than {enough} calls is about the slowest of them.", enough=enough
        )
        text = f"{text} {few_calls}"
    return [text]


def case_sentences(scaled: Scaled, found: Scaling) -> str:
    """One case, as a list inside the list: the most that it does, then processes, threads, and the two compared."""
    measured = {way: crowds for way in WAYS if (crowds := scaled.measured(way))}
    name = load_title(scaled.case, found.grid)
    lines = [f"**{quoted(name)}.** {most_sentence([one for crowds in measured.values() for one in crowds])}"]
    for way, crowds in measured.items():
        said = [tr("There is nothing to compare with: only one number of workers was measured.")]
        if len(crowds) > 1 and crowds[0].workers == 1:
            said = [saturation_sentence(crowds), delay_sentence(crowds, scaled, found), added_sentence(way, crowds)]
        lines.append(" ".join([tr(HEADS[way]), *said]))
    lines += [*ways_sentences(scaled), twice_sentence(scaled)]
    return "\n    - ".join(filter(None, lines))


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
            "ips": crowd.ips, "p50_ms": crowd.p50_ms,
            "p99_ms": float("nan") if crowd.p99_ms is None else crowd.p99_ms, "count": found.calls(scaled, crowd),
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
        "p50_ms": tr("p50 (ms)"), "p99_ms": tr("p99 (ms)"), "count": tr("N (calls)"), "busy": tr("Utilisation"),
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
