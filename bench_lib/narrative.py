"""Tables → sentences: why this was measured, and words that the other chapters share."""

from collections.abc import Callable, Sequence

from IPython.display import Markdown

from bench_lib import findings
from bench_lib.cases import Case, Grid
from bench_lib.figures import called, labelled
from bench_lib.language import mark, tr, tr_n
from bench_lib.summary import Summary
from bench_lib.words import listed, listed_few, percent, quoted, spread_out

MOST_SENTENCES = 12


def bullets(sentences: list[str]) -> Markdown:
    """A list, one sentence or two an item."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def heading(message: str) -> Markdown:
    """A heading of the notebook, such as “## 3. Results”, in the report's language."""
    return Markdown(tr(message))


def not_measured(words: str, command: str) -> Markdown:
    """That the run's folder does not hold this, and the command that makes it."""
    told = tr(
        "{words}; to have that, run `{command} --output RUN`, where RUN is this report's folder.",
        words=words, command=command,
    )  # fmt: skip
    return bullets([told])


def unfinished(names: Sequence[str], command: str) -> list[str]:
    """Which of a load's cases are still to be measured, and the command that goes on; nothing where all are."""
    if not names:
        return []
    told = listed_few(list(map(quoted, names)))
    return [tr("Interrupted before: {names}; `{command} --output RUN` goes on.", names=told, command=command)]


def matches(top1: float) -> str:
    """How many images have the first class that the reference says, from their share."""
    if top1 == 1:
        return tr("the first class agrees for all images")
    return tr("the first class agrees for {share} of images", share=percent(top1))


def few(values: list, sentence: Callable[..., str] = str) -> list[str]:
    """A sentence for each of at most `MOST_SENTENCES` of the values, evenly chosen, and how many there are.

    The values may be the sentences.
    """
    shown = [sentence(value) for value in spread_out(values, MOST_SENTENCES)]
    if len(shown) == len(values):
        return shown
    told = tr(
        "Above are {shown} of {all} such lines, evenly chosen; the tables hold the other figures.",
        shown=len(shown), all=len(values),
    )  # fmt: skip
    return [*shown, told]


def place(report: Summary) -> str:
    """The device that computed, for example “NVIDIA H200 GPU” or “processor … (2 cores), no GPU”."""
    gpu = report.machine.get("gpu")
    if gpu:
        return tr("{name} GPU", name=quoted(gpu["name"]))
    cores = tr_n("{n}{nbsp}core", "{n}{nbsp}cores", report.machine["cores"])
    return tr("processor {name} ({cores}), no GPU", name=quoted(report.machine["cpu"]), cores=cores)


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
    count = len(variants)
    words = tr_n("{n}{nbsp}variant", "{n}{nbsp}variants", count) if count > 2 else ", ".join(variants)
    return f" ({tr('and {variants}', variants=words) if len(names) > count else words})"


def at(row) -> str:
    """Where a figure was measured: engine, precision, image size and batch."""
    return located(row["name"], row["image_size"], row["batch_size"])


def located(name: str, image_size: int, batch_size: int) -> str:
    """A name with the image size and batch that it stands for."""
    return tr("{name}, {size}×{size}, batch {batch}", name=name, size=image_size, batch=batch_size)


def named(case: Case, grid: Grid) -> str:
    """A load's engine and precision; the image size only where the grid has several (`sizes` tells a single one)."""
    size = f", {case.image_size}×{case.image_size}" if len(grid.image_sizes) > 1 else ""
    return f"{called(case)}{size}"


def in_load(case: Case, grid: Grid) -> str:
    """A case of a load in words."""
    return tr("{name}, batch {batch}", name=named(case, grid), batch=case.batch_size)


def sizes(grid: Grid) -> str:
    """Of which size the images are."""
    return tr("Image size: {sizes}.", sizes=listed([f"{size}×{size}" for size in grid.image_sizes]))


def leadership(blocks: list[findings.Block]) -> str:
    """Who has the least time per batch, and in how many combinations of image and batch size; ties are named so."""
    contests = [block for block in blocks if block.measured > 1]
    if not contests:
        names = sorted({block.leaders[0] for block in blocks})
        return tr("There is nothing to compare: only {names} gave figures.", names=listed(names))
    parts = [
        tr_n(
            "{name} in {wins} of {n}{nbsp}combination of image and batch size",
            "{name} in {wins} of {n}{nbsp}combinations of image and batch size",
            len(contests), name=name, wins=count,
        )
        for name, count in findings.wins(contests).items()
    ]  # fmt: skip
    sentences = [tr("Least time per batch: {parts}.", parts="; ".join(parts))] if parts else []
    if tied := sum(len(block.leaders) > 1 for block in contests):
        sentences.append(
            tr_n(
                "In {tied} of {n}{nbsp}combination of image and batch size the data do not tell the leader apart from "
                "those next to it.",
                "In {tied} of {n}{nbsp}combinations of image and batch size the data do not tell the leader apart from "
                "those next to it.",
                len(contests), tied=tied,
            )
        )  # fmt: skip
    return " ".join(sentences)


def aim(report: Summary) -> Markdown:
    """Why this was measured."""
    grid = report.grid
    task = (
        mark(
            "The aim is to compare the inference time of {title} on this machine: {engines}, precision {precisions}, "
            "various image and batch sizes."
        )
        if len(grid.engines) > 1
        else mark(
            "The aim is to measure the inference time of {title} on this machine: {engines}, precision {precisions}, "
            "various image and batch sizes."
        )
    )
    engines, precisions = listed(engines_of(grid)), listed(grid.precisions)
    answers = tr(
        "The report says which of them is fastest here, by how much and under what conditions. Every sentence about "
        "the results is computed from the measurements; the claims of the original report, from which this work began, "
        "are checked against the same data in section 5."
    )
    return Markdown(f"{tr(task, title=quoted(grid.title), engines=engines, precisions=precisions)} {answers}")
