"""The section on how sure the figures are: intervals, verdicts, and what is wrong with samples."""

from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import BASELINE_NAME, VERDICTS
from bench_lib.core.intervals import ASSUMED_SD, PAIRED_FROM, ROPE
from bench_lib.report.marks import marked_title
from bench_lib.report.phrases import bullets, heading, row_title
from bench_lib.report.report import Report
from bench_lib.report.tables import headers, in_words, interval_text, styled
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed_few
from bench_lib.text.numbers import per_cent, percent, plain

TROUBLE = {
    "drift": mark("**⚑ Latency drifts from the start of the measurement to its end** ({count} of {total}): {places}."),
    "modes": mark("**⚑ Latency has two modes** ({count} of {total}): {places}."),
    "outliers": mark("**⚑ There are outliers among the calls** ({count} of {total}): {places}."),
}


def show(report: Report) -> None:
    """Display the section: its heading, how intervals come about, their table, and what sampling showed."""
    display(
        heading("### Intervals and verdicts"),
        intervals_text(report),
        intervals_table(report),
        sampling_text(report),
    )


def intervals_text(report: Report) -> Markdown:
    """What the intervals are computed from, and what each verdict means."""
    lines = [
        tr(
            "**Intervals** are 95% confidence intervals (Student's t on logarithms). {source}",
            source=interval_source(report),
        ),
        tr(
            "**Verdicts** are on time/batch, relative to {baseline} at the same size and batch. {same}: the interval "
            "of the ratio lies within ±{band}; {faster} and {slower}: the ratio differs from one at the 99% level too "
            "(so what is the same is called different at most once in a hundred); {undecided}: the data do not suffice "
            "for a verdict. Who leads is decided likewise: whatever is not certainly slower than the leader is named "
            "with it.",
            baseline=BASELINE_NAME, band=per_cent(plain(100 * ROPE)), **headers(VERDICTS),
        ),
    ]  # fmt: skip
    return bullets(lines)


def interval_source(report: Report) -> str:
    """What the intervals are computed from: the medians of several processes, or one process and an added spread."""
    repeats = report.grid.repeats
    if repeats > 1:
        return " ".join([from_processes(repeats), *pairing_sentences(repeats)])
    return tr(
        "Each configuration was measured in one process, so this run does not show the spread from build to build and "
        "from start to start; the spread between processes is added to that within the process: {origin}. To measure "
        "it for each configuration, run with `repeats: 5`.",
        origin=spread_origin(report),
    )


def from_processes(repeats: int) -> str:
    """A sentence that the intervals include the spread between processes."""
    return tr_n(
        "They come from the median of {n}{nbsp}process with its own build, interleaved with the others: the spread "
        "from build to build and from start to start is included.",
        "They come from the medians of {n}{nbsp}processes, each with its own build, interleaved with the others: the "
        "spread from build to build and from start to start is included.",
        repeats,
    )


def spread_origin(report: Report) -> str:
    """If each case ran in one process: which spread between processes is added, and to which rows."""
    assumed = percent(ASSUMED_SD)
    if report.checked == "none":
        return tr(
            "it was not measured (`bench selfcheck` measures it) and is assumed to be {sd}; in rows where the GPU "
            "waits for the host (batch 1) it may be many times larger",
            sd=assumed,
        )
    sd = percent(report.check.process_sd)
    if report.checked == "all":
        return tr("it is taken from the check of the verdicts (section 2), {sd}", sd=sd)
    if report.checked == "host":
        return tr(
            "in rows where the host sets the pace (enqueueing takes at least half of the latency), as in the one "
            "checked, it is taken from the check of the verdicts (section 2), {sd}; in rows where the GPU sets the "
            "pace, it was not measured and is assumed to be {assumed}",
            sd=sd, assumed=assumed,
        )  # fmt: skip
    return tr(
        "in rows where the GPU sets the pace, as in the one checked, it is taken from the check of the verdicts "
        "(section 2), {sd}; in rows where the host sets the pace (enqueueing takes at least half of the latency), it "
        "was not measured and is assumed to be {assumed}",
        sd=sd, assumed=assumed,
    )  # fmt: skip


