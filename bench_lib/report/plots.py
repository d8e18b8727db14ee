"""What all figures share: their style, legends and texts, and how a figure is put into the page and into files."""

import base64
import html
import io
import itertools
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench_lib.report import matplotlib_alone  # noqa: F401  # isort: skip  # before all that imports Matplotlib

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import HTML
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench_lib.analysis.case_table import CaseTable, main_names
from bench_lib.core.case import LABELS
from bench_lib.core.files import write_bytes
from bench_lib.core.record import Record
from bench_lib.report.marks import marked_title, marks_among
from bench_lib.text.language import number, tr

STYLE = {
    "font.sans-serif": ["DejaVu Sans"], "svg.fonttype": "path", "svg.hashsalt": "report", "axes.grid": True,
    "text.parse_math": False, "text.usetex": False,  # a name with $ is no formula
}  # fmt: skip

MOST_PANELS = 6  # more would be too small to read
MOST_TICKS = 9
HEAVY_BYTES = 200_000
LETTERS_AN_INCH, HANDLE = 13, 8  # of a legend: letters per inch, and the width of a line's sample in letters
MOST_MARKS = 12  # of a line; more would hide each other, and typesetting them takes longer than all else


@dataclass(frozen=True)
class Line:
    """How a name is drawn in every figure: an engine has its colour, a precision its marker and dashes.

    The marker of a variant is hollow.
    """

    colour: tuple[float, float, float]
    marker: str
    dashes: str
    is_variant: bool = False

    @property
    def style(self) -> dict:
        """As Matplotlib's keyword arguments."""
        hollow = {"markerfacecolor": "white"} if self.is_variant else {}
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, "markersize": 6, **hollow}


def line_styles(cases: pd.DataFrame) -> dict[str, Line]:
    """The line of each name in `cases`, in colours that the colour-blind can tell apart too.

    An engine has the same colour in every figure, whatever else is drawn there.
    """
    engines, precisions = list(dict.fromkeys([*LABELS, *cases.engine])), list(dict.fromkeys(cases.precision_label))
    colours = sns.color_palette("colorblind", max(10, len(engines)))
    markers, dashes = itertools.cycle("osD^vPX*"), itertools.cycle(["-", "--", ":", "-."])
    marks = {precision: (next(markers), next(dashes)) for precision in precisions}
    return {
        row.name: Line(tuple(colours[engines.index(row.engine)]), *marks[row.precision_label], row.variant != "")
        for row in cases[["name", "engine", "variant", "precision_label"]].drop_duplicates().itertuples(index=False)
    }


def drawn_cases(report: CaseTable) -> tuple[pd.DataFrame, str]:
    """The measured cases that figures show, and a note for the caption on what they leave out and on marked rows."""
    table = main_names(report.measured)
    left_out = table["name"].nunique() < report.measured["name"].nunique()
    notes = [tr("Of the variants, the best of each runtime and precision is shown")] if left_out else []
    marks = marks_among(table).removesuffix(".")
    return table, "".join(f". {note}" for note in [*notes, marks] if note)


def mark_decades(axis: Axis) -> None:
    """Write numbers at 1, 2 and 5 of each power of ten of a logarithmic axis, and nothing between."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0 if value >= 1 else 2)))


def draw_legend(figure: Figure, panels: Iterable[plt.Axes]) -> None:
    """One legend under the figure for the lines of all panels, each once, in as many columns as there is room for."""
    found = {}
    for axes in panels:
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    names = sorted(found)
    room = figure.get_figwidth() * LETTERS_AN_INCH / (HANDLE + max(map(len, names)))
    figure.legend([found[name] for name in names], names, loc="outside lower center",
                  ncols=max(1, min(3, len(names), int(room))), frameon=False)  # fmt: skip


def marked_every(points: int) -> int:
    """The distance between the marked points of a line (2: every second), so that at most `MOST_MARKS` are marked."""
    return -(-points // MOST_MARKS)


def alternative_text(table: pd.DataFrame, x: str, caption: str) -> str:
    """The text that replaces the picture: the highest FPS of each line at its least and at its largest `x`."""
    parts = []
    for name, rows in table.groupby("name"):
        ends = rows.groupby(x).fps.max()
        first, last = ends.index[0], ends.index[-1]
        fields = {"first": first, "last": last, "at_first": number(ends[first]), "at_last": number(ends[last])}
        parts.append(tr("{name}: {at_first} at {first}, {at_last} at {last}", name=name, **fields))
    return tr("{caption}. The highest FPS: {values}.", caption=caption, values="; ".join(parts))


def speedups_alternative(table: pd.DataFrame, caption: str) -> str:
    """The text that replaces a picture of speedups: the largest and the smallest."""
    most, least = table.loc[table.speedup.idxmax()], table.loc[table.speedup.idxmin()]
    return tr(
        "{caption}. The largest is {most}×: {best}; the smallest is {least}×: {worst}.", caption=caption,
        most=number(most.speedup, 2), best=marked_title(most),
        least=number(least.speedup, 2), worst=marked_title(least),
    )  # fmt: skip


def samples_figure(*records: Record) -> HTML:
    """Every latency sample of one case's records, in the order measured, each process in its colour."""
    series = [record.timing.latency_ms for record in records if record.timing]
    if not series:
        return HTML(f"<p>{tr('There are no measurements.')}</p>")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
        starts = itertools.accumulate(map(len, series), initial=1)
        for start, values in zip(starts, series, strict=False):
            axes.plot(range(start, start + len(values)), values, ".", markersize=4)
        axes.set(xlabel=tr("Call number"), ylabel=tr("Latency (ms)"))
        every = list(itertools.chain(*series))
        axes.set_ylim(0, 1.1 * max(every))
    one = len(series) == 1
    caption = tr("Latency of each call") if one else tr("Latency of each call; each colour is a process")
    alt = tr(
        "Latency of each call: at least {least}{nbsp}ms, at most {most}{nbsp}ms.",
        least=number(min(every)), most=number(max(every)),
    )  # fmt: skip
    return figure_html(figure, caption, alt)


def figure_html(figure: Figure, caption: str, alt: str, png: str | Path | None = None) -> HTML:
    """The figure as SVG inside HTML, with a caption and `alt`, the text that replaces it. It is closed.

    With a path it is also saved there as PNG, and beside it, under the same name, as SVG. Where the SVG is larger than
    `HEAVY_BYTES`, the page holds the PNG instead, since a PDF would take long to draw the SVG.
    """
    svg = picture(figure, format="svg", metadata={"Date": None, "Title": caption, "Description": alt})
    kind, shown = "svg+xml", svg
    if png is not None:
        raster = picture(figure, format="png", dpi=150, metadata={"Software": None})
        write_bytes(Path(png), raster)
        write_bytes(Path(png).with_suffix(".svg"), svg)
        if len(svg) > HEAVY_BYTES:
            kind, shown = "png", raster
    plt.close(figure)
    data = base64.b64encode(shown).decode()
    return HTML(
        f'<figure><img alt="{html.escape(alt)}" src="data:image/{kind};base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def picture(figure: Figure, **given) -> bytes:
    """The figure as a file's bytes, in `STYLE`, whose salt makes its ids, and so the report, the same each time.

    `given` goes to Matplotlib's `savefig`.
    """
    buffer = io.BytesIO()
    with plt.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a sign that the font lacks is drawn as a box
        figure.savefig(buffer, **given)
    return buffer.getvalue()
