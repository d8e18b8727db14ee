"""`precision: auto`: try every precision on this machine, and measure the fastest one that is accurate enough.

What is accurate enough, the right answers to labelled images decide where there are any. Otherwise it is the error of
the output, which does not know the true classes.
"""

import multiprocessing
import os
from typing import Any, get_args

from bench_lib.core.case import AUTO, Case, Limits, Precision
from bench_lib.core.intervals import by_chance, median
from bench_lib.core.proportions import Paired
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Record, Trial
from bench_lib.measure.measure_case import attempted, measure_case
from bench_lib.sweep import fork_server
from bench_lib.sweep.deaths import death, oom_kills

TRIAL_S = 0.3  # seconds for which latency, and then throughput, are sampled in a trial


def measure_auto(case: Case, limits: Limits, seed: int = 0) -> Record:
    """Measure a case as `measure_case` does; if its precision is `auto`, the record has the trials too."""
    if case.precision != AUTO:
        return measure_case(case, limits, seed)
    brief = limits.model_copy(update={"min_s": min(limits.min_s, TRIAL_S), "max_s": min(limits.longest_s, TRIAL_S)})
    tried = {precision: try_precision(case, precision, brief, seed) for precision in get_args(Precision)}
    found = [judge_trial(record, tried["fp32"]) for record in tried.values()]
    taken = fastest_trial(found)
    if taken is None:
        record = Record(**attempted(case, limits, seed), status="skipped", reason=because("no_precision_suitable"))
    else:
        record = measure_case(case.model_copy(update={"precision": taken.precision}), limits, seed)
    trials = [trial if trial is taken or trial.reason else passed_over_trial(trial, taken) for trial in found]
    return record.model_copy(update={"case": case, "trials": trials})


def fastest_trial(trials: list[Trial]) -> Trial | None:
    """The trial to choose, or None if no precision is eligible.

    Of the trials that may be as fast as the fastest, by the spread that chance alone gives, it is the most accurate.
    """
    eligible = [trial for trial in trials if not trial.reason]
    least_ms = min((trial.latency_ms for trial in eligible), default=0)
    level = [trial for trial in eligible if trial.latency_ms <= by_chance() * least_ms]
    return min(level, key=lambda trial: trial.error, default=None)


def passed_over_trial(trial: Trial, taken: Trial | None) -> Trial:
    """The trial with the reason why `taken` was chosen instead of it."""
    is_slower = trial.latency_ms > by_chance() * taken.latency_ms
    return trial.model_copy(update={"reason": because("slower" if is_slower else "not_decided_faster")})


def judge_trial(record: Record, fp32: Record) -> Trial:
    """The trial that a record of one precision shows, with the `reason` against it if there is one.

    There is none if it computed in that precision and is accurate enough by the record's limits. `fp32` is the record
    of the same engine in fp32.
    """
    precision, labelled = record.case.precision, record.labelled
    if record.status != "ok":
        return Trial(precision=precision, reason=record.reason)
    actual, error = record.accuracy.actual_precision, record.accuracy.error
    if actual != precision:
        reason = because("computed_otherwise", precision=actual.upper())
    elif labelled:
        reason = too_few_right(record, fp32)
    elif error > record.limits.auto_max_error:
        reason = because("error_above_allowed", error=error, allowed=record.limits.auto_max_error)
    else:
        reason = None
    return Trial(
        precision=precision, latency_ms=median(record.timing.latency_ms), error=error, reason=reason,
        top1=labelled.top1_share if labelled else None,
    )  # fmt: skip


def too_few_right(record: Record, fp32: Record) -> Reason | None:
    """Why a record has too few right answers to labelled images, by its limits; None if it has enough.

    With `min_accuracy`, their share must be at least that. Otherwise they must not be inferior to those in fp32: the
    lower end of the 95 % interval of the difference must be at least `-auto_max_loss`. So it takes some hundreds of
    images to show that nothing is lost. Fp32 is not inferior to itself.
    """
    limits, labelled, baseline = record.limits, record.labelled, fp32.labelled
    if limits.min_accuracy is not None:
        share, least = labelled.top1_share, limits.min_accuracy
        return because("top1_below_least", top1=share, least=least) if share < least else None
    if record.case.precision == "fp32":
        return None
    if fp32.status != "ok" or baseline is None or baseline.images_id != labelled.images_id:
        return because("no_fp32_to_compare")
    loss, allowed = -Paired.of(labelled.top1, baseline.top1).difference.low, limits.auto_max_loss
    return because("top1_may_be_lower", loss=100 * loss, allowed=100 * allowed) if loss > allowed else None


def try_precision(case: Case, precision: Precision, limits: Limits, seed: int) -> Record:
    """Measure the case at one precision, in a process of its own that leaves nothing in this one.

    If that process dies, the record is a failed one that says how.
    """
    reader, writer = multiprocessing.Pipe(duplex=False)
    case, before = case.model_copy(update={"precision": precision}), oom_kills()
    child = fork_server.start_child(_try, writer, case, limits, seed, dict(os.environ))
    writer.close()
    try:
        return Record.model_validate_json(reader.recv())
    except EOFError:
        child.join()
        reason = death(child.exitcode, case.engine, before)
        return Record(**attempted(case, limits, seed), status="failed", reason=reason)
    finally:
        child.join()


def _try(writer: Any, case: Case, limits: Limits, seed: int, environment: dict[str, str]) -> None:
    fork_server.begin_child(environment)
    writer.send(measure_case(case, limits, seed).model_dump_json())
