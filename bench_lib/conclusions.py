"""Tables → sentences: what to choose here, and what these data cannot tell."""

from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from bench_lib import inputs, loads
from bench_lib.language import tr
from bench_lib.narrative import MOST_SENTENCES, at, bullets, few
from bench_lib.summary import Summary, compared
from bench_lib.words import listed, listed_few, number, quoted, spread_out


def choice(report: Summary) -> Markdown:
    """What to choose on this machine, for throughput and for latency."""
    cases = report.measured
    if cases.empty:
        return Markdown(tr("There is nothing to choose from: no configuration was measured."))
    lines = [throughput(cases)]
    lines += few(list(cases.groupby("batch_size")), latency)
    return bullets(lines)


def throughput(cases: pd.DataFrame) -> str:
    """The highest FPS, and those not told from it."""
    best = cases.loc[cases.fps.idxmax()]
    ordered = cases.drop(best.name).sort_values("fps", ascending=False)
    rows = ordered[["name", "image_size", "batch_size", "fps_values", "extra_sd"]].to_dict("records")
    others = [row for row in rows if compared(row, best, "fps") != "slower"]
    text = tr(
        "**Throughput:** the most images per second, {fps}, come from {place}.", fps=number(best.fps), place=at(best)
    )
    if not others:
        return text
    return f"{text} {tr('The data do not tell it from: {others}.', others=listed_few(list(map(at, others))))}"


def latency(at_batch: tuple[int, pd.DataFrame]) -> str:
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


def advice(report: Summary, folder: str | Path) -> Markdown:
    """The original report's recommendations as they stand here, what the run's folder holds on load, and the limits."""
    loaded = loads.lines(report, folder)
    return bullets([fp16(report), inputs.real_data(report), load(report), *loaded, repeats(report)])


def fp16(report: Summary) -> str:
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


def load(report: Summary) -> str:
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


def repeats(report: Summary) -> str:
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
