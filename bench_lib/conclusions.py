"""Tables → Russian sentences: what to choose here, and what these data cannot tell."""

import pandas as pd
from IPython.display import Markdown

from bench_lib.narrative import MOST_SENTENCES, at, bullets, few
from bench_lib.russian import NBSP, listed, listed_few, number, quoted, spread_out
from bench_lib.statistics import alike
from bench_lib.summary import Summary


def choice(report: Summary) -> Markdown:
    """What to choose on this machine, for throughput and for latency."""
    cases = report.measured
    if cases.empty:
        return Markdown("Выбрать не из чего: ни одна конфигурация не измерена.")
    lines = [throughput(cases)]
    lines += few([latency(rows, batch) for batch, rows in cases.groupby("batch_size")])
    return bullets(lines)


def throughput(cases: pd.DataFrame) -> str:
    """The highest FPS, and those alike with it."""
    best = cases.loc[cases.fps.idxmax()]
    others = cases.drop(best.name)
    alikes = [at(row) for _, row in others[[alike(fps, best.fps) for fps in others.fps]].iterrows()]
    text = f"**Пропускная способность:** больше всего изображений в секунду — {number(best.fps)} — даёт {at(best)}."
    return f"{text} Наравне с ним: {listed_few(alikes)}." if alikes else text


def latency(rows: pd.DataFrame, batch: int) -> str:
    """Who is fastest at a batch size, for each image size."""
    parts = []
    for size, block in rows.groupby("image_size"):
        least_ms = block.latency_ms.min()
        names = [name for name, ms in zip(block["name"], block.latency_ms, strict=True) if alike(ms, least_ms)]
        parts.append(f"{size} — {listed(names)} ({number(least_ms)}{NBSP}мс)")
    shown = spread_out(parts, MOST_SENTENCES)
    sizes = "размерам" if len(shown) == len(parts) else f"размерам ({len(shown)} из {len(parts)})"
    return f"**Батч {batch}, наименьшее время по {sizes}:** {'; '.join(shown)}."


def advice(report: Summary) -> Markdown:
    """The original report's recommendations as they stand here, and the limits of these data."""
    return bullets([fp16(report), real_data(), load(report), repeats()])


def fp16(report: Summary) -> str:
    """Automatic detection of fp16: what it found here."""
    rows = report.cases[report.cases.precision == "fp16"]
    head = "**Автоматическое определение fp16.**"
    if rows.empty:
        return f"{head} Этот запуск fp16 не включал."
    measured = rows[rows.status == "ok"]
    if measured.empty:
        reasons = listed_few(sorted({quoted(reason) for reason in rows[rows.status != "ok"].reason}))
        return f"{head} В fp16 здесь не измерено ничего: {reasons}."
    labels = listed(list(measured.label.unique()))
    absent = rows[rows.status != "ok"]
    rest = f" Не измерено: {listed(sorted(set(absent['name'])))} — причины в разделе 3." if len(absent) else ""
    return f"{head} В fp16 измерены: {labels}.{rest}"


def real_data() -> str:
    """Profile real models on real data."""
    return (
        "**Реальные модели и данные.** Здесь изображения синтетические, а веса случайные: на скорость сети это не "
        "влияет, но чтение, декодирование и подготовка изображений в неё не входят. Перед выбором измерьте свою сеть "
        "(параметр `model`) вместе с подготовкой данных."
    )


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


def repeats() -> str:
    """What one process a case cannot tell."""
    return (
        "**Насколько этому верить.** Одна конфигурация — один процесс и одна сборка: отличия от сборки к сборке и от "
        "запуска к запуску в разброс не вошли. Близкие результаты проверьте повторным запуском."
    )
