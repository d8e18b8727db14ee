"""Records and tables → sentences: what was measured on what, how, and how to read the results."""

from IPython.display import Markdown

from bench_lib import inputs, roofline
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import bullets, engines_of, place
from bench_lib.origins import kind
from bench_lib.summary import BASELINE_NAME, MIB, Summary
from bench_lib.words import listed_few, percent, plain, quoted, span

STATES = {  # of the GPU
    "sm_clock_mhz": mark("clock {value}{nbsp}MHz"),
    "temperature_c": mark("temperature {value}{nbsp}°C"),
    "power_w": mark("power {value}{nbsp}W"),
}


def conditions(report: Summary) -> Markdown:
    """The grid, and what went into the network."""
    grid = report.grid
    lines = [
        inputs.network(grid),
        inputs.images(report),
        tr_n("**Image size:** {sizes} pixel.", "**Image size:** {sizes} pixels.", grid.image_sizes[-1],
             sizes=", ".join(map(str, grid.image_sizes))),
        tr("**Batch size:** {batches}.", batches=", ".join(map(str, grid.batch_sizes))),
        tr("**Optimisation:** {engines}.", engines=", ".join(engines_of(grid))),
        tr("**Precision:** {precisions}.", precisions=", ".join(grid.precisions)),
        tr("**Machine:** {place}.", place=place(report)),
    ]  # fmt: skip
    return bullets(lines + support(report) + gpu_states(report))


def support(report: Summary) -> list[str]:
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


def gpu_states(report: Summary) -> list[str]:
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


def method(report: Summary) -> Markdown:
    """How it was timed."""
    restless = [record for record in report.records if record.timing and not record.timing.warm]
    lines = [
        processes(report),
        tr(
            "**Time/batch** is the median latency: one call, a synchronisation, and so over and over. **FPS** is "
            "throughput: calls follow one another without waiting, with a synchronisation at the end of a window; the "
            "median over the windows is taken. These are different figures, so FPS need not equal the batch divided by "
            "the time."
        ),
        sampling(report),
        tr(
            "**The output was checked** against a reference, {reference}; where the error is above the tolerance, the "
            "speed is not published. All raw measurements are in `records/` beside the report.",
            reference=reference(report),
        ),
    ]
    if restless:
        names = listed_few([f"`{record.case.id}`" for record in restless])
        lines.append(
            tr("Warm-up did not settle in the time allowed, so these figures are unreliable: {names}.", names=names)
        )
    return bullets(lines)


def processes(report: Summary) -> str:
    """In what processes and in what order it was measured."""
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


def sampling(report: Summary) -> str:
    """How long warm-up lasts, how much is sampled, and by what rule, where these records tell that one ended it."""
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


def reference(report: Summary) -> str:
    """What outputs are compared with."""
    if kind(report.grid.model) == "onnx":
        return tr("ONNX Runtime fp32 on the processor, without graph optimisation")
    return tr("PyTorch fp32 on the processor or fp64 on the GPU")


def how_to_read(report: Summary) -> Markdown:
    """What each column of the results is."""
    lines = [
        tr(
            "Rows are grouped by image and batch size, and within a group go from fast to slow; the fastest is in "
            "bold. A dash means that the configuration was not measured; the reasons are in the next table."
        ),
        tr("**Speedup:** {speedup}.", speedup=speedup(report)),
        tr("**Memory:** {memory}.", memory=memory(report)),
        tr("**% of ceiling:** {ceiling}.", ceiling=roofline.column(report)),
    ]
    disturbed = report.measured[report.measured.disturbed != ""]
    if len(disturbed):
        words = "; ".join(f"{words} — {count}" for words, count in disturbed.disturbed.value_counts().items())
        lines.append(
            tr(
                "**⚠:** the state of the GPU disturbed the measurement ({words}); trust these rows with caution.",
                words=words,
            )
        )
    return bullets(lines)


def speedup(report: Summary) -> str:
    """What the speedup is counted from."""
    if (report.measured.name == BASELINE_NAME).any():
        return tr(
            "the time/batch of {baseline} at the same image and batch size, divided by the time/batch of this row",
            baseline=BASELINE_NAME,
        )
    return tr("not computed, as {baseline}, which it is relative to, was not measured", baseline=BASELINE_NAME)


def memory(report: Summary) -> str:
    """What the memory column holds."""
    if not report.machine.get("gpu"):
        return tr(
            "the growth of the process's memory from before the build to the peak: the build (with the model's export, "
            "where it needs one), the weights and inference itself. Python and the libraries already loaded are not "
            "part of it"
        )
    steps = [record.memory for record in report.records if record.memory and record.memory.device_context_bytes]
    contexts = [(step.device_context_bytes - step.device_idle_bytes) / MIB for step in steps]
    if not contexts:
        return tr("the growth of the GPU's used memory (NVML) from before any work to the peak, in a new process")
    return tr(
        "the growth of the GPU's used memory (NVML) from before any work to the peak, in a new process; of it, "
        "{contexts}{nbsp}MiB is the CUDA context, which every process has",
        contexts=span(min(contexts), max(contexts), digits=0),
    )
