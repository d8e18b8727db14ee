"""The plot of explore.ipynb: a canvas that reports clicks, the lines on it, and which point a click means."""

import itertools

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import ipywidgets as widgets
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backend_bases import PickEvent
from matplotlib.figure import Figure

from bench_lib.analysis.case_table import MOST_NAMES
from bench_lib.report.plots import Line, draw_legend
from bench_lib.text.language import tr

REACH_PX = 8  # a click this far from a point's marker still means the point
FILLS = ["full", "left", "right", "top", "bottom"]  # of markers: one for each run


def new_canvas() -> widgets.DOMWidget:
    """A canvas with an empty figure, which JupyterLab shows and which reports clicks."""
    backend = matplotlib.get_backend(auto_select=False) or "agg"
    from ipympl.backend_nbagg import Canvas, FigureManager  # its import makes it the backend of all figures

    matplotlib.use(backend)
    canvas = Canvas(Figure(figsize=(9, 5), layout="constrained"))
    canvas.header_visible, canvas.footer_visible = False, False
    canvas.toolbar_visible, canvas.toolbar_position = "visible", "bottom"
    FigureManager(canvas, 0)
    return canvas


def draw_lines(axes: Axes, table: pd.DataFrame, x: str, y: str, lines: dict[str, Line]) -> None:
    """Draw `y` over `x`: a line for each run, network, approach and image size, whose points are its batch sizes.

    If `x` is the image size, there is a line for each batch size instead, whose points are the image sizes. `x` and `y`
    are columns of the table, `lines` hold the style of each name. All points can be picked.
    """
    along, held = ("image_size", "batch_size") if x == "image_size" else ("batch_size", "image_size")
    fills = dict(zip(dict.fromkeys(table.run), itertools.cycle(FILLS), strict=False))
    for (run, model, name, _), rows in table.sort_values(along).groupby(["run", "model", "name", held]):
        label = f"{name} · {run}" if len(fills) > 1 else name
        label = f"{model}: {label}" if table.model.nunique() > 1 else label
        label = label.replace("$", r"\$")  # not a formula
        axes.plot(
            rows[x], rows[y], label=label, fillstyle=fills[run], markerfacecoloralt="lightgrey", **lines[name].style
        )
    axes.scatter(table[x], table[y], alpha=0, picker=True, pickradius=REACH_PX)  # a line is also picked between points


def picked_row(event: PickEvent) -> int:
    """The number of the table's row whose point was clicked; of several within reach, of the nearest."""
    points = event.artist.get_offset_transform().transform(event.artist.get_offsets()[event.ind])
    distances = np.hypot(*(points - (event.mouseevent.x, event.mouseevent.y)).T)
    return int(event.ind[distances.argmin()])


def name_lines(axes: Axes) -> None:
    """Draw a legend or, if it would fill the plot, say in the title that a click shows whose a point is."""
    names = set(axes.get_legend_handles_labels()[1])
    if len(names) > MOST_NAMES:
        axes.set_title(tr("Too many lines for a legend: click a point to see whose it is"), fontsize=9)
    elif names:
        draw_legend(axes.figure, [axes])
