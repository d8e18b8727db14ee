"""What `bench selfcheck` found → Russian tables and sentences: whether the clock and the verdicts can be trusted."""

from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib import checks
from bench_lib.cases import Case
from bench_lib.checks import Clock, ClockRow, SelfCheck
from bench_lib.narrative import bullets, not_measured
from bench_lib.runs import Run
from bench_lib.statistics import Interval
from bench_lib.summary import LABELS
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed, number, percent, plain, quoted

FIGURES = {"latency": "задержка", "throughput": "вызовы подряд"}
CLOCKS = {checks.OURS: "наш цикл", checks.EVENTS: "события CUDA"}
SCENARIOS = {"latency": "SingleStream", "throughput": "Offline"}
AGREEMENTS = {"agrees": "совпадают", "differs": "расходятся", "undecided": "не решено", None: "—"}


def clock(folder: str | Path) -> Markdown:
    """How our clock was compared with others, what came of it, and what our loop itself adds to a call."""
    found = checks.read_clock(folder)
    if found is None:
        return not_measured("Часы на этой машине с другими не сверены", "bench selfcheck --clock")
    rows = [row for row in checks.rows(found) if row.agreement]
    lines = [
        f"**Часы.** Один и тот же вызов в одном процессе по очереди измеряли наш цикл и другие часы"
        f"{versions(found)}: {counted(found.rounds, 'раунд', 'раунда', 'раундов')}, порядок часов в каждом "
        f"случайный, {quoted(found.started_at[:10])}. Отличие — от нашего цикла в том же раунде, интервал — по "
        "раундам.",
        f"Часы совпадают, если весь 95{NBSP}%-й интервал внутри цели: ±2{NBSP}% при батче 1, где вызов короток, и "
        f"±1{NBSP}% при большем; расходятся, если он весь снаружи.",
        *fewer_threads(found),
        *loadgen(found),
        *outcome(rows),
        *overhead(found),
    ]
    return bullets(lines)


def versions(found: Clock) -> str:
    """Versions of the other clocks, in brackets."""
    named = [f"{quoted(name)} {quoted(version)}" for name, version in found.versions.items()]
    return f" ({', '.join(named)})" if named else ""


def fewer_threads(found: Clock) -> list[str]:
    """Why a CPU takes longer here than in the report's table."""
    if found.machine["gpu"]:
        return []
    return [
        "На процессоре рантайм здесь оставляет одно ядро свободным, чтобы служебные потоки других часов ему не мешали, "
        "поэтому время больше, чем в таблице результатов: сверяются часы, а не рантайм."
    ]


def loadgen(found: Clock) -> list[str]:
    """What LoadGen measured, and where its own words are."""
    if checks.LOADGEN not in found.versions:
        return []
    return [
        "**MLPerf LoadGen** сам вызывает рантайм и сам измеряет время: SingleStream — по одному запросу, Offline — все "
        "запросы подряд; запрос — один батч. Его собственные сводки — в `loadgen.txt` рядом с отчётом."
    ]


def outcome(rows: list[ClockRow]) -> list[str]:
    """How many comparisons agree, and which do not."""
    if not rows:
        return ["**Итог:** сравнить не с чем — других часов здесь нет."]
    agree = sum(row.agreement == "agrees" for row in rows)
    text = f"**Итог:** в пределах цели {agree} из {counted(len(rows), 'сравнения', 'сравнений', 'сравнений')}."
    for agreement, words in (("differs", "Расходятся"), ("undecided", "Не решено (шум машины шире цели)")):
        if named := [
            f"{quoted(clock_name(row))}, {FIGURES[row.figure]} ({at(row.case)})"
            for row in rows
            if row.agreement == agreement
        ]:
            text += f" {words}: {listed(named)}."
    return [text]


def overhead(found: Clock) -> list[str]:
    """What our loop adds to a call, and how much that is of the shortest one."""
    timed = [case for case in found.cases if case.ms and case.overhead_ns]
    if not timed:
        return []
    most = {figure: max(case.overhead_ns[figure] for case in timed) for figure in FIGURES}
    shares = [
        case.overhead_ns[figure] / 1e6 / min(case.ms[figure][checks.OURS]) for case in timed for figure in FIGURES
    ]
    return [
        f"**Сам цикл** прибавляет к вызову {number(most['latency'], 0)}{NBSP}нс при измерении задержки и "
        f"{number(most['throughput'], 0)}{NBSP}нс при вызовах подряд (измерено на вызове, который ничего не делает): "
        f"не больше {number(100 * max(shares), 4)}{NBSP}% от времени в таблице."
    ]


def at(case: Case) -> str:
    """A case in words."""
    name = f"{LABELS.get(case.engine, case.engine)} {case.precision}"
    return f"{name}, {case.image_size}×{case.image_size}, батч{NBSP}{case.batch_size}"


def clock_name(row: ClockRow) -> str:
    """A clock in words, with what LoadGen calls the figure."""
    name = CLOCKS.get(row.clock, row.clock)
    return f"{name} {SCENARIOS[row.figure]}" if row.clock == checks.LOADGEN and row.figure else name


