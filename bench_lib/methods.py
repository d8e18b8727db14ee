"""Records and tables → Russian sentences: what was measured on what, how, and how to read the results."""

from IPython.display import Markdown

from bench_lib import inputs, roofline
from bench_lib.narrative import bullets, engines_of, place
from bench_lib.origins import kind
from bench_lib.summary import BASELINE_NAME, MIB, Summary
from bench_lib.words import NBSP, counted, listed_few, number, percent, plain, plural, quoted, span


def conditions(report: Summary) -> Markdown:
    """The grid, and what went into the network."""
    grid = report.grid
    lines = [
        inputs.network(grid),
        inputs.images(report),
        f"**Размер изображения:** {', '.join(map(str, grid.image_sizes))} "
        f"{plural(grid.image_sizes[-1], 'пиксель', 'пикселя', 'пикселей')}.",
        f"**Батч:** {', '.join(map(str, grid.batch_sizes))}.",
        f"**Оптимизация:** {', '.join(engines_of(grid))}.",
        f"**Точность:** {', '.join(grid.precisions)}.",
        f"**Машина:** {place(report)}.",
    ]
    return bullets(lines + support(report) + gpu_states(report))


def support(report: Summary) -> list[str]:
    """Which flavour of TensorRT ran, and whether its documented support covers this GPU."""
    keys = ("flavour", "tensorrt_version", "documented_support")
    found = {tuple(r.ran[key] for key in keys) for r in report.records if r.ran.keys() >= set(keys)}
    lines = []
    for flavour, version, supported in sorted(found):
        line = f"**Torch-TensorRT** — пакет {quoted(flavour)}, TensorRT {quoted(version)}."
        if not supported:
            line += (
                " Документированная поддержка этого варианта не включает этот GPU: цифры верны для этого запуска, но "
                "обычный TensorRT здесь может показать другие."
            )
        lines.append(line)
    return lines


def gpu_states(report: Summary) -> list[str]:
    """Clocks, temperature and power of the GPU under load, over all cases."""
    states = [record.gpu_busy for record in report.records if record.gpu_busy]
    parts = []
    for key, words, unit in (("sm_clock_mhz", "частота", "МГц"), ("temperature_c", "температура", "°C"),
                             ("power_w", "мощность", "Вт")):  # fmt: skip
        if values := [state[key] for state in states if state.get(key) is not None]:
            low, high = number(min(values), 0), number(max(values), 0)
            parts.append(f"{words} {low if low == high else f'{low}–{high}'}{NBSP}{unit}")
    lines = [f"**GPU под нагрузкой:** {', '.join(parts)}."] if parts else []
    if len(used := {state["uuid"] for state in states if state.get("uuid")}) > 1:
        lines.append(f"Запуск шёл на нескольких GPU одной модели ({len(used)}); на каком именно — сказано в записи.")
    return lines


def method(report: Summary) -> Markdown:
    """How it was timed."""
    limits = report.grid.limits
    repeats = report.grid.repeats
    runs = "в новом процессе" if repeats == 1 else f"в {repeats} новых процессах с новой сборкой в каждом, по кругу"
    least = counted(limits.min_count, "измерения", "измерений", "измерений")
    is_forked = any(record.process == "forked" for record in report.records)
    forked = "; процесс ответвлён от другого, который уже загрузил библиотеки" if is_forked else ""
    restless = [record for record in report.records if record.timing and not record.timing.warm]
    lines = [
        f"Каждая конфигурация измерена {runs} (papermill выполняет `measure.ipynb`{forked}), в случайном "
        f"порядке (зерно {report.grid.seed}), одними часами (`time.perf_counter`) и одним циклом для всех способов.",
        "**Время/батч** — медиана задержки: один вызов, синхронизация, и так снова и снова. "
        "**FPS** — пропускная способность: вызовы идут подряд без ожидания, синхронизация в конце окна; берётся "
        "медиана по окнам. Это разные величины, поэтому FPS не обязан равняться батчу, делённому на время.",
        f"**Прогрев** — пока медианы двух соседних групп вызовов не сойдутся в пределах 5{NBSP}%, не меньше "
        f"{plain(limits.warmup_min_s)}{NBSP}с и не больше {plain(limits.warmup_max_s)}{NBSP}с. Затем не меньше "
        f"{least} и не меньше {plain(limits.min_s)}{NBSP}с для каждой величины{until_settled(report)}. Сборка "
        "(экспорт, компиляция) измерена отдельно и в скорость не входит.",
        f"**Выход сверен** с эталоном — {reference(report)}; при ошибке больше допустимой "
        "скорость не публикуется. Все исходные измерения лежат в `records/` рядом с отчётом.",
    ]
    if restless:
        names = listed_few([f"`{record.case.id}`" for record in restless])
        lines.append(f"Прогрев не стал устойчивым за отведённое время, поэтому цифры ненадёжны: {names}.")
    return bullets(lines)


def reference(report: Summary) -> str:
    """What outputs are compared with."""
    if kind(report.grid.model) == "onnx":
        return "ONNX Runtime fp32 на процессоре, без оптимизации графа"
    return "PyTorch fp32 на процессоре или fp64 на GPU"


def until_settled(report: Summary) -> str:
    """The rule that ends sampling, where these records were made by it."""
    if not any(record.timing and record.timing.latency_stopped_by for record in report.records):
        return ""
    limits = report.grid.limits
    noise = f"±{percent(limits.max_noise)}"
    return (
        f" и дальше — пока половина 95-процентного интервала медианы не станет меньше {noise}, но не дольше "
        f"{plain(limits.longest_s)}{NBSP}с"
    )


def how_to_read(report: Summary) -> Markdown:
    """What each column of the results is."""
    lines = [
        "Строки собраны в группы одного размера и батча, внутри группы — от быстрой к медленной; самая быстрая "
        "выделена. Прочерк — конфигурация не измерена; причины — в следующей таблице.",
        f"**Ускорение** — {speedup(report)}.",
        f"**Память** — {memory(report)}.",
        f"**% от потолка** — {roofline.column(report)}.",
    ]
    disturbed = report.measured[report.measured.disturbed != ""]
    if len(disturbed):
        words = "; ".join(f"{words} — {count}" for words, count in disturbed.disturbed.value_counts().items())
        lines.append(f"**⚠** — во время измерения состояние GPU мешало ({words}): этим строкам верить осторожно.")
    return bullets(lines)


def speedup(report: Summary) -> str:
    """What the speedup is counted from."""
    if (report.measured.name == BASELINE_NAME).any():
        return f"время/батч {BASELINE_NAME} того же размера и батча, делённое на время/батч этой строки"
    return f"не посчитано: {BASELINE_NAME}, от которого оно отсчитывается, не измерен"


def memory(report: Summary) -> str:
    """What the memory column holds."""
    if not report.machine.get("gpu"):
        return (
            "прирост памяти процесса от состояния перед сборкой до пика: сборка (с экспортом модели, где он нужен), "
            "веса и сам инференс. Python и уже загруженные библиотеки в него не входят"
        )
    text = "прирост занятой памяти GPU (NVML) от состояния до начала работы до пика, в новом процессе"
    steps = [record.memory for record in report.records if record.memory and record.memory.device_context_bytes]
    if contexts := [(step.device_context_bytes - step.device_idle_bytes) / MIB for step in steps]:
        least, most = min(contexts), max(contexts)
        text += f"; из него {span(least, most, f'{NBSP}МиБ', 0)} — контекст CUDA, который есть у каждого процесса"
    return text
