"""Tables → Russian sentences: why this was measured, and the answer in short."""

import pandas as pd
from IPython.display import HTML, Markdown

from bench_lib import findings
from bench_lib.cases import Grid
from bench_lib.figures import labelled
from bench_lib.russian import NBSP, counted, listed, number, plural, quoted, span, spread_out
from bench_lib.summary import BASELINE_NAME, STATUS, Summary, tally

MOST_SENTENCES = 12


def bullets(sentences: list[str]) -> Markdown:
    """A list, one sentence or two an item."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def few(sentences: list[str]) -> list[str]:
    """At most `MOST_SENTENCES` of those that tell the same of many values, evenly chosen, and how many there are."""
    shown = spread_out(sentences, MOST_SENTENCES)
    if len(shown) == len(sentences):
        return shown
    count = f"{len(shown)} из {len(sentences)}"
    told = f"Таких строк выше {count}, они взяты равномерно; остальные цифры — в таблице результатов."
    return [*shown, told]


def place(report: Summary) -> str:
    """The device that computed, for example «GPU NVIDIA H200» or «процессор … (2 ядра), без GPU»."""
    gpu = report.machine.get("gpu")
    if gpu:
        return f"GPU {quoted(gpu['name'])}"
    cores = counted(report.machine["cores"], "ядро", "ядра", "ядер")
    return f"процессор {quoted(report.machine['cpu'])} ({cores}), без GPU"


def grid_label(grid: Grid, name: str) -> str:
    """What a name in the grid's `engines` is called in the report."""
    return labelled(grid.variant(name).engine, name if name in grid.variants else "")


def at(row) -> str:
    """Where a figure was measured: engine, precision, image size and batch."""
    return f"{row['name']}, {row['image_size']}×{row['image_size']}, батч {row['batch_size']}"


def abstract(report: Summary) -> HTML:
    """The answer in short, before anything else."""
    cases = report.measured
    lines = [
        f"<b>Где и что.</b> {quoted(report.grid.title)}; {place(report)}. "
        f"Конфигураций {len(report.cases)}: {tally(report)}."
    ]
    if cases.empty:
        lines.append("<b>Ответа нет:</b> ни одна конфигурация не измерена, причины перечислены в разделе 3.")
    else:
        most, least = cases.loc[cases.fps.idxmax()], cases.loc[cases.latency_ms.idxmin()]
        lines += [
            f"<b>Кто быстрее.</b> {leadership(findings.blocks(cases))} {advantage(cases)}",
            f"<b>Наибольшая пропускная способность:</b> {number(most.fps)} FPS ({at(most)}).",
            f"<b>Наименьшее время на батч:</b> {number(least.latency_ms)}{NBSP}мс ({at(least)}).",
        ]
    if absent := unmeasured(report):
        lines.append(f"<b>Без результата:</b> {'; '.join(absent)}.")
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def leadership(blocks: list[findings.Block]) -> str:
    """Who has the least time per batch, and in how many combinations of image and batch size; ties are named so."""
    contests = [block for block in blocks if block.measured > 1]
    if not contests:
        names = sorted({block.leaders[0] for block in blocks})
        return f"Сравнивать не с чем: измерено только {listed(names)}."
    among = f"{len(contests)}{NBSP}{plural(len(contests), 'сочетания', 'сочетаний', 'сочетаний')} размера и батча"
    parts = [f"{name} — в {count} из {among}" for name, count in findings.wins(contests).items()]
    tied = sum(len(block.leaders) > 1 for block in contests)
    text = f"Меньше всех время на батч: {'; '.join(parts)}." if parts else ""
    if tied:
        text += f" В {tied} из {among} данные не отличают лидера от следующих за ним."
    return text.strip()


def advantage(cases: pd.DataFrame) -> str:
    """How much faster than the baseline is the one that leads most often."""
    leader = next(iter(findings.wins(findings.blocks(cases))), BASELINE_NAME)
    speedups = cases[cases.name == leader].speedup.dropna()
    if leader == BASELINE_NAME or speedups.empty:
        return ""
    return f"Ускорение {leader} относительно {BASELINE_NAME} — {span(speedups.min(), speedups.max(), '×')}."


def unmeasured(report: Summary) -> list[str]:
    """Engines and precisions without a single figure, and why; those of one engine and reason together."""
    lines = []
    for (label, reason), rows in report.cases[report.cases.status != "ok"].groupby(["label", "reason"], sort=False):
        measured = set(report.measured[report.measured.label == label].precision)
        if without := [precision for precision in rows.precision.unique() if precision not in measured]:
            lines.append(f"{label} {listed(without)} ({STATUS[rows.status.iloc[0]]}: {quoted(reason)})")
    return lines


def aim(report: Summary) -> Markdown:
    """Why this was measured."""
    grid = report.grid
    engines = listed([grid_label(grid, name) for name in grid.engines])
    compared = "сравнить время инференса" if len(grid.engines) > 1 else "измерить время инференса"
    return Markdown(
        f"Задача — {compared} сети {quoted(grid.title)} на этой машине: {engines}, точность {listed(grid.precisions)}, "
        "разные размеры изображения и батча. Отчёт отвечает, какой способ здесь быстрее, насколько и при каких "
        "условиях. Каждое предложение о результатах вычислено из измерений; утверждения исходного отчёта, с которого "
        "началась эта работа, проверены на тех же данных в разделе 5."
    )