def clock_table(folder: str | Path) -> Styler | HTML:
    """Each clock beside ours, and why some are absent; nothing where the clock was not checked."""
    found = checks.read_clock(folder)
    if found is None:
        return HTML("")
    table = pd.DataFrame([
        {
            "Конфигурация": at(row.case),
            "Величина": FIGURES.get(row.figure, "—"),
            "Часы": clock_name(row) or "—",
            "Время/батч (мс)": float("nan") if row.ms is None else row.ms,
            "Отличие": signed(row.ratio.value - 1) if row.ratio else "—",
            "95 %-й интервал": between(row.ratio) if row.ratio else "—",
            "Цель": f"±{whole(checks.goal(row.case))}" if row.ratio else "—",
            "Вывод": f"не измерено: {row.absent.reason}" if row.absent else AGREEMENTS[row.agreement],
        }
        for row in checks.rows(found)
    ])  # fmt: skip
    return styled(table, "Наш цикл и другие часы: один и тот же вызов")


def signed(share: float) -> str:
    """A difference as percent with its sign."""
    sign = "+" if share > 0 else "−" if share < 0 else ""
    return f"{sign}{number(100 * abs(share), 2)}{NBSP}%"


def whole(share: float) -> str:
    """A share that a person chose, as percent: 5 %."""
    return f"{plain(100 * share)}{NBSP}%"


def exact(share: float) -> str:
    """A share of pairs as percent, with one digit even near 100 %."""
    return f"{number(100 * share, 1)}{NBSP}%"


def between(ratio: Interval) -> str:
    """An interval of a ratio, as differences from 1."""
    return f"от {signed(ratio.low - 1)} до {signed(ratio.high - 1)}"


def verdicts(folder: str | Path) -> Markdown:
    """How often a difference was called that is none, how often a known one was found, and how far that is proof."""
    found = checks.read_selfcheck(folder)
    if found is None:
        return not_measured("Как часто выводы этого отчёта ошибаются, на этой машине не проверено", "bench selfcheck")
    count = len(found.plain_ms)
    lines = [
        f"**Выводы.** Одна и та же конфигурация ({at(found.case)}) измерена "
        f"{counted(count, 'раз', 'раза', 'раз')} в новых процессах и, вперемешку с ними, "
        f"{counted(len(found.slowed_ms), 'раз', 'раза', 'раз')} с намеренным замедлением на {whole(found.slowdown)} "
        f"({quoted(found.started_at[:10])}). Из этих процессов "
        f"{counted(found.pairs, 'раз', 'раза', 'раз')} случайно составлены две группы по "
        f"{found.repeats} без общих процессов (каждому процессу одной группы отвечает соседний по времени процесс "
        "другой, как в одном круге прогона), и по тем же правилам, что в отчёте, решено, есть ли разница.",
        f"**Итог:** {goals(found)}. Относительное стандартное отклонение медианной задержки от процесса к процессу — "
        f"{percent(found.process_sd)}.",
        f"Пары взяты из одних и тех же процессов и потому не независимы (без общих процессов их можно составить лишь "
        f"{count // (2 * found.repeats)}): интервалы долей на самом деле шире, чем в таблице.",
        *other_repeats(folder, found),
    ]
    return bullets(lines)


def goals(found: SelfCheck) -> str:
    """Whether both goals are reached."""
    alarms, power = found.false_alarm_rate.value <= checks.FALSE_ALARMS, found.power.value >= checks.POWER
    return (
        f"разница объявлена там, где её нет, в {exact(found.false_alarm_rate.value)} пар "
        f"(цель{' не' if not alarms else ''} достигнута), замедление найдено в {exact(found.power.value)} "
        f"(цель{' не' if not power else ''} достигнута)"
    )


def other_repeats(folder: str | Path, found: SelfCheck) -> list[str]:
    """That the report compares groups of another size than the check did."""
    repeats = Run(folder).grid().repeats
    if repeats == found.repeats:
        return []
    each = counted(repeats, "процессу", "процесса", "процессов")
    return [f"В самом отчёте сравниваются группы по {each}, поэтому к нему эти доли относятся лишь приблизительно."]


def verdicts_table(folder: str | Path) -> Styler | HTML:
    """The two rates with their intervals and goals; nothing where they were not measured."""
    found = checks.read_selfcheck(folder)
    if found is None:
        return HTML("")
    alarm, power = f"не больше {whole(checks.FALSE_ALARMS)}", f"не меньше {whole(checks.POWER)}"
    slowed = f"замедление на {whole(found.slowdown)} найдено"
    table = pd.DataFrame([
        {
            "Проверка": words, "Пар": f"{number(count, 0)} из {number(found.pairs, 0)}", "Доля": exact(rate.value),
            "95 %-й интервал": f"от {exact(rate.low)} до {exact(rate.high)}", "Цель": goal,
        }
        for words, count, rate, goal in (
            ("разница объявлена там, где её нет", found.false_alarms, found.false_alarm_rate, alarm),
            (slowed, found.found, found.power, power),
        )
    ])  # fmt: skip
    return styled(table, "Как часто выводы ошибаются")
