"""Tables → sentences: what to choose here, and what these data cannot tell."""

from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from bench_lib.analysis.case_table import CaseTable, compare_rows
from bench_lib.report import load_phrases
from bench_lib.report.phrases import MOST_SENTENCES, bullets, few, has_random_weights, row_title
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed, listed_few, spread_out
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import span


def choice_text(report: CaseTable) -> Markdown:
    """What to choose on this machine, for throughput and for latency."""
    cases = report.measured
    if cases.empty:
        return Markdown(tr("There is nothing to choose from: no configuration was measured."))
    lines = [throughput_sentence(cases)]
    lines += few(list(cases.groupby("batch_size")), latency_sentence)
    return bullets(lines)


def throughput_sentence(cases: pd.DataFrame) -> str:
    """The highest FPS, and those not told from it."""
    best = cases.loc[cases.fps.idxmax()]
    ordered = cases.drop(best.name).sort_values("fps", ascending=False)
    rows = ordered[["name", "image_size", "batch_size", "fps_values", "extra_sd"]].to_dict("records")
    others = [row for row in rows if compare_rows(row, best, "fps") != "slower"]
    text = tr(
        "**Throughput:** the most images per second, {fps}, come from {place}.",
        fps=number(best.fps),
        place=row_title(best),
    )
    if not others:
        return text
    return f"{text} {tr('The data do not tell it from: {others}.', others=listed_few(list(map(row_title, others))))}"


def latency_sentence(at_batch: tuple[int, pd.DataFrame]) -> str:
    """Who is fastest at a batch size, for each image size."""
    (batch, rows), parts = at_batch, []
    for size, block in rows.groupby("image_size"):
        names = block[block.leads].sort_values("latency_ms")["name"].tolist()
        least = number(block.latency_ms.min())
        parts.append(tr("{size}: {names} ({least}{nbsp}ms)", size=size, names=listed(names), least=least))
    shown = spread_out(parts, MOST_SENTENCES)
    named = "; ".join(shown)
    if len(shown) == len(parts):
        return tr("**Batch {batch}, shortest time by size:** {named}.", batch=batch, named=named)
    return tr(
        "**Batch {batch}, shortest time by size ({shown} of {all}):** {named}.",
        batch=batch, shown=len(shown), all=len(parts), named=named,
    )  # fmt: skip


def advice_text(report: CaseTable, folder: str | Path) -> Markdown:
    """The original report's recommendations as they stand here, what the run's folder holds on load, and the limits."""
    loaded = load_phrases.load_lines(report, folder)
    return bullets(
        [fp16_sentence(report), real_data_sentence(report), load_sentence(report), *loaded, repeats_sentence(report)]
    )


def fp16_sentence(report: CaseTable) -> str:
    """Automatic detection of fp16: what it found here."""
    rows = report.cases[(report.cases.precision == "fp16") & (report.cases.variant == "")]
    sentences = [tr("**Automatic detection of fp16.**")]
    measured, absent = rows[rows.status == "ok"], rows[rows.status != "ok"]
    if any(record.trials for record in report.records):
        sentences.append(tr("The precision was chosen automatically here; section 4 says what was chosen, and why."))
    elif rows.empty:
        sentences.append(tr("This run did not include fp16; `precisions: [auto]` chooses the precision itself."))
    elif measured.empty:
        reasons = listed_few(sorted({quoted(reason) for reason in absent.reason}))
        sentences.append(tr("Nothing was measured in fp16 here: {reasons}.", reasons=reasons))
    else:
        sentences.append(tr("Measured in fp16: {labels}.", labels=listed(list(measured.label.unique()))))
        if len(absent):
            names = listed(sorted(set(absent["name"])))
            sentences.append(tr("Not measured: {names}; the reasons are in section 3.", names=names))
    return " ".join(sentences)


def load_sentence(report: CaseTable) -> str:
    """Mind the load and memory when scaling."""
    most = report.measured.memory_mib.max()
    if report.machine.get("gpu"):
        alone = tr(
            "**Load and memory.** Each configuration was measured alone on the machine; when other work shares the "
            "GPU, the figures are worse."
        )
        adds = tr(
            "The most memory that one configuration takes is {most}{nbsp}MiB: each instance of it will take as much.",
            most=number(most, 0),
        )
    else:
        alone = tr(
            "**Load and memory.** Each configuration was measured alone on the machine; when other work shares the "
            "processor, the figures are worse."
        )
        adds = tr(
            "The most memory that one configuration takes is {most}{nbsp}MiB: each instance of it will add as much to "
            "the memory of Python and the libraries.",
            most=number(most, 0),
        )
    return f"{alone} {adds}" if most == most else alone


def repeats_sentence(report: CaseTable) -> str:
    """What these data cannot tell, or how often each was measured."""
    count = report.grid.repeats
    if count == 1:
        return tr(
            "**How far to trust this.** Each configuration is one process and one build, so this run did not measure "
            "the spread between them; the verdicts allow for it, with a value taken from elsewhere. Check close "
            "results with a run that has `repeats: 5`."
        )
    undecided = (report.measured.verdict == "undecided").sum()
    if undecided:
        return tr(
            "**How far to trust this.** Each configuration was measured in {count} processes, each with a build of its "
            "own, and the intervals are taken from the spread between them; verdicts not decided: {undecided}; more "
            "repeats would make them fewer.",
            count=count, undecided=undecided,
        )  # fmt: skip
    return tr(
        "**How far to trust this.** Each configuration was measured in {count} processes, each with a build of its "
        "own, and the intervals are taken from the spread between them.",
        count=count,
    )


def real_data_sentence(report: CaseTable) -> str:
    """Profile real models on real data: what of this was done here."""
    grid = report.grid
    if not grid.data and has_random_weights(grid):
        return tr(
            "**Real models and data.** Here the images are synthetic and the weights random: that does not affect the "
            "network's speed, but reading, decoding and preparing images is not part of it. Before you choose, measure "
            "your own network (parameter `model`) together with the preparation of data."
        )
    if not grid.data:
        return tr(
            "**Real models and data.** The network is your own and the images are synthetic: that does not affect the "
            "network's speed, but reading, decoding and preparing images is not part of it. A run with a folder of "
            "images (parameter `data`) will show what they cost."
        )
    sentences = [of_real_images(report)]
    if has_random_weights(grid):
        sentences.append(
            tr("The weights are random: that does not affect speed, but says nothing of the accuracy of recognition.")
        )
    return " ".join(sentences)


def of_real_images(report: CaseTable) -> str:
    """That the images are real, and what they take beside the figures, where the cases tell it."""
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    if cases.empty:
        return tr("**Real models and data.** The images are real.")
    total = cases.decode_ms + cases.preprocess_ms
    return tr(
        "**Real models and data.** The images are real, and decoding and preparing them is not part of the speed: in "
        "one thread that takes {time}{nbsp}ms per image (section 3), on top of these figures.",
        time=span(total.min(), total.max()),
    )
