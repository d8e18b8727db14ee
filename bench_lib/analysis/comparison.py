"""Two runs compared: the cases that both have beside each other, with verdicts, and how the machines differ."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench_lib.analysis.case_table import VERDICTS, CaseTable, time_ratio, weakest_source
from bench_lib.core import intervals
from bench_lib.core.errors import InputError, shortened

SAME = ["model", "engine", "variant", "precision", "image_size", "batch_size"]  # columns of both runs

MOST_WORDS = 200  # characters of the networks' names in a sentence


@dataclass(frozen=True)
class Comparison:
    """Run `b` against run `a`; `cases` holds a row for each case that both have, with columns of both (`_a`, `_b`).

    `ratio`, `ratio_low` and `ratio_high` are b's latency over a's and its 99 % interval, which decides the `verdict` on
    b; that is empty where either has no figure or they computed in unlike precisions. `verdict_from` is the weaker of
    the two rows' `spread_from`.
    """

    names: tuple[str, str]
    a: CaseTable
    b: CaseTable
    cases: pd.DataFrame


def compare_runs(first: str | Path, second: str | Path, common: bool = False) -> Comparison:
    """Compare two runs' folders.

    Raise `InputError` if a run is broken, if they have no network or no case in common or, without `common`, if one has
    a case that the other has not.
    """
    folders = (Path(first), Path(second))
    a, b = map(CaseTable.read, folders)
    networks = [shortened(", ".join(run.grid.networks), MOST_WORDS) for run in (a, b)]
    if not set(a.grid.networks) & set(b.grid.networks):
        raise InputError(f"{first} measured {networks[0]}, {second} {networks[1]}; compare runs of the same model")
    only = [sorted(set(one.cases.case) - set(other.cases.case)) for one, other in ((a, b), (b, a))]
    if any(only) and not common:
        counts = f"{len(only[0])} cases are in {first} alone and {len(only[1])} in {second} alone"
        raise InputError(f"{counts}, such as {(only[0] + only[1])[0]}; add --common to compare those that both have")
    both = a.cases.merge(b.cases, on=["case", *SAME], suffixes=("_a", "_b"))
    if both.empty:
        raise InputError(f"{first} and {second} have no case in common; compare runs of the same grid")
    beside = pd.DataFrame([row_difference(row) for row in both.to_dict("records")], index=both.index)
    return Comparison(run_names(folders), a, b, both.join(beside))


def run_names(folders: tuple[Path, Path]) -> tuple[str, str]:
    """What to call the runs: their folders' names, or their paths where the names are the same.

    A run that is compared with itself is called after its path, the second time with a number.
    """
    for first, second in ([folder.resolve().name for folder in folders], map(str, folders)):
        if first != second:
            return first, second
    return first, f"{second} (2)"


def row_difference(both: dict) -> dict:
    """The ratio of the second's latency to the first's, its interval, and the verdict on the second."""
    a, b = ({key.removesuffix(end): both[key] for key in both if key.endswith(end)} for end in ("_a", "_b"))
    if (a["status"], b["status"]) != ("ok", "ok") or a["actual_precision"] != b["actual_precision"]:
        return dict.fromkeys(("ratio", "ratio_low", "ratio_high"), float("nan")) | {"verdict": "", "verdict_from": ""}
    ratio = time_ratio(b, a, same_run=False)
    return {
        "ratio": ratio.value, "ratio_low": ratio.low, "ratio_high": ratio.high, "verdict": intervals.judge(ratio),
        "verdict_from": weakest_source(a, b),
    }  # fmt: skip


def verdict_counts(found: Comparison) -> dict[str, int]:
    """How many cases have each verdict, of those that have one."""
    return {verdict: int((found.cases.verdict == verdict).sum()) for verdict in VERDICTS}


def by_network(found: Comparison) -> pd.DataFrame:
    """A row for each network that has cases with a verdict: `model`, `count` of them, and of each verdict by its key.

    `ratio` is the geometric mean of their ratios.
    """
    rows = []
    for model, cases in found.cases[found.cases.verdict != ""].groupby("model", sort=False):
        counts = {verdict: int((cases.verdict == verdict).sum()) for verdict in VERDICTS}
        mean = intervals.interval(list(cases.ratio)).value
        rows.append({"model": model, "ratio": mean, "count": len(cases), **counts})
    return pd.DataFrame(rows, columns=["model", "ratio", "count", *VERDICTS])


def differing(found: Comparison) -> dict[str, tuple[str, str]]:
    """What differs between two runs' machines, versions and code: its name, and its value in run `a` and in run `b`.

    What one machine's description does not tell, as older ones, is left out; a package that only one has is not.
    """
    machines = found.a.machine, found.b.machine
    untold = {"memory_bytes", *(machines[0].keys() ^ machines[1].keys())}
    first, second = map(flattened, machines)
    return {
        name: (first.get(name, "—"), second.get(name, "—"))
        for name in first | second if first.get(name) != second.get(name) and name not in untold
    }  # fmt: skip


def flattened(machine: dict) -> dict[str, str]:
    """All that is known of a machine, as one dictionary of texts: itself, its GPU, versions of packages."""
    gpu = {f"gpu {key}": str(value) for key, value in (machine.get("gpu") or {}).items()}
    known = {key: value for key, value in machine.items() if key not in ("gpu", "versions")}
    plain = {key: "—" if value is None else str(value) for key, value in known.items()}
    return plain | gpu | machine.get("versions", {})
