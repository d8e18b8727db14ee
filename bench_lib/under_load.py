"""What `bench serve` found → Russian sentences, a table and a figure: how many requests an engine answers in time."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from pandas.io.formats.style import Styler

from bench_lib import plots, serving
from bench_lib.checks import read_check
from bench_lib.figures import MIB, called
from bench_lib.narrative import bullets, not_measured
from bench_lib.serving import Point, Served, Serving
from bench_lib.summary import MOST_NAMES
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed, listed_few, number, percent, plain, quoted

CAPTION = "Под нагрузкой: время ответа и доля обслуженных запросов в зависимости от частоты запросов"
RATE = "запр./с"


def reading(folder: str | Path) -> Markdown:
    """How latency under load was measured, who answers most in time, and how far to trust it."""
    found = read_check(Serving, folder)
    if found is None:
        return not_measured("Под нагрузкой не измерено", Serving.command)
    return bullets([*method(found), *outcome(found), *absent(found), *agreement(found), *queue(found)])


def method(found: Serving) -> list[str]:
    """What arrives, how it waits, and what the time holds."""
    grid = found.grid
    sizes = listed(list(map(str, sorted(grid.batch_sizes))))
    return [
        f"**Нагрузка.** MLPerf LoadGen {quoted(found.loadgen)}, сценарий Server ({quoted(found.started_at[:10])}): "
        "запросы по одному изображению приходят в случайные моменты (поток Пуассона). Они ждут в очереди: батч уходит, "
        f"когда набран наибольший или когда старший запрос прождал {plain(grid.max_wait_ms)}{NBSP}мс. Рантайм собран "
        f"для батчей {sizes}; неполный батч дополняется до следующего из них. Время ответа — от назначенного прихода "
        "запроса до готового выхода; изображения уже лежат на устройстве, их подготовка и копирование сюда не входят. "
        "Точность — запрошенная: какой она была на деле, видно в таблице результатов.",
    ]


def outcome(found: Serving) -> list[str]:
    """Who answers most requests under the limit, and what the limit costs of the throughput without one."""
    limit = found.grid.p99_ms
    kept = [(point, served) for served in found.cases if (point := serving.best(served.points, limit))]
    head = f"**Предел:** 99{NBSP}% ответов не дольше {plain(limit)}{NBSP}мс."
    if not kept:
        return [f"{head} Ни одна конфигурация его не выдержала."]
    point, most = max(kept, key=lambda pair: pair[0].offered_ips)
    return [
        f"{head} Больше всего — {number(point.offered_ips)}{NBSP}{RATE} — выдерживает {quoted(name(most, found))}: p50 "
        f"{number(point.loadgen.p50_ms)}{NBSP}мс, p99 {number(point.loadgen.p99_ms)}{NBSP}мс, в батче в среднем "
        f"{number(point.batch, 1)}{NBSP}изображения. Это {percent(point.offered_ips / most.ceiling_ips)} того, что "
        "проходит без предела, вызовами подряд лучшего из батчей. **Колено** (в таблице и на графике) — частота, при "
        "которой отношение числа ответов в секунду к медианному времени ответа наибольшее (мощность по Клейнроку): "
        "дальше время растёт быстрее, чем прибавляются ответы."
    ]


def absent(found: Serving) -> list[str]:
    """Who keeps the limit at no rate, and who was not measured."""
    limit, lines = found.grid.p99_ms, []
    slow = [served for served in found.cases if served.points and not serving.best(served.points, limit)]
    if slow:
        least_ms = [min(point.loadgen.p99_ms for point in served.points) for served in slow]
        least = [
            f"{quoted(name(served, found))} (наименьший p99 — {number(ms)}{NBSP}мс)"
            for served, ms in zip(slow, least_ms, strict=True)
        ]
        lines.append(f"Предел не выдержан ни при одной из испытанных частот: {listed_few(least)}.")
    if failed := [f"{quoted(name(s, found))} — {quoted(s.failed.reason)}" for s in found.cases if s.failed]:
        lines.append(f"Не измерены: {'; '.join(failed)}.")
    return lines


def agreement(found: Serving) -> list[str]:
    """How far LoadGen's own count and ours are apart."""
    apart = [point.apart for served in found.cases for point in served.points]
    if not apart:
        return []
    outside = sum(share > serving.WITHIN for share in apart)
    count = counted(len(apart), "частоты", "частот", "частот")
    verdict = "везде в пределах цели" if not outside else f"за пределами цели — у {outside} из {count}"
    return [
        f"**Сверка.** Те же запросы считали и LoadGen, и наша очередь, своими часами: p50, p99 и число ответов в "
        f"секунду расходятся не больше чем на {percent(max(*apart, 1e-4))} (цель — "
        f"{plain(100 * serving.WITHIN)}{NBSP}%; {verdict}). Запрос, который LoadGen отправил с "
        "опозданием, ждал с назначенного времени. В таблице и на "
        f"графике — счёт LoadGen; его сводки — в `serving-loadgen.txt` рядом с отчётом."
    ]