def pairing_sentences(repeats: int) -> list[str]:
    """A sentence that ratios are taken within rounds; nothing if there are too few rounds for that."""
    if repeats < PAIRED_FROM:
        return []
    return [
        tr(
            "The ratio of two configurations is taken within each round, in which both are measured once, so that slow "
            "changes in the machine's own speed do not affect the verdicts."
        )
    ]


def intervals_table(report: Report) -> Styler | HTML:
    """The 95 % interval of each case's time per batch, FPS and speedup, and the verdict."""
    cases = report.measured.sort_values(["image_size", "batch_size", "latency_ms"], kind="stable")
    if cases.empty:
        return HTML(f"<p>{tr('There are no intervals: no configuration was measured.')}</p>")
    table = cases[["label", "precision_label", "image_size", "batch_size", "processes"]].copy()
    for figure, digits in (("latency", None), ("fps", None), ("speedup", 2)):
        ends = zip(cases[f"{figure}_low"], cases[f"{figure}_high"], strict=True)
        table[figure] = [interval_text(low, high, digits) for low, high in ends]
    table["verdict"] = in_words(cases.verdict, VERDICTS)
    headings = {
        "label": tr("Optimisation"), "precision_label": tr("Precision"), "image_size": tr("Size"),
        "batch_size": tr("Batch"), "processes": tr("Processes"), "latency": tr("Time/batch (ms)"), "fps": tr("FPS"),
        "speedup": tr("Speedup (×)"), "verdict": tr("Verdict"),
    }  # fmt: skip
    return styled(table.reset_index(drop=True), headings, tr("95% intervals and verdicts"))


def sampling_text(report: Report) -> Markdown:
    """How much latency varies within a process, and which rows drift, have two modes or outliers."""
    cases = report.measured
    if cases.empty:
        return Markdown(tr("There is nothing to judge: no configuration was measured."))
    most = cases.loc[cases.spread.idxmax()]
    lines = [
        tr(
            "**Spread** of latency within a process (interquartile range over median): at most {half} in half of the "
            "rows, {most} at its largest ({where}).",
            half=percent(cases.spread.median()),
            most=percent(most.spread),
            where=marked_title(most),
        ),
        *settled_sentences(report),
    ]
    for kind, words in TROUBLE.items():
        rows = cases[[kind in found for found in cases.trouble]]
        if len(rows):
            places = listed_few([row_title(row) for _, row in rows.iterrows()], 6)
            lines.append(tr(words, count=len(rows), total=len(cases), places=places))
    if not any(cases.trouble):
        lines.append(tr("No row's latency shows drift, two modes or outliers."))
    return bullets(lines)


def settled_sentences(report: Report) -> list[str]:
    """How many figures became as precise as wanted before their time was up.

    Nothing for older records, which do not hold this.
    """
    timings = [record.timing for record in report.records if record.timing and record.timing.latency_stopped_by]
    ends = [end for timing in timings for end in (timing.latency_stopped_by, timing.throughput_stopped_by)]
    if not ends:
        return []
    limits, by_time = report.grid.limits, ends.count("time")
    known = {"total": len(ends), "settled": ends.count("noise"), "noise": percent(limits.max_noise)}
    if not by_time:
        return [
            tr(
                "**Stopping:** of {total} measured quantities, {settled} settled to ±{noise} (half the interval of the "
                "median within a process).",
                **known,
            )
        ]
    return [
        tr(
            "**Stopping:** of {total} measured quantities, {settled} settled to ±{noise} (half the interval of the "
            "median within a process); the rest ({rest}) ran out of time ({limit}{nbsp}s).",
            rest=by_time, limit=plain(limits.longest_s), **known,
        )
    ]  # fmt: skip
