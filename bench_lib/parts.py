"""Tables → what is in the time, and around it: tails, the device's share, launches, the cold start, energy."""

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib import inputs
from bench_lib.figures import LAUNCH_BOUND
from bench_lib.narrative import at, bullets
from bench_lib.summary import Summary
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed_few, number, percent, quoted

PARTS = {
    "label": "Оптимизация",
    "precision_label": "Точность",
    "image_size": "Размер",
    "batch_size": "Батч",
    "latency_ms": "Задержка p50 (мс)",
    "p90_ms": "p90 (мс)",
    "p99_ms": "p99 (мс)",
    "device_ms": "Устройство (мс)",
    "enqueue_ms": "Отправка (мс)",
    "period_ms": "Период в потоке (мс)",
    "millijoules": "Энергия (мДж/изобр.)",
}


def table(report: Summary) -> Styler | HTML:
    """Four figures that are often mixed up, and energy; columns that nothing fills are left out."""
    cases = report.measured.sort_values(["image_size", "batch_size", "latency_ms"], kind="stable")
    if cases.empty:
        return HTML("<p>Времени нет: ни одна конфигурация не измерена.</p>")
    cases = cases.assign(period_ms=1e3 * cases.batch_size / cases.fps, millijoules=1e3 * cases.joules)
    cases["label"] += cases.launch_bound.map({True: f"{NBSP}◷", False: ""})
    columns = [name for name in PARTS if cases[name].notna().any()]
    return styled(cases[columns].rename(columns=PARTS).reset_index(drop=True), "Из чего складывается время")


def reading(report: Summary) -> Markdown:
    """What the columns are, and which rows the host holds up."""
    cases = report.measured
    lines = [
        "**Задержка** — от отправки батча до готового выхода; p50, p90 и p99 — столько не превышают 50, 90 и "
        f"99{NBSP}% вызовов. **Период в потоке** — время на батч, когда вызовы идут подряд: батч, делённый на FPS.",
    ]
    if cases.device_ms.notna().any():
        lines.append(
            "**Устройство** — сколько вызов занимает GPU (события CUDA; запуск скрыт за работой, которой GPU занят). "
            "**Отправка** — сколько процессор отправляет вызов: столько занимает возврат из него без ожидания."
        )
        lines += launches(cases)
    return bullets(lines + energy(report) + inputs.preparation(report))


def launches(cases: pd.DataFrame) -> list[str]:
    """Which cases wait for the host rather than for the GPU."""
    bound = cases[cases.launch_bound]
    if bound.empty:
        return ["Ни одна строка не упирается в отправку вызовов: везде ждут GPU, а не процессор."]
    batches = sorted(bound.batch_size.unique())
    idle = (1 - bound.device_ms / bound.latency_ms).median()
    text = (
        f"**◷** — строка упирается в отправку (не меньше {percent(LAUNCH_BOUND)} задержки): GPU считает быстрее, чем "
        f"процессор даёт ему работу, и простаивает — у половины таких строк не меньше {percent(max(idle, 0))} времени. "
        "Там время зависит от процессора и от обвязки способа, а не от точности и не от размера изображения; помогают "
        f"CUDA-графы или больший батч. Таких строк {len(bound)} из {len(cases)}, батчи: "
        f"{listed_few(list(map(str, batches)))}."
    )
    return [text]


def energy(report: Summary) -> list[str]:
    """Joules for an image: the least, or why there are none."""
    cases = report.measured.dropna(subset="joules")
    if len(cases):
        best = cases.loc[cases.joules.idxmin()]
        source = next(record.energy.source for record in report.records if record.energy)
        return [
            f"**Энергия** ({source}, не меньше секунды вызовов подряд): меньше всего на изображение — "
            f"{number(1e3 * best.joules)}{NBSP}мДж — у {at(best)}."
        ]
    reasons = sorted({quoted(record.energy_absent) for record in report.records if record.energy_absent})
    return [f"**Энергия** не измерена: {listed_few(reasons)}."] if reasons else []


def start_table(report: Summary) -> Styler | HTML:
    """What a cold start costs, each engine and precision: medians over all sizes and batches, and the longest build."""
    cases = report.measured
    if cases.empty:
        return HTML("<p>Старт не измерен ни у одной конфигурации.</p>")
    by_name = cases.groupby(["label", "precision_label"], sort=False)
    medians = by_name[["import_s", "build_s", "first_ms", "settle_s"]].median()
    medians["first_ms"] /= 1e3
    shown = medians.assign(longest=by_name.build_s.max()).reset_index()
    shown = shown[["label", "precision_label", "import_s", "build_s", "longest", "first_ms", "settle_s"]]
    shown.columns = ["Оптимизация", "Точность", "Импорт (с)", "Сборка (с)", "Самая долгая сборка (с)",
                     "Первый вызов (с)", "До устойчивой скорости (с)"]  # fmt: skip
    count = counted(len(cases), "конфигурации", "конфигурациям", "конфигурациям")
    return styled(shown.dropna(axis="columns", how="all"), f"Холодный старт: медианы по {count}")
