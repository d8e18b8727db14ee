"""The tidy table → tables for a reader: results, what is absent and why, builds, the machine, one record."""

import zlib
from functools import partial

import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from bench_lib.figures import row
from bench_lib.records import Record
from bench_lib.russian import NBSP, counted, number, percent, quoted, scientific
from bench_lib.summary import STATUS, VERDICTS, Summary, tally

COLUMNS = {
    "label": "Оптимизация",
    "precision_label": "Точность",
    "image_size": "Размер",
    "batch_size": "Батч",
    "latency_ms": "Время/батч (мс)",
    "per_image_ms": "Время/изобр. (мс)",
    "fps": "FPS",
    "speedup": "Ускорение",
    "verdict": "Вердикт",
    "memory_mib": "Память (МиБ)",
    "roofline": "% от потолка",  # only where a ceiling is known
}

KINDS = [
    {"selector": ".absent", "props": "color: var(--muted, #666)"},
    {"selector": ".best", "props": "font-weight: bold"},
    {"selector": ".starts", "props": "border-top: 2px solid #999"},
]


def results_table(report: Summary) -> Styler:
    """All cases: blocks of one size and batch, the fastest first, those without figures last and dimmed."""
    table = report.cases.sort_values(["image_size", "batch_size", "latency_ms"], na_position="last", kind="stable")
    table["label"] += table.disturbed.map(lambda words: f"{NBSP}⚠" if words else "")
    columns = [name for name in COLUMNS if name != "roofline" or table.roofline.notna().any()]
    table["verdict"] = table.verdict.map(VERDICTS).fillna("—")
    shown = table[columns].rename(columns=COLUMNS).reset_index(drop=True)
    is_best = table.groupby(["image_size", "batch_size"]).latency_ms.transform("min") == table.latency_ms
    is_new_block = table[["image_size", "batch_size"]].ne(table[["image_size", "batch_size"]].shift()).any(axis=1)
    kinds = [
        ("absent" if absent else "best" if best else "") + (" starts" if starts else "")
        for absent, best, starts in zip(table.status != "ok", is_best, is_new_block, strict=True)
    ]
    caption = f"Результаты: {counted(len(table), 'конфигурация', 'конфигурации', 'конфигураций')}, {tally(report)}"
    classes = pd.DataFrame(dict.fromkeys(shown.columns, kinds))
    return styled(shown, caption).set_td_classes(classes).set_table_styles(KINDS, overwrite=False)


def absent_table(report: Summary) -> Styler | HTML:
    """Cases without figures and why, one row for those of one engine, precision and reason."""
    absent = pd.concat([report.cases[report.cases.status != "ok"], lost_repeats(report)])
    if absent.empty:
        return HTML("<p>Таких конфигураций нет: измерены все.</p>")
    grouped = absent.groupby(["label", "precision", "status", "reason"], sort=False)
    table = grouped.agg(
        sizes=("image_size", lambda v: ", ".join(map(str, v.unique()))),
        batches=("batch_size", lambda v: ", ".join(map(str, v.unique()))),
        count=("engine", "size"),
    ).reset_index()
    table["status"] = table.status.map(STATUS)
    table = table[["label", "precision", "sizes", "batches", "count", "status", "reason"]]
    table.columns = ["Оптимизация", "Точность", "Размеры", "Батчи", "Число", "Статус", "Причина"]
    return styled(table, "Конфигурации без результата и причины")


def lost_repeats(report: Summary) -> pd.DataFrame:
    """A row for each repeat that failed where others of its case did not; the reason says which."""
    cases = report.measured[report.measured.lost.map(len) > 0]
    rows = [
        {**case, "status": record.status, "reason": f"повтор {record.case.repeat}: {record.reason}"}
        for case in cases.to_dict("records") for record in case["lost"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=report.cases.columns)


def machine_table(report: Summary) -> Styler:
    """What the run ran on."""
    machine, gpu = report.machine, report.machine.get("gpu")
    rows = {
        "Процессор": f"{machine['cpu']}, {counted(machine['cores'], 'ядро', 'ядра', 'ядер')}",
        "Оперативная память": f"{number(machine['memory_bytes'] / 2**30, 1)} ГиБ",
        "GPU": "нет" if gpu is None else f"{gpu['name']}, {number(gpu['memory_bytes'] / 2**30, 1)} ГиБ",
        "Драйвер GPU": "—" if gpu is None else f"{gpu['driver']} (CUDA {gpu['cuda']})",
        "Система": machine["os"],
        "Python": machine["python"],
        **machine["versions"],
    }
    table = pd.DataFrame({"Что": list(rows), "Значение": list(rows.values())})
    return styled(table, "Машина и версии")


def card(record: Record) -> Styler:
    """One record for a person to read, in measure.ipynb."""
    figures = row([record], 0.0)
    rows = {"Конфигурация": record.case.id, "Статус": STATUS[record.status], "Причина": record.reason}
    if record.status == "ok":
        rows |= {
            "Время/батч, медиана (мс)": number(figures["latency_ms"]),
            "Время/изобр. (мс)": number(figures["per_image_ms"]),
            "FPS": number(figures["fps"]),
            "Разброс (межквартильный)": percent(figures["spread"]),
            "Измерений задержки": number(len(record.timing.latency_ms), 0),
            "Память (МиБ)": number(figures["memory_mib"], 0),
            "% от потолка": "" if pd.isna(figures["roofline"]) else percent(figures["roofline"]),
            "Сборка (с)": number(figures["build_s"]),
            **of_images(record, figures),
            "Наибольшая относительная ошибка": scientific(figures["error"]),
        }
    rows = {name: value for name, value in rows.items() if value}
    return styled(pd.DataFrame({"Показатель": list(rows), "Значение": list(rows.values())}), "Результат измерения")


def of_images(record: Record, figures: dict) -> dict[str, str]:
    """What real images cost beside inference; nothing where they were synthetic."""
    if not record.data:
        return {}
    return {
        "Изображений взято (в папке)": f"{number(record.data.used, 0)} ({number(record.data.found, 0)})",
        "Совпадение первого класса": percent(figures["top1"]),
        "Декодирование (мс/изобр.)": number(figures["decode_ms"]),
        "Подготовка (мс/изобр.)": number(figures["preprocess_ms"]),
        "Копирование на GPU (мс/батч)": "" if pd.isna(figures["copy_ms"]) else number(figures["copy_ms"]),
    }


def styled(table: pd.DataFrame, caption: str) -> Styler:
    """A table for the report: numbers in the Russian style and to the right, no index."""
    digits = dict.fromkeys(("Размер", "Батч", "Память (МиБ)", "Число", "Процессов"), 0)
    numeric = list(table.select_dtypes("number").columns)
    formats = dict.fromkeys(table.columns, lambda cell: quoted(str(cell)))
    formats |= {name: partial(number, digits=digits.get(name)) for name in numeric}
    if "Ускорение" in numeric:
        formats["Ускорение"] = lambda value: number(value, 2) + ("" if pd.isna(value) else "×")
    if "% от потолка" in numeric:
        formats["% от потолка"] = lambda share: "—" if pd.isna(share) else percent(share)
    right = [{"selector": "", "props": "text-align: right"}]
    return (
        Styler(table, cell_ids=False)
        .hide(axis="index")
        .format(formats)
        .set_caption(quoted(caption))
        .set_uuid(f"{zlib.crc32(caption.encode()):08x}")  # pandas draws a random one, and no two reports would agree
        .set_table_styles(dict.fromkeys(numeric, right), overwrite=False)
    )
