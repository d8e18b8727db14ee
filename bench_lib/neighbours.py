"""What `bench scale` found → Russian sentences, a table and a figure: several streams or processes on one device."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.ticker import FuncFormatter, NullLocator, ScalarFormatter
from pandas.io.formats.style import Styler

from bench_lib import plots, scaling
from bench_lib.cases import Case
from bench_lib.checks import read_check
from bench_lib.figures import MIB, called
from bench_lib.narrative import bullets, few, not_measured
from bench_lib.scaling import Crowd, Scaled, Scaling
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed, listed_few, number, percent, plain, quoted, times

WAYS = {"processes": "процессы", "threads": "потоки"}
COUNTED = {"processes": ("процесс", "процесса", "процессов"), "threads": ("поток", "потока", "потоков")}
CAPTION = "Несколько сразу на одном устройстве: изображений в секунду и медианное время батча"


def reading(folder: str | Path) -> Markdown:
    """How many at once fill the device, what each adds in memory, and how they disturb each other."""
    found = read_check(Scaling, folder)
    if found is None:
        return not_measured("Несколько процессов или потоков сразу не измерены", Scaling.command)
    told = [line for scaled in found.cases for line in of_case(scaled, found)]
    return bullets([method(found), *few(told), *failures(found)])


def method(found: Scaling) -> str:
    """What ran beside what."""
    counts = listed(list(map(str, found.grid.workers)))
    shared = (
        "у каждого процесса свой контекст CUDA, у каждого потока — свой поток CUDA; без MPS процессы делят GPU по "
        "времени. Загрузка — доля времени, когда GPU занят хоть каким-то расчётом (NVML)"
        if found.machine["gpu"]
        else "ядра поделены между ними поровну. Загрузка — доля процессорного времени всех ядер"
    )
    return (
        f"**Сколько сразу.** Одна и та же конфигурация, одновременно в {counts} экземплярах "
        f"({listed([WAYS[way] for way in found.grid.ways])}; {quoted(found.started_at[:10])}): каждый считает батч за "
        f"батчем и ждёт каждого, {plain(found.grid.window_s)}{NBSP}с; {shared}."
    )


def of_case(scaled: Scaled, found: Scaling) -> list[str]:
    """Where a case saturates, what each worker adds, what neighbours cost; then one way beside another."""
    lines, name = [], quoted(at(scaled.case))
    measured = {way: crowds for way in found.grid.ways if (crowds := scaled.measured(way))}
    for way, crowds in measured.items():
        full, alone = scaling.saturation(crowds), crowds[0]
        text = f"**{name}, {WAYS[way]}.** "
        if len(crowds) < 2 or alone.workers > 1:
            lines.append(f"{text}Сравнить не с чем: измерено только одно число работающих сразу.")
            continue
        text += (
            f"Один — {number(alone.ips)}{NBSP}изобр./с"
            + (f" при загрузке {percent(alone.busy)}" if alone.busy is not None else "")
            + f". Насыщение (не меньше {percent(scaling.SATURATED)} наибольшего) — при "
            f"{full.workers}: {number(full.ips)}{NBSP}изобр./с, {times(full.ips / alone.ips)} больше, чем один. "
            if full is not alone
            else f"Один уже насыщает устройство: {number(alone.ips)}{NBSP}изобр./с, и большее число даёт не больше чем "
            f"{percent(max(crowd.ips for crowd in crowds) / alone.ips)} от этого. "
        )
        lines.append(text + disturbed(crowds) + added(way, crowds))
    if len(measured) == 2:
        lines += ways_apart(name, *measured.values())
    return lines


def disturbed(crowds: list[Crowd]) -> str:
    """How much longer a batch takes in the largest crowd, and how unlike its members fare."""
    alone, last = crowds[0], crowds[-1]
    ratio, uneven = last.p50_ms / alone.p50_ms, 1 - min(last.each_ips) / max(last.each_ips)
    longer = f"{times(ratio)} дольше" if ratio > 1 else "не дольше"
    return (
        f"Когда их {last.workers}, батч занимает {longer}, чем у одного: p50 {number(last.p50_ms)}{NBSP}мс, "
        f"p99 {number(last.p99_ms)}{NBSP}мс; самый медленный отстаёт от самого быстрого на {percent(uneven)}. "
    )


def added(way: str, crowds: list[Crowd]) -> str:
    """What each worker after the first takes in memory."""
    parts = []
    for field, where in (("device_bytes", "памяти GPU"), ("host_bytes", "памяти хоста")):
        size = scaling.added_bytes(crowds, field)
        if size is not None:
            parts.append(f"{number(max(size, 0) / MIB, 0)}{NBSP}МиБ {where}")
    return f"Каждый добавленный {COUNTED[way][0]} занимает ещё {listed(parts)}." if parts else ""


def ways_apart(name: str, first: list[Crowd], second: list[Crowd]) -> list[str]:
    """Which way is faster at the largest number that both have."""
    both = sorted({crowd.workers for crowd in first} & {crowd.workers for crowd in second} - {1})
    if not both:
        return []
    one, other = (next(c for c in crowds if c.workers == both[-1]) for crowds in (first, second))
    fast, slow = (one, other) if one.ips >= other.ips else (other, one)
    count = counted(both[-1], *COUNTED["processes"])
    return [
        f"**{name}, процессы против потоков.** При равных ядрах и равном числе ({count} или столько же потоков) "
        f"больше успевают {WAYS[fast.way]}: {number(fast.ips)} против {number(slow.ips)}{NBSP}изобр./с, "
        f"{times(fast.ips / slow.ips)} больше."
    ]


def failures(found: Scaling) -> list[str]:
    """Which crowds have no figures, and why."""
    failed = [
        f"{quoted(at(scaled.case))}, {counted(crowd.workers, *COUNTED[crowd.way])} — {quoted(crowd.failed.reason)}"
        for scaled in found.cases for crowd in scaled.crowds if crowd.failed
    ]  # fmt: skip
    return [f"Не измерены: {listed_few(failed)}."] if failed else []


def at(case: Case) -> str:
    """A case in words."""
    return f"{called(case)}, {case.image_size}×{case.image_size}, батч {case.batch_size}"


def table(folder: str | Path) -> Styler | HTML:
    """Every crowd's figures; nothing where nothing was measured."""
    found = read_check(Scaling, folder)
    rows = [
        {
            "Конфигурация": at(scaled.case),
            "Как": WAYS[way],
            "Сразу": str(crowd.workers),
            "Изобр./с": crowd.ips,
            "p50 (мс)": crowd.p50_ms,
            "p99 (мс)": crowd.p99_ms,
            "Загрузка": "—" if crowd.busy is None else percent(crowd.busy),
            "Память GPU (МиБ)": float("nan") if crowd.device_bytes is None else crowd.device_bytes / MIB,
            "Память хоста (МиБ)": float("nan") if crowd.host_bytes is None else crowd.host_bytes / MIB,
        }
        for scaled in (found.cases if found else [])
        for way in found.grid.ways
        for crowd in scaled.measured(way)
    ]
    if not rows:
        return HTML("")
    return styled(pd.DataFrame(rows).dropna(axis="columns", how="all"), "Несколько сразу на одном устройстве")


