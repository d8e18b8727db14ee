"""What `bench pipeline` found → Russian sentences, a table and a figure: what holds up the way from files on."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, ScalarFormatter
from pandas.io.formats.style import Styler

from bench_lib import plots
from bench_lib.checks import read_check
from bench_lib.endtoend import EndToEnd, Pipelined
from bench_lib.figures import called
from bench_lib.narrative import bullets, few, not_measured
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed, listed_few, number, percent, plain, plural, quoted, span

STAGES = {"decode": "декодирование и подготовка", "copy": "копирование", "infer": "инференс"}
CAPTION = "От файлов JPEG до ответов: изображений в секунду"


def reading(folder: str | Path) -> Markdown:
    """What stage is the bottleneck at each batch, and what of the bare engine's throughput is left."""
    found = read_check(EndToEnd, folder)
    if found is None:
        return not_measured("Путь от файлов JPEG до ответов не измерен", EndToEnd.command)
    told = [bottlenecks(name, cases) for name, cases in by_name(found).items()]
    return bullets([method(found), *few(told), *together(found), *failures(found)])


def method(found: EndToEnd) -> str:
    """Which images, and what the stages are."""
    grid, files = found.grid, counted(found.images, "файл", "файла", "файлов")
    if grid.data:
        whence = f"из папки <code>{quoted(grid.data)}</code> ({files}"
    else:
        whence = f"созданные для замера ({files} JPEG {grid.photo_width}×{grid.photo_height}"
    text = (
        f"**Конвейер.** Изображения — {whence}, в среднем {number(found.image_bytes / 1024, 0)}{NBSP}КиБ; "
        f"{quoted(found.started_at[:10])}). "
    )
    if found.measured:
        count = found.measured[0].workers
        workers = f"{plural(count, 'ведёт', 'ведут', 'ведут')} {counted(count, 'процесс', 'процесса', 'процессов')}"
        text += (
            f"Чтение, декодирование и подготовку (как у torchvision для ImageNet) {workers} (DataLoader), батч "
            "копируется туда, откуда его читает рантайм, и считается. Каждый этап измерен отдельно, затем все вместе, "
            f"по {plain(grid.window_s)}{NBSP}с; инференс отдельно — вызовами подряд."
        )
    return text.strip()


def by_name(found: EndToEnd) -> dict[str, list[Pipelined]]:
    """The measured cases of each engine, precision and image size, smallest batch first."""
    groups: dict[str, list[Pipelined]] = {}
    for one in sorted(found.measured, key=lambda one: one.case.batch_size):
        case = one.case
        size = f", {case.image_size}×{case.image_size}" if len(found.grid.image_sizes) > 1 else ""
        groups.setdefault(f"{called(case)}{size}", []).append(one)
    return groups


def bottlenecks(name: str, cases: list[Pipelined]) -> str:
    """The slowest stage at each batch, the best throughput of the whole, and what decoding would need to keep up."""
    slowest = {stage: [str(one.case.batch_size) for one in cases if one.bottleneck == stage] for stage in STAGES}
    parts = [f"{STAGES[stage]} — при батче {listed(batches)}" for stage, batches in slowest.items() if batches]
    best = max(cases, key=lambda one: one.whole_ips)
    text = (
        f"**{quoted(name)}.** Медленнее всего: {'; '.join(parts)}. Весь конвейер успевает не больше "
        f"{number(best.whole_ips)}{NBSP}изобр./с (батч {best.case.batch_size}): это "
        f"{percent(best.whole_ips / best.infer_ips)} от того, что рантайм успевает с тем же батчем без подготовки "
        f"({number(best.infer_ips)})."
    )
    fastest = max(cases, key=lambda one: one.infer_ips)
    if fastest.bottleneck == "decode":
        needed = fastest.infer_ips / (fastest.decode_ips / fastest.workers)
        text += (
            f" Чтобы декодирование поспевало за рантаймом при батче {fastest.case.batch_size}, таких процессов нужно "
            f"около {number(needed, 0)}, если каждый добавит столько же."
        )
    return text


def together(found: EndToEnd) -> list[str]:
    """How near the whole comes to what its stages allow."""
    if not found.measured:
        return []
    shares = [one.whole_ips / one.expected_ips for one in found.measured]
    text = (
        "**Этапы вместе.** Пока батч копируется и считается, следующие декодируются, так что этапы допускают меньшее "
        "из двух: скорость декодирования и скорость копирования с инференсом друг за другом. Конвейер достигает "
        f"{span(100 * min(shares), 100 * max(shares), digits=0)}{NBSP}% этого"
    )
    if not found.machine["gpu"]:
        return [f"{text}: здесь декодирование и инференс делят одни и те же ядра."]
    return [f"{text}."]


def failures(found: EndToEnd) -> list[str]:
    """Which cases have no figures, and why."""
    failed = [
        f"{quoted(called(one.case))}, батч {one.case.batch_size} — "
        f"{quoted(one.failed.reason)}" for one in found.cases if one.failed
    ]  # fmt: skip
    return [f"Не измерены: {listed_few(failed)}."] if failed else []


def table(folder: str | Path) -> Styler | HTML:
    """Each stage and the whole; nothing where nothing was measured."""
    found = read_check(EndToEnd, folder)
    rows = [
        {
            "Конфигурация": name, "Батч": one.case.batch_size, "Декодирование (изобр./с)": one.decode_ips,
            "Копирование (изобр./с)": one.copy_ips, "Инференс (изобр./с)": one.infer_ips,
            "Весь конвейер (изобр./с)": one.whole_ips, "Доля инференса": percent(one.whole_ips / one.infer_ips),
            "Медленнее всего": STAGES[one.bottleneck],
        }
        for name, cases in (by_name(found) if found else {}).items() for one in cases
    ]  # fmt: skip
    return styled(pd.DataFrame(rows), CAPTION) if rows else HTML("")


def figure(folder: str | Path, png: str | Path) -> HTML:
    """Images a second over the batch: the whole as a solid line, the bare engine dashed, decoding alone dotted."""
    found = read_check(EndToEnd, folder)
    groups = by_name(found) if found else {}
    if not groups:
        return HTML("")
    with plt.rc_context(plots.STYLE):
        drawn, axes = plt.subplots(figsize=(9, 3.9), layout="constrained")
        for index, (name, cases) in enumerate(groups.items()):
            batches, colour = [one.case.batch_size for one in cases], f"C{index % 10}"
            for kind, dashes, words in (("whole", "-", "весь конвейер"), ("infer", "--", "только инференс")):
                rates = [getattr(one, f"{kind}_ips") for one in cases]
                axes.plot(batches, rates, color=colour, linestyle=dashes, marker="o", markersize=4,
                          label=f"{name}, {words}")  # fmt: skip
        decoding = sorted((one.case.batch_size, one.decode_ips) for one in next(iter(groups.values())))
        axes.plot(*zip(*decoding, strict=True), color="black", linestyle=":", marker=".", label="только декодирование")
        axes.set(xlabel="Размер батча (изображений)", ylabel="Изображений в секунду", yscale="log")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted({one.case.batch_size for one in found.measured}))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0 if value >= 1 else 2)))
        plots.legend(drawn, [axes])
    ends = [f"{name}: {number(cases[0].whole_ips)} при батче {cases[0].case.batch_size}, {number(cases[-1].whole_ips)} "
            f"при {cases[-1].case.batch_size}" for name, cases in groups.items()]  # fmt: skip
    return plots.shown(drawn, CAPTION, f"{CAPTION}. Весь конвейер — {'; '.join(ends)}.", png)
