"""Tables → how sure the figures are: intervals, verdicts, and what is wrong with samples."""

from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib.narrative import at, bullets
from bench_lib.statistics import ASSUMED_SD, PAIRED_FROM, ROPE
from bench_lib.summary import BASELINE_NAME, VERDICTS, Summary
from bench_lib.tables import in_words, styled
from bench_lib.words import NBSP, counted, listed_few, number, percent, plain

TROUBLE = {
    "drift": "задержка дрейфует от начала измерения к концу",
    "modes": "у задержки две моды",
    "outliers": "среди вызовов есть выбросы",
}


def reading(report: Summary) -> Markdown:
    """What an interval is taken from, and what the verdicts mean."""
    band = f"±{plain(100 * ROPE)}{NBSP}%"
    lines = [
        f"**Интервал** — 95-процентный (t-распределение Стьюдента на логарифмах). {source(report)}",
        f"**Вердикт** — о времени/батч относительно {BASELINE_NAME} того же размера и батча. {VERDICTS['same']} — "
        f"интервал отношения внутри {band}; {VERDICTS['faster']} и {VERDICTS['slower']} — отношение отличается от "
        f"единицы и на уровне 99{NBSP}% (поэтому одинаковое названо разным не чаще одного раза из ста); "
        f"{VERDICTS['undecided']} — данных для вердикта мало. Так же решается, кто лидер: кто не медленнее его "
        "наверняка, назван вместе с ним.",
    ]
    return bullets(lines)


def source(report: Summary) -> str:
    """Where the spread between processes comes from."""
    repeats = report.grid.repeats
    if repeats > 1:
        return (
            f"Он взят из медиан {counted(repeats, 'процесса', 'процессов', 'процессов')} с отдельной сборкой в каждом, "
            "измеренных вперемешку с остальными: разброс от сборки к сборке и от запуска к запуску в него входит."
            f"{paired(repeats)}"
        )
    return (
        "Каждая конфигурация измерена в одном процессе, так что разброс от сборки к сборке и от запуска к запуску этот "
        f"запуск не показывает; к разбросу внутри процесса добавлен разброс между процессами — он {origin(report)}. "
        "Чтобы измерить его у каждой конфигурации, запустите с `repeats: 5`."
    )


def origin(report: Summary) -> str:
    """Where the spread between processes is taken from, of which rows."""
    sd, assumed = percent(report.process_sd), percent(ASSUMED_SD)
    if report.check is None:
        return (
            f"не измерен (его измеряет `bench selfcheck`) и принят равным {sd}; у строк, где GPU ждёт процессора "
            "(батч 1), он может быть во много раз больше"
        )
    measured = f"взят из проверки выводов (раздел 2): {sd}"
    if report.checked_pace is None:
        return measured
    host, device = "темп задаёт процессор (отправка занимает не меньше половины задержки)", "темп задаёт GPU"
    here, rest = (host, device) if report.checked_pace else (device, host)
    return (
        f"у строк, где {here}, как у проверенной, {measured}; у строк, где {rest}, не измерен и принят равным {assumed}"
    )


def paired(repeats: int) -> str:
    """That ratios are taken within rounds, where there are enough of them."""
    if repeats < PAIRED_FROM:
        return ""
    return (
        " Отношение двух конфигураций берётся внутри каждого круга, в котором обе измерены по разу, поэтому медленные "
        "изменения скорости самой машины на вердикты не влияют."
    )


def intervals_table(report: Summary) -> Styler | HTML:
    """The 95 % interval of each case's time per batch, FPS and speedup, and the verdict."""
    cases = report.measured.sort_values(["image_size", "batch_size", "latency_ms"], kind="stable")
    if cases.empty:
        return HTML("<p>Интервалов нет: ни одна конфигурация не измерена.</p>")
    table = cases[["label", "precision_label", "image_size", "batch_size", "processes"]].copy()
    for figure, digits in (("latency", None), ("fps", None), ("speedup", 2)):
        ends = zip(cases[f"{figure}_low"], cases[f"{figure}_high"], strict=True)
        table[figure] = [f"{number(low, digits)}–{number(high, digits)}" if low == low else "—" for low, high in ends]

    table["verdict"] = in_words(cases.verdict, VERDICTS)
    table.columns = ["Оптимизация", "Точность", "Размер", "Батч", "Процессов", "Время/батч (мс)", "FPS",
                     "Ускорение, раз", "Вердикт"]  # fmt: skip
    return styled(table.reset_index(drop=True), "Интервалы 95 % и вердикты")


def quality(report: Summary) -> Markdown:
    """How far sampling settled, and what is wrong with samples: found, named, and not trimmed away."""
    cases = report.measured
    if cases.empty:
        return Markdown("Судить не о чем: ни одна конфигурация не измерена.")
    most = cases.loc[cases.spread.idxmax()]
    lines = [
        f"**Разброс** задержки внутри процесса (межквартильный размах к медиане): у половины строк не больше "
        f"{percent(cases.spread.median())}, наибольший — {percent(most.spread)} ({at(most)}).",
        *settled(report),
    ]
    for kind, words in TROUBLE.items():
        rows = cases[[kind in found for found in cases.trouble]]
        if len(rows):
            places = listed_few([at(row) for _, row in rows.iterrows()], 6)
            lines.append(f"**⚑ {words[0].upper()}{words[1:]}** ({len(rows)} из {len(cases)}): {places}.")
    if not any(cases.trouble):
        lines.append("Дрейфа, двух мод и выбросов в задержке не найдено ни в одной строке.")
    return bullets(lines)


def settled(report: Summary) -> list[str]:
    """How many figures settled to the wanted noise before the time was up; nothing for records of before."""
    timings = [record.timing for record in report.records if record.timing and record.timing.latency_stopped_by]
    ends = [end for timing in timings for end in (timing.latency_stopped_by, timing.throughput_stopped_by)]
    if not ends:
        return []
    limits, by_time = report.grid.limits, ends.count("time")
    text = f"**Остановка:** из {len(ends)} измеренных величин {ends.count('noise')} сошлись до "
    text += f"±{percent(limits.max_noise)} (половина интервала медианы внутри процесса)"
    rest = f", у остальных ({by_time}) вышло время — {plain(limits.longest_s)}{NBSP}с" if by_time else ""
    return [f"{text}{rest}."]
