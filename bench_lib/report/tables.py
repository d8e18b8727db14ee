"""The tidy table → tables for a reader: results, what is absent and why, builds, the machine, one record."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from bench_lib.analysis import roofline
from bench_lib.analysis.case_row import case_row, record_reason
from bench_lib.analysis.case_table import STATUS
from bench_lib.core.record import Record
from bench_lib.text.language import mark, number, tr
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent, scientific

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


def record_card(record: Record) -> Styler:
    """One record for a person to read, in measure.ipynb."""
    record = roofline.judged(record)
    figures = case_row([record], 0.0)
    rows = {
        tr("Configuration"): record.case.id, tr("Status"): tr(STATUS[record.status]),
        tr("Reason"): record_reason(record),
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
            **image_rows(record, figures),
            tr("Largest relative error"): scientific(figures["error"]),
        }
    rows = {name: value for name, value in rows.items() if value}
    return styled(
        pd.DataFrame({tr("Figure"): list(rows), tr("Value"): list(rows.values())}), tr("Result of the measurement")
    )


def image_rows(record: Record, figures: dict) -> dict[str, str]:
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
