"""The report of `bench compare`: two runs beside each other, with verdicts."""

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import STATUS, VERDICTS
from bench_lib.analysis.comparison import Comparison, differing, verdict_counts
from bench_lib.report.phrases import bullets, device_name, row_title
from bench_lib.report.tables import in_words, styled
from bench_lib.text.language import number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent


def comparison_abstract(found: Comparison) -> HTML:
    """The answer in short."""
    (first, second), cases, number_of = map_names(found), found.cases, verdict_counts(found)
    verdicts = ", ".join(
        tr("{count} {verdict}", count=number_of[verdict], verdict=tr(words).lower())
        for verdict, words in VERDICTS.items()
    )
    lines = [
        tr_n(
            "<b>What is compared.</b> “{second}” ({second_place}) against “{first}” ({first_place}); "
            "{n}{nbsp}configuration in common.",
            "<b>What is compared.</b> “{second}” ({second_place}) against “{first}” ({first_place}); "
            "{n}{nbsp}configurations in common.",
            len(cases), first=first, first_place=device_name(found.a), second=second, second_place=device_name(found.b),
        ),
        tr("<b>Verdicts</b> on time/batch in “{run}”: {verdicts}.", run=second, verdicts=verdicts),
    ]  # fmt: skip
    slower, faster = (cases[cases.verdict == verdict] for verdict in ("slower", "faster"))
    if len(slower):
        row = slower.loc[slower.ratio.idxmax()]
        lines.append(
            tr(
                "<b>Slowed down most:</b> {where}, {share} more time.",
                where=row_title(second_row(row)),
                share=percent(row.ratio - 1),
            )
        )
    if len(faster):
        row = faster.loc[faster.ratio.idxmin()]
        lines.append(
            tr(
                "<b>Sped up most:</b> {where}, {share} less time.",
                where=row_title(second_row(row)),
                share=percent(1 - row.ratio),
            )
        )
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def map_names(found: Comparison) -> tuple[str, str]:
    """The runs' names, safe in Markdown and HTML."""
    return tuple(map(quoted, found.names))


def second_row(row: pd.Series) -> dict:
    """The row under its second run's name."""
    return {"name": row.name_b, "image_size": row.image_size, "batch_size": row.batch_size}


def comparison_conditions(found: Comparison) -> Markdown:
    """What a verdict rests on, and what could not be compared."""
    first, second = map_names(found)
    processes = [int(run.measured.processes.min()) if len(run.measured) else 0 for run in (found.a, found.b)]
    lines = [
        tr(
            "**Processes per configuration:** at least {first_count} in “{first}” and {second_count} in “{second}”. "
            "Verdicts follow the same rules as in a run's report: by the 95 and 99% intervals of the ratio of "
            "time/batch.",
            first_count=processes[0], first=first, second_count=processes[1], second=second,
        )
    ]  # fmt: skip
    without = found.cases[found.cases.verdict == ""]
    if len(without):
        places = [f"{row_title(second_row(row))} ({no_verdict_reason(row)})" for _, row in without.iterrows()]
        lines.append(tr("**Cannot be compared:** {places}.", places=listed_few(places)))
    return bullets(lines)


def no_verdict_reason(row: pd.Series) -> str:
    """Why a case has no verdict."""
    if (row.status_a, row.status_b) != ("ok", "ok"):
        return listed([tr(STATUS[row.status_a]), tr(STATUS[row.status_b])])
    return tr("computed in {first} and {second}", first=row.precision_label_a, second=row.precision_label_b)


def machines_table(found: Comparison) -> Styler | HTML:
    """What differs between the machines."""
    unlike = differing(found)
    if not unlike:
        return HTML(f"<p>{tr('The machine and the versions are the same.')}</p>")
    table = pd.DataFrame([(name, *pair) for name, pair in unlike.items()], columns=[tr("What"), *found.names])
    return styled(table, tr("How the machines differ"))


def comparison_table(found: Comparison) -> Styler:
    """Each case in both runs, the ratio of the latencies, and the verdict on the second."""
    cases = found.cases.sort_values(["image_size", "batch_size", "latency_ms_b"], kind="stable")
    first, second = found.names
    rows = cases[["label_b", "precision_label_b", "image_size", "batch_size", "latency_ms_a", "latency_ms_b"]].copy()
    rows.columns = [
        tr("Optimisation"), tr("Precision"), tr("Size"), tr("Batch"), tr("{run}, ms", run=first),
        tr("{run}, ms", run=second),
    ]  # fmt: skip
    ends = zip(cases.ratio_low, cases.ratio_high, strict=True)
    rows[tr("Ratio")] = [number(ratio, 3) for ratio in cases.ratio]
    rows[tr("95%")] = [f"{number(low, 3)}–{number(high, 3)}" if low == low else "—" for low, high in ends]
    rows[tr("Verdict")] = in_words(cases.verdict, VERDICTS)
    return styled(rows.reset_index(drop=True), tr("Time/batch: {second} against {first}", first=first, second=second))
