"""The section on conditions in full: which network and images, on which machine, and how it was timed."""

from IPython.display import Markdown, display

from bench_lib.core.case import engine_label
from bench_lib.core.grid import Grid
from bench_lib.report.company_words import alone_sentence
from bench_lib.report.conditions import condition_sentences
from bench_lib.report.exactness import reference_name
from bench_lib.report.images_words import images_sentence
from bench_lib.report.marks import unsettled_sentences
from bench_lib.report.network_words import network_sentence, networks_sentence
from bench_lib.report.phrases import bullets, device_name, engines_of, heading
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain, span


def show(report: Report) -> None:
    """Display the section: its heading, the conditions and the method."""
    display(heading("### How it was measured"), conditions_text(report), method_text(report))


STATES = {  # of the GPU
    "sm_clock_mhz": mark("clock {value}{nbsp}MHz"),
    "temperature_c": mark("temperature {value}{nbsp}°C"),
    "power_w": mark("power {value}{nbsp}W"),
}


def conditions_text(report: Report) -> Markdown:
    """The network, the images, what was varied, the machine, and the conditions that the records hold."""
    grid = report.grid
    lines = [
        networks_sentence(report) if report.several_networks else network_sentence(report),
        images_sentence(report),
        tr_n("**Image size:** {sizes} pixel.", "**Image size:** {sizes} pixels.", grid.image_sizes[-1],
             sizes=", ".join(map(str, grid.image_sizes))),
        tr("**Batch size:** {batches}.", batches=", ".join(map(str, grid.batch_sizes))),
        tr("**Optimisation:** {engines}.", engines=", ".join(engines_of(grid))),
        precision_sentence(grid),
        tr("**Machine:** {place}.", place=device_name(report)),
    ]  # fmt: skip
    return bullets(lines + condition_sentences(report) + support_sentences(report) + gpu_states(report))


def precision_sentence(grid: Grid) -> str:
    """The grid's precisions, and which engines were measured at some of them only."""
    limited = "; ".join(f"{engine_label(name)} — {', '.join(at)}" for name, at in grid.only.items())
    only = f" {tr('Measured at fewer precisions: {engines}.', engines=limited)}" if limited else ""
    return tr("**Precision:** {precisions}.", precisions=", ".join(grid.precisions)) + only


def support_sentences(report: Report) -> list[str]:
    """Which flavour of TensorRT ran, and whether its documented support covers this GPU."""
    keys = ("flavour", "tensorrt_version", "documented_support")
    found = {tuple(r.ran[key] for key in keys) for r in report.records if r.ran.keys() >= set(keys)}
    lines = []
    for flavour, version, supported in sorted(found):
        sentences = [tr("**Torch-TensorRT:** package {package}, TensorRT {version}.",
                        package=quoted(flavour), version=quoted(version))]  # fmt: skip
        if not supported:
            sentences.append(
                tr(
                    "The documented support of this variant does not include this GPU: the figures are right for this "
                    "run, but ordinary TensorRT may give others here."
                )
            )
        lines.append(" ".join(sentences))
    return lines


def gpu_states(report: Report) -> list[str]:
    """Clocks, temperature and power of the GPU under load, over all cases."""
    states = [record.gpu_busy for record in report.records if record.gpu_busy]
    parts = []
    for key, words in STATES.items():
        if values := [state[key] for state in states if state.get(key) is not None]:
            parts.append(tr(words, value=span(min(values), max(values), digits=0)))
    lines = [tr("**GPU under load:** {states}.", states=", ".join(parts))] if parts else []
    if len(used := {state["uuid"] for state in states if state.get("uuid")}) > 1:
        lines.append(tr("The run used several GPUs of one model ({count}); each record says which.", count=len(used)))
    return lines


def method_text(report: Report) -> Markdown:
    """How it was timed and checked, and which rows did not settle."""
    lines = [
        f"{processes_sentence(report)} {alone_sentence(report)}",
        tr(
            "**Time/batch** is the median latency: one call, a synchronisation, and so over and over. **FPS** is "
            "throughput: calls follow one another without waiting, with a synchronisation at the end of a window; the "
            "median over the windows is taken. {relation}",
            relation=relation_sentence(report),
        ),
        sampling_sentence(report),
        tr(
            "**The output was checked** against a reference, {reference}; where the error is above the tolerance, the "
            "speed is not published. All raw measurements are in `records/` beside the report.",
            reference=reference_name(report),
        ),
    ]
    return bullets(lines + unsettled_sentences(report.measured))


def relation_sentence(report: Report) -> str:
    """Whether FPS is more than the batch divided by the latency: on a GPU calls may overlap, on a processor not."""
    if report.machine.get("gpu"):
        return tr("These are different figures, so FPS need not equal the batch divided by the time.")
    return tr(
        "On a processor calls do not overlap, so both are the time of one call: where FPS is not the batch divided by "
        "the time, the difference is noise."
    )


def processes_sentence(report: Report) -> str:
    """In which processes and in which order the cases were measured."""
    repeats = report.grid.repeats
    runs = (
        tr("in a new process")
        if repeats == 1
        else tr("in {repeats} new processes with a new build in each, round by round", repeats=repeats)
    )
    is_forked = any(record.process == "forked" for record in report.records)
    how = (
        tr("papermill runs `measure.ipynb`; the process is forked from one that has already loaded the libraries")
        if is_forked
        else tr("papermill runs `measure.ipynb`")
    )
    return tr(
        "Each configuration was measured {runs} ({how}), in random order (seed {seed}), by one clock "
        "(`time.perf_counter`) and one loop for all.",
        runs=runs, how=how, seed=report.grid.seed,
    )  # fmt: skip


def sampling_sentence(report: Report) -> str:
    """How long warm-up lasts, how much is sampled, and the rule that ends sampling, where these records had one."""
    limits = report.grid.limits
    warm_up = tr(
        "**Warm-up** lasts until the medians of two neighbouring groups of calls agree within 5%, at least "
        "{least}{nbsp}s and at most {most}{nbsp}s.",
        least=plain(limits.warmup_min_s), most=plain(limits.warmup_max_s),
    )  # fmt: skip
    if any(record.timing and record.timing.latency_stopped_by for record in report.records):
        samples = tr_n(
            "Then each figure takes at least {n}{nbsp}measurement and at least {least}{nbsp}s, and more until half of "
            "the median's 95% interval is below ±{noise}, but no longer than {longest}{nbsp}s.",
            "Then each figure takes at least {n}{nbsp}measurements and at least {least}{nbsp}s, and more until half of "
            "the median's 95% interval is below ±{noise}, but no longer than {longest}{nbsp}s.",
            limits.min_count, least=plain(limits.min_s), noise=percent(limits.max_noise),
            longest=plain(limits.longest_s),
        )  # fmt: skip
    else:
        samples = tr_n(
            "Then each figure takes at least {n}{nbsp}measurement and at least {least}{nbsp}s.",
            "Then each figure takes at least {n}{nbsp}measurements and at least {least}{nbsp}s.",
            limits.min_count, least=plain(limits.min_s),
        )  # fmt: skip
    build = tr("The build (export, compilation) is measured apart and is not part of the speed.")
    return f"{warm_up} {samples} {build}"
