"""Tables → Russian sentences: what was measured, how, and the answer in short."""

from IPython.display import HTML, Markdown

from bench_lib import findings
from bench_lib.russian import NBSP, counted, listed, number, plural
from bench_lib.statistics import ALIKE_WITHIN
from bench_lib.summary import LABELS, STATUS, Summary, tally

PERCENT_ALIKE = f"{number(100 * ALIKE_WITHIN, 0)}{NBSP}%"


def bullets(sentences: list[str]) -> Markdown:
    """A list, one sentence or two an item."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def place(report: Summary) -> str:
    """The device that computed, for example «GPU NVIDIA H200» or «процессор … (2 ядра), без GPU»."""
    gpu = report.machine.get("gpu")
    if gpu:
        return f"GPU {gpu['name']}"
    cores = counted(report.machine["cores"], "ядро", "ядра", "ядер")
    return f"процессор {report.machine['cpu']} ({cores}), без GPU"


def at(row) -> str:
    """Where a figure was measured: engine, precision, image size and batch."""
    return f"{row['name']}, {row.image_size}×{row.image_size}, батч {row.batch_size}"


def abstract(report: Summary) -> HTML:
    """The answer in short, before anything else."""
    cases = report.measured
    lines = [
        f"<b>Где и что.</b> {report.grid.title}; {place(report)}. Конфигураций {len(report.cases)}: {tally(report)}."
    ]
    if cases.empty:
        lines.append("<b>Ответа нет:</b> ни одна конфигурация не измерена, причины перечислены в разделе 3.")
    else:
        most, least = cases.loc[cases.fps.idxmax()], cases.loc[cases.latency_ms.idxmin()]
        lines += [
            f"<b>Кто быстрее.</b> {leadership(findings.blocks(cases))}",
            f"<b>Наибольшая пропускная способность:</b> {number(most.fps)} FPS ({at(most)}).",
            f"<b>Наименьшее время на батч:</b> {number(least.latency_ms)}{NBSP}мс ({at(least)}).",
        ]
    if absent := unmeasured(report):
        lines.append(f"<b>Без результата:</b> {'; '.join(absent)}.")
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def leadership(blocks: list[findings.Block]) -> str:
    """Who has the least time per batch, and in how many combinations of image and batch size; ties are named so."""
    contests = [block for block in blocks if block.measured > 1]
    if not contests:
        names = sorted({block.leaders[0] for block in blocks})
        return f"Сравнивать не с чем: измерено только {listed(names)}."
    among = f"{len(contests)}{NBSP}{plural(len(contests), 'сочетания', 'сочетаний', 'сочетаний')} размера и батча"
    parts = [f"{name} — в {count} из {among}" for name, count in findings.wins(contests).items()]
    tied = sum(len(block.leaders) > 1 for block in contests)
    text = f"Меньше всех время на батч: {'; '.join(parts)}." if parts else ""
    if tied:
        text += f" В {tied} из {among} лидеры неразличимы (разница не больше {PERCENT_ALIKE})."
    return text.strip()


def unmeasured(report: Summary) -> list[str]:
    """Engines and precisions without a single figure, and why; those of one engine and reason together."""
    lines = []
    for (label, reason), rows in report.cases[report.cases.status != "ok"].groupby(["label", "reason"], sort=False):
        measured = set(report.measured[report.measured.label == label].precision)
        if without := [precision for precision in rows.precision.unique() if precision not in measured]:
            lines.append(f"{label} {listed(without)} ({STATUS[rows.status.iloc[0]]}: {reason})")
    return lines


def aim(report: Summary) -> Markdown:
    """Why this was measured."""
    grid = report.grid
    engines = listed([LABELS.get(name, name) for name in grid.engines])
    compared = "сравнить время инференса" if len(grid.engines) > 1 else "измерить время инференса"
    return Markdown(
        f"Задача — {compared} сети {grid.title} на этой машине: {engines}, точность {listed(grid.precisions)}, разные "
        "размеры изображения и батча. Отчёт отвечает, какой способ здесь быстрее, насколько и при каких условиях. "
        "Каждое предложение о результатах вычислено из измерений; утверждения исходного отчёта, с которого началась "
        "эта работа, проверены на тех же данных в разделе 5."
    )


def conditions(report: Summary) -> Markdown:
    """The grid, and what went into the network."""
    grid = report.grid
    lines = [
        f"**Сеть:** {grid.title} (`{grid.model}` из torchvision) со случайными весами (зерно {grid.seed}): скорость от "
        "значений весов не зависит.",
        f"**Формат данных:** синтетический — случайные изображения ~{NBSP}N(0,{NBSP}1), одинаковые для всех. "
        "Чтение и подготовка изображений не измеряются.",
        f"**Размер изображения:** {', '.join(map(str, grid.image_sizes))} пикселей.",
        f"**Батч:** {', '.join(map(str, grid.batch_sizes))}.",
        f"**Оптимизация:** {', '.join(LABELS.get(name, name) for name in grid.engines)}.",
        f"**Точность:** {', '.join(grid.precisions)}.",
        f"**Машина:** {place(report)}.",
    ]
    return bullets(lines + support(report) + gpu_states(report))


def support(report: Summary) -> list[str]:
    """Which flavour of TensorRT ran, and whether its documented support covers this GPU."""
    found = {(r.ran["flavour"], r.ran["tensorrt_version"], r.ran["documented_support"]) for r in report.records
             if "flavour" in r.ran}  # fmt: skip
    lines = []
    for flavour, version, supported in sorted(found):
        line = f"**Torch-TensorRT** — пакет {flavour}, TensorRT {version}."
        if not supported:
            line += (
                " Документированная поддержка этого варианта не включает этот GPU: цифры верны для этого запуска, но "
            )
            line += "обычный TensorRT здесь может показать другие."
        lines.append(line)
    return lines


def gpu_states(report: Summary) -> list[str]:
    """Clocks, temperature and power of the GPU under load, over all cases."""
    states = [record.gpu_busy for record in report.records if record.gpu_busy]
    parts = []
    for key, words, unit in (("sm_clock_mhz", "частота", "МГц"), ("temperature_c", "температура", "°C"),
                             ("power_w", "мощность", "Вт")):  # fmt: skip
        if values := [state[key] for state in states if state[key] is not None]:
            low, high = number(min(values), 0), number(max(values), 0)
            parts.append(f"{words} {low if low == high else f'{low}–{high}'}{NBSP}{unit}")
    return [f"**GPU под нагрузкой:** {', '.join(parts)}."] if parts else []


def method(report: Summary) -> Markdown:
    """How it was timed."""
    limits = report.grid.limits
    least = counted(limits.min_count, "измерения", "измерений", "измерений")
    restless = [record for record in report.records if record.timing and not record.timing.warm]
    lines = [
        "Каждая конфигурация измерена в новом процессе (papermill выполняет `measure.ipynb`), одними часами "
        "(`time.perf_counter`) и одним циклом для всех способов.",
        "**Время/батч** — медиана задержки: один вызов, синхронизация, и так снова и снова. "
        "**FPS** — пропускная способность: вызовы идут подряд без ожидания, синхронизация в конце окна; берётся "
        "медиана по окнам. Это разные величины, поэтому FPS не обязан равняться батчу, делённому на время.",
        f"Прогрев — пока медианы двух соседних групп вызовов не сойдутся в пределах 5{NBSP}%, не меньше "
        f"{number(limits.warmup_min_s)}{NBSP}с и не больше {number(limits.warmup_max_s)}{NBSP}с. Затем не меньше "
        f"{least} и не меньше {number(limits.min_s)}{NBSP}с для каждой величины. Сборка (экспорт, компиляция) "
        "измерена отдельно и в скорость не входит.",
        "**Выход сверен** с эталоном — PyTorch fp32 на процессоре или fp64 на GPU; при ошибке больше допустимой "
        "скорость не публикуется. Все исходные измерения лежат в `records/` рядом с отчётом.",
    ]
    if restless:
        names = ", ".join(f"`{record.case.id}`" for record in restless)
        lines.append(f"Прогрев не стал устойчивым за отведённое время, поэтому цифры ненадёжны: {names}.")
    return bullets(lines)


def how_to_read(report: Summary) -> Markdown:
    """What each column of the results is."""
    memory = (
        "прирост занятой памяти GPU от состояния до начала работы до пика"
        if report.machine.get("gpu")
        else "пик памяти процесса конфигурации целиком: Python, библиотеки, сборка и сам инференс"
    )
    baseline = report.measured[(report.measured.engine == "pytorch") & (report.measured.precision_label == "fp32")]
    speedup = (
        "время/батч PyTorch fp32 того же размера и батча, делённое на время/батч этой строки"
        if len(baseline)
        else "не посчитано: PyTorch fp32, от которого оно отсчитывается, не измерен"
    )
    spread = report.measured.spread.max()
    text = (
        "Строки собраны в группы одного размера и батча, внутри группы — от быстрой к медленной; самая быстрая "
        "выделена. Прочерк стоит там, где конфигурация не измерена; причины — в следующей таблице. "
        f"**Ускорение** — {speedup}. **Память** — {memory}."
    )
    if spread == spread:
        text += (
            f" Разброс задержки внутри одного процесса (межквартильный размах к медиане) — не больше "
            f"{number(100 * spread, 1)}{NBSP}%. Отличия от запуска к запуску здесь не измерены, поэтому разницу до "
            f"{PERCENT_ALIKE} отчёт не считает преимуществом."
        )
    disturbed = report.measured[report.measured.disturbed != ""]
    if len(disturbed):
        words = "; ".join(f"{words} — {count}" for words, count in disturbed.disturbed.value_counts().items())
        text += f" **⚠** — во время измерения состояние GPU мешало ({words}): этим строкам верить осторожно."
    return Markdown(text)
