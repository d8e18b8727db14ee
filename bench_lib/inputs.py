"""Records → Russian sentences: what network and what images were measured, and what preparing images costs."""

import math

import pandas as pd

from bench_lib.cases import Grid
from bench_lib.narrative import at, few
from bench_lib.origins import kind
from bench_lib.records import RealData, Record
from bench_lib.summary import Summary
from bench_lib.words import NBSP, counted, number, percent, quoted, span


def network(grid: Grid) -> str:
    """Which network it is, and where its weights come from."""
    name, origin = f"<code>{quoted(grid.model)}</code>", kind(grid.model)
    whence = {"torchvision": f"{name} из torchvision", "function": f"функция {name}", "onnx": f"ONNX-файл {name}"}
    head = f"**Сеть:** {quoted(grid.title)} ({whence[origin]})"
    if origin == "onnx":
        return f"{head} с весами из того же файла."
    if grid.weights:
        return f"{head} с весами из файла <code>{quoted(grid.weights)}</code>."
    if origin == "function":
        return f"{head} с весами, какие даёт функция (зерно {grid.seed}): скорость от значений весов не зависит."
    return f"{head} со случайными весами (зерно {grid.seed}): скорость от значений весов не зависит."


def images(report: Summary) -> str:
    """What went into the network."""
    if not report.grid.data:
        return (
            f"**Формат данных:** синтетический — случайные изображения ~{NBSP}N(0,{NBSP}1), одинаковые для всех. "
            "Чтение и подготовка изображений не измеряются."
        )
    return (
        f"**Формат данных:** реальные изображения из папки <code>{quoted(report.grid.data)}</code>{how_many(report)}. "
        "Они декодированы и подготовлены заранее, как принято для ImageNet (меньшая сторона — 256/224 размера, квадрат "
        "из середины, нормировка по каналам), и в замеры скорости это не входит: цена подготовки — в разделе 3. "
        "Скорость измерена на первом батче, выходы сверены на всех взятых изображениях."
    )


def how_many(report: Summary) -> str:
    """How many images the folder has and how many of them were taken, where a case tells it."""
    data = told(report.records)
    if not data:
        return ""
    used = span(min(one.used for one in data), max(one.used for one in data), digits=0)
    return f" (в ней {number(max(one.found for one in data), 0)}, взято {used}, равномерно по списку)"


def told(records: list[Record]) -> list[RealData]:
    """What the records tell of real images."""
    return [record.data for record in records if record.data]


def has_random_weights(grid: Grid) -> bool:
    """Whether the weights are drawn, as far as a grid tells: a function may return trained ones."""
    return kind(grid.model) == "torchvision" and not grid.weights


def unknown(grid: Grid) -> list[str]:
    """Why nothing here tells how well the network recognises."""
    weights = ["веса случайные"] if has_random_weights(grid) else []
    return [*weights, "меток у изображений нет" if grid.data else "изображения синтетические"]


def compared(report: Summary) -> list[str]:
    """How many real images outputs were compared on."""
    used = [one.used for one in told(report.records)]
    if not used:
        return []
    each = span(min(used), max(used), digits=0)
    return [f"Выходы сверены на реальных изображениях, по {each} на конфигурацию."]


def quantization(report: Summary) -> list[str]:
    """How int8 came about, and what its error does not tell."""
    ran = [record.ran for record in report.records if record.status == "ok" and record.case.precision == "int8"]
    counts = [one["calibration_images"] for one in ran if "calibration_images" in one]
    if not counts:
        return []
    grid, count = report.grid, span(min(counts), max(counts), digits=0)
    head = "**int8** — квантование после обучения: диапазоны взяты с"
    if grid.data:
        head += f" реальных изображений (их {count}), тех же, на которых измерена ошибка."
    else:
        head += f" синтетических случайных изображений (их {count}), таких же, как те, на которых измерена ошибка."
    if has_random_weights(grid):
        also, own = ("Веса", "") if grid.data else ("Веса тоже", ", калибруя своими изображениями")
        return [
            f"{head} {also} случайные, поэтому о цене int8 для распознавания эти строки не говорят: проверьте её на "
            f"своей обученной сети{own}."
        ]
    if grid.data:
        return [f"{head} Меток у них нет: долю верных ответов в int8 проверьте на размеченных изображениях."]
    return [
        f"{head} О цене int8 для распознавания эти строки не говорят: калибруйте сеть своими изображениями "
        "(параметр `data`)."
    ]


def real_data(report: Summary) -> str:
    """Profile real models on real data: what of this was done here."""
    grid, head = report.grid, "**Реальные модели и данные.**"
    is_random = has_random_weights(grid)
    if not grid.data and is_random:
        return (
            f"{head} Здесь изображения синтетические, а веса случайные: на скорость сети это не влияет, но чтение, "
            "декодирование и подготовка изображений в неё не входят. Перед выбором измерьте свою сеть (параметр "
            "`model`) вместе с подготовкой данных."
        )
    if not grid.data:
        return (
            f"{head} Сеть своя, а изображения синтетические: на скорость сети это не влияет, но чтение, декодирование "
            "и подготовка изображений в неё не входят. Их цену покажет запуск с папкой изображений (параметр `data`)."
        )
    weights = " Веса случайные: на скорость это не влияет, но о точности распознавания ничего не говорит." * is_random
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    if cases.empty:
        return f"{head} Изображения реальные.{weights}"
    total = cases.decode_ms + cases.preprocess_ms
    return (
        f"{head} Изображения реальные, а декодирование и подготовка в скорость не входят: в одном потоке они занимают "
        f"{span(total.min(), total.max())}{NBSP}мс на изображение (раздел 3) и нужны сверх этих цифр.{weights}"
    )


def preparation(report: Summary) -> list[str]:
    """What decoding, preprocessing and copying take beside inference, for each image size; nothing without data."""
    cases = report.measured.dropna(subset=["decode_ms", "preprocess_ms"])
    lines = few([beside_inference(rows, size) for size, rows in cases.groupby("image_size")])
    if lines and not report.machine.get("gpu"):
        lines.append("Копирования на устройство нет: расчёт идёт на процессоре, и подготовка делит его с инференсом.")
    return lines


def beside_inference(rows: pd.DataFrame, size: int) -> str:
    """One image size: the preparation of an image in one thread, and how many threads the fastest case would need."""
    decode_ms, preprocess_ms, best = rows.decode_ms.median(), rows.preprocess_ms.median(), rows.loc[rows.fps.idxmax()]
    threads = math.ceil((decode_ms + preprocess_ms) * best.fps / 1e3)
    several = counted(threads, "такого потока", "таких потоков", "таких потоков")
    keeps_up = "одного такого потока хватает" if threads == 1 else f"чтобы за ним успевать, нужно не меньше {several}"
    text = (
        f"**Подготовка изображения** {size}×{size} (один поток процессора, вне замеров скорости): декодирование — "
        f"{number(decode_ms)}{NBSP}мс, размер и нормировка — {number(preprocess_ms)}{NBSP}мс. Инференс, где FPS "
        f"наибольший ({at(best)}), занимает {number(1e3 / best.fps)}{NBSP}мс на изображение: {keeps_up}."
    )
    if best.copy_ms != best.copy_ms:
        return text
    share = percent(best.copy_ms / best.latency_ms)
    return f"{text} Копирование того же батча на GPU — {number(best.copy_ms)}{NBSP}мс, {share} его времени/батч."
