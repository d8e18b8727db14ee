"""explore.ipynb: what is chosen is drawn, a clicked point shows its calls, without torch, in a real JupyterLab."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.here import NEEDS_CHROMIUM
from helpers.lab import lab, notebook
from helpers.made import MACHINE, record, retimed
from matplotlib.backend_bases import MouseEvent
from matplotlib.colors import to_hex

from bench_lib.core.errors import InputError
from bench_lib.core.grid import Grid
from bench_lib.core.record import write_record
from bench_lib.report import explore_plot, plots
from bench_lib.report.explore import AXES, chosen_rows, chosen_runs, explore_runs, read_explored
from bench_lib.results.run_folder import Run
from bench_lib.text.language import NBSP

ROOT = Path(__file__).parents[2]
# ipympl's own: its toolbar hands its argument on to traitlets.
pytestmark = pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning")


def write_run(folder, ms_per_image=1.0, warm=True, **grid):
    """A run of two engines, two sizes and two batches, whose calls take `ms_per_image` (ONNX Runtime's a fifth)."""
    axes = {"engines": ["pytorch", "onnx_runtime"], "precisions": ["fp32"], "image_sizes": [224, 448],
            "batch_sizes": [1, 8]} | grid  # fmt: skip
    run = Run(folder)
    run.start(Grid(**axes), MACHINE)
    for case in run.grid().cases():
        ms = ms_per_image * case.batch_size * case.image_size / 224 / (5 if case.engine == "onnx_runtime" else 1)
        one = record(case.engine, "fp32", case.image_size, case.batch_size, ms=ms, machine=MACHINE)
        write_record(retimed(one.model_copy(update={"case": case}), warm=warm), run.record_path(case))
    return folder


@pytest.fixture
def made(tmp_path):
    write_run(tmp_path / "first")
    write_run(tmp_path / "second", 2.0, batch_sizes=[1, 8, 64])
    return explore_runs(tmp_path)


def lines(made):
    """The lines drawn, by label: each one's (x, y) points."""
    (axes,) = made.canvas.figure.axes
    found = {}
    for line in axes.lines:
        if not line.get_label().startswith("_"):
            found.setdefault(line.get_label(), []).append(line.get_xydata().tolist())
    return found


@pytest.mark.parametrize("warm", [True, False])
def test_a_chosen_point_shows_its_marks(tmp_path, warm):
    made = explore_runs(write_run(tmp_path / "run", warm=warm).parent)
    made.point.value = chosen_rows(made).index[0]
    assert ("⚑ прогрев не стал устойчивым" in made.samples.value) is not warm


def test_the_first_run_is_drawn_and_a_choice_is_followed_at_once(made):
    assert [path.name for path in made.runs.value] == ["first"]
    assert set(lines(made)) == {"PyTorch fp32", "ONNX Runtime fp32"}
    assert [[x for x, _ in line] for line in lines(made)["PyTorch fp32"]] == [[1, 8], [1, 8]]
    made.y.value = "latency_ms"
    assert sorted(lines(made)["PyTorch fp32"]) == [[[1, 1.0], [8, 8.0]], [[1, 2.0], [8, 16.0]]]
    made.filters["image_size"].value = [448]
    made.filters["name"].value = ["ONNX Runtime fp32"]
    assert lines(made) == {"ONNX Runtime fp32": [[[1, 0.4], [8, 3.2]]]}
    made.x.value = "image_size"
    assert lines(made) == {"ONNX Runtime fp32": [[[448, 0.4]], [[448, 3.2]]]}
    made.log_y.value = True
    (axes,) = made.canvas.figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Сторона изображения (пиксели)", "Время/батч (мс)")


def test_other_figures_keep_their_backend(tmp_path):
    write_run(tmp_path)
    code = (
        "import sys, matplotlib.pyplot as plt; from bench_lib.report.explore import explore_runs; "
        "plt.switch_backend('svg'); explore_runs(sys.argv[1]); figure = plt.figure(); "
        "print(plt.get_backend(), type(figure.canvas).__name__)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert told == "svg FigureCanvasSVG\n"


def test_two_runs_are_told_apart_and_an_engine_keeps_its_colour(made):
    made.runs.value = tuple(made.runs.options.values())
    assert set(lines(made)) == {
        f"{name} fp32 · {run}" for name in ("PyTorch", "ONNX Runtime") for run in ("first", "second")
    }
    assert made.filters["batch_size"].options == (1, 8, 64)
    drawn = {line.get_label(): line for line in made.canvas.figure.axes[0].lines}
    colour = to_hex(drawn["ONNX Runtime fp32 · first"].get_color())
    fills = {drawn[f"ONNX Runtime fp32 · {run}"].get_fillstyle() for run in ("first", "second")}
    assert fills == {"full", "left"}
    (names,) = made.canvas.figure.legends
    assert {text.get_text() for text in names.get_texts()} == set(lines(made))
    made.filters["name"].value = ["ONNX Runtime fp32"]
    assert {to_hex(line.get_color()) for line in made.canvas.figure.axes[0].lines} == {colour}
    made.runs.value = ()
    assert lines(made) == {}


def test_a_legend_that_would_hide_the_plot_is_left_out(made, monkeypatch):
    monkeypatch.setattr(explore_plot, "MOST_NAMES", 1)
    made.log_x.value = True
    assert made.canvas.figure.legends == []
    assert "слишком много" in made.canvas.figure.axes[0].get_title()


def pixels_of(made, index):
    """Where a row's point lies on the canvas."""
    row, (axes,) = chosen_rows(made).loc[index], made.canvas.figure.axes
    made.canvas.figure.savefig("/dev/null", format="png", dpi="figure")  # lay the axes out
    return axes.transData.transform((float(row[made.x.value]), float(row[made.y.value])))


def press(made, index, off_px=0, event="button_press_event"):
    """Click on a row's point, or so many pixels beside it."""
    x, y = pixels_of(made, index)
    made.canvas.callbacks.process(event, MouseEvent(event, made.canvas, x + off_px, y, 1))


@pytest.mark.parametrize(("off_px", "found"), [(0, True), (8, True), (-8, True), (25, False), (60, False)])
def test_a_click_near_a_point_shows_its_calls(made, off_px, found):
    index = next(index for index in chosen_rows(made).index if "onnx" in index[1] and "448px-b1" in index[1])
    press(made, index, off_px)
    assert made.point.value == (index if found else "")
    assert ("ONNX Runtime fp32, 448×448, батч 1 · first" in made.samples.value) is found
    assert (plots.samples_figure(*read_explored(made.runs.value[0])[1][index[1]]).data in made.samples.value) is found
    rings = [line for line in made.canvas.figure.axes[0].lines if line.get_markersize() > 10]
    assert len(rings) == found


def test_a_click_on_a_line_between_its_points_means_none_of_them(made):
    first, second = (made.point.options[place][1] for place in (1, 2))
    (x, y), (other_x, other_y) = pixels_of(made, first), pixels_of(made, second)
    assert abs(other_x - x) > 100
    event = MouseEvent("button_press_event", made.canvas, (x + other_x) / 2, (y + other_y) / 2, 1)
    made.canvas.callbacks.process("button_press_event", event)
    assert made.point.value == ""


def test_of_two_points_within_reach_the_nearest_is_meant(tmp_path):
    write_run(tmp_path, batch_sizes=[100, 108, 1000], image_sizes=[224], engines=["pytorch"])
    made = explore_runs(tmp_path)
    made.y.value = "per_image_ms"
    near = [index for _, index in made.point.options[1:3]]
    gap = pixels_of(made, near[1])[0] - pixels_of(made, near[0])[0]
    assert 2 < gap < explore_plot.REACH_PX
    for index in near:
        press(made, index)
        assert made.point.value == index


def test_turning_the_wheel_over_a_point_chooses_nothing(made):
    press(made, made.point.options[1][1], event="scroll_event")
    assert made.point.value == ""


def test_a_point_can_be_chosen_by_keyboard_and_goes_when_it_is_not_drawn(made):
    label, index = made.point.options[-1]
    made.point.value = index
    assert label in made.samples.value
    made.y.value = "latency_ms"
    assert made.point.value == index
    made.filters["batch_size"].value = [1]
    assert (made.point.value, made.samples.value) == ("", "")


def test_several_networks_have_lines_and_points_of_their_own_and_can_be_chosen(tmp_path):
    made = explore_runs(write_run(tmp_path / "run", models=["alexnet", "vgg11"]).parent)
    assert list(made.filters["model"].value) == ["alexnet", "vgg11"]
    assert set(lines(made)) == {f"{model}: {engine} fp32" for model in ("alexnet", "vgg11")
                                for engine in ("PyTorch", "ONNX Runtime")}  # fmt: skip
    assert all(len(line) == 2 for drawn in lines(made).values() for line in drawn)
    assert made.point.options[1][0].startswith("alexnet: ")
    made.filters["model"].value = ["vgg11"]
    assert set(chosen_rows(made).model) == {"vgg11"}


def test_a_runs_name_is_text(tmp_path):
    write_run(tmp_path / "<b>$x_$")
    made = explore_runs(tmp_path / "<b>$x_$")
    made.point.value = made.point.options[1][1]
    assert "<b>" not in made.samples.value
    write_run(tmp_path / "$")
    made = explore_runs(tmp_path)
    made.runs.value = tuple(made.runs.options.values())
    made.canvas.figure.savefig(tmp_path / "figure.png")
    assert any(r"\$x_\$" in label for label in lines(made))


def test_a_broken_run_is_told_and_the_others_are_drawn(made, tmp_path):
    (next((tmp_path / "second" / "records").iterdir())).write_text("{")
    made = explore_runs(tmp_path)
    made.runs.value = tuple(made.runs.options.values())
    assert "not complete JSON" in made.samples.value
    assert (made.runs.value, lines(made)) == ((), {})
    made.runs.value = tuple(made.runs.options.values())[:1]
    assert len(lines(made)) == 2
    with pytest.raises(InputError, match="holds no runs"):
        explore_runs(tmp_path / "first" / "records")


def test_each_axis_is_a_column(made):
    assert set(AXES) <= set(chosen_runs(made).columns)


def blocked(folder):
    """A folder that makes `import torch` fail, and every runtime's, as on a laptop that has none."""
    folder.mkdir()
    for name in ("torch", "onnxruntime", "openvino", "torchvision"):
        (folder / f"{name}.py").write_text(f"raise ImportError('no {name} here')")
    return folder


def place(folder):
    """The notebook, and a run in a folder beside it."""
    text = (ROOT / "notebooks" / "explore.ipynb").read_text(encoding="utf-8")
    assert '\\"../outputs\\"' in text
    (folder / "explore.ipynb").write_text(text.replace("../outputs", "runs"), encoding="utf-8")
    write_run(folder / "runs" / "here", 3.0)


def test_the_notebook_runs_without_torch(tmp_path, monkeypatch):
    place(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{blocked(tmp_path / 'blocked')}:{ROOT}")
    check = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, text=True)
    assert "no torch here" in check.stderr
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "papermill", "explore.ipynb", "out.ipynb", "-k", "python3"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    outputs = [output for cell in json.loads((tmp_path / "out.ipynb").read_text())["cells"]
               for output in cell.get("outputs", [])]  # fmt: skip
    assert [output["output_type"] for output in outputs] == ["execute_result"]
    assert "application/vnd.jupyter.widget-view+json" in outputs[0]["data"]


WHERE = """
import json
(axes,) = explorer.canvas.figure.axes
(line,) = [line for line in axes.lines if line.get_xdata().max() == 9.6]
x, y = axes.transData.transform(line.get_xydata()[-1])
print(json.dumps([x, explorer.canvas.figure.bbox.height - y]))
"""


@NEEDS_CHROMIUM
def test_in_a_real_jupyterlab_a_choice_redraws_and_a_click_shows_the_calls(tmp_path):
    place(tmp_path)
    with lab(tmp_path, [blocked(tmp_path / "blocked")]) as address, notebook(address, "explore.ipynb") as tab:
        canvas = tab.locator(".jupyter-matplotlib canvas").first
        canvas.wait_for()
        before = settled(canvas)
        tab.get_by_label("Ось X", exact=True).select_option("Время/батч (мс)")
        assert settled(canvas, unlike=before) != before
        x, y = added(tab, WHERE)
        canvas.click(position={"x": x, "y": y}, force=True)  # on what lies over it
        tab.get_by_role("heading", name="ONNX Runtime fp32, 448×448, батч 8 · here").wait_for()
        assert "Время/батч 9,60 мс" in tab.locator(".jp-OutputArea p", has_text="Время/батч").inner_text()
        picture = tab.locator(".jp-OutputArea figure img")
        assert picture.evaluate("image => image.naturalWidth") > 0
        point = tab.get_by_label("Точка").evaluate("list => list.selectedOptions[0].label")
        assert point.replace(NBSP, " ") == "ONNX Runtime fp32, 448×448, батч 8 · here"
        assert tab.locator(".jp-RenderedText[data-mime-type*=stderr]").count() == 0


def settled(canvas, unlike=None):
    """The canvas as a picture, once it stays the same (and is no longer `unlike`)."""
    last = None
    for _ in range(60):
        shown = canvas.screenshot()
        if shown == last != unlike:
            return shown
        last = shown
        canvas.page.wait_for_timeout(250)
    raise AssertionError("the canvas did not settle")


def added(tab, source):
    """Add a cell below, run it, and read what it prints as JSON."""
    cells = tab.locator(".jp-CodeCell .cm-content")
    count = cells.count()
    tab.locator(".jp-Notebook-footer").click()
    cells.nth(count).click()
    tab.keyboard.insert_text(source.strip())
    tab.keyboard.press("Shift+Enter")
    printed = tab.locator(".jp-RenderedText pre", has_text="[")
    printed.wait_for()
    return json.loads(printed.inner_text())
