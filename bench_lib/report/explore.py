"""explore.ipynb: widgets that choose which runs and cases are drawn, and that show every call of a clicked point."""

import functools
from dataclasses import dataclass
from pathlib import Path

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import ipywidgets as widgets
import pandas as pd
from matplotlib.backend_bases import PickEvent

from bench_lib.analysis import columns
from bench_lib.analysis.case_table import CaseTable, records_by_case
from bench_lib.analysis.marks import marks_of
from bench_lib.core.errors import InputError
from bench_lib.core.record import Record
from bench_lib.report import plots
from bench_lib.report.explore_plot import draw_lines, name_lines, new_canvas, picked_row
from bench_lib.report.marks import mark_list
from bench_lib.report.phrases import row_title
from bench_lib.report.spread_words import source_text
from bench_lib.report.tables import COLUMNS, interval_text
from bench_lib.text.language import mark, number, tr, tr_n
from bench_lib.text.markup import quoted

AXES = {name: COLUMNS[name] for name in ("latency_ms", "per_image_ms", "fps", "speedup", "memory_mib")} | {
    "batch_size": mark("Batch (images)"),
    "image_size": mark("Image side (pixels)"),
    "p99_ms": mark("99th percentile of time/batch (ms)"),
    "spread": mark("Spread of time (share of median)"),
    "enqueue_ms": mark("Enqueueing (ms)"),
    "device_ms": mark("Time on the GPU (ms)"),
    "joules": mark("Energy per image (J)"),
    "import_s": mark("Import (s)"),
    "build_s": mark("Build (s)"),
    "first_ms": mark("First call (ms)"),
    "error": mark("Error of the output"),
    "roofline": mark("Share of ceiling"),
}
FILTERS = {
    "model": (mark("Networks"), "16rem"), "name": (mark("Variants"), "20rem"),
    "image_size": (mark("Sizes"), "10rem"),
    "batch_size": (mark("Batches"), "10rem"),
}  # fmt: skip
UNCHOSEN = mark("click a point in the plot or choose it here")


@dataclass(frozen=True)
class Explorer:
    """The widgets of explore.ipynb. Their values are its whole state.

    `filters` choose rows, by column. A value of `runs` is a folder. The value of `point` is the index of a row of
    `chosen_rows` (the run's name and the case's id), or "" if no point is chosen.
    """

    runs: widgets.SelectMultiple
    filters: dict[str, widgets.SelectMultiple]
    x: widgets.Dropdown
    y: widgets.Dropdown
    log_x: widgets.Checkbox
    log_y: widgets.Checkbox
    point: widgets.Dropdown
    canvas: widgets.DOMWidget
    samples: widgets.HTML

    def _repr_mimebundle_(self, **options) -> dict:
        """What Jupyter shows: the choices above the plot, the clicked point's calls below."""
        rows = [
            [self.runs, *self.filters.values()],
            [self.x, self.log_x, self.y, self.log_y], [self.canvas], [self.point], [self.samples],
        ]  # fmt: skip
        wrap = widgets.Layout(flex_flow="row wrap")
        return widgets.VBox([widgets.HBox(row, layout=wrap) for row in rows])._repr_mimebundle_(**options)


def explore_runs(folder: str | Path) -> Explorer:
    """Widgets over the runs in `folder` (or over `folder` itself if it is a run); what is chosen is drawn at once.

    Raise `InputError` if there is no run.
    """
    paths = [Path(folder), *sorted(Path(folder).glob("*/"))]
    runs = {path.resolve().name: path for path in paths if (path / "grid.json").is_file()}
    if not runs:
        raise InputError(f"{folder}: holds no runs; give the folder where `bench sweep` writes them")
    read_explored.cache_clear()  # so that records measured since are read
    canvas = new_canvas()
    made = Explorer(
        runs=choose_several(tr("Runs"), "16rem", runs),
        filters={name: choose_several(tr(words), width) for name, (words, width) in FILTERS.items()},
        x=choose_one(tr("X axis"), "batch_size"), y=choose_one(tr("Y axis"), "fps"),
        log_x=scale_box(tr("X axis: logarithmic")), log_y=scale_box(tr("Y axis: logarithmic")),
        point=widgets.Dropdown(description=tr("Point"), options=[(tr(UNCHOSEN), "")], layout={"width": "42rem"}),
        canvas=canvas, samples=widgets.HTML(),
    )  # fmt: skip
    made.runs.observe(lambda _: offer_choices(made), "value")
    for widget in (*made.filters.values(), made.x, made.y, made.log_x, made.log_y):
        widget.observe(lambda _: draw_points(made), "value")
    for react in (draw_points, show_calls):
        made.point.observe(lambda _, react=react: react(made), "value")
    canvas.mpl_connect("pick_event", lambda event: choose_picked(made, event))
    made.runs.value = tuple(runs.values())[:1]
    return made


