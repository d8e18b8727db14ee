"""The library without a checkout, as `pip install .` installs it: the session's run was made with that."""

from helpers import wheel

from bench_lib.core import files
from bench_lib.results.run_folder import Run


def test_a_wheel_carries_all_that_commands_need(installed):
    there = {name.partition("project/")[2]: data for name, data in installed[1].items() if "bench_lib/project/" in name}
    beside = [*(wheel.ROOT / "notebooks").glob("*.ipynb"), *(wheel.ROOT / "params").rglob("*.yaml")]
    beside.append(wheel.ROOT / "outputs" / "seed" / "results.csv")
    assert there == {str(path.relative_to(wheel.ROOT)): path.read_bytes() for path in beside}
    library = (path for path in (wheel.ROOT / "bench_lib").rglob("*") if path.suffix != ".pyc" and path.is_file())
    assert {str(path.relative_to(wheel.ROOT)) for path in library} <= set(installed[1])


def test_the_commands_write_nothing_beside_installed_code(installed, run):
    assert {record.machine["commit"] for record in Run(run).records()} == {None}  # it was no checkout's code
    assert wheel.contents(installed[0]) == installed[1]


def test_what_has_no_place_goes_into_a_checkout_or_else_into_the_current_folder(monkeypatch):
    assert files.outputs_folder() == wheel.ROOT / "outputs"
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    assert str(files.outputs_folder()) == "outputs"
    monkeypatch.undo()
    monkeypatch.setattr(files, "INSTALLED", files.PROJECT)
    assert str(files.outputs_folder()) == "outputs"
