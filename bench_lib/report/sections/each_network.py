"""The section on each network by itself: the fastest at each precision, and the speedup of each approach."""

import pandas as pd
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import BASELINE_NAME, PLACE, is_baseline, main_names
from bench_lib.analysis.networks import Contest, Row, contests, rivals
from bench_lib.analysis.spread import NOT_KNOWN
from bench_lib.report.marks import mark_sign, sign_meaning
from bench_lib.report.networks_plot import networks_figure
from bench_lib.report.phrases import appendix, bullets, heading, place_title
from bench_lib.report.report import Report
from bench_lib.report.spread_words import mark_notes
from bench_lib.report.tables import KINDS, SPREAD_MARKS, speedup_text, styled
from bench_lib.text.language import NBSP, tr


def show(report: Report) -> None:
    """Display the section: its headings, what the cells mean, the tables, and the figure."""
    display(
        heading("### The fastest for each network"),
        cells_text(report),
        *[fastest_table(report, size, batch) for size, batch in places(report)],
        heading("### Speedups by network"),
        networks_figure(report),
        *[speedups_table(report, size, batch) for size, batch in places(report)],
    )


def places(report: Report) -> list[tuple[int, int]]:
    """The image sizes and batch sizes of the run's cases, in their order."""
    return [(int(size), int(batch)) for size, batch in report.cases.groupby(PLACE[1:]).groups]


def cells_text(report: Report) -> Markdown:
    """What the signs in the tables' cells mean."""
    return bullets([
        tr(
            "For each precision: the fastest, and its speedup over {baseline}, of the same network at the same image "
            "and batch size. A dash means that nothing was measured; reasons: {where}.",
            baseline=BASELINE_NAME, where=appendix("absent"),
        ),
        tr(
            "**≈** stands before the runtime that the data do not tell from the one named first, or before “…” for "
            "several: any of them may be the fastest."
        ),
        tr("**?:** whether this is faster or slower than {baseline} is not decided.", baseline=BASELINE_NAME),
        *mark_notes(report.measured.verdict_from),
    ])  # fmt: skip


def at_place(cases: pd.DataFrame, size: int, batch: int) -> pd.DataFrame:
    """The rows of one image size and batch size."""
    return cases[(cases.image_size == size) & (cases.batch_size == batch)]


def fastest_table(report: Report, size: int, batch: int) -> Styler:
    """A row for each network: its time in PyTorch fp32, and at each precision the fastest with its speedup."""
    here = at_place(report.measured, size, batch)
    table = networks_column(report, size, batch)
    table["latency_ms"] = table.model.map(here[is_baseline(here)].set_index("model").latency_ms)
    headings = {"network": tr("Network"), "latency_ms": tr("{name} (ms)", name=BASELINE_NAME)}
    for precision in report.grid.precisions:
        counted = rivals(here)
        found = {contest.model: contest for contest in contests(counted[counted.precision == precision])}
        headings |= {
            f"fastest_{precision}": tr("{precision}: fastest", precision=precision),
            f"gain_{precision}": tr("{precision}: speedup", precision=precision),
        }
        for key, text in (("fastest", leaders_text), ("gain", gain_text)):
            table[f"{key}_{precision}"] = [text(found[name]) if name in found else "—" for name in table.model]
    caption = tr("{place}: the fastest of each precision", place=place_title(size, batch, report.grid))
    kinds = ["" if name in set(here.model) else "absent" for name in table.model]
    shown = styled(table[list(headings)], headings, f"{caption}{sign_meaning(here)}", kinds)
    return shown.set_table_styles(KINDS, overwrite=False)


def networks_column(report: Report, size: int, batch: int) -> pd.DataFrame:
    """The networks of one image size and batch size in the grid's order: columns `model` and `network`."""
    return at_place(report.cases, size, batch)[["model", "network"]].drop_duplicates().reset_index(drop=True)


def leaders_text(contest: Contest) -> str:
    """The label of the one with the least time, and of the one that the data do not tell from it; “…” for several."""
    first, *others = [row["label"] for row in contest.leaders]
    if not others:
        return first
    return f"{first}{NBSP}≈ {others[0] if len(others) == 1 else '…'}"


def gain_text(contest: Contest) -> str:
    """The speedup of the row with the least time, with its marks."""
    return decided_text(contest.leaders[0])


def decided_text(row: Row) -> str:
    """A row's speedup, with the marks of what its verdict rests on, of an open verdict, and of its samples."""
    source = SPREAD_MARKS.get(row["verdict_from"], "")
    is_open = row["verdict"] == "undecided" and row["verdict_from"] not in NOT_KNOWN
    return f"{speedup_text(row['speedup'])}{source}{f'{NBSP}?' if is_open else ''}{mark_sign(row)}"


def speedups_table(report: Report, size: int, batch: int) -> Styler:
    """A row for each network, a column for each approach: its speedup over PyTorch fp32; a dash where there is none."""
    here = at_place(main_names(report.measured), size, batch)
    table = networks_column(report, size, batch)
    headings = {"network": tr("Network")}
    for name, rows in here[~is_baseline(here)].groupby("name", sort=False):
        texts = {row["model"]: decided_text(row) for row in rows.to_dict("records")}
        table[name] = [texts.get(model, "—") for model in table.model]
        headings[name] = name
    caption = tr(
        "{place}: speedup over {baseline}", place=place_title(size, batch, report.grid), baseline=BASELINE_NAME
    )
    return styled(table[list(headings)], headings, f"{caption}{sign_meaning(here)}")
