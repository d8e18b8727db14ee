"""The section on `precisions: [auto]`: which precision was chosen for each case, and why."""

from IPython.display import Markdown, display

from bench_lib.core.case import engine_label, network_label, variant_of
from bench_lib.core.grid import Grid
from bench_lib.core.intervals import ASSUMED_SD, by_chance
from bench_lib.core.reason import say
from bench_lib.core.record import Record, Trial
from bench_lib.report.phrases import bullets, few, heading, title_at
from bench_lib.report.report import Report
from bench_lib.text.language import number, tr
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, scientific


def show(report: Report) -> None:
    """Display the section: its heading and sentences; nothing where no precision was chosen automatically."""
    if any(record.trials for record in report.records):
        display(heading("### Precision chosen automatically"), choices_text(report))


def choices_text(report: Report) -> Markdown:
    """How the precision is chosen, and for each case which it was and why."""
    chosen = {(record.case.first.id, taken_precision(record)): record for record in report.records if record.trials}
    lines = [choice_sentence(record, report.several_networks) for record in chosen.values()]
    return bullets([rule_sentence(report), *few(lines)])


def rule_sentence(report: Report) -> str:
    """How the precision is chosen."""
    return tr(
        "For each configuration with `auto`, all precisions were tried first, each in a process of its own; of those "
        "that the machine computes in natively and {enough} the fastest was taken, and of those within {chance} of it "
        "the most accurate: chance alone gives as much if processes differ by {sd}, which is assumed.",
        enough=enough_words(report.grid), chance=percent(by_chance() - 1), sd=percent(ASSUMED_SD),
    )  # fmt: skip


def enough_words(grid: Grid) -> str:
    """What is accurate enough: an error or, with labels, a share of right answers."""
    limits = grid.limits
    if not grid.labels:
        return tr("with an error of at most {error} (`auto_max_error`)", error=percent(limits.auto_max_error))
    if limits.min_accuracy is not None:
        return tr(
            "with at least {least} of the labelled images answered right (`min_accuracy`)",
            least=per_cent(number(100 * limits.min_accuracy, 1)),
        )
    return tr(
        "with a share of right answers to labelled images that, by its 95% interval, is at most {loss} percentage "
        "points lower than in fp32 (`auto_max_loss`)",
        loss=number(100 * limits.auto_max_loss),
    )


def taken_precision(record: Record) -> str:
    """The precision that was taken; empty if none was suitable. Each process of a case chooses its own."""
    return next((trial.precision for trial in record.trials if not trial.reason), "")


def choice_sentence(record: Record, several_networks: bool = False) -> str:
    """The precision taken for one case, which is named with its network where there are several, and why no other."""
    case = record.case
    where = title_at(quoted(engine_label(case.engine, variant_of(case))), case.image_size, case.batch_size)
    where = f"{network_label(case.model)}: {where}" if several_networks else where
    taken = [trial for trial in record.trials if not trial.reason]
    others = "; ".join(passed_over_sentence(trial) for trial in record.trials if trial.reason)
    if not taken:
        return tr("**{where}:** no precision was suitable. {others}.", where=where, others=others)
    best = taken[0]
    return tr(
        "**{where}:** {precision} — {time}{nbsp}ms, error {error}. The others: {others}.",
        where=where, precision=best.precision, time=number(best.latency_ms),
        error=scientific(best.error), others=others,
    )  # fmt: skip


def passed_over_sentence(trial: Trial) -> str:
    """A precision that was not taken: its time where it was measured, and why."""
    reason = quoted(say(trial.reason))
    if not trial.latency_ms:
        return f"{trial.precision} — {reason}"
    return tr("{precision} — {time}{nbsp}ms, {reason}", precision=trial.precision, time=number(trial.latency_ms),
              reason=reason)  # fmt: skip
