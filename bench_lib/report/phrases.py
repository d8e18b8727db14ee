"""Sentences and words that several sections share: headings, lists, names of cases, devices and memory."""

from collections.abc import Callable, Sequence

import pandas as pd
from IPython.display import Markdown

from bench_lib.analysis import findings
from bench_lib.analysis.case_row import MIB
from bench_lib.analysis.case_table import CaseTable
from bench_lib.core.case import Case, engine_and_precision, engine_label, options_text, weights_are_random
from bench_lib.core.grid import Grid
from bench_lib.core.real_images import RealData
from bench_lib.core.record import Record
from bench_lib.results.scaling import Crowd
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few, spread_out
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import between, per_cent, plain

MOST_SENTENCES = 12


def bullets(sentences: list[str]) -> Markdown:
    """The sentences as a list; an item may be several sentences."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def heading(message: str) -> Markdown:
    """A heading of the notebook, such as “## 3. Results”, in the report's language."""
    return Markdown(tr(message))


APPENDICES = {  # in their order
    "validation": mark("Validation of the timer and of the verdicts"),
    "rows": mark("All configurations"),
    "time": mark("Time breakdown and start-up"),
    "figures": mark("More figures"),
    "details": mark("Details by variant"),
    "absent": mark("What has no result, and the environment"),
    "load": mark("Load, several instances, preparation of images"),
}
LETTERS = mark("ABCDEFG")


def appendix_letter(name: str) -> str:
    """The letter of an appendix, a key of `APPENDICES`, in the report's language."""
    return tr(LETTERS)[list(APPENDICES).index(name)]


def appendix(name: str) -> str:
    """A reference to an appendix: “appendix B”."""
    return tr("appendix {letter}", letter=appendix_letter(name))


def unfinished(names: Sequence[str], command: str) -> list[str]:
    """Which cases are still to be measured, and the command that goes on; nothing where there are no `names`."""
    if not names:
        return []
    told = listed_few(list(map(quoted, names)))
    return [tr("Interrupted before: {names}; `{command} --output RUN` goes on.", names=told, command=command)]


def few(values: list, sentence: Callable[..., str] = str) -> list[str]:
    """A sentence for each value; of more than `MOST_SENTENCES`, for an even selection, and how many there are.

    By default the values are the sentences themselves.
    """
    shown = [sentence(value) for value in spread_out(values, MOST_SENTENCES)]
    if len(shown) == len(values):
        return shown
    told = tr(
        "Above are {shown} of {all} such lines, evenly chosen; the tables hold the other figures.",
        shown=len(shown), all=len(values),
    )  # fmt: skip
    return [*shown, told]


def device_name(report: CaseTable) -> str:
    """The device that computed, for example “NVIDIA H200 GPU” or “processor … (2 cores), no GPU”."""
    if gpu := report.machine.get("gpu"):
        return tr("{name} GPU", name=quoted(gpu["name"]))
    cores = tr_n("{n}{nbsp}core", "{n}{nbsp}cores", report.machine["cores"])
    return tr("processor {name} ({cores}), no GPU", name=quoted(report.machine["cpu"]), cores=cores)


def engines_of(grid: Grid) -> list[str]:
    """The grid's engines as the report calls them, each with its options, and with its variants in brackets."""
    found: dict[str, list[str]] = {}
    for name in grid.engines:
        found.setdefault(grid.variant(name).engine, []).append(name)
    told = {name: options_text(grid.options.get(name, {})) for name in grid.engines}
    return [f"{engine_label(name, told.get(name, ''))}{variants_among(all_of, grid)}" for name, all_of in found.items()]


def variants_among(names: list[str], grid: Grid) -> str:
    """The variants among an engine's names, in brackets; of more than two, how many there are. Empty without any."""
    variants = [name for name in names if name in grid.variants]
    if not variants:
        return ""
    count = len(variants)
    words = tr_n("{n}{nbsp}variant", "{n}{nbsp}variants", count) if count > 2 else ", ".join(variants)
    return f" ({tr('and {variants}', variants=words) if len(names) > count else words})"


def networks_title(grid: Grid) -> str:
    """What is measured where there are several networks: the grid's title if it has one, and how many they are."""
    count = tr_n("{n}{nbsp}network", "{n}{nbsp}networks", len(grid.networks))
    return f"{quoted(grid.title)} ({count})" if grid.title else count


def place_title(image_size: int, batch_size: int, grid: Grid) -> str:
    """What comparisons are made at: the batch and, where the grid has several image sizes, the size too."""
    if len(grid.image_sizes) == 1:
        return tr("Batch {batch}", batch=batch_size)
    return tr("{size}×{size}, batch {batch}", size=image_size, batch=batch_size)


def row_title(row) -> str:
    """What a row of `cases` stands for: the network where there are several, engine, precision, image size, batch."""
    title = title_at(row["name"], row["image_size"], row["batch_size"])
    return f"{row['network']}: {title}" if row["network"] else title


def title_at(name: str, image_size: int, batch_size: int) -> str:
    """A name with an image size and a batch."""
    return tr("{name}, {size}×{size}, batch {batch}", name=name, size=image_size, batch=batch_size)


