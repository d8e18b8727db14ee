"""The first screen of a run of several networks, and how fast each approach is over all of them."""

import math
from collections.abc import Collection, Sequence

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import BASELINE_NAME, PLACE, STATUS, VERDICTS, is_baseline
from bench_lib.analysis.networks import Gain, Row, contests, gains, tied, wins
from bench_lib.core.intervals import RATIO_LEVEL
from bench_lib.report.abstract_words import summary_html, sureness_sentence, what_and_where
from bench_lib.report.marks import marks_among
from bench_lib.report.phrases import appendix, bullets, few, heading, networks_title, place_title, whole_percent
from bench_lib.report.report import Report
from bench_lib.report.tables import SPREAD_MARKS, in_words, ratio_text, speedup_text, styled
from bench_lib.text.language import mark, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted

MOST_NETWORKS = 4  # named in an item of the first screen
OUTCOMES = {  # of a mean; what is faster needs no word
    "faster": mark("{name} {mean} ({level}: {interval}; {count})"),
    "slower": mark("{name} {mean} ({level}: {interval}; {count}): slower"),
    "same": mark("{name} {mean} ({level}: {interval}; {count}): the same speed"),
    "undecided": mark("{name} {mean} ({level}: {interval}; {count}): not decided"),
}


def show(report: Report) -> None:
    """Display the section: the report's title, the answer in short, and the first chapter with its averages."""
    display(
        heading("# Inference speed of several networks"),
        abstract_html(report),
        heading("## 1. Comparison of networks"),
        heading("### On average over the networks"),
        averages_text(report),
        averages_table(report),
    )


def abstract_html(report: Report) -> HTML:
    """The answer in short: what was measured, who is fastest how often and by how much, what failed, how sure it is."""
    cases = report.measured
    lines = [what_and_where(report, networks_title(report.grid))]
    if cases.empty:
        lines.append(tr("<b>No answer:</b> no configuration was measured; reasons: {where}.", where=appendix("absent")))
    else:
        lines += few([place_answer(rows, report) for _, rows in cases.groupby(PLACE[1:])])
        if marks := marks_among(cases[cases.leads | is_baseline(cases)]):
            lines.append(marks)
        lines.append(tr("<b>How sure this is.</b> {sureness}", sureness=sureness_sentence(report)))
    if absent := absent_approaches(report):
        lines.append(tr("<b>No result:</b> {absent}.", absent="; ".join(absent)))
    return summary_html(lines)


def place_answer(rows: pd.DataFrame, report: Report) -> str:
    """For the rows of one image size and batch size: who is fastest how often, and the mean speedup by precision."""
    size, batch = rows[PLACE[1:]].iloc[0]
    words = (wins_sentence(rows), *means_sentences(gains(rows), len(report.grid.networks)))
    return f"<b>{place_title(size, batch, report.grid)}.</b> {' '.join(filter(None, words))}"


def wins_sentence(rows: pd.DataFrame) -> str:
    """For how many networks each approach is certainly the fastest, and for how many that is not decided."""
    found = [contest for contest in contests(rows) if contest.measured > 1]
    if not found:
        return tr("There is nothing to compare: only {names} gave figures.", names=listed(sorted(set(rows["name"]))))
    parts = [f"{approach.name} — {count}" for approach, count in wins(found).items()]
    sentences = []
    if parts:
        sentences.append(tr_n(
            "Certainly the fastest, of {n}{nbsp}network: {parts}.",
            "Certainly the fastest, of {n}{nbsp}networks: {parts}.",
            len(found), parts=", ".join(parts),
        ))  # fmt: skip
    if count := tied(found):
        sentences.append(tr_n(
            "For {count} of {n}{nbsp}network the data do not tell the fastest apart from those next to it.",
            "For {count} of {n}{nbsp}networks the data do not tell the fastest apart from those next to it.",
            len(found), count=count,
        ))  # fmt: skip
    return " ".join(sentences)


def means_sentences(found: Sequence[Gain], total: int) -> list[str]:
    """The largest mean speedup of each precision asked for, with its interval; nothing where there is none.

    An approach that ran fewer than half of the networks, `total`, is left out and named: its mean is over a few.
    """
    best: dict[str, Gain] = {}
    others = [gain for gain in found if gain.verdict]  # all but the baseline itself
    rare = [gain for gain in others if 2 * (gain.networks + gain.left_out) < total]
    for gain in others:
        if 2 * (gain.networks + gain.left_out) >= total:
            best.setdefault(gain.approach.precision, gain)  # they come from the largest on
    sentences = []
    if best:
        sentences.append(tr(
            "The largest speedup over {baseline} of each precision, as the geometric mean over the networks: {means}.",
            baseline=BASELINE_NAME, means="; ".join(map(mean_words, best.values())),
        ))  # fmt: skip
    if rare:
        names = listed([gain.approach.name for gain in rare])
        sentences.append(tr("Left out are those that ran fewer than half of the networks: {names}.", names=names))
    return [*sentences, *basis_sentences(best.values())]


def basis_sentences(found: Collection[Gain]) -> list[str]:
    """How many speedups behind these means decide nothing by themselves, and how many are left out."""
    total, lone, left_out = (sum(getattr(gain, name) for gain in found) for name in ("networks", "lone", "left_out"))
    sentences = []
    if lone and all(gain.sound for gain in found):
        sentences.append(tr(
            "Of the {total} speedups behind these means, {count} decide nothing by themselves, since the host sets the "
            "pace and one process measured each; how much processes differ is in the interval over the networks.",
            total=total, count=lone,
        ))  # fmt: skip
    if left_out:
        sentences.append(tr(
            "Left out of these means are {count} of {total} speedups, as others computed or were measured beside them.",
            total=total + left_out, count=left_out,
        ))  # fmt: skip
    return sentences


