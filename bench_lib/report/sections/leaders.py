"""The section with the table of leaders: for each image size and batch size the fastest, beside PyTorch fp32."""

import math

import pandas as pd
from IPython.display import HTML, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import PLACE, is_baseline, time_ratio, weakest_source
from bench_lib.core.intervals import RATIO_LEVEL
from bench_lib.report.marks import mark_sign, sign_meaning
from bench_lib.report.phrases import appendix, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.tables import COLUMNS, SPREAD_MARKS, ratio_text, speedup_text, styled
from bench_lib.text.language import tr
from bench_lib.text.lists import spread_out
from bench_lib.text.numbers import scientific

MOST_ROWS = 12


def show(report: Report) -> None:
    """Display the table."""
    display(leaders_table(report))


def leaders_table(report: Report) -> Styler | HTML:
    """The fastest at each size and batch: its latency, throughput, speedup with the interval, deviation and memory."""
    cases = report.measured
    if cases.empty:
        return HTML(f"<p>{tr('No configuration was measured; reasons: {where}.', where=appendix('absent'))}</p>")
    places = [rows for _, rows in cases.groupby(PLACE)]
    shown = spread_out(places, MOST_ROWS)
    rows = [leader_row(rows) for rows in shown]
    headings = {
        "place": tr("Size, batch"), "fastest": tr("Fastest"), "latency_ms": tr(COLUMNS["latency_ms"]),
        "fps": tr(COLUMNS["fps"]), "usual_ms": tr("PyTorch fp32 (ms)"), "speedup": tr(COLUMNS["speedup"]),
        "interval": tr("{level} CI", level=whole_percent(RATIO_LEVEL)), "speedup_tf32": tr(COLUMNS["speedup_tf32"]),
        "error": tr("Deviation"), "memory_mib": tr(COLUMNS["memory_mib"]),
    }  # fmt: skip
    table = pd.DataFrame(rows)
    if cases.speedup_tf32.isna().all():
        table, headings = table.drop(columns="speedup_tf32"), {k: v for k, v in headings.items() if k != "speedup_tf32"}
    return styled(table, headings, caption_of(cases, len(shown), len(places)))


def leader_row(rows: pd.DataFrame) -> dict[str, object]:
    """The row of one size and batch, whose measured cases are `rows`."""
    best = rows.loc[rows.latency_ms.idxmin()]
    usual = rows[is_baseline(rows)]
    ties = int(rows.leads.sum()) - 1
    name = f"{best['name']}{mark_sign(best)}"
    return {
        "place": f"{best.image_size}×{best.image_size}, {best.batch_size}",
        "fastest": tr("{name} ≈ {n} more", name=name, n=ties) if ties else name,
        "latency_ms": best.latency_ms,
        "fps": best.fps,
        "usual_ms": usual.latency_ms.iloc[0] if len(usual) else math.nan,
        "speedup": speedup_text(best.speedup),
        "interval": bounds_text(best, usual),
        "speedup_tf32": speedup_text(best.speedup_tf32),
        "error": "—" if pd.isna(best.error) else scientific(best.error),
        "memory_mib": best.memory_mib,
    }


def bounds_text(best: pd.Series, usual: pd.DataFrame) -> str:
    """The interval of the speedup, with the sign of what it rests on; a dash where there is none."""
    if usual.empty or usual.case.iloc[0] == best.case:
        return "—"
    gain, sign = time_ratio(best, usual.iloc[0]).inverse, SPREAD_MARKS.get(weakest_source(best, usual.iloc[0]), "")
    return f"{ratio_text(gain.low, gain.high)}{sign}"


def caption_of(cases: pd.DataFrame, shown: int, places: int) -> str:
    """What the table shows, how much of it, what its signs say, and where all rows are."""
    parts = [tr("The fastest at each image size and batch; all configurations: {where}", where=appendix("rows"))]
    if shown < places:
        parts.append(tr("shown are {shown} of {all}, evenly chosen", shown=shown, all=places))
    if ((cases[cases.leads].groupby(PLACE).size()) > 1).any():
        parts.append(tr("“≈ 1 more”: so many others are not told apart from it"))
    return "; ".join(parts) + sign_meaning(cases[cases.leads])
