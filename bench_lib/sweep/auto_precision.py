"""`precision: auto`: try every precision on this machine, and measure the fastest one that is accurate enough."""

import multiprocessing
import os
from typing import Any, get_args

from bench_lib.core.case import AUTO, Case, Limits, Precision
from bench_lib.core.intervals import by_chance, median
from bench_lib.core.reason import because
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
    found = [try_precision(case, precision, brief, seed) for precision in get_args(Precision)]
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


def judge_trial(record: Record, precision: Precision, max_error: float) -> Trial:
    """The trial that a record shows: no `reason` if it computed in `precision` with an error of at most `max_error`."""
    if record.status != "ok":
        return Trial(precision=precision, reason=record.reason)
    actual, error = record.accuracy.actual_precision, record.accuracy.error
    reason = None
    if actual != precision:
        reason = because("computed_otherwise", precision=actual.upper())
    elif error > max_error:
        reason = because("error_above_allowed", error=error, allowed=max_error)
    return Trial(precision=precision, latency_ms=median(record.timing.latency_ms), error=error, reason=reason)


def try_precision(case: Case, precision: Precision, limits: Limits, seed: int) -> Trial:
    """Measure the case at one precision, in a process of its own that leaves nothing in this one."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    case, before = case.model_copy(update={"precision": precision}), oom_kills()
    child = fork_server.start_child(_try, writer, case, limits, seed, dict(os.environ))
    writer.close()
    try:
        return judge_trial(Record.model_validate_json(reader.recv()), precision, limits.auto_max_error)
    except EOFError:
        child.join()
        return Trial(precision=precision, reason=death(child.exitcode, case.engine, before))
    finally:
        child.join()


def _try(writer: Any, case: Case, limits: Limits, seed: int, environment: dict[str, str]) -> None:
    fork_server.begin_child(environment)
    writer.send(measure_case(case, limits, seed).model_dump_json())
