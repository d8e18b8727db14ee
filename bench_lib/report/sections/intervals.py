"""The section on how sure the figures are: intervals, verdicts, and what is wrong with samples."""

from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import BASELINE_NAME, BASELINES, PLACE, VERDICTS
from bench_lib.core.intervals import FIGURE_LEVEL, PAIRED_FROM, RATIO_LEVEL, ROPE
from bench_lib.report.marks import marked_title
from bench_lib.report.phrases import bullets, heading, row_title, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.spread_words import mark_notes, source_text, spread_sentences
from bench_lib.report.tables import headers, interval_text, ratio_text, styled, verdict_texts
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed_few
from bench_lib.text.numbers import percent, plain

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
            "**Intervals** of one figure (time/batch, FPS) are at the {figure} level, those of a ratio (speedup) at "
            "the {ratio} level (Student's t on logarithms). {source}",
            figure=whole_percent(FIGURE_LEVEL), ratio=whole_percent(RATIO_LEVEL), source=interval_source(report),
        ),
        *spread_sentences(report),
        tr(
            "**Verdicts** are on time/batch, relative to {baseline} at the same size and batch, and the {level} "
            "interval of the ratio alone decides them. {same}: it lies within ±{band} of one; {faster} and {slower}: "
            "it leaves out one (so what is the same is called different at most once in a hundred); {undecided}: "
            "neither, as the data do not suffice. Who leads is decided likewise: whatever is not certainly slower than "
            "the leader is named with it.",
            baseline=BASELINE_NAME, level=whole_percent(RATIO_LEVEL), band=whole_percent(ROPE), **headers(VERDICTS),
        ),
        *mark_notes(report.measured.verdict_from),
    ]  # fmt: skip
    return bullets(lines)


def interval_source(report: Report) -> str:
    """What the intervals are computed from: the medians of several processes, or one process and an added spread."""
    repeats = report.grid.repeats
    if repeats > 1:
        return " ".join([from_processes(repeats), *pairing_sentences(repeats)])
    return tr(
        "Each configuration was measured in one process, so this run does not show the spread from build to build and "
        "from start to start; a spread between processes that is taken from elsewhere is added to that within the "
        "process. To measure it for each configuration, run with `repeats: 5`."
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
    """The intervals of each case's time per batch, FPS and speedups, what they rest on, and the verdict."""
    cases = report.measured.sort_values([*PLACE, "latency_ms"], kind="stable")
    if cases.empty:
        return HTML(f"<p>{tr('There are no intervals: no configuration was measured.')}</p>")
    table = cases[["network", "label", "precision_label", "image_size", "batch_size", "processes"]].copy()
    table["spread"] = list(map(source_text, cases.spread_from, cases.extra_sd))
    texts = {"latency": interval_text, "fps": interval_text} | dict.fromkeys(BASELINES, ratio_text)
    for figure, words in texts.items():
        table[figure] = list(map(words, cases[f"{figure}_low"], cases[f"{figure}_high"]))
    table["verdict"] = verdict_texts(cases.verdict, cases.verdict_from)
    headings = {
        "network": tr("Network"), "label": tr("Optimisation"), "precision_label": tr("Precision"),
        "image_size": tr("Size"), "batch_size": tr("Batch"), "processes": tr("Processes"),
        "spread": tr("Spread between processes"),
        "latency": tr("Time/batch (ms), {level}", level=whole_percent(FIGURE_LEVEL)),
        "fps": tr("FPS, {level}", level=whole_percent(FIGURE_LEVEL)),
        "speedup": tr("Speedup (×), {level}", level=whole_percent(RATIO_LEVEL)),
        "speedup_tf32": tr("Speedup over TF32 (×), {level}", level=whole_percent(RATIO_LEVEL)),
        "verdict": tr("Verdict"),
    }  # fmt: skip
    shown = [name for name in headings if name not in BASELINES or cases[name].notna().any()]
    shown = shown if report.several_networks else shown[1:]  # without the network
    named = {name: headings[name] for name in shown}
    return styled(table[shown].reset_index(drop=True), named, tr("Intervals and verdicts"))


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