def choose_several(words: str, width: str, options: dict | tuple = ()) -> widgets.SelectMultiple:
    """A list to choose any number of `options` from; `words` is its label."""
    return widgets.SelectMultiple(description=words, options=options, rows=8, layout={"width": width})


def choose_one(words: str, value: str) -> widgets.Dropdown:
    """A list to choose one of `AXES` from; `words` is its label, `value` is chosen at first."""
    return widgets.Dropdown(description=words, options={tr(text): name for name, text in AXES.items()}, value=value)


def scale_box(words: str) -> widgets.Checkbox:
    """A box to tick for a logarithmic axis."""
    return widgets.Checkbox(description=words, indent=False, layout={"width": "11rem"})


@functools.cache  # a run's records are never rewritten
def read_explored(folder: Path) -> tuple[pd.DataFrame, dict[str, list[Record]]]:
    """A run's measured cases, indexed by its name and their ids, and their records by id."""
    report = CaseTable.read(folder)
    records = records_by_case([record for record in report.records if record.status == "ok"])
    run = folder.resolve().name
    return report.measured.assign(run=run).set_index(["run", "case"], drop=False).rename_axis([None, None]), records


def chosen_runs(made: Explorer) -> pd.DataFrame:
    """The measured cases of the chosen runs."""
    if not made.runs.value:
        return pd.DataFrame(columns=[*columns.COLUMNS, "run"])
    return pd.concat([read_explored(folder)[0] for folder in made.runs.value])


def offer_choices(made: Explorer) -> None:
    """Offer, and choose, all that the chosen runs have measured; if one cannot be read, choose none and say why."""
    try:
        table = chosen_runs(made)
    except InputError as error:
        made.runs.value = ()
        made.samples.value = f'<p role="alert">{quoted(str(error))}</p>'
        return
    for column, widget in made.filters.items():
        options = sorted(table[column].unique().tolist())
        widget.options, widget.value = options, options
    draw_points(made)  # although the choice may be the same as before


def chosen_rows(made: Explorer) -> pd.DataFrame:
    """The rows to draw: those of the chosen runs, networks, variants and sizes whose x and y are known."""
    table = chosen_runs(made)
    for column, widget in made.filters.items():
        table = table[table[column].isin(widget.value)]
    return table.dropna(subset=[made.x.value, made.y.value])


def draw_points(made: Explorer) -> None:
    """Draw the chosen rows, a ring around the chosen point, and offer the rows as points, for the keyboard too."""
    table, figure, x, y = chosen_rows(made), made.canvas.figure, made.x.value, made.y.value
    figure.clear()
    axes = figure.subplots()
    axes.grid(alpha=0.4)
    axes.set(xlabel=tr(AXES[x]), ylabel=tr(AXES[y]))
    axes.set_xscale("log" if made.log_x.value else "linear")
    axes.set_yscale("log" if made.log_y.value else "linear")
    draw_lines(axes, table, x, y, plots.line_styles(chosen_runs(made)))
    if made.point.value in table.index:
        ring = table.loc[[made.point.value]]
        axes.plot(ring[x], ring[y], "o", color="black", fillstyle="none", markersize=16)
    name_lines(axes)
    points = ((point_title(row), index) for index, row in table.iterrows())
    options = ((tr(UNCHOSEN), ""), *points)
    if made.point.options != options:
        made.point.options = options
    made.canvas.draw_idle()


def point_title(row: pd.Series) -> str:
    """What a point stands for: its case and its run."""
    return f"{row_title(row)} · {row.run}"


def choose_picked(made: Explorer, event: PickEvent) -> None:
    """Choose the point that was clicked. Turning the wheel over a point picks it as well, and is ignored."""
    if event.mouseevent.name == "button_press_event":
        made.point.value = chosen_rows(made).index[picked_row(event)]


def show_calls(made: Explorer) -> None:
    """Show every call of the chosen point, as its records hold them."""
    if not made.point.value:
        made.samples.value = ""
        return
    run, case = made.point.value
    tables = {folder.resolve().name: read_explored(folder) for folder in made.runs.value}
    row, records = tables[run][0].loc[made.point.value], tables[run][1][case]
    calls = sum(len(record.timing.latency_ms) for record in records)
    words = [
        tr("Time/batch {value}{nbsp}ms (95%: {interval})",
           value=number(row.latency_ms), interval=interval_text(row.latency_low, row.latency_high)),
        tr("FPS {value} (95%: {interval})", value=number(row.fps), interval=interval_text(row.fps_low, row.fps_high)),
        tr("spread between processes: {spread}", spread=source_text(row.spread_from, row.extra_sd)),
        f"{tr_n('{n}{nbsp}call', '{n}{nbsp}calls', calls)}, "
        f"{tr_n('{n}{nbsp}process', '{n}{nbsp}processes', len(records))}",
        *filter(None, [mark_list(marks_of(row))]),
    ]  # fmt: skip
    made.samples.value = (
        f"<h3>{quoted(point_title(row))}</h3><p>{'; '.join(words)}.</p>{plots.samples_figure(*records).data}"
    )
