"""A report knows its run's folder: what else was measured there, and where its figures go."""

import dataclasses
from pathlib import Path

import pytest
from helpers.made import MACHINE, point, record, report, served, serving

from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import write_record
from bench_lib.report.report import Report, open_report
from bench_lib.results.result_file import write_result
from bench_lib.results.run_folder import Run
from bench_lib.results.serving import Serving
from bench_lib.text import language


def write_run(folder, **fields):
    """A run of one case."""
    grid = Grid(engines=["pytorch"], precisions=["fp32"], image_sizes=[224], batch_sizes=[1], **fields)
    run = Run(folder)
    run.start(grid, MACHINE)
    (case,) = grid.cases()
    write_record(record().model_copy(update={"case": case}), run.record_path(case))
    return folder


def test_a_report_is_the_table_of_its_run_with_the_folder(tmp_path):
    read = Report.read(write_run(tmp_path), ".en")
    assert (len(read.measured), read.folder, read.suffix) == (1, tmp_path, ".en")
    assert Report.read(str(tmp_path)).folder == tmp_path
    with pytest.raises(InputError, match="holds no run"):
        Report.read(tmp_path / "nothing")


def test_a_figure_lies_in_the_folder_under_its_name_and_suffix(tmp_path):
    read = Report.read(write_run(tmp_path))
    assert read.figure_path("fps_vs_batch") == tmp_path / "fps_vs_batch.png"
    assert Report.of(read, tmp_path, ".en").figure_path("serving") == tmp_path / "serving.en.png"
    assert Report.of(read).figure_path("serving") is None
    elsewhere = dataclasses.replace(read, figures_folder=Path("export"))
    assert elsewhere.figure_path("serving") == Path("export/serving.png")


def test_what_else_was_measured_is_read_from_the_folder(tmp_path):
    found = serving(served([point(100, 4.0)]))
    assert report(record(), folder=tmp_path).result(Serving) is None
    write_result(found, tmp_path)
    assert report(record(), folder=tmp_path).result(Serving) == found
    assert report(record()).result(Serving) is None
    (tmp_path / "serving.json").write_text("{")
    with pytest.raises(InputError, match=r"serving\.json: not complete JSON"):
        report(record(), folder=tmp_path).result(Serving)


@pytest.mark.parametrize(("own", "asked", "used"), [("en", "", "en"), ("en", "ru", "ru"), ("ru", "en", "en")])
def test_a_report_is_opened_in_the_language_asked_for_or_its_own(tmp_path, own, asked, used):
    try:
        opened = open_report(write_run(tmp_path, lang=own), asked, ".x")
        assert language.chosen == used
    finally:
        language.use(language.DEFAULT)
    assert (opened.folder, opened.suffix) == (tmp_path, ".x")
