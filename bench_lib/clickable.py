"""The plot of explore.ipynb: a canvas that tells of clicks, the lines on it, and which point a click means."""

import itertools

import ipywidgets as widgets
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure

from bench_lib.language import tr
from bench_lib.plots import Line, legend
from bench_lib.summary import MOST_NAMES

REACH_PX = 12  # a click this far from a point still means it
FILLS = ["full", "left", "right", "top", "bottom"]  # of markers: one a run


def new_canvas() -> widgets.DOMWidget:
    """A canvas with an empty figure that JupyterLab shows and tells clicks of."""
    backend = matplotlib.get_backend(auto_select=False) or "agg"
    from ipympl.backend_nbagg import Canvas, FigureManager  # which makes itself the backend of every figure

    matplotlib.use(backend)
    canvas = Canvas(Figure(figsize=(9, 5), layout="constrained"))
    canvas.header_visible, canvas.footer_visible = False, False
    canvas.toolbar_visible, canvas.toolbar_position = "visible", "bottom"
    FigureManager(canvas, 0)
    return canvas


def draw_lines(axes: Axes, table: pd.DataFrame, x: str, y: str, lines: dict[str, Line]) -> None:
    """A line for each run, variant and image size over its batches (over image sizes: for each batch)."""
    along, held = ("image_size", "batch_size") if x == "image_size" else ("batch_size", "image_size")
    fills = dict(zip(dict.fromkeys(table.run), itertools.cycle(FILLS), strict=False))
    for (run, name, _), rows in table.sort_values(along).groupby(["run", "name", held]):
        label = f"{name} · {run}" if len(fills) > 1 else name
        label = label.replace("$", r"\$")  # no formula
        axes.plot(
            rows[x], rows[y], label=label, fillstyle=fills[run], markerfacecoloralt="lightgrey", **lines[name].style
        )


def name_lines(axes: Axes) -> None:
    """A legend, unless it would take the place of the plot; a click tells whose a point is too."""
    names = set(axes.get_legend_handles_labels()[1])
    if len(names) > MOST_NAMES:
        axes.set_title(tr("Too many lines for a legend: click a point to see whose it is"), fontsize=9)
    elif names:
        legend(axes.figure, [axes])


def nearest(event: MouseEvent, points: pd.DataFrame) -> int | None:
    """The number of the point that was clicked, if one is within `REACH_PX`; the columns of `points` are x and y."""
    if event.inaxes is None or points.empty:
        return None
    pixels = event.inaxes.transData.transform(points.astype(float))
    distances = np.hypot(*(pixels - (event.x, event.y)).T)
    return int(distances.argmin()) if distances.min() <= REACH_PX else None
