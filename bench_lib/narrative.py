"""Tables → Russian sentences: why this was measured, and words that the other chapters share."""

from collections.abc import Callable

from IPython.display import Markdown

from bench_lib import findings
from bench_lib.cases import Grid
from bench_lib.figures import labelled
from bench_lib.language import tr
from bench_lib.summary import Summary
from bench_lib.words import NBSP, counted, listed, percent, plural, quoted, spread_out

MOST_SENTENCES = 12


def bullets(sentences: list[str]) -> Markdown:
    """A list, one sentence or two an item."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def heading(message: str) -> Markdown:
    """A heading of the notebook, such as “## 3. Results”, in the report's language."""
    return Markdown(tr(message))


def not_measured(words: str, command: str) -> Markdown:
    """That the run's folder does not hold this, and the command that makes it."""
    return bullets([f"{words}; это делает `{command} --output RUN`, где RUN — папка этого отчёта."])


def matches(top1: float) -> str:
    """How many images have the first class that the reference says, from their share."""
    return f"первый класс совпал {'у всех' if top1 == 1 else f'у {percent(top1)}'} изображений"


def few(values: list, sentence: Callable[..., str] = str) -> list[str]:
    """A sentence for each of at most `MOST_SENTENCES` of the values, evenly chosen, and how many there are.

    The values may be the sentences.
    """
    shown = [sentence(value) for value in spread_out(values, MOST_SENTENCES)]
    if len(shown) == len(values):
        return shown
    count = f"{len(shown)} из {len(values)}"
    told = f"Таких строк выше {count}, они взяты равномерно; остальные цифры — в таблице результатов."
    return [*shown, told]


def place(report: Summary) -> str:
    """The device that computed, for example «GPU NVIDIA H200» or «процессор … (2 ядра), без GPU»."""
    gpu = report.machine.get("gpu")
    if gpu:
        return f"GPU {quoted(gpu['name'])}"
    cores = counted(report.machine["cores"], "ядро", "ядра", "ядер")
    return f"процессор {quoted(report.machine['cpu'])} ({cores}), без GPU"


def engines_of(grid: Grid) -> list[str]:
    """The grid's engines as the report calls them; of the variants of one, how many there are."""
    found: dict[str, list[str]] = {}
    for name in grid.engines:
        found.setdefault(grid.variant(name).engine, []).append(name)
    return [f"{labelled(engine)}{variants_among(names, grid)}" for engine, names in found.items()]


def variants_among(names: list[str], grid: Grid) -> str:
    """In brackets: the variants among the names, or of many how many they are."""
    variants = [name for name in names if name in grid.variants]
    if not variants:
        return ""
    words = counted(len(variants), "вариант", "варианта", "вариантов") if len(variants) > 2 else ", ".join(variants)
    return f" ({'и ' if len(names) > len(variants) else ''}{words})"


def at(row) -> str:
    """Where a figure was measured: engine, precision, image size and batch."""
    return f"{row['name']}, {row['image_size']}×{row['image_size']}, батч {row['batch_size']}"


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


def aim(report: Summary) -> Markdown:
    """Why this was measured."""
    grid = report.grid
    engines = listed(engines_of(grid))
    compared = "сравнить время инференса" if len(grid.engines) > 1 else "измерить время инференса"
    return Markdown(
        f"Задача — {compared} сети {quoted(grid.title)} на этой машине: {engines}, точность {listed(grid.precisions)}, "
        "разные размеры изображения и батча. Отчёт отвечает, какой способ здесь быстрее, насколько и при каких "
        "условиях. Каждое предложение о результатах вычислено из измерений; утверждения исходного отчёта, с которого "
        "началась эта работа, проверены на тех же данных в разделе 5."
    )
