"""The conditions that a run's records hold, in words: the input, TF32, layout, threads, quota, others, date, code."""

from collections.abc import Iterable

from bench_lib.core.case import engine_label
from bench_lib.core.record import Record
from bench_lib.report.report import Report
from bench_lib.results.crowding import others_cores
from bench_lib.text.language import tr
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, plain

NHWC = ("channels_last", "prefer_nhwc")  # options that lay images out by pixels; PyTorch also records the first
COMMIT_LETTERS = 12


def condition_sentences(report: Report) -> list[str]:
    """The conditions, a sentence each, and in one sentence those that no record of the run holds."""
    told = {
        tr("TF32 setting"): tf32_sentence(report),
        tr("number of threads"): threads_sentence(report),
        tr("processor's governor"): governor_sentence(report),
        tr("CPU quota"): quota_sentence(report),
        tr("commit of the code"): commit_sentence(report),
    }
    known = filter(None, (*told.values(), others_sentence(report)))
    lines = [input_sentence(report), layout_sentence(report), *known, date_sentence(report)]
    absent = [name for name, sentence in told.items() if sentence is None]
    return [*lines, tr("**Not recorded:** {names}.", names=listed(absent))] if absent else lines


def input_sentence(report: Report) -> str:
    """Where the input is when the clock starts."""
    if report.machine.get("gpu"):
        return tr(
            "**Input:** a batch lies in the memory of the GPU before the clock starts, so no copy is in the time."
        )
    return tr("**Input:** a batch lies in memory before the clock starts.")


def layout_sentence(report: Report) -> str:
    """How images lie in memory, and which rows' options change it."""
    names = dict.fromkeys(
        engine_label(record.case.engine, record.case.variant)
        for record in report.records
        if any(record.case.options.get(name) for name in NHWC) or record.ran.get("channels_last")
    )
    if not names:
        return tr("**Layout:** NCHW.")
    return tr("**Layout:** NCHW; channels_last (NHWC) in {names}.", names=listed_few(list(map(quoted, names))))


def tf32_sentence(report: Report) -> str | None:
    """Whether PyTorch's fp32 may have used TF32, as each process read it back; empty without a GPU or such rows."""
    wanted = ("ok", "pytorch", "fp32")
    rows = [one for one in report.records if (one.status, one.case.engine, one.case.precision) == wanted]
    if not rows or not report.machine.get("gpu"):
        return ""
    settings = [record.ran.get("tf32_allowed") for record in rows]
    if None in settings:
        return None
    if allowed := settings.count(True):
        return tr("**TF32** was allowed in {count} of {total} fp32 records of PyTorch.", count=allowed, total=len(rows))
    strict = tr(
        "**TF32** (tensor cores, factors rounded to 10 bits of mantissa) is off in PyTorch fp32, for "
        "convolutions and matrix products; PyTorch itself leaves it on for convolutions."
    )
    return f"{strict} {tr('Rows of the precision tf32 allow it.')}" if "tf32" in report.grid.precisions else strict


def threads_sentence(report: Report) -> str | None:
    """How many threads each runtime computed an operation in, as the records read it back."""
    found: dict[str, set[int]] = {}
    for record in report.records:
        if "threads" in record.ran:
            found.setdefault(engine_label(record.case.engine), set()).add(record.ran["threads"])
    if not found:
        return None if any(record.status == "ok" for record in report.records) else ""
    counts = "; ".join(f"{name} — {listed(list(map(str, sorted(each))))}" for name, each in found.items())
    threads = tr("**Threads** within an operation: {counts}.", counts=counts)
    given = [quoted(value) for value in told_by_machine(report.records, "omp_num_threads") if value]
    return f"{threads} {tr('OMP_NUM_THREADS was {values}.', values=listed(given))}" if given else threads


def told_by_machine(records: Iterable[Record], key: str) -> list:
    """The values of a machine's key in the records that have it, each once."""
    return list(dict.fromkeys(record.machine[key] for record in records if key in record.machine))


def governor_sentence(report: Report) -> str | None:
    """What sets the processor's clock."""
    found = told_by_machine(report.records, "cpu_governor")
    if not found:
        return None
    names = [quoted(name) for name in found if name]
    if not names:
        return tr("**Processor's governor:** the system names none.")
    return tr("**Processor's governor:** {names}.", names=listed(names))


def quota_sentence(report: Report) -> str | None:
    """How much CPU time the container may use."""
    found = told_by_machine(report.records, "cpu_quota")
    if not found:
        return None
    limits = [limit for limit in found if limit is not None]
    if not limits:
        return tr("**CPU quota:** none.")
    return tr("**CPU quota** of the container, in cores: {limits}.", limits=listed(list(map(plain, limits))))


def others_sentence(report: Report) -> str:
    """How much of the cores other processes took while a case was timed, at the most; empty where no record tells."""
    used = [record.processor for record in report.records if record.processor]
    if not used:
        return ""
    shares = [others_cores(one) / one["cores"] for one in used]
    return tr(
        "**Other processes** took at most {most} of the cores' time while a configuration was timed.",
        most=percent(max(shares)),
    )


def date_sentence(report: Report) -> str:
    """From when to when the run was measured."""
    days = sorted({record.started_at[:10] for record in report.records})
    return tr("**Date:** {days} (UTC).", days=" – ".join(dict.fromkeys((days[0], days[-1]))))


def commit_sentence(report: Report) -> str | None:
    """Which commit of this code measured, and whether its files were changed since."""
    found = told_by_machine(report.records, "commit")
    if not found:
        return None
    if found == [None]:
        return tr("**Code:** not in a git checkout.")
    return tr("**Code:** commit {commits}.", commits=listed([commit_words(commit) for commit in found]))


def commit_words(commit: str | None) -> str:
    """A commit as `bench_lib.measure.system.commit` gives it, shortened."""
    if commit is None:
        return tr("unknown (not in a git checkout)")
    name, changed, _ = commit.partition("+")
    short = quoted(name[:COMMIT_LETTERS])
    return tr("{commit} with changes", commit=short) if changed else short