def queue(found: Serving) -> list[str]:
    """What the queue itself takes and carries, and whose rates it may limit."""
    most = serving.best(found.queue, serving.QUEUE_P99_MS)
    if most is None:
        return []
    first, limit = found.queue[0], found.grid.p99_ms
    text = (
        f"**Сама очередь** вместе с ожиданием, пока наберётся батч (вызов, который ничего не делает): "
        f"при {number(first.offered_ips, 0)}{NBSP}{RATE} p50 "
        f"{number(first.loadgen.p50_ms)}{NBSP}мс, p99 {number(first.loadgen.p99_ms)}{NBSP}мс; p99 до "
        f"{plain(serving.QUEUE_P99_MS)}{NBSP}мс она выдерживает при {number(most.offered_ips, 0)}{NBSP}{RATE}."
    )
    near = [
        quoted(name(served, found))
        for served in found.cases
        if (kept := serving.best(served.points, limit)) and kept.offered_ips > most.offered_ips / 2
    ]
    if near:
        text += f" К этому близки и потому могут упираться в неё, а не в устройство: {listed_few(near)}."
    return [text]


def name(served: Served, found: Serving) -> str:
    """A case in words; the image size only where there are several."""
    case, words = served.case, called(served.case)
    return f"{words}, {case.image_size}×{case.image_size}" if len(found.grid.image_sizes) > 1 else words


def table(folder: str | Path) -> Styler | HTML:
    """Each case's best rate under the limit, its knee, and its memory; nothing where nothing was measured."""
    found = read_check(Serving, folder)
    if found is None or not any(served.points for served in found.cases):
        return HTML("")
    limit = found.grid.p99_ms
    rows = []
    for served in filter(lambda served: served.points, found.cases):
        kept, turn = serving.best(served.points, limit), serving.knee(served.points)
        nan = float("nan")
        rows.append({
            "Конфигурация": name(served, found),
            f"До предела ({RATE})": kept.offered_ips if kept else nan,
            "p50 (мс)": kept.loadgen.p50_ms if kept else nan,
            "p99 (мс)": kept.loadgen.p99_ms if kept else nan,
            "Батч в среднем": kept.batch if kept else nan,
            f"Без предела ({RATE})": served.ceiling_ips,
            f"Колено ({RATE})": turn.offered_ips,
            "p50 в колене (мс)": turn.loadgen.p50_ms,
            "Память (МиБ)": nan if served.device_bytes is None else served.device_bytes / MIB,
        })  # fmt: skip
    shown = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return styled(shown, f"Наибольшая частота запросов, при которой p99 не больше {plain(limit)}{NBSP}мс")


def figure(folder: str | Path, png: str | Path) -> HTML:
    """Median and 99th percentile of the answer's time, and the share answered, over the rate of requests."""
    found = read_check(Serving, folder)
    every = [served for served in found.cases if served.points] if found else []
    if not every:
        return HTML("")
    shown = sorted(every, key=lambda served: -served.ceiling_ips)[:MOST_NAMES]
    note = f"; показаны {len(shown)} из {len(every)}, самые быстрые" if len(shown) < len(every) else ""
    lines = plots.styles(pd.DataFrame([
        {"name": name(served, found), "engine": f"{served.case.engine} {served.case.image_size}",
         "variant": served.case.variant, "precision_label": served.case.precision} for served in shown
    ]))  # fmt: skip
    panels = {
        "p50 (мс)": lambda point: point.loadgen.p50_ms,
        "p99 (мс)": lambda point: point.loadgen.p99_ms,
        "Обслужено, доля частоты": lambda point: point.loadgen.ips / point.offered_ips,
    }
    with plt.rc_context(plots.STYLE):
        drawn, grid = plt.subplots(1, 3, figsize=(9, 3.9), layout="constrained")
        for axes, (title, value) in zip(grid, panels.items(), strict=True):
            for served in shown:
                draw(axes, served, value, lines[name(served, found)].style | {"markersize": 4}, name(served, found))
            axes.set(title=title, xlabel=f"Частота запросов ({RATE})", xscale="log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axes in grid[:2]:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        grid[1].axhline(found.grid.p99_ms, color="black", linewidth=0.8, linestyle=":")
        grid[2].set_ylim(0, 1.2)
        for axis in (axis for axes in grid for axis in (axes.xaxis, axes.yaxis)):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        plots.legend(drawn, grid)
    caption = f"{CAPTION}; звезда — колено, пунктир — предел {plain(found.grid.p99_ms)} мс{note}"
    return plots.shown(drawn, caption, f"{CAPTION}. {'; '.join(ends(served, found) for served in shown)}.", png)


def draw(axes: plt.Axes, served: Served, value, style: dict, label: str) -> None:
    """A line over the rates, with a star at the knee."""
    axes.plot([point.offered_ips for point in served.points], list(map(value, served.points)), label=label, **style)
    turn = serving.knee(served.points)
    axes.plot(turn.offered_ips, value(turn), marker="*", markersize=11, color=style["color"])


def short(value: float) -> str:
    """A number on an axis: thousands as «тыс.»."""
    return f"{plain(value / 1e3)}{NBSP}тыс." if value >= 1e3 else plain(value)


def ends(served: Served, found: Serving) -> str:
    """A line's ends in words, for who does not see the figure."""
    first, last = served.points[0], served.points[-1]

    def told(point: Point) -> str:
        return f"p99 {number(point.loadgen.p99_ms)} мс при {number(point.offered_ips)} {RATE}"

    return f"{name(served, found)}: {told(first)}, {told(last)}"
