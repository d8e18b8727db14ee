"""The section on the original report's own rows, beside the same cases measured here."""

import pandas as pd
from IPython.display import display
from pandas.io.formats.style import Styler

from bench_lib.analysis.findings import pick_engine
from bench_lib.core.case import LABELS
from bench_lib.core.files import PROJECT
from bench_lib.report.marks import marks_among
from bench_lib.report.phrases import heading
from bench_lib.report.report import Report
from bench_lib.report.tables import styled
from bench_lib.text.language import tr
from bench_lib.text.numbers import plain

SEED = PROJECT / "outputs" / "seed" / "results.csv"  # as the original report printed them


def show(report: Report) -> None:
    """Display the section: its heading, and the table."""
    display(heading("### Rows of the original report beside the measured ones"), seed_rows(report))


def seed_rows(report: Report) -> Styler:
    """The original report's three rows beside the same cases here; which machine its figures are from is not known."""
    figures = {"latency_ms": tr("Time/batch (ms)"), "fps": tr("FPS"), "speedup": tr("Speedup")}
    rows, found = [], []
    for _, row in pd.read_csv(SEED, dtype=str).iterrows():
        here = pick_engine(report.measured, row.engine, row.precision)
        place = int(row.image_size), int(row.batch_size)
        known = place in here.index
        found.append(here[here.index == place].reset_index())
        rows.append(
            {"label": LABELS[row.engine], "precision": row.precision}
            | dict(zip(("image_size", "batch_size"), place, strict=True))
            | {"latency_ms_seed": plain(float(row.latency_ms)), "fps_seed": row.fps, "speedup_seed": row.speedup}
            | {f"{name}_here": here.loc[place, name] if known else float("nan") for name in figures}
        )
    headings = {
        "label": tr("Optimisation"), "precision": tr("Precision"), "image_size": tr("Size"), "batch_size": tr("Batch"),
        **{f"{name}_seed": tr("{figure}: original report", figure=figure) for name, figure in figures.items()},
        **{f"{name}_here": tr("{figure}: here", figure=figure) for name, figure in figures.items()},
    }  # fmt: skip
    caption = tr(
        "Examples from the original report and the same configurations here. It is not known which machine the "
        "original figures come from"
    )
    marks = marks_among(pd.concat(found))
    return styled(pd.DataFrame(rows), headings, f"{caption}. {marks}" if marks else caption)
