"""The report of `bench compare`: two runs beside each other, with verdicts."""

from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown, display
from pandas.io.formats.style import Styler

from bench_lib.analysis.case_table import PLACE, STATUS, VERDICTS
from bench_lib.analysis.comparison import Comparison, by_network, compare_runs, differing, verdict_counts
from bench_lib.analysis.marks import FLAGS, is_steady, marks_of
from bench_lib.core.intervals import RATIO_LEVEL
from bench_lib.report.marks import in_brackets, mark_list
from bench_lib.report.phrases import bullets, device_name, heading, row_title, whole_percent
from bench_lib.report.spread_words import assumed_words, mark_notes
from bench_lib.report.tables import headers, ratio_text, styled, verdict_texts
from bench_lib.text import language
from bench_lib.text.language import number, tr, tr_n
from bench_lib.text.lists import listed, listed_few
from bench_lib.text.markup import quoted
from bench_lib.text.numbers import percent


def open_comparison(first: str | Path, second: str | Path, common: bool, lang: str) -> Comparison:
    """Compare two runs, after choosing the language (`ru`, `en`) that everything is then written in.

    Raise `InputError` as `compare_runs` does.
    """
    language.use(lang)
    return compare_runs(first, second, common)


def show_abstract(found: Comparison) -> None:
    """Display the title, and the answer in short."""
    display(heading("# Two runs compared"), comparison_abstract(found))


def show_conditions(found: Comparison) -> None:
    """Display the chapter on what is compared: its heading, sentences, and how the machines differ."""
    display(heading("## 1. Conditions"), comparison_conditions(found), machines_table(found))


def show_results(found: Comparison) -> None:
    """Display the chapter of results: its heading, the table of networks where there are several, and that of cases."""
    tables = [networks_table(found)] if found.cases.model.nunique() > 1 else []
    display(heading("## 2. Results"), *tables, comparison_table(found))


def comparison_abstract(found: Comparison) -> HTML:
    """The answer in short: what is compared, how many verdicts of each kind, and the largest changes."""
    (first, second), cases, number_of = quoted_names(found), found.cases, verdict_counts(found)
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
    lines += largest_changes(cases)
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def largest_changes(cases: pd.DataFrame) -> list[str]:
    """The case that became slower by most, and the one that became faster by most, where there are any."""
    lines = []
    slower, faster = (cases[cases.verdict == verdict] for verdict in ("slower", "faster"))
    if len(slower):
        row = slower.loc[slower.ratio.idxmax()]
        lines.append(
            tr(
                "<b>Slowed down most:</b> {where}, {share} more time{assumed}.",
                where=row_title(second_row(row)) + marks_of_both(row),
                share=percent(row.ratio - 1),
                assumed=assumed_words(row.verdict_from),
            )
        )
    if len(faster):
        row = faster.loc[faster.ratio.idxmin()]
        lines.append(
            tr(
                "<b>Sped up most:</b> {where}, {share} less time{assumed}.",
                where=row_title(second_row(row)) + marks_of_both(row),
                share=percent(1 - row.ratio),
                assumed=assumed_words(row.verdict_from),
            )
        )
    return lines


def quoted_names(found: Comparison) -> tuple[str, str]:
    """The runs' names, safe in Markdown and HTML."""
    return tuple(map(quoted, found.names))


def second_row(row: pd.Series) -> dict:
    """A row's network, name in the second run, image size and batch size, in the form that `row_title` takes."""
    network = row.network_a or row.network_b  # a run of one network names it in no row
    return {"network": network, "name": row.name_b, "image_size": row.image_size, "batch_size": row.batch_size}


def marks_of_both(row: pd.Series) -> str:
    """The marks of a case's rows in the two runs, in brackets after a space; the runs' own reports say more."""
    return in_brackets(mark_list(key for flags in flags_of_both(row) for key in marks_of(flags)))


def flags_of_both(row: pd.Series) -> list[dict]:
    """The columns that marks are from, of a case's rows in the two runs."""
    return [{name: row[f"{name}_{run}"] for name in FLAGS} for run in "ab"]


