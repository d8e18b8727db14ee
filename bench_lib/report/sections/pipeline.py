"""What `bench pipeline` found → sentences, a table and a figure: what holds up the way from files on."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.ticker import NullLocator, ScalarFormatter
from pandas.io.formats.style import Styler

from bench_lib.core.reason import say
from bench_lib.report import plots
from bench_lib.report.phrases import (
    STAGES,
    bullets,
    few,
    image_sizes_sentence,
    load_name,
    load_title,
    not_measured,
    unfinished,
)
from bench_lib.report.tables import styled
from bench_lib.results.pipeline import Pipeline, Pipelined
from bench_lib.results.result_file import read_result
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, plain, span

CAPTION = mark("From JPEG files to answers: images per second")


def pipeline_text(folder: str | Path) -> Markdown:
    """What stage is the bottleneck at each batch, and what of the bare engine's throughput is left."""
    found = read_result(Pipeline, folder)
    if found is None:
        return not_measured(tr("The path from JPEG files to answers was not measured"), Pipeline.command)
    lines = [bottlenecks(name, cases) for name, cases in by_name(found).items()]
    how = f"{method_sentence(found)} {image_sizes_sentence(found.grid)}"
    return bullets(
        [how, *few(lines), *together_sentences(found), *failure_sentences(found), *unfinished_sentences(found)]
    )


def method_sentence(found: Pipeline) -> str:
    """Which images, and what the stages are."""
    return (
        f"{images_sentence(found)} {stages_sentence(found.measured[0].workers, found)}"
        if found.measured
        else images_sentence(found)
    )


def images_sentence(found: Pipeline) -> str:
    """Which images."""
    grid, size, date = found.grid, number(found.image_bytes / 1024, 0), quoted(found.started_at[:10])
    if grid.data:
        return tr_n(
            "**Pipeline.** The images are those of the folder <code>{folder}</code> ({n}{nbsp}file, "
            "{size}{nbsp}KiB on average; {date}).",
            "**Pipeline.** The images are those of the folder <code>{folder}</code> ({n}{nbsp}files, "
            "{size}{nbsp}KiB on average; {date}).",
            found.images, folder=quoted(grid.data), size=size, date=date,
        )  # fmt: skip
    return tr_n(
        "**Pipeline.** The images were made for this measurement ({n}{nbsp}JPEG file of {width}×{height}, "
        "{size}{nbsp}KiB on average; {date}).",
        "**Pipeline.** The images were made for this measurement ({n}{nbsp}JPEG files of {width}×{height}, "
        "{size}{nbsp}KiB on average; {date}).",
        found.images, width=grid.photo_width, height=grid.photo_height, size=size, date=date,
    )  # fmt: skip


def stages_sentence(workers: int, found: Pipeline) -> str:
    """What the stages are, and how they were measured."""
    each = tr_n(
        "{n}{nbsp}process reads, decodes and prepares them as torchvision does for ImageNet (DataLoader); each batch "
        "is copied to where the engine reads it, and run.",
        "{n}{nbsp}processes read, decode and prepare them as torchvision does for ImageNet (DataLoader); each batch "
        "is copied to where the engine reads it, and run.",
        workers,
    )
    how = tr(
        "Each stage was measured on its own, then all together, for {window}{nbsp}s each; inference on its own is "
        "back-to-back calls.",
        window=plain(found.grid.window_s),
    )
    return f"{each} {how}"


def by_name(found: Pipeline) -> dict[str, list[Pipelined]]:
    """The measured cases of each engine, precision and image size, smallest batch first."""
    groups: dict[str, list[Pipelined]] = {}
    for one in sorted(found.measured, key=lambda one: one.case.batch_size):
        groups.setdefault(load_name(one.case, found.grid), []).append(one)
    return groups


def bottlenecks(name: str, cases: list[Pipelined]) -> str:
    """The slowest stage at each batch, the best throughput of the whole, and what decoding would need to keep up."""
    slowest = {stage: [str(one.case.batch_size) for one in cases if one.bottleneck == stage] for stage in STAGES}
    parts = [
        tr("{stage} at batch {batches}", stage=tr(STAGES[stage]), batches=listed(batches))
        for stage, batches in slowest.items() if batches
    ]  # fmt: skip
    best = max(cases, key=lambda one: one.whole_ips)
    text = tr(
        "**{name}.** Slowest stage: {stages}. The whole pipeline reaches at most {whole}{nbsp}images/s (batch "
        "{batch}): {share} of the {infer} that the engine reaches at the same batch without preparation.",
        name=quoted(name),
        stages="; ".join(parts),
        whole=number(best.whole_ips),
        batch=best.case.batch_size,
        share=percent(best.whole_ips / best.infer_ips),
        infer=number(best.infer_ips),
    )
    fastest = max(cases, key=lambda one: one.infer_ips)
    if fastest.bottleneck != "decode":
        return text
    needed = tr(
        "For decoding to keep up with the engine at batch {batch}, the number of such processes would have to be "
        "about {count}, if each added as much.",
        batch=fastest.case.batch_size, count=number(fastest.infer_ips / (fastest.decode_ips / fastest.workers), 0),
    )  # fmt: skip
    return f"{text} {needed}"


