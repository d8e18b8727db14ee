"""The section of recommendations: the original report's, as they stand here, and what these data cannot tell."""

import pandas as pd
from IPython.display import Markdown, display

from bench_lib.report.company_words import alone_sentence
from bench_lib.report.load_advice import load_lines
from bench_lib.report.phrases import appendix, bullets, has_random_weights, heading
from bench_lib.report.report import Report
from bench_lib.report.spread_words import spread_sentences
from bench_lib.text.language import number, tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import span


def show(report: Report) -> None:
    """Display the section: its heading and sentences."""
    display(heading("### Recommendations"), advice_text(report))


def advice_text(report: Report) -> Markdown:
    """The original report's recommendations as they stand here, what was measured under load, and how sure this is."""
    loaded = load_lines(report)
    return bullets(
        [fp16_sentence(report), real_data_sentence(report), load_sentence(report), *loaded, repeats_sentence(report)]
    )


def fp16_sentence(report: Report) -> str:
    """On automatic detection of fp16: whether it was measured or chosen here, and if not, why."""
    rows = report.cases[(report.cases.precision == "fp16") & (report.cases.variant == "")]
    sentences = [tr("**Automatic detection of fp16.**")]
    measured, absent = rows[rows.status == "ok"], rows[rows.status != "ok"]
    if any(record.trials for record in report.records):
        sentences.append(tr("The precision was chosen automatically here: {where}.", where=appendix("details")))
    elif rows.empty:
        sentences.append(tr("This run did not include fp16; `precisions: [auto]` chooses the precision itself."))
    elif measured.empty:
        reasons = listed_few(sorted({quoted(reason) for reason in absent.reason}))
        sentences.append(tr("Nothing was measured in fp16 here: {reasons}.", reasons=reasons))
    else:
        sentences.append(tr("Measured in fp16: {labels}.", labels=listed(list(measured.label.unique()))))
        if len(absent):
            names = listed(sorted(set(absent["name"])))
            sentences.append(tr("Not measured: {names}; reasons: {where}.", names=names, where=appendix("absent")))
    return " ".join(sentences)


def load_sentence(report: Report) -> str:
    """On load and memory: whether cases ran alone, and the most memory that one took."""
    most = report.measured.memory_mib.max()
    if report.machine.get("gpu"):
        shared = tr("When other work shares the GPU, the figures are worse.")
        adds = tr(
            "The most memory that one configuration takes is {most}{nbsp}MiB: each instance of it will take as much.",
            most=number(most, 0),
        )
    else:
        shared = tr("When other work shares the processor, the figures are worse.")
        adds = tr(
            "The most memory that one configuration takes is {most}{nbsp}MiB: each instance of it will add as much to "
            "the memory of Python and the libraries.",
            most=number(most, 0),
        )
    told = tr("**Load and memory.** {alone} {shared}", alone=alone_sentence(report), shared=shared)
    return told if pd.isna(most) else f"{told} {adds}"


def repeats_sentence(report: Report) -> str:
    """On trust: how many processes measured each case, what is assumed, and how many verdicts are not decided."""
    return " ".join([processes_sentence(report), *spread_sentences(report)])


def processes_sentence(report: Report) -> str:
    """How many processes measured each case, and how many verdicts are not decided."""
    count = report.grid.repeats
    if count == 1:
        return tr(
            "**How far to trust this.** Each configuration is one process and one build, so this run did not measure "
            "the spread between them. Check close results with a run that has `repeats: 5`."
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


def real_data_sentence(report: Report) -> str:
    """On real models and data: which of the two were real here."""
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


def of_real_images(report: Report) -> str:
    """That the images are real and, where it was measured, the time (ms) to prepare one."""
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    if cases.empty:
        return tr("**Real models and data.** The images are real.")
    total = cases.decode_ms + cases.preprocess_ms
    return tr(
        "**Real models and data.** The images are real, and decoding and preparing them is not part of the speed: in "
        "one thread that takes {time}{nbsp}ms per image ({where}), on top of these figures.",
        where=appendix("time"),
        time=span(total.min(), total.max()),
    )
