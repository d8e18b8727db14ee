"""The tidy table → tables for a reader: results, what is absent and why, builds, the machine, one record."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from bench_lib.figures import row
from bench_lib.language import mark, told, tr, tr_n
from bench_lib.records import Record
from bench_lib.summary import STATUS, VERDICTS, Summary, tally
from bench_lib.words import NBSP, number, percent, quoted, scientific

COLUMNS = {
    "label": mark("Optimisation"),
    "precision_label": mark("Precision"),
    "image_size": mark("Size"),
    "batch_size": mark("Batch"),
    "latency_ms": mark("Time/batch (ms)"),
    "per_image_ms": mark("Time/image (ms)"),
    "fps": mark("FPS"),
    "speedup": mark("Speedup"),
    "verdict": mark("Verdict"),
    "memory_mib": mark("Memory (MiB)"),
    "roofline": mark("% of ceiling"),  # only where a ceiling is known
}

KINDS = [
    {"selector": ".absent", "props": "color: var(--muted, #666)"},
    {"selector": ".best", "props": "font-weight: bold"},
    {"selector": ".starts", "props": "border-top: 2px solid #999"},
]


WHOLE = [mark("Size"), mark("Batch"), mark("Memory (MiB)"), mark("Number"), mark("Processes")]  # columns of counts


def headers(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns' headers in the report's language."""
    return {name: tr(words) for name, words in columns.items()}