def together_sentences(found: Pipeline) -> list[str]:
    """How near the whole comes to what its stages allow."""
    if not found.measured:
        return []
    shares = [one.whole_ips / one.expected_ips for one in found.measured]
    text = tr(
        "**Stages together.** While a batch is copied and run, the next ones are being decoded, so the stages "
        "allow the lower of two rates: that of decoding, and that of copying followed by inference."
    )
    share = per_cent(span(100 * min(shares), 100 * max(shares), digits=0))
    if found.machine["gpu"]:
        reached = tr("The pipeline reaches {share} of this.", share=share)
    else:
        reached = tr("The pipeline reaches {share} of this: here decoding and inference share the same cores.",
                     share=share)  # fmt: skip
    return [f"{text} {reached}"]


def failure_sentences(found: Pipeline) -> list[str]:
    """Which cases have no figures, and why."""
    failed = [
        f"{quoted(load_title(one.case, found.grid))} — {quoted(say(one.failed))}" for one in found.cases if one.failed
    ]
    return [tr("Not measured: {cases}.", cases=listed_few(failed))] if failed else []


def unfinished_sentences(found: Pipeline) -> list[str]:
    """What an interrupted measurement has not come to."""
    there = {one.case.id for one in found.cases}
    return unfinished(
        [load_title(case, found.grid) for case in found.grid.cases() if case.id not in there], found.command
    )


def pipeline_table(folder: str | Path) -> Styler | HTML:
    """Each stage and the whole; nothing where nothing was measured."""
    found = read_result(Pipeline, folder)
    rows = [
        {
            tr("Configuration"): name, tr("Batch"): one.case.batch_size,
            tr("Decoding (images/s)"): one.decode_ips, tr("Copying (images/s)"): one.copy_ips,
            tr("Inference (images/s)"): one.infer_ips, tr("Whole pipeline (images/s)"): one.whole_ips,
            tr("Share of inference"): percent(one.whole_ips / one.infer_ips),
            tr("Slowest stage"): tr(STAGES[one.bottleneck]),
        }
        for name, cases in (by_name(found) if found else {}).items() for one in cases
    ]  # fmt: skip
    return styled(pd.DataFrame(rows), tr(CAPTION)) if rows else HTML("")


def pipeline_figure(folder: str | Path, png: str | Path) -> HTML:
    """Images a second over the batch: the whole as a solid line, the bare engine dashed, decoding alone dotted."""
    found = read_result(Pipeline, folder)
    groups = by_name(found) if found else {}
    if not groups:
        return HTML("")
    with plt.rc_context(plots.STYLE):
        drawn, axes = plt.subplots(figsize=(9, 3.9), layout="constrained")
        for index, (name, cases) in enumerate(groups.items()):
            batches, colour = [one.case.batch_size for one in cases], f"C{index % 10}"
            for kind, dashes, words in (("whole", "-", tr("whole pipeline")), ("infer", "--", tr("inference alone"))):
                rates = [getattr(one, f"{kind}_ips") for one in cases]
                axes.plot(batches, rates, color=colour, linestyle=dashes, marker="o", markersize=4,
                          label=f"{name}, {words}")  # fmt: skip
        decoding = sorted((one.case.batch_size, one.decode_ips) for one in next(iter(groups.values())))
        axes.plot(*zip(*decoding, strict=True), color="black", linestyle=":", marker=".", label=tr("decoding alone"))
        axes.set(xlabel=tr("Batch size (images)"), ylabel=tr("Images per second"), yscale="log")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted({one.case.batch_size for one in found.measured}))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        plots.mark_decades(axes.yaxis)
        plots.draw_legend(drawn, [axes])
    every = "; ".join(ends(name, cases) for name, cases in groups.items())
    alt = tr("{caption}. Whole pipeline: {lines}.", caption=tr(CAPTION), lines=every)
    return plots.figure_html(drawn, tr(CAPTION), alt, png)


def ends(name: str, cases: list[Pipelined]) -> str:
    """A line's ends in words, for who does not see the figure."""
    first, last = cases[0], cases[-1]
    return tr(
        "{name}: {first} at batch {small}, {last} at {large}",
        name=name, first=number(first.whole_ips), small=first.case.batch_size,
        last=number(last.whole_ips), large=last.case.batch_size,
    )  # fmt: skip