def comparison_conditions(found: Comparison) -> Markdown:
    """How many processes the verdicts rest on, and which cases could not be compared."""
    first, second = quoted_names(found)
    processes = [int(run.measured.processes.min()) if len(run.measured) else 0 for run in (found.a, found.b)]
    lines = [
        tr(
            "**Processes per configuration:** at least {first_count} in “{first}” and {second_count} in “{second}”. "
            "Verdicts follow the same rules as in a run's report: by the {level} interval of the ratio of time/batch.",
            level=whole_percent(RATIO_LEVEL), first_count=processes[0], first=first, second_count=processes[1],
            second=second,
        )
    ]  # fmt: skip
    lines += mark_notes(found.cases.verdict_from)
    decided = found.cases[found.cases.verdict != ""]
    restless = [second_row(row) for _, row in decided.iterrows() if not all(map(is_steady, flags_of_both(row)))]
    if restless:
        places = listed_few(list(map(row_title, restless)))
        lines.append(tr("**⚑ Did not settle** in one of the runs (warm-up or drift): {places}.", places=places))
    without = found.cases[found.cases.verdict == ""]
    if len(without):
        places = [f"{row_title(second_row(row))} ({no_verdict_reason(row)})" for _, row in without.iterrows()]
        lines.append(tr("**Cannot be compared:** {places}.", places=listed_few(places)))
    return bullets(lines)


def no_verdict_reason(row: pd.Series) -> str:
    """Why a case has no verdict: it was not measured in both runs, or they computed in different precisions."""
    if (row.status_a, row.status_b) != ("ok", "ok"):
        return listed([tr(STATUS[row.status_a]), tr(STATUS[row.status_b])])
    return tr("computed in {first} and {second}", first=row.precision_label_a, second=row.precision_label_b)


def machines_table(found: Comparison) -> Styler | HTML:
    """What differs between the machines, their versions and the code, or a sentence that nothing does."""
    unlike = differing(found)
    if not unlike:
        return HTML(f"<p>{tr('The machine, the versions and the code are the same.')}</p>")
    headings = {"what": tr("What")} | dict(zip("ab", found.names, strict=True))
    table = pd.DataFrame([(name, *pair) for name, pair in unlike.items()], columns=list(headings))
    return styled(table, headings, tr("How the runs' conditions differ"))


def networks_table(found: Comparison) -> Styler:
    """For each network: the geometric mean of the ratios of its cases, and how many have which verdict."""
    table = by_network(found)
    table["ratio"] = [number(ratio, 3) for ratio in table.ratio]
    table[list(VERDICTS)] = table[list(VERDICTS)].astype(str)  # counts, not figures with digits
    first, second = found.names
    headings = {
        "model": tr("Network"), "ratio": tr("Ratio (geometric mean)"), "count": tr("Configurations"),
        **headers(VERDICTS),
    }  # fmt: skip
    return styled(table, headings, tr("By network: {second} against {first}", first=first, second=second))


def comparison_table(found: Comparison) -> Styler:
    """Each case in both runs, the ratio of the latencies, and the verdict on the second."""
    cases = found.cases.sort_values([*PLACE, "latency_ms_b"], kind="stable")
    first, second = found.names
    ends = zip(cases.ratio_low, cases.ratio_high, strict=True)
    rows = cases.assign(
        ratio=[number(ratio, 3) for ratio in cases.ratio],
        interval=[ratio_text(low, high, 3) for low, high in ends],
        verdict=verdict_texts(cases.verdict, cases.verdict_from),
    )
    networks = {"model": tr("Network")} if found.cases.model.nunique() > 1 else {}
    headings = networks | {
        "label_b": tr("Optimisation"), "precision_label_b": tr("Precision"), "image_size": tr("Size"),
        "batch_size": tr("Batch"), "latency_ms_a": tr("{run}, ms", run=first),
        "latency_ms_b": tr("{run}, ms", run=second), "ratio": tr("Ratio"), "interval": whole_percent(RATIO_LEVEL),
        "verdict": tr("Verdict"),
    }  # fmt: skip
    caption = tr("Time/batch: {second} against {first}", first=first, second=second)
    return styled(rows[list(headings)].reset_index(drop=True), headings, caption)