def in_words(values: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """What stands in a table for a status or a verdict, in the report's language; a dash where there is none."""
    return values.map(headers(words)).fillna("—")


def results_table(report: Summary) -> Styler:
    """All cases: blocks of one size and batch, the fastest first, those without figures last and dimmed."""
    table = report.cases.sort_values(["image_size", "batch_size", "latency_ms"], na_position="last", kind="stable")
    table["label"] += table.disturbed.map(lambda words: f"{NBSP}⚠" if words else "")
    columns = [name for name in COLUMNS if name != "roofline" or table.roofline.notna().any()]
    table["verdict"] = in_words(table.verdict, VERDICTS)
    shown = table[columns].rename(columns=headers(COLUMNS)).reset_index(drop=True)
    is_best = table.groupby(["image_size", "batch_size"]).latency_ms.transform("min") == table.latency_ms
    is_new_block = table[["image_size", "batch_size"]].ne(table[["image_size", "batch_size"]].shift()).any(axis=1)
    kinds = [
        ("absent" if absent else "best" if best else "") + (" starts" if starts else "")
        for absent, best, starts in zip(table.status != "ok", is_best, is_new_block, strict=True)
    ]
    caption = tr_n(
        "Results: {n}{nbsp}configuration, {tally}", "Results: {n}{nbsp}configurations, {tally}", len(table),
        tally=tally(report),
    )  # fmt: skip
    return styled(shown, caption, kinds).set_table_styles(KINDS, overwrite=False)


def absent_table(report: Summary) -> Styler | HTML:
    """Cases without figures and why, one row for those of one engine, precision and reason."""
    absent = pd.concat([report.cases[report.cases.status != "ok"], lost_repeats(report)])
    if absent.empty:
        return HTML(f"<p>{tr('There are no such configurations: all are measured.')}</p>")
    grouped = absent.groupby(["label", "precision", "status", "reason"], sort=False)
    table = grouped.agg(
        sizes=("image_size", lambda v: ", ".join(map(str, v.unique()))),
        batches=("batch_size", lambda v: ", ".join(map(str, v.unique()))),
        count=("engine", "size"),
    ).reset_index()
    table["status"] = in_words(table.status, STATUS)
    table = table[["label", "precision", "sizes", "batches", "count", "status", "reason"]]
    table.columns = [
        tr("Optimisation"), tr("Precision"), tr("Sizes"), tr("Batches"), tr("Number"), tr("Status"), tr("Reason"),
    ]  # fmt: skip
    return styled(table, tr("Configurations without a result, and why"))


def lost_repeats(report: Summary) -> pd.DataFrame:
    """A row for each repeat that failed where others of its case did not; the reason says which."""
    cases = report.measured[report.measured.lost.map(len) > 0]
    rows = [
        {**case, "status": record.status, "reason": lost(record)}
        for case in cases.to_dict("records") for record in case["lost"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=report.cases.columns)


def lost(record: Record) -> str:
    """Which repeat failed, and why."""
    return tr("repeat {number}: {reason}", number=record.case.repeat, reason=told(record.reason, record.detail))


def machine_table(report: Summary) -> Styler:
    """What the run ran on."""
    machine, gpu = report.machine, report.machine.get("gpu")
    rows = {
        tr("Processor"): f"{machine['cpu']}, {tr_n('{n}{nbsp}core', '{n}{nbsp}cores', machine['cores'])}",
        tr("Main memory"): tr("{number} GiB", number=gib(machine["memory_bytes"])),
        "GPU": tr("none") if gpu is None else f"{gpu['name']}, {tr('{number} GiB', number=gib(gpu['memory_bytes']))}",
        tr("GPU driver"): "—" if gpu is None else f"{gpu['driver']} (CUDA {gpu['cuda']})",
        tr("System"): machine["os"],
        "Python": machine["python"],
        **machine["versions"],
    }
    table = pd.DataFrame({tr("What"): list(rows), tr("Value"): list(rows.values())})
    return styled(table, tr("Machine and versions"))


def gib(size_bytes: int) -> str:
    """A size of memory, GiB."""
    return number(size_bytes / 2**30, 1)


def card(record: Record) -> Styler:
    """One record for a person to read, in measure.ipynb."""
    figures = row([record], 0.0)
    rows = {
        tr("Configuration"): record.case.id, tr("Status"): tr(STATUS[record.status]),
        tr("Reason"): told(record.reason, record.detail),
    }  # fmt: skip
    if record.status == "ok":
        rows |= {
            tr("Time/batch, median (ms)"): number(figures["latency_ms"]),
            tr("Time/image (ms)"): number(figures["per_image_ms"]),
            tr("FPS"): number(figures["fps"]),
            tr("Spread (interquartile)"): percent(figures["spread"]),
            tr("Samples of latency"): number(len(record.timing.latency_ms), 0),
            tr("Memory (MiB)"): number(figures["memory_mib"], 0),
            tr("% of ceiling"): "" if pd.isna(figures["roofline"]) else percent(figures["roofline"]),
            tr("Build (s)"): number(figures["build_s"]),
            **of_images(record, figures),
            tr("Largest relative error"): scientific(figures["error"]),
        }
    rows = {name: value for name, value in rows.items() if value}
    return styled(
        pd.DataFrame({tr("Figure"): list(rows), tr("Value"): list(rows.values())}), tr("Result of the measurement")
    )


def of_images(record: Record, figures: dict) -> dict[str, str]:
    """What real images cost beside inference; nothing where they were synthetic."""
    if not record.data:
        return {}
    return {
        tr("Images taken (in the folder)"): f"{number(record.data.used, 0)} ({number(record.data.found, 0)})",
        tr("Agreement of the first class"): percent(figures["top1"]),
        tr("Decoding (ms/image)"): number(figures["decode_ms"]),
        tr("Preparation (ms/image)"): number(figures["preprocess_ms"]),
        tr("Copying to the GPU (ms/batch)"): "" if pd.isna(figures["copy_ms"]) else number(figures["copy_ms"]),
    }


class Table(Styler):
    """A table whose rows are written as pandas' template writes them, in a tenth of the time.

    `formats` makes the text of a column's cells; `kinds` are the classes of each row's cells.
    """

    formats: dict[str, Callable[[Any], str]]
    kinds: Sequence[str]

    def to_html(self, **named) -> str:
        """The whole table, as `Styler.to_html` writes it."""
        page = super().to_html(max_rows=1, **named)
        columns = [map(self.formats[name], self.data[name]) for name in self.data.columns]
        body = []
        for i, (kind, *texts) in enumerate(zip(self.kinds, *columns, strict=True)):
            kind = kind and f" {kind}"
            cells = [f'      <td class="data row{i} col{j}{kind}" >{text}</td>\n' for j, text in enumerate(texts)]
            body += ["    <tr>\n", *cells, "    </tr>\n"]
        start, end = page.index("<tbody>\n") + len("<tbody>\n"), page.rindex("  </tbody>")
        return f"{page[:start]}{''.join(body)}{page[end:]}"


def styled(table: pd.DataFrame, caption: str, kinds: Sequence[str] | None = None) -> Table:
    """A table for the report: numbers in its language's style and to the right, no index; `kinds` are rows' classes."""
    digits = dict.fromkeys(map(tr, WHOLE), 0)
    speedup, ceiling = tr(COLUMNS["speedup"]), tr(COLUMNS["roofline"])
    numeric = list(table.select_dtypes("number").columns)
    formats = dict.fromkeys(table.columns, lambda cell: quoted(str(cell)))
    formats |= {name: partial(number, digits=digits.get(name)) for name in numeric}
    if speedup in numeric:
        formats[speedup] = lambda value: number(value, 2) + ("" if pd.isna(value) else "×")
    if ceiling in numeric:
        formats[ceiling] = lambda share: "—" if pd.isna(share) else percent(share)
    right = [{"selector": "", "props": "text-align: right"}]
    shown = Table(table, cell_ids=False)
    shown.formats, shown.kinds = formats, kinds or [""] * len(table)
    return (
        shown.hide(axis="index")
        .set_caption(quoted(caption))
        .set_uuid(f"{zlib.crc32(caption.encode()):08x}")  # pandas draws a random one, and no two reports would agree
        .set_table_styles(dict.fromkeys(numeric, right), overwrite=False)
    )
