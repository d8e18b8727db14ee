"""Two runs → what differs: the same cases beside each other, with verdicts."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib import statistics
from bench_lib.cases import InputError
from bench_lib.language import tr, tr_n
from bench_lib.narrative import at, bullets, place
from bench_lib.summary import STATUS, VERDICTS, Summary, compared
from bench_lib.tables import in_words, styled
from bench_lib.terminal import coloured
from bench_lib.words import listed, listed_few, number, percent, quoted

COLOURS = {"faster": "green", "slower": "red", "same": "yellow", "undecided": "yellow"}
SAME = ["engine", "variant", "precision", "image_size", "batch_size"]  # what the columns of both runs share


@dataclass(frozen=True)
class Comparison:
    """Run `b` against run `a`; `cases` holds a row for each case that both have, with columns of both (`_a`, `_b`).

    `ratio`, `ratio_low` and `ratio_high` are b's latency over a's and its 95 % interval, `verdict` is on b, empty where
    either has no figure or they computed in unlike precisions.
    """

    names: tuple[str, str]
    a: Summary
    b: Summary
    cases: pd.DataFrame


def compare(first: str | Path, second: str | Path, common: bool = False) -> Comparison:
    """Compare two runs' folders.

    Raise `InputError` if a run is broken or of another model, if they have no case in common or, without `common`, if
    one has a case that the other has not.
    """
    folders = (Path(first), Path(second))
    a, b = map(Summary.read, folders)
    if a.grid.model != b.grid.model:
        raise InputError(f"{first} measured {a.grid.model}, {second} {b.grid.model}; compare runs of the same model")
    only = [sorted(set(one.cases.case) - set(other.cases.case)) for one, other in ((a, b), (b, a))]
    if any(only) and not common:
        counts = f"{len(only[0])} cases are in {first} alone and {len(only[1])} in {second} alone"
        raise InputError(f"{counts}, such as {(only[0] + only[1])[0]}; add --common to compare those that both have")
    both = a.cases.merge(b.cases, on=["case", *SAME], suffixes=("_a", "_b"))
    if both.empty:
        raise InputError(f"{first} and {second} have no case in common; compare runs of the same grid")
    beside = pd.DataFrame([difference(row) for row in both.to_dict("records")], index=both.index)
    return Comparison(named(folders), a, b, both.join(beside))


def named(folders: tuple[Path, Path]) -> tuple[str, str]:
    """What to call the runs: their folders' names, or their paths where the names are the same."""
    names = tuple(folder.resolve().name for folder in folders)
    return names if names[0] != names[1] else tuple(map(str, folders))


def difference(both: dict) -> dict:
    """The ratio of the second's latency to the first's, its interval, and the verdict on the second."""
    a, b = ({key.removesuffix(end): both[key] for key in both if key.endswith(end)} for end in ("_a", "_b"))
    if (a["status"], b["status"]) != ("ok", "ok") or a["precision_label"] != b["precision_label"]:
        return dict.fromkeys(("ratio", "ratio_low", "ratio_high"), float("nan")) | {"verdict": ""}
    value, sd = b["latency_ms"] / a["latency_ms"], max(a["extra_sd"], b["extra_sd"])
    interval = statistics.ratio(b["latency_values"], a["latency_values"], extra_sd=sd)
    scale = value / interval.value
    return {
        "ratio": value, "ratio_low": interval.low * scale, "ratio_high": interval.high * scale,
        "verdict": compared(b, a),
    }  # fmt: skip


def counts(found: Comparison) -> dict[str, int]:
    """How many cases have each verdict, of those that have one."""
    return {verdict: int((found.cases.verdict == verdict).sum()) for verdict in VERDICTS}


def printed(found: Comparison) -> list[str]:
    """Lines for the terminal."""
    first, second = found.names
    lines = [f"{'case':52}{first[:18]:>20}{second[:18]:>20}  ratio  95 % interval  verdict on {second}"]
    for row in found.cases.itertuples():
        ms = "".join(
            f"{value:>17.4g} ms" if value == value else f"{'-':>20}" for value in (row.latency_ms_a, row.latency_ms_b)
        )
        if row.verdict:
            ms += f"  {row.ratio:5.3f}  {row.ratio_low:.3f}–{row.ratio_high:.3f}    "
            ms += coloured(row.verdict, COLOURS[row.verdict])
        lines.append(f"{row.case:52}{ms}")
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts(found).items())
    unlike = differing(found)
    lines += [f"The machines differ in: {', '.join(unlike)}."] if unlike else []
    return [*lines, f"{second} against {first}: {told} of {len(found.cases)} cases."]


def differing(found: Comparison) -> dict[str, tuple[str, str]]:
    """What of the two machines and their versions differs: its name, and how it reads in either."""
    flat = [flattened(run.machine) for run in (found.a, found.b)]
    return {
        name: (flat[0].get(name, "—"), flat[1].get(name, "—"))
        for name in flat[0] | flat[1] if flat[0].get(name) != flat[1].get(name) and name != "memory_bytes"
    }  # fmt: skip


def flattened(machine: dict) -> dict[str, str]:
    """The machine's facts by name, those of its GPU and of packages among them."""
    gpu = {f"gpu {key}": str(value) for key, value in (machine.get("gpu") or {}).items()}
    plain = {key: str(value) for key, value in machine.items() if key not in ("gpu", "versions")}
    return plain | gpu | machine.get("versions", {})


def abstract(found: Comparison) -> HTML:
    """The answer in short."""
    (first, second), cases, number_of = map_names(found), found.cases, counts(found)
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
            len(cases), first=first, first_place=place(found.a), second=second, second_place=place(found.b),
        ),
        tr("<b>Verdicts</b> on time/batch in “{run}”: {verdicts}.", run=second, verdicts=verdicts),
    ]  # fmt: skip
    slower, faster = (cases[cases.verdict == verdict] for verdict in ("slower", "faster"))
    if len(slower):
        row = slower.loc[slower.ratio.idxmax()]
        lines.append(
            tr(
                "<b>Slowed down most:</b> {where}, {share} more time.",
                where=at(shown(row)),
                share=percent(row.ratio - 1),
            )
        )
    if len(faster):
        row = faster.loc[faster.ratio.idxmin()]
        lines.append(
            tr("<b>Sped up most:</b> {where}, {share} less time.", where=at(shown(row)), share=percent(1 - row.ratio))
        )
    items = "".join(f"<li>{line}</li>" for line in lines)
    return HTML(f'<div class="summary"><ul>{items}</ul></div>')


def map_names(found: Comparison) -> tuple[str, str]:
    """The runs' names, safe in Markdown and HTML."""
    return tuple(map(quoted, found.names))


def shown(row: pd.Series) -> dict:
    """The row under its second run's name."""
    return {"name": row.name_b, "image_size": row.image_size, "batch_size": row.batch_size}


def conditions(found: Comparison) -> Markdown:
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
        places = [f"{at(shown(row))} ({reason(row)})" for _, row in without.iterrows()]
        lines.append(tr("**Cannot be compared:** {places}.", places=listed_few(places)))
    return bullets(lines)


def reason(row: pd.Series) -> str:
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


def table(found: Comparison) -> Styler:
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