def figure(folder: str | Path, png: str | Path) -> HTML:
    """Throughput and latency over how many run at once: a colour a case, solid for processes, dashed for threads."""
    found = read_check(Scaling, folder)
    lines = [
        (at(scaled.case), way, crowds)
        for scaled in (found.cases if found else [])
        for way in found.grid.ways
        if len(crowds := scaled.measured(way)) > 1
    ]
    if not lines:
        return HTML("")
    names = list(dict.fromkeys(name for name, _, _ in lines))
    shown = names[: plots.MOST_PANELS]
    with plt.rc_context(plots.STYLE):
        drawn, grid = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
        for axes, title, value in zip(
            grid,
            ("Изображений в секунду, вместе", "p50 батча (мс)"),
            (lambda c: c.ips, lambda c: c.p50_ms),
            strict=True,
        ):
            for name, way, crowds in lines:
                if name in shown:
                    counts = [crowd.workers for crowd in crowds]
                    dashes, colour = "-" if way == "processes" else "--", f"C{shown.index(name)}"
                    axes.plot(counts, list(map(value, crowds)), label=f"{name}, {WAYS[way]}", color=colour,
                              linestyle=dashes, marker="o", markersize=4)  # fmt: skip
            axes.set(title=title, xlabel="Работают сразу", xscale="log")
            axes.set_xticks(sorted({crowd.workers for _, _, crowds in lines for crowd in crowds}))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(round(value, 1))))
        plots.legend(drawn, grid)
    ends = [f"{name}, {WAYS[way]}: {number(crowds[0].ips)} при {crowds[0].workers}, {number(crowds[-1].ips)} при "
            f"{crowds[-1].workers}" for name, way, crowds in lines]  # fmt: skip
    return plots.shown(drawn, CAPTION, f"{CAPTION}. Изобр./с — {'; '.join(ends)}.", png)
