"""Tables → the first screen: what to take, how much faster it is, how sure that is, and at what cost."""

import pandas as pd
from IPython.display import HTML

from bench_lib import findings
from bench_lib.figures import labelled
from bench_lib.narrative import at, leadership, matches, place
from bench_lib.summary import BASELINE_NAME, STATUS, Summary, compared, tally
from bench_lib.words import NBSP, counted, listed, listed_few, number, percent, plain, quoted, scientific, span, times

LONGEST_REASON = 90  # characters


def abstract(report: Summary) -> HTML:
    """The answer in short, before anything else."""
    cases = report.measured
    lines = [
        f"<b>Где и что.</b> {quoted(report.grid.title)}; {place(report)}. "
        f"Конфигураций {len(report.cases)}: {tally(report)}."
    ]
    if cases.empty:
        lines.append("<b>Ответа нет:</b> ни одна конфигурация не измерена, причины перечислены в разделе 3.")
    else:
        most, least = cases.loc[cases.fps.idxmax()], cases.loc[cases.latency_ms.idxmin()]
        chosen = {row.case: row for row in (most, least)}.values()
        lines += [
            f"<b>Наибольшая пропускная способность:</b> {number(most.fps)} FPS — {at(most)}.{more(most, cases)}",
            f"<b>Наименьшее время на батч:</b> {number(least.latency_ms)}{NBSP}мс — {at(least)}.{faster(least, cases)}",
            f"<b>Чего это стоит.</b> {' '.join(map(price, chosen))}",
            f"<b>Кто быстрее.</b> {leadership(findings.blocks(cases))} {advantage(cases)}".strip(),
            f"<b>Насколько это верно.</b> {sureness(report)}",
        ]
    if absent := unmeasured(report):
        lines.append(f"<b>Без результата:</b> {'; '.join(absent)}.")
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def baseline(row: pd.Series, cases: pd.DataFrame) -> pd.Series | None:
    """PyTorch fp32 at the row's image and batch size, unless it is the row or is absent."""
    here = beside(row, cases)
    found = here[here["name"] == BASELINE_NAME]
    return None if found.empty or row["name"] == BASELINE_NAME else found.iloc[0]


def beside(row: pd.Series, cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the row's image and batch size."""
    return cases[(cases.image_size == row.image_size) & (cases.batch_size == row.batch_size)]


def more(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times the baseline's images a second, and who is not told from the row."""
    usual, text = baseline(row, cases), ""
    if usual is not None:
        words = {
            "faster": f"Это {times(row.fps / usual.fps)} больше, чем у {BASELINE_NAME} там же.",
            "same": f"Столько же у {BASELINE_NAME} там же.",
            "slower": f"Это меньше, чем у {BASELINE_NAME} там же.",
            "undecided": f"Больше ли это, чем у {BASELINE_NAME} там же, не решено.",
        }
        text = f" {words[compared(row, usual, 'fps')]}"
    return text + rivals(row, cases, "fps")


def faster(row: pd.Series, cases: pd.DataFrame) -> str:
    """How many times faster than the baseline, with the interval, and who is not told from the row."""
    usual, text = baseline(row, cases), ""
    if usual is not None:
        bounds = f"95{NBSP}%: {span(row.speedup_low, row.speedup_high, '×')}"
        decided = f" ({bounds})" if row.speedup_high < float("inf") else ""
        words = {
            "faster": f"Это {times(usual.latency_ms / row.latency_ms)} быстрее, чем {BASELINE_NAME} там же{decided}.",
            "same": f"{BASELINE_NAME} там же столько же.",
            "slower": f"Это медленнее, чем {BASELINE_NAME} там же{decided}.",
            "undecided": f"Быстрее ли это, чем {BASELINE_NAME} там же, не решено{decided}.",
        }
        text = f" {words[compared(row, usual)]}"
    return text + rivals(row, cases, "latency")


def rivals(row: pd.Series, cases: pd.DataFrame, figure: str) -> str:
    """Who is not told from the row in its place."""
    others = (other for _, other in beside(row, cases).iterrows() if other.case != row.case)
    level = [other["name"] for other in others if compared(other, row, figure) != "slower"]
    return f" Данные не отличают: {listed_few(level, 3)}." if level else ""


def price(row: pd.Series) -> str:
    """A row's accuracy, memory and start."""
    start_s = row.build_s + (row.import_s if row.import_s == row.import_s else 0)
    return (
        f"{row['name']}, батч {row.batch_size}: погрешность {scientific(row.error)}, {matches(row.top1)}; "
        f"память {number(row.memory_mib, 0)}{NBSP}МиБ; старт (импорт и сборка) {number(start_s)}{NBSP}с."
    )


def sureness(report: Summary) -> str:
    """How many processes the figures are from, and what the check of the verdicts found on this machine."""
    processes = f"На конфигурацию — {counted(report.grid.repeats, 'процесс', 'процесса', 'процессов')}"
    check = report.check
    if check is None:
        return f"{processes}; как часто выводы ошибаются, на этой машине не проверено (<code>bench selfcheck</code>)."
    checked = f"{labelled(check.case.engine)} {check.case.precision}, батч{NBSP}{check.case.batch_size}"
    return (
        f"{processes}. В проверке на этой машине ({checked}) одинаковое названо разным в "
        f"{percent(check.false_alarm_rate.value)} пар, а намеренное замедление на "
        f"{plain(100 * check.slowdown)}{NBSP}% найдено в {percent(check.power.value)} (раздел 2)."
    )


def advantage(cases: pd.DataFrame) -> str:
    """How much faster than the baseline is the one that leads most often."""
    leader = next(iter(findings.wins(findings.blocks(cases))), BASELINE_NAME)
    speedups = cases[cases.name == leader].speedup.dropna()
    if leader == BASELINE_NAME or speedups.empty:
        return ""
    return f"Ускорение {leader} относительно {BASELINE_NAME} — {span(speedups.min(), speedups.max(), '×')}."


def unmeasured(report: Summary) -> list[str]:
    """Engines and precisions without a single figure, and why; those of one engine and reason together."""
    lines = []
    for (label, reason), rows in report.cases[report.cases.status != "ok"].groupby(["label", "reason"], sort=False):
        measured = set(report.measured[report.measured.label == label].precision)
        if without := [precision for precision in rows.precision.unique() if precision not in measured]:
            lines.append(f"{label} {listed(without)} ({STATUS[rows.status.iloc[0]]}: {quoted(shortened(reason))})")
    return lines


def shortened(reason: str) -> str:
    """A reason's beginning, for the first screen; the whole is in section 3."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON].rsplit(' ', 1)[0]}…"