def load_name(case: Case, grid: Grid) -> str:
    """A load's engine and precision; also its image size if the grid has several (see `image_sizes_sentence`)."""
    size = f", {case.image_size}×{case.image_size}" if len(grid.image_sizes) > 1 else ""
    return f"{engine_and_precision(case)}{size}"


def load_title(case: Case, grid: Grid) -> str:
    """As `load_name`, with the batch."""
    return tr("{name}, batch {batch}", name=load_name(case, grid), batch=case.batch_size)


def image_sizes_sentence(grid: Grid) -> str:
    """Which image sizes were measured."""
    return tr("Image size: {sizes}.", sizes=listed([f"{size}×{size}" for size in grid.image_sizes]))


def leadership(blocks: list[findings.Block]) -> str:
    """Which approaches have the least time per batch, each in how many combinations of image size and batch size.

    Combinations that the data do not decide are counted apart.
    """
    contests = [block for block in blocks if block.measured > 1]
    if not contests:
        names = sorted({block.leaders[0].name for block in blocks})
        return tr("There is nothing to compare: only {names} gave figures.", names=listed(names))
    parts = [
        tr_n(
            "{name} in {wins} of {n}{nbsp}combination of image and batch size",
            "{name} in {wins} of {n}{nbsp}combinations of image and batch size",
            len(contests), name=approach.name, wins=count,
        )
        for approach, count in findings.wins(contests).items()
    ]  # fmt: skip
    sentences = [tr("Least time per batch: {parts}.", parts="; ".join(parts))] if parts else []
    if tied := [block for block in contests if len(block.leaders) > 1]:
        names = list(dict.fromkeys(leader.name for block in tied for leader in block.leaders))
        sentences.append(
            tr_n(
                "In {tied} of {n}{nbsp}combination the leaders are not told apart: {names}.",
                "In {tied} of {n}{nbsp}combinations the leaders are not told apart: {names}.",
                len(contests), tied=len(tied), names=listed_few(names, 3),
            )
        )  # fmt: skip
    return " ".join(sentences)


def records_with_images(records: list[Record]) -> list[RealData]:
    """What the records hold on real images; nothing for synthetic ones."""
    return [record.data for record in records if record.data]


def has_random_weights(grid: Grid) -> bool:
    """Whether any network's weights are random, as far as the grid says; a function's model counts as trained."""
    return any(weights_are_random(network, grid.weights) for network in grid.networks)


def unknown_accuracy(grid: Grid) -> list[str]:
    """The reasons why these data do not show how well the network recognises images; none if the images have labels."""
    if grid.labels:
        return []
    weights = [tr("the weights are random")] if has_random_weights(grid) else []
    return [*weights, tr("the images have no labels") if grid.data else tr("the images are synthetic")]


def nothing_text() -> Markdown:
    """That there is nothing to interpret."""
    return Markdown(tr("There is nothing to say: no configuration was measured."))


def change_words(lines: pd.DataFrame) -> str:
    """How FPS changes: “becomes 4.1–5.6 times lower, in some cases does not change” and the like.

    `lines` is what `findings.axis_ends` makes.
    """
    falls, grows = (lines[lines.verdict == verdict].ratio for verdict in ("slower", "faster"))
    parts = []
    if len(falls):
        parts.append(tr("becomes {ratio} lower", ratio=between(1 / falls.max(), 1 / falls.min())))
    if len(grows):
        parts.append(tr("becomes {ratio} higher", ratio=between(grows.min(), grows.max())))
    if (lines.verdict == "same").any():
        parts.append(tr("does not change"))
    if (lines.verdict == "undecided").any():
        parts.append(tr("may not change (not decided)"))
    return ", ".join(parts[:1] + [tr("in some cases {change}", change=part) for part in parts[1:]])


SIZES = {
    "device_bytes": mark("{size}{nbsp}MiB of GPU memory"),
    "host_bytes": mark("{size}{nbsp}MiB of host memory"),
}


def memory_text(size: float, field: str) -> str:
    """A number of bytes in words, as GPU or host memory (`field` is a key of `SIZES`).

    Less than zero, which is measured where other work ended meanwhile, is shown as zero.
    """
    return tr(SIZES[field], size=number(max(size, 0) / MIB, 0))


def members_text(crowd: Crowd) -> str:
    """How many processes or threads a crowd has, in words."""
    if crowd.way == "processes":
        return tr_n("{n}{nbsp}process", "{n}{nbsp}processes", crowd.workers)
    return tr_n("{n}{nbsp}thread", "{n}{nbsp}threads", crowd.workers)


STAGES = {"decode": mark("decoding and preparation"), "copy": mark("copying"), "infer": mark("inference")}


def case_title(case: Case) -> str:
    """A case named whole: engine, variant and options, precision, image size and batch."""
    told = ": ".join(filter(None, [case.variant, options_text(case.options)]))
    name = f"{engine_label(case.engine, told)} {case.precision}"
    return tr("{name}, {size}×{size}, batch{nbsp}{batch}", name=name, size=case.image_size, batch=case.batch_size)


def whole_percent(share: float) -> str:
    """A share that a person chose, as percent without more digits than it has: 5 %."""
    return per_cent(plain(100 * share))
