"""The loop of the load's scenarios: each part is measured once, written at once, and never mixed with another's."""

import pytest
from helpers.made import LOAD, MACHINE, pipelined

from bench_lib.core.errors import InputError
from bench_lib.core.grid import Variant
from bench_lib.results.pipeline import Pipeline, PipelineGrid
from bench_lib.results.result_file import read_result
from bench_lib.scenarios.resume import measure_left

GRID = PipelineGrid(**LOAD | {"batch_sizes": [1, 4, 16]})


def go_on(folder, stop_at=None, grid=GRID, machine=MACHINE, unit=""):
    """Measure what is left; return the file, the batches that were measured, and what `facts` were asked with."""
    asked, begun = [], []

    def add(kept, case):
        if case.batch_size == stop_at:
            raise KeyboardInterrupt
        asked.append(case.batch_size)
        return [*kept, pipelined(batch=case.batch_size).model_copy(update={"case": case})]

    def facts(before):
        begun.append(before)
        return {"images": 64, "image_bytes": 1000}

    found, parts = None, {case.id: case for case in grid.cases()}
    try:
        found = measure_left(Pipeline, grid, machine, folder, parts, add, facts=facts, unit=unit)
    except KeyboardInterrupt:
        assert stop_at
    return found, asked, begun


def batches(found):
    return [one.case.batch_size for one in found.cases]


def test_what_was_interrupted_goes_on_where_it_stopped(tmp_path):
    assert go_on(tmp_path, stop_at=16) == (None, [1, 4], [None])
    kept = read_result(Pipeline, tmp_path)
    assert batches(kept) == [1, 4]
    found, asked, begun = go_on(tmp_path)
    assert (batches(found), asked, begun) == ([1, 4, 16], [16], [kept])
    assert read_result(Pipeline, tmp_path) == found


def test_where_nothing_is_left_nothing_is_measured_or_written(tmp_path):
    whole, _, _ = go_on(tmp_path)
    written = (tmp_path / Pipeline.file).stat().st_mtime_ns
    assert go_on(tmp_path) == (whole, [], [])
    assert (tmp_path / Pipeline.file).stat().st_mtime_ns == written


@pytest.mark.parametrize("unlike", [{"grid": GRID.model_copy(update={"seed": 7})}, {"machine": MACHINE | {"cpu": "x"}}])
def test_another_grid_or_machine_begins_anew(tmp_path, unlike):
    go_on(tmp_path, stop_at=16)
    found, asked, begun = go_on(tmp_path, **unlike)
    assert (asked, begun, batches(found)) == ([1, 4, 16], [None], [1, 4, 16])


def test_a_machine_whose_memory_has_grown_is_the_same_and_is_told_as_it_is_now(tmp_path):
    go_on(tmp_path, stop_at=16)
    found, asked, _ = go_on(tmp_path, machine=MACHINE | {"memory_bytes": 1})
    assert (asked, found.machine["memory_bytes"]) == ([16], 1)


def test_a_grid_whose_variants_are_measured_at_none_of_its_precisions_is_one_sentence(tmp_path):
    variant = Variant(engine="pytorch", precisions=["bf16"])
    grid = GRID.model_copy(update={"engines": ["fast"], "variants": {"fast": variant}})
    with pytest.raises(InputError, match=r"the grid has no case: .*; name one that a variant has"):
        go_on(tmp_path, grid=grid)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_refused_and_kept(tmp_path):
    (tmp_path / Pipeline.file).write_text("{")
    with pytest.raises(InputError, match=r"pipeline.json: not complete JSON .*; delete it, or write it anew"):
        go_on(tmp_path)
    assert (tmp_path / Pipeline.file).read_text() == "{"


def test_a_unit_shows_a_progress_bar_and_none_shows_nothing(tmp_path, capsys):
    go_on(tmp_path / "a", unit="case")
    assert "3/3" in capsys.readouterr().err
    go_on(tmp_path / "b")
    assert capsys.readouterr().err == ""
