"""Runs to play with in JupyterLab: choose what is drawn, and click a point to see the calls that it is made of."""

import functools
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from bench_lib import clickable, columns, plots
from bench_lib.faults import InputError
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import at
from bench_lib.records import Record
from bench_lib.summary import Summary, all_repeats
from bench_lib.tables import COLUMNS
from bench_lib.words import number, quoted, span

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
    "error": mark("Largest relative error"),
    "roofline": mark("Share of ceiling"),
}
FILTERS = {
    "name": (mark("Variants"), "20rem"), "image_size": (mark("Sizes"), "10rem"),
    "batch_size": (mark("Batches"), "10rem"),
}  # fmt: skip
UNCHOSEN = mark("click a point in the plot or choose it here")


@dataclass(frozen=True)
class Explorer:
    """The widgets of explore.ipynb: their values are all the state there is.

    `filters` choose rows, by column. A value of `runs` is a folder; that of `point` is a row's index in `chosen`, the
    run's name and the case's id, or "".
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
        """As Jupyter shows it: the choices above the plot, the clicked point's calls below."""
        rows = [
            [self.runs, *self.filters.values()],
            [self.x, self.log_x, self.y, self.log_y], [self.canvas], [self.point], [self.samples],
        ]  # fmt: skip
        wrap = widgets.Layout(flex_flow="row wrap")
        return widgets.VBox([widgets.HBox(row, layout=wrap) for row in rows])._repr_mimebundle_(**options)


def explore(folder: str | Path) -> Explorer:
    """Widgets over the runs in `folder` (or over the one run that it is), which draw at once what is chosen.

    Raise `InputError` if there is no run.
    """
    paths = [Path(folder), *sorted(Path(folder).glob("*/"))]
    runs = {path.resolve().name: path for path in paths if (path / "grid.json").is_file()}
    if not runs:
        raise InputError(f"{folder}: holds no runs; give the folder where `bench sweep` writes them")
    read.cache_clear()  # what was measured since is seen
    canvas = clickable.new_canvas()
    made = Explorer(
        runs=several(tr("Runs"), "16rem", runs),
        filters={name: several(tr(words), width) for name, (words, width) in FILTERS.items()},
        x=one(tr("X axis"), "batch_size"), y=one(tr("Y axis"), "fps"),
        log_x=scale(tr("X axis: logarithmic")), log_y=scale(tr("Y axis: logarithmic")),
        point=widgets.Dropdown(description=tr("Point"), options=[(tr(UNCHOSEN), "")], layout={"width": "42rem"}),
        canvas=canvas, samples=widgets.HTML(),
    )  # fmt: skip
    made.runs.observe(lambda _: offer(made), "value")
    for widget in (*made.filters.values(), made.x, made.y, made.log_x, made.log_y):
        widget.observe(lambda _: draw(made), "value")
    for react in (draw, show):
        made.point.observe(lambda _, react=react: react(made), "value")
    canvas.mpl_connect("button_press_event", lambda event: click(made, event))
    made.runs.value = tuple(runs.values())[:1]
    return made


def several(words: str, width: str, options: dict | tuple = ()) -> widgets.SelectMultiple:
    """A list to choose any number from."""
    return widgets.SelectMultiple(description=words, options=options, rows=8, layout={"width": width})


def one(words: str, value: str) -> widgets.Dropdown:
    """A list of `AXES` to choose one from."""
    return widgets.Dropdown(description=words, options={tr(text): name for name, text in AXES.items()}, value=value)


def scale(words: str) -> widgets.Checkbox:
    """Whether an axis is logarithmic."""
    return widgets.Checkbox(description=words, indent=False, layout={"width": "11rem"})


@functools.cache  # a run's records are never rewritten
def read(folder: Path) -> tuple[pd.DataFrame, dict[str, list[Record]]]:
    """A run's measured cases, indexed by its name and their ids, and their records by id."""
    report = Summary.read(folder)
    records = all_repeats([record for record in report.records if record.status == "ok"])
    run = folder.resolve().name
    return report.measured.assign(run=run).set_index(["run", "case"], drop=False).rename_axis([None, None]), records


def whole(made: Explorer) -> pd.DataFrame:
    """The measured cases of the chosen runs."""
    if not made.runs.value:
        return pd.DataFrame(columns=[*columns.COLUMNS, "run"])
    return pd.concat([read(folder)[0] for folder in made.runs.value])


def offer(made: Explorer) -> None:
    """Offer, and choose, all that the chosen runs have measured; leave runs that cannot be read, and say why."""
    try:
        table = whole(made)
    except InputError as error:
        made.runs.value = ()
        made.samples.value = f'<p role="alert">{quoted(str(error))}</p>'
        return
    for column, widget in made.filters.items():
        options = sorted(table[column].unique().tolist())
        widget.options, widget.value = options, options
    draw(made)  # although the choice may be the same as before


def chosen(made: Explorer) -> pd.DataFrame:
    """The rows to draw: of the chosen runs, variants and sizes, those that have both figures."""
    table = whole(made)
    for column, widget in made.filters.items():
        table = table[table[column].isin(widget.value)]
    return table.dropna(subset=[made.x.value, made.y.value])


def draw(made: Explorer) -> None:
    """Draw the chosen rows, a ring around the chosen point, and offer the rows as points, for the keyboard too."""
    table, figure, x, y = chosen(made), made.canvas.figure, made.x.value, made.y.value
    figure.clear()
    axes = figure.subplots()
    axes.grid(alpha=0.4)
    axes.set(xlabel=tr(AXES[x]), ylabel=tr(AXES[y]))
    axes.set_xscale("log" if made.log_x.value else "linear")
    axes.set_yscale("log" if made.log_y.value else "linear")
    clickable.draw_lines(axes, table, x, y, plots.styles(whole(made)))
    if made.point.value in table.index:
        ring = table.loc[[made.point.value]]
        axes.plot(ring[x], ring[y], "o", color="black", fillstyle="none", markersize=16)
    clickable.name_lines(axes)
    points = ((title(row), index) for index, row in table.iterrows())
    options = ((tr(UNCHOSEN), ""), *points)
    if made.point.options != options:
        made.point.options = options
    made.canvas.draw_idle()


def title(row: pd.Series) -> str:
    """A case and its run in words."""
    return f"{at(row)} · {row.run}"


def click(made: Explorer, event) -> None:
    """Choose the point that was clicked, if there is one."""
    table = chosen(made)
    clicked = clickable.nearest(event, table[[made.x.value, made.y.value]])
    if clicked is not None:
        made.point.value = table.index[clicked]


def show(made: Explorer) -> None:
    """Show every call of the chosen point, as its records hold them."""
    if not made.point.value:
        made.samples.value = ""
        return
    run, case = made.point.value
    tables = {folder.resolve().name: read(folder) for folder in made.runs.value}
    row, records = tables[run][0].loc[made.point.value], tables[run][1][case]
    calls = sum(len(record.timing.latency_ms) for record in records)
    words = [
        tr("Time/batch {value}{nbsp}ms (95%: {interval})",
           value=number(row.latency_ms), interval=span(row.latency_low, row.latency_high)),
        tr("FPS {value} (95%: {interval})", value=number(row.fps), interval=span(row.fps_low, row.fps_high)),
        f"{tr_n('{n}{nbsp}call', '{n}{nbsp}calls', calls)}, "
        f"{tr_n('{n}{nbsp}process', '{n}{nbsp}processes', len(records))}",
    ]  # fmt: skip
    made.samples.value = f"<h3>{quoted(title(row))}</h3><p>{'; '.join(words)}.</p>{plots.samples(*records).data}"
