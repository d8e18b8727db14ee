"""The section on the path from JPEG files to answers: its slowest stage, as `bench pipeline` measured it."""

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.core.reason import say
from bench_lib.report import load_plots, plots
from bench_lib.report.phrases import (
    STAGES,
    bullets,
    few,
    heading,
    image_sizes_sentence,
    load_name,
    load_title,
    unfinished,
)
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.results.pipeline import Pipeline, Pipelined
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, plain, span

CAPTION = mark("From JPEG files to answers: images per second")


def show(report: Report) -> None:
    """Display the section: its heading, sentences, table and figure; nothing where it was not measured."""
    if report.result(Pipeline) is None:
        return
    display(
        heading("### End to end, with the preparation of images"),
        pipeline_text(report),
        pipeline_table(report),
        pipeline_figure(report),
    )


def pipeline_text(report: Report) -> Markdown:
    """Which stage is the slowest at each batch, and how much of the bare engine's throughput is left."""
    found = report.result(Pipeline)
    lines = [bottleneck_sentences(name, cases, found) for name, cases in by_name(found).items()]
    how = f"{method_sentence(found)} {image_sizes_sentence(found.grid)}"
    return bullets(
        [how, *few(lines), *together_sentences(found), *failure_sentences(found), *unfinished_sentences(found)]
    )


def method_sentence(found: Pipeline) -> str:
    """Which images were read and, where anything was measured, what the stages are."""
    images = images_sentence(found)
    return f"{images} {stages_sentence(found.measured[0].workers, found)}" if found.measured else images


def images_sentence(found: Pipeline) -> str:
    """Where the images come from, how many and how large they are."""
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
    fewest = min(map(found.batches, found.measured))
    counted = tr(
        "N is about how many batches the whole pipeline handled meanwhile, at least {fewest}: there, one batch more or "
        "less is {share} of the rate.",
        fewest=number(fewest, 0), share=percent(1 / fewest),
    )  # fmt: skip
    return f"{each} {how} {counted}"


def by_name(found: Pipeline) -> dict[str, list[Pipelined]]:
    """The measured cases of each engine, precision and image size, smallest batch first."""
    groups: dict[str, list[Pipelined]] = {}
    for one in sorted(found.measured, key=lambda one: one.case.batch_size):
        groups.setdefault(load_name(one.case, found.grid), []).append(one)
    return groups


def bottleneck_sentences(name: str, cases: list[Pipelined], found: Pipeline) -> str:
    """The slowest stage at each batch, the best throughput of the whole, and what decoding would need to keep up."""
    slowest = {stage: [str(one.case.batch_size) for one in cases if one.bottleneck == stage] for stage in STAGES}
    parts = [
        tr("{stage} at batch {batches}", stage=tr(STAGES[stage]), batches=listed(batches))
        for stage, batches in slowest.items() if batches
    ]  # fmt: skip
    best = max(cases, key=lambda one: one.whole_ips)
    text = tr(
        "**{name}.** Slowest stage: {stages}. The whole pipeline reaches at most {whole}{nbsp}images/s (batch "
        "{batch}, N{nbsp}≈{nbsp}{n}): {share} of the {infer} that the engine reaches at the same batch without "
        "preparation.",
        name=quoted(name),
        stages="; ".join(parts),
        whole=number(best.whole_ips),
        batch=best.case.batch_size,
        n=number(found.batches(best), 0),
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
    """How near the whole pipeline comes to what its stages allow."""
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
    if max(shares) > 1:
        above = tr("More than 100% means that a stage on its own was timed slower than it ran together, so its rate "
                   "alone is uncertain by at least as much.")  # fmt: skip
        reached = f"{reached} {above}"
    return [f"{text} {reached}"]


def failure_sentences(found: Pipeline) -> list[str]:
    """Which cases have no figures, and why."""
    failed = [
        f"{quoted(load_title(one.case, found.grid))} — {quoted(say(one.failed))}" for one in found.cases if one.failed
    ]
    return [tr("Not measured: {cases}.", cases=listed_few(failed))] if failed else []


def unfinished_sentences(found: Pipeline) -> list[str]:
    """Which cases an interrupted measurement has left out."""
    there = {one.case.id for one in found.cases}
    return unfinished(
        [load_title(case, found.grid) for case in found.grid.cases() if case.id not in there], found.command
    )


def pipeline_table(report: Report) -> Styler | HTML:
    """Each stage and the whole; nothing where nothing was measured."""
    found = report.result(Pipeline)
    rows = [
        {
            "case": name, "batch_size": one.case.batch_size, "decode_ips": one.decode_ips, "copy_ips": one.copy_ips,
            "infer_ips": one.infer_ips, "whole_ips": one.whole_ips, "count": found.batches(one),
            "share": percent(one.whole_ips / one.infer_ips),
            "slowest": tr(STAGES[one.bottleneck]),
        }
        for name, cases in (by_name(found) if found else {}).items() for one in cases
    ]  # fmt: skip
    headings = {
        "case": tr("Configuration"), "batch_size": tr("Batch"), "decode_ips": tr("Decoding (images/s)"),
        "copy_ips": tr("Copying (images/s)"), "infer_ips": tr("Inference (images/s)"),
        "whole_ips": tr("Whole pipeline (images/s)"), "count": tr("N (batches)"), "share": tr("Share of inference"),
        "slowest": tr("Slowest stage"),
    }  # fmt: skip
    return styled(pd.DataFrame(rows), headings, tr(CAPTION)) if rows else HTML("")


def pipeline_figure(report: Report) -> HTML:
    """Images a second over the batch, of the whole and of its stages; nothing where nothing was measured."""
    found = report.result(Pipeline)
    groups = by_name(found) if found else {}
    if not groups:
        return HTML("")
    every = "; ".join(line_ends(name, cases) for name, cases in groups.items())
    alt = tr("{caption}. Whole pipeline: {lines}.", caption=tr(CAPTION), lines=every)
    return plots.figure_html(load_plots.draw_stages(groups), tr(CAPTION), alt, report.figure_path("pipeline"))


def line_ends(name: str, cases: list[Pipelined]) -> str:
    """The first and last point of a line, for those who do not see the figure."""
    first, last = cases[0], cases[-1]
    return tr(
        "{name}: {first} at batch {small}, {last} at {large}",
        name=name, first=number(first.whole_ips), small=first.case.batch_size,
        last=number(last.whole_ips), large=last.case.batch_size,
    )  # fmt: skip
