"""Records → Russian sentences: which precision `precision: auto` chose, and why."""

from IPython.display import Markdown

from bench_lib.figures import LABELS
from bench_lib.narrative import bullets, few
from bench_lib.records import Record, Trial
from bench_lib.statistics import by_chance
from bench_lib.summary import Summary
from bench_lib.words import NBSP, number, percent, quoted, scientific


def choices(report: Summary) -> Markdown:
    """What `precision: auto` chose for each case, and why."""
    chosen = [record for record in report.records if record.trials]
    if not chosen:
        return bullets(["В этом запуске точность не выбиралась сама; это делает `precisions: [auto]`."])
    limits = report.grid.limits
    head = (
        f"Для каждой конфигурации с `auto` все точности сначала испытаны, каждая в своём процессе; взята самая быстрая "
        f"из тех, что машина считает сама и с погрешностью не больше {percent(limits.auto_max_error)} "
        f"(`auto_max_error`), а из отличающихся от неё меньше чем на {percent(by_chance() - 1)} (столько даёт и "
        "случай) — самая точная."
    )
    return bullets([head, *few([choice(record) for record in chosen])])


def choice(record: Record) -> str:
    """One choice: what was taken, and what each other precision lacked."""
    case = record.case
    where = f"{LABELS.get(case.engine, case.engine)}, {case.image_size}×{case.image_size}, батч {case.batch_size}"
    taken = [trial for trial in record.trials if not trial.reason]
    others = "; ".join(passed_over(trial) for trial in record.trials if trial.reason)
    if not taken:
        return f"**{where}:** не подошла ни одна точность. {others}."
    best = taken[0]
    return (
        f"**{where}:** {best.precision} — {number(best.latency_ms)}{NBSP}мс, погрешность "
        f"{scientific(best.max_relative_error)}. Остальные: {others}."
    )


def passed_over(trial: Trial) -> str:
    """A precision that was not taken."""
    speed = f"{number(trial.latency_ms)}{NBSP}мс, " if trial.latency_ms else ""
    return f"{trial.precision} — {speed}{quoted(trial.reason)}"
