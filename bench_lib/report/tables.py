"""Tables for a reader: how a column's figures are written, a data frame as HTML, and the card of one record."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from bench_lib.analysis import roofline
from bench_lib.analysis.case_row import case_row, record_reason
from bench_lib.analysis.case_table import STATUS, VERDICTS
from bench_lib.core.record import Record
from bench_lib.text.language import NBSP, mark, number, tr
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import per_cent, percent, scientific

COLUMNS = {
    "network": mark("Network"),  # only where there are several
    "label": mark("Optimisation"),
    "precision_label": mark("Precision"),
    "image_size": mark("Size"),
    "batch_size": mark("Batch"),
    "latency_ms": mark("Time/batch (ms)"),
    "per_image_ms": mark("Time/image (ms)"),
    "fps": mark("FPS"),
    "speedup": mark("Speedup"),
    "speedup_tf32": mark("Speedup over TF32"),  # only where PyTorch tf32 was measured
    "verdict": mark("Verdict"),
    "memory_mib": mark("Memory (MiB)"),
    "roofline": mark("% of ceiling"),  # only where a ceiling is known
}

VARIANTS_ID = "variants"  # of the table of variants, to which their names lead
MOST_DIGITS = 4  # of a ratio's decimals
SPREAD_MARKS = {  # see `bench_lib.report.spread_words`
    "assumed": f"{NBSP}†", "unknown": f"{NBSP}‡", "crowded": f"{NBSP}‡",
}  # fmt: skip

KINDS = [
    {"selector": ".absent", "props": "color: var(--muted, #666)"},
    {"selector": ".best", "props": "font-weight: bold"},
    {"selector": ".starts", "props": "border-top: 2px solid #999"},
]


def whole_number(value: float) -> str:
    """A number without decimals: a count, or a figure so large that its decimals do not matter."""
    return number(value, 0)


def speedup_text(value: float) -> str:
    """A speedup with its sign: 2,00×; a dash where there is none."""
    return "—" if pd.isna(value) else f"{number(value, 2)}×"


def share_text(share: float) -> str:
    """A share as percent; a dash where it is not known."""
    return "—" if pd.isna(share) else percent(share)


def interval_text(low: float, high: float, digits: int | None = None) -> str:
    """The ends of an interval; a dash where it is not known, or infinite."""
    return "—" if pd.isna(low) or high == math.inf else f"{number(low, digits)}–{number(high, digits)}"


def ratio_text(low: float, high: float, digits: int = 2) -> str:
    """As `interval_text`, for a ratio: with more decimals where an end that is not 1 would read as 1."""
    reads_as_one = any(end != 1 and abs(end - 1) < 0.5 * 10**-digits for end in (low, high))
    return (
        ratio_text(low, high, digits + 1) if reads_as_one and digits < MOST_DIGITS else interval_text(low, high, digits)
    )


FORMATS = {  # how a column's numbers are written in every table, by its key; those of other columns by `number`
    "image_size": whole_number,
    "batch_size": whole_number,
    "processes": whole_number,
    "count": whole_number,
    "networks": whole_number,
    "memory_mib": whole_number,
    "speedup": speedup_text,
    "speedup_tf32": speedup_text,
    "roofline": share_text,
}


def headers(columns: Mapping[str, str]) -> dict[str, str]:
    """The messages in the report's language, under the same keys."""
    return {name: tr(words) for name, words in columns.items()}


def verdict_texts(verdicts: pd.Series, sources: pd.Series) -> pd.Series:
    """Verdicts as the report calls them, with the mark of what they rest on: `sources` are values of `verdict_from`."""
    return in_words(verdicts, VERDICTS) + sources.map(lambda source: SPREAD_MARKS.get(source, ""))


def in_words(values: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """Statuses or verdicts as the report calls them: `words` hold a message for each; others become a dash."""
    return values.map(headers(words)).fillna("—")


def record_card(record: Record) -> Styler:
    """One record as a table of two columns, for measure.ipynb: each figure's name and value."""
    record = roofline.judged(record)
    figures = case_row([record])
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
            **label_rows(figures),
            tr("Error of the output"): "" if pd.isna(figures["error"]) else scientific(figures["error"]),
        }
    rows = {name: value for name, value in rows.items() if value}
    table = pd.DataFrame({"figure": list(rows), "value": list(rows.values())})
    return styled(table, {"figure": tr("Figure"), "value": tr("Value")}, tr("Result of the measurement"))


def image_rows(record: Record, figures: dict) -> dict[str, str]:
    """The rows on real images: how many, the agreement, and the times to prepare them; empty for synthetic ones."""
    if not record.data:
        return {}
    return {
        tr("Images taken (in the folder)"): f"{number(record.data.used, 0)} ({number(record.data.found, 0)})",
        tr("Files skipped"): number(record.data.skipped, 0) if record.data.skipped else "",
        tr("Agreement of the first class"): percent(figures["agreement"]),
        tr("Decoding (ms/image)"): number(figures["decode_ms"]),
        tr("Preparation (ms/image)"): number(figures["preprocess_ms"]),
        tr("Copying to the GPU (ms/batch)"): "" if pd.isna(figures["copy_ms"]) else number(figures["copy_ms"]),
    }


def label_rows(figures: dict) -> dict[str, str]:
    """The rows on right answers to labelled images, with their intervals; empty where there are none."""
    words = {"top1": tr("Right answers (top-1, 95% interval)"), "top5": tr("Right answers (top-5, 95% interval)")}
    known = [name for name in words if not pd.isna(figures[name])]
    ends = {name: [number(100 * figures[f"{name}{end}"], 1) for end in ("", "_low", "_high")] for name in known}
    return {words[name]: f"{per_cent(value)} ({low}–{per_cent(high)})" for name, (value, low, high) in ends.items()}


class Table(Styler):
    """A table that writes its rows itself, just as pandas' template would, but ten times as fast.

    `formats` are functions that make the text of a column's cells, by its heading; `kinds` are the CSS classes of each
    row's cells, separated by spaces, and may be empty.
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


def styled(table: pd.DataFrame, headings: Mapping[str, str], caption: str, kinds: Sequence[str] | None = None) -> Table:
    """A table for the report, without its index: numbers in the language's style and to the right, texts as they are.

    `headings` hold what to call each column, by its key, as text (some have a run's name); the key also chooses how its
    numbers are written (`FORMATS`). `kinds` are the CSS classes of each row's cells. Raise `KeyError` for a column
    without a heading.
    """
    numeric = set(table.select_dtypes("number").columns)
    formats = {
        headings[key]: FORMATS.get(key, number) if key in numeric else lambda cell: quoted(str(cell))
        for key in table.columns
    }
    right = [{"selector": "", "props": "text-align: right"}]
    to_the_right = {headings[key]: right for key in table.columns if key in numeric}
    shown = Table(table.rename(columns=headings), cell_ids=False)
    shown.formats, shown.kinds = formats, kinds or [""] * len(table)
    return (
        shown.hide(axis="index")
        .format_index(lambda heading: quoted(str(heading)), axis="columns")
        .set_caption(quoted(caption))
        .set_uuid(f"{zlib.crc32(caption.encode()):08x}")  # pandas takes a random one, which would differ in each report
        .set_table_styles(to_the_right, overwrite=False)
    )