def mean_words(gain: Gain) -> str:
    """A mean speedup with its interval, how many networks it is over, and its verdict unless that is faster."""
    return tr(
        OUTCOMES[gain.verdict], name=gain.approach.name, mean=speedup_text(gain.mean.value),
        level=whole_percent(RATIO_LEVEL), interval=interval_words(gain),
        count=tr_n("{n}{nbsp}network", "{n}{nbsp}networks", gain.networks),
    )  # fmt: skip


def interval_words(gain: Gain) -> str:
    """The ends of a mean's interval; a dash where it is that of PyTorch fp32 itself, or of one network alone."""
    return ratio_text(gain.mean.low, gain.mean.high) if gain.verdict and gain.mean.high < math.inf else "—"


def absent_approaches(report: Report) -> list[str]:
    """Approaches without a figure for some network, which networks these are and, where it is the same for all, why."""
    absent = report.cases[report.cases.status != "ok"]
    precisions: dict[tuple[str, str], list[str]] = {}
    for (label, precision), rows in absent.groupby(["label", "precision"], sort=False):
        precisions.setdefault((label, absence_words(rows, len(report.grid.networks))), []).append(precision)
    return [f"{label} {listed(without)} — {words}" for (label, words), without in precisions.items()]


def absence_words(rows: pd.DataFrame, total: int) -> str:
    """The networks, of `total`, without a figure in these rows of one approach, and the reason if all have the same."""
    names, reasons = list(map(quoted, rows.network.unique())), rows.reason.unique()
    words = tr("all networks") if len(names) == total else listed_few(names, MOST_NETWORKS)
    if len(reasons) > 1:
        return words
    return f"{words} ({tr(STATUS[rows.status.iloc[0]])}: {quoted(shortened_reason(reasons[0]))})"


def averages_text(report: Report) -> Markdown:
    """What a mean over networks and its interval say, and what they do not."""
    found = gains(report.measured)
    if not found:
        return bullets([tr("{baseline} was not measured, so no speedup was computed.", baseline=BASELINE_NAME)])
    lines = [
        tr(
            "**Speedup** is the geometric mean of the networks' speedups over {baseline}, each at the same image and "
            "batch size. Its {level} interval (Student's t on the logarithms of the networks' speedups) says how far "
            "the mean depends on which networks were taken, and decides the verdict; what is true of one network is in "
            "the tables below.",
            baseline=BASELINE_NAME, level=whole_percent(RATIO_LEVEL),
        ),
        tr(
            "**Wins** counts the networks for which this is certainly the fastest of its precision; those that the "
            "data do not decide count for nobody."
        ),
    ]  # fmt: skip
    if len({gain.networks for gain in found}) > 1:
        lines.append(tr(
            "Not all means are over the same networks, as some have no figure in some approaches, or one that is left "
            "out: such means cannot be compared directly."
        ))  # fmt: skip
    lines += basis_sentences([gain for gain in found if gain.verdict])
    if not all(gain.sound for gain in found):
        lines.append(tr(
            "**‡:** nothing is decided: beside every speedup behind this mean others computed or were measured."
        ))  # fmt: skip
    return bullets(lines)


def averages_table(report: Report) -> Styler | HTML:
    """For each approach, image size and batch size: the mean speedup, its interval and verdict, and the extremes."""
    found = gains(report.measured)
    if not found:
        return HTML("")
    rows = [
        {
            "label": gain.label, "precision": gain.precision_label, "image_size": gain.image_size,
            "batch_size": gain.batch_size, "networks": gain.networks,
            "speedup": gain.mean.value, "interval": interval_words(gain), "verdict": gain.verdict,
            "count": gain.wins, "least": extreme_text(gain, gain.least), "most": extreme_text(gain, gain.most),
        }
        for gain in found
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table["verdict"] = in_words(table.verdict, VERDICTS) + [
        "" if gain.sound else SPREAD_MARKS["unknown"] for gain in found
    ]  # fmt: skip
    headings = {
        "label": tr("Optimisation"), "precision": tr("Precision"), "image_size": tr("Size"), "batch_size": tr("Batch"),
        "networks": tr("Networks (of {total})", total=len(report.grid.networks)), "speedup": tr("Speedup"),
        "interval": whole_percent(RATIO_LEVEL), "verdict": tr("Verdict"), "count": tr("Wins"),
        "least": tr("Smallest"), "most": tr("Largest"),
    }  # fmt: skip
    if len(report.grid.image_sizes) == 1:
        table = table.drop(columns="image_size")
    return styled(table, headings, tr("Speedup over {baseline}, mean over the networks", baseline=BASELINE_NAME))


def extreme_text(gain: Gain, row: Row) -> str:
    """The speedup of a row that a mean is over, with its network's name; a dash for PyTorch fp32 itself."""
    return f"{speedup_text(row['speedup'])} ({row['network']})" if gain.verdict else "—"


LONGEST_REASON = 90  # characters


def shortened_reason(reason: str) -> str:
    """The beginning of a reason that is too long for the first screen; the appendix has the whole."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON].rsplit(' ', 1)[0]}…"
