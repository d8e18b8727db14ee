"""Tables → Russian sentences: what to choose here, and what these data cannot tell."""

import pandas as pd
from IPython.display import Markdown

from bench_lib import inputs
from bench_lib.narrative import MOST_SENTENCES, at, bullets, few
from bench_lib.summary import Summary, compared
from bench_lib.words import NBSP, listed, listed_few, number, quoted, spread_out


def choice(report: Summary) -> Markdown:
    """What to choose on this machine, for throughput and for latency."""
    cases = report.measured
    if cases.empty:
        return Markdown("Выбрать не из чего: ни одна конфигурация не измерена.")
    lines = [throughput(cases)]
    lines += few(list(cases.groupby("batch_size")), latency)
    return bullets(lines)


def throughput(cases: pd.DataFrame) -> str:
    """The highest FPS, and those not told from it."""
    best = cases.loc[cases.fps.idxmax()]
    ordered = cases.drop(best.name).sort_values("fps", ascending=False)
    rows = ordered[["name", "image_size", "batch_size", "fps_values", "extra_sd"]].to_dict("records")
    others = [row for row in rows if compared(row, best, "fps") != "slower"]
    text = f"**Пропускная способность:** больше всего изображений в секунду — {number(best.fps)} — даёт {at(best)}."
    return f"{text} Данные не отличают от него: {listed_few(list(map(at, others)))}." if others else text


def latency(at_batch: tuple[int, pd.DataFrame]) -> str:
    """Who is fastest at a batch size, for each image size."""
    (batch, rows), parts = at_batch, []
    for size, block in rows.groupby("image_size"):
        names = block[block.leads].sort_values("latency_ms")["name"].tolist()
        parts.append(f"{size} — {listed(names)} ({number(block.latency_ms.min())}{NBSP}мс)")
    shown = spread_out(parts, MOST_SENTENCES)
    sizes = "размерам" if len(shown) == len(parts) else f"размерам ({len(shown)} из {len(parts)})"
    return f"**Батч {batch}, наименьшее время по {sizes}:** {'; '.join(shown)}."


def advice(report: Summary) -> Markdown:
    """The original report's recommendations as they stand here, and the limits of these data."""
    return bullets([fp16(report), inputs.real_data(report), load(report), repeats(report)])


def fp16(report: Summary) -> str:
    """Automatic detection of fp16: what it found here."""
    rows = report.cases[(report.cases.precision == "fp16") & (report.cases.variant == "")]
    head = "**Автоматическое определение fp16.**"
    if any(record.trials for record in report.records):
        return f"{head} Точность здесь выбрана автоматически; что выбрано и почему — в разделе 4."
    if rows.empty:
        return f"{head} Этот запуск fp16 не включал; саму точность выбирает `precisions: [auto]`."
    measured = rows[rows.status == "ok"]
    if measured.empty:
        reasons = listed_few(sorted({quoted(reason) for reason in rows[rows.status != "ok"].reason}))
        return f"{head} В fp16 здесь не измерено ничего: {reasons}."
    labels = listed(list(measured.label.unique()))
    absent = rows[rows.status != "ok"]
    rest = f" Не измерено: {listed(sorted(set(absent['name'])))} — причины в разделе 3." if len(absent) else ""
    return f"{head} В fp16 измерены: {labels}.{rest}"


def load(report: Summary) -> str:
    """Mind the load and memory when scaling."""
    on_gpu = report.machine.get("gpu")
    device, adds = ("GPU", "займёт") if on_gpu else ("процессора", "добавит к памяти Python и библиотек")
    most = report.measured.memory_mib.max()
    text = (
        f"**Загрузка и память.** Каждая конфигурация измерена одна на машине; при общей загрузке {device} цифры хуже."
    )
    if most == most:
        text += (
            f" Наибольшая память одной конфигурации — {number(most, 0)}{NBSP}МиБ: столько {adds} каждый её экземпляр."
        )
    return text


def repeats(report: Summary) -> str:
    """What these data cannot tell, or how often each was measured."""
    head = "**Насколько этому верить.**"
    if report.grid.repeats == 1:
        return (
            f"{head} Одна конфигурация — один процесс и одна сборка, так что разброс между ними этот запуск не "
            "измерил; вердикты его учитывают, но взятым со стороны. Близкие результаты проверьте запуском с "
            "`repeats: 5`."
        )
    undecided = (report.measured.verdict == "undecided").sum()
    rest = f"; не решено вердиктов: {undecided} — их уменьшит большее число повторов" if undecided else ""
    return (
        f"{head} Каждая конфигурация измерена в {report.grid.repeats} процессах с отдельной сборкой, интервалы взяты "
        f"из разброса между ними{rest}."
    )
