"""A run's table and figures as files for other tools: CSV, Parquet, JSON lines, SVG and PNG."""

import csv
import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

from bench_lib.analysis.case_row import record_reason
from bench_lib.analysis.columns import COLUMNS, Column
from bench_lib.core.files import write_bytes, write_text
from bench_lib.core.record import Record
from bench_lib.report.networks_plot import networks_figure
from bench_lib.report.report import Report
from bench_lib.report.sections.charts import fps_vs_batch, fps_vs_image_size, latency_vs_throughput, speedup_map
from bench_lib.report.sections.pipeline import pipeline_figure
from bench_lib.report.sections.recognition import accuracy_vs_fps
from bench_lib.report.sections.scaling import scaling_figure
from bench_lib.report.sections.serving import serving_figure
from bench_lib.report.waterfall import waterfall_figure

OF_NETWORKS = {"networks": networks_figure}  # of a run of several networks; by the names of their files, as below
FIGURES = {
    "fps_vs_image_size": fps_vs_image_size,
    "fps_vs_batch": fps_vs_batch,
    "latency_vs_throughput": latency_vs_throughput,
    "speedup_map": speedup_map,
    "accuracy_vs_fps": accuracy_vs_fps,
    "waterfall": waterfall_figure,
    "serving": serving_figure,
    "scaling": scaling_figure,
    "pipeline": pipeline_figure,
}


def write_data_files(report: Report, folder: Path) -> list[Path]:
    """Write cases.csv, .jsonl and .parquet, their dictionary columns.csv, and the figures; return the paths.

    An unknown value is empty in the CSV and null in the others; a list is JSON in the CSV. A figure that the run has
    too few points for is not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = tidy_rows(report)
    texts = {
        "columns.csv": as_csv(["column", *(field.name for field in dataclasses.fields(Column))], column_rows()),
        "cases.csv": as_csv(list(COLUMNS), rows),
        "cases.jsonl": "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    write_parquet(rows, folder / "cases.parquet")
    return [folder / name for name in (*texts, "cases.parquet")] + draw_figures(report, folder)


def tidy_rows(report: Report) -> list[dict[str, Any]]:
    """The rows of `cases` as values that JSON can hold, in the order of `COLUMNS`; unknown ones are None."""
    return [{name: plain_value(row[name]) for name in COLUMNS} for row in report.cases.to_dict("records")]


def plain_value(value: Any) -> Any:
    """A cell's value as JSON can hold it; a record, which the column `lost` holds, as its repeat and reason."""
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if isinstance(value, Record):
        return f"{value.case.repeat}: {record_reason(value)}"
    return None if isinstance(value, float) and not math.isfinite(value) else value


def column_rows() -> list[dict[str, str]]:
    """The rows of columns.csv: each column's name, kind, unit and meaning."""
    return [{"column": name} | dataclasses.asdict(column) for name, column in COLUMNS.items()]


def as_csv(names: list[str], rows: list[dict[str, Any]]) -> str:
    """Rows under their names as CSV (RFC 4180, but lines end as on Unix); flags and lists as JSON writes them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({
            name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else value
            for name, value in row.items()
        })  # fmt: skip
    return text.getvalue()


def write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the rows; each field's metadata tells its unit and meaning."""
    import pyarrow
    from pyarrow import parquet

    types = {
        "text": pyarrow.string(), "count": pyarrow.int64(), "number": pyarrow.float64(), "flag": pyarrow.bool_(),
        "numbers": pyarrow.list_(pyarrow.float64()), "texts": pyarrow.list_(pyarrow.string()),
    }  # fmt: skip
    schema = pyarrow.schema([
        pyarrow.field(name, types[column.kind], metadata={"unit": column.unit, "meaning": column.meaning})
        for name, column in COLUMNS.items()
    ])  # fmt: skip
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), buffer)
    write_bytes(path, buffer.getvalue())


def draw_figures(report: Report, folder: Path) -> list[Path]:
    """Write each figure that the run has points for as PNG and SVG into the folder; return their paths."""
    drawn, found = dataclasses.replace(report, figures_folder=folder, suffix=""), []
    figures = OF_NETWORKS if report.several_networks else FIGURES
    for name, draw in figures.items():
        files = [folder / f"{name}.png", folder / f"{name}.svg"]
        for file in files:
            file.unlink(missing_ok=True)  # of an earlier export
        draw(drawn)
        found += [file for file in files if file.exists()]
    return found
