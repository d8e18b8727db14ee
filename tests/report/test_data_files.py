"""`bench export`: the same figures in every format, each column told, figures as pictures."""

import ast
import csv
import dataclasses
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from helpers.made import point, record, report, served, serving, skipped
from pyarrow import parquet

from bench_lib.analysis import columns
from bench_lib.cli import main
from bench_lib.report import sections
from bench_lib.report.data_files import FIGURES, OF_NETWORKS, write_data_files
from bench_lib.results.result_file import write_result

MORE = [record(engine, size=size, batch=batch, ms=batch / 7) for engine in ("pytorch", "onnx_runtime")
        for size in (224, 448) for batch in (1, 33)]  # fmt: skip
DATA = report(*MORE, skipped("torch_tensorrt", reason='нет "GPU", вот;\nтак'))


def read(folder):
    """The rows of the three formats."""
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        from_csv = list(csv.DictReader(file))
    from_json = [json.loads(line) for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    return from_csv, from_json, parquet.read_table(folder / "cases.parquet").to_pylist()


def test_the_three_formats_hold_the_same_figures_in_full(tmp_path):
    write_data_files(DATA, tmp_path)
    from_csv, from_json, from_parquet = read(tmp_path)
    assert from_json == from_parquet
    assert len(from_csv) == len(from_json) == 9
    for text, row, known in zip(from_csv, from_json, DATA.cases.to_dict("records"), strict=True):
        assert list(text) == list(row) == list(columns.COLUMNS)
        assert row["latency_ms"] == (known["latency_ms"] if known["status"] == "ok" else None)
        for name, column in columns.COLUMNS.items():
            if row[name] is None:
                assert text[name] == ""
            elif column.kind == "text":
                assert text[name] == row[name]
            else:
                assert json.loads(text[name]) == row[name]
    assert from_csv[-1]["reason"] == 'нет "GPU", вот;\nтак'
    assert len(from_json[0]["latency_values"]) > 1


def test_the_dictionary_tells_every_column_and_no_other(tmp_path):
    assert set(columns.COLUMNS) == set(DATA.cases.columns)
    assert all(column.meaning for column in columns.COLUMNS.values())
    write_data_files(DATA, tmp_path)
    with (tmp_path / "columns.csv").open(encoding="utf-8", newline="") as file:
        told = {row["column"]: row for row in csv.DictReader(file)}
    assert list(told) == list(columns.COLUMNS)
    assert told["fps"]["unit"] == "images/s"
    for field in parquet.read_schema(tmp_path / "cases.parquet"):
        assert field.metadata == {b"unit": told[field.name]["unit"].encode(),
                                  b"meaning": told[field.name]["meaning"].encode()}  # fmt: skip


UNITS = {"ms": "ms", "s": "s", "mib": "MiB", "sd": "ratio"}


@pytest.mark.parametrize("name", [name for name in columns.COLUMNS if name.rpartition("_")[2] in UNITS])
def test_a_unit_in_a_columns_name_is_its_unit(name):
    assert columns.COLUMNS[name].unit == UNITS[name.rpartition("_")[2]]


def test_the_ends_of_an_interval_enclose_its_figure_and_have_its_unit():
    measured = DATA.measured
    for name, figure in (("latency", "latency_ms"), ("fps", "fps")):
        assert (measured[f"{name}_low"] <= measured[figure]).all()
        assert (measured[figure] <= measured[f"{name}_high"]).all()
        assert columns.COLUMNS[f"{name}_low"].unit == columns.COLUMNS[figure].unit
        assert columns.COLUMNS[f"{name}_high"].meaning == f"upper end of the 95 % interval of {figure}"


def test_a_lost_repeat_is_told_with_its_reason(tmp_path):
    lost = skipped("pytorch", reason="убит")
    lost = lost.model_copy(update={"case": lost.case.model_copy(update={"repeat": 2}), "status": "failed"})
    write_data_files(report(record(), lost), tmp_path)
    assert [rows[0]["lost"] for rows in read(tmp_path)[1:]] == [["2: убит"]] * 2


def figures_of(path):
    """The figures that a module saves: the name of each file, and of the function that draws it."""
    found = {}
    for function in ast.parse(path.read_text(encoding="utf-8")).body:
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "figure_path":
                found[call.args[0].value] = function.name
    return found


def unexported(folder, exported):
    """Figures that the report saves and the export does not, or by another function."""
    saved = {name: function for path in sorted(folder.rglob("*.py")) for name, function in figures_of(path).items()}
    drawn = {name: function.__name__ for name, function in exported.items()}
    return sorted(name for name in saved.keys() | drawn.keys() if saved.get(name) != drawn.get(name))


def test_every_figure_of_the_report_is_exported():
    folder = Path(sections.__file__).parents[1]
    assert len(FIGURES) == 9
    every = FIGURES | OF_NETWORKS
    assert unexported(folder, every) == []
    some = {name: draw for name, draw in every.items() if name != "waterfall"} | {"serving": FIGURES["scaling"]}
    assert unexported(folder, some) == ["serving", "waterfall"]


def test_figures_are_exported_elsewhere_than_into_the_run(tmp_path):
    (tmp_path / "run").mkdir()
    write_result(serving(served([point(100, 4.0), point(900, 40.0)])), tmp_path / "run")
    data = dataclasses.replace(DATA, folder=tmp_path / "run", suffix=".en")
    written = write_data_files(data, tmp_path / "export")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"serving.json"}
    assert tmp_path / "export" / "serving.png" in written
    assert not list((tmp_path / "export").glob("*.en.*"))


def test_figures_are_svg_and_png_and_one_without_points_is_not_left_from_before(tmp_path):
    written = write_data_files(DATA, tmp_path)
    pictures = [path for path in written if path.suffix in (".png", ".svg")]
    assert len(pictures) == 8
    for path in pictures:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            assert ET.parse(path).getroot().find("{http://www.w3.org/2000/svg}title").text
    again = write_data_files(report(record()), tmp_path)
    assert [path for path in again if path.suffix in (".png", ".svg")] == []
    assert sorted(again) == sorted(tmp_path.iterdir())


def test_bench_export_of_a_real_run(run, tmp_path, capsys):
    assert main.main(["export", str(run), "--output", str(tmp_path / "new" / "folder")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert sorted(printed) == sorted(map(str, (tmp_path / "new" / "folder").iterdir()))
    pictures = {path.name for path in run.glob("*.svg")}  # of the report
    assert pictures == {path.name for path in (tmp_path / "new" / "folder").glob("*.svg")} != set()
    from_csv, from_json, from_parquet = read(tmp_path / "new" / "folder")
    assert from_json == from_parquet
    assert {row["status"] for row in from_csv} == {"ok", "skipped"}
    assert all(math.isfinite(row["latency_ms"]) for row in from_json if row["status"] == "ok")
    assert main.main(["export", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
