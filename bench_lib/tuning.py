"""Tables → what can still be had: each runtime's default beside its best options, what each step brought, the price."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib.figures import LABELS
from bench_lib.findings import AXES
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import at, bullets, few, matches
from bench_lib.summary import BASELINE_NAME, VERDICTS, Summary, compared
from bench_lib.tables import COLUMNS, styled
from bench_lib.words import listed_few, number, percent, quoted, scientific, times

DEFAULTS_ONLY = mark(
    "In this run each runtime is measured with one set of options only, so there is nothing to compare; "
    "`params/best.yaml` tries many."
)


@dataclass(frozen=True)
class Pair:
    """An engine at one precision, image size and batch size, as it comes and with its best options: rows of `cases`.

    `default` is None where only variants were measured; `best` is the default itself where no variant is faster.
    """

    default: Any
    best: Any

    @property
    def gain(self) -> float:
        """How many times less the best's latency is; NaN without a default."""
        return float("nan") if self.default is None else self.default.latency_ms / self.best.latency_ms

    @property
    def outcome(self) -> str:
        """Whether the best is faster than the default: a key of `VERDICTS`, or nothing where there is no such pair."""
        return "" if self.default is None or self.best.variant == "" else compared(self.best, self.default)

    @property
    def verdict(self) -> str:
        """The same in the report's words."""
        return tr(VERDICTS[self.outcome]) if self.outcome else "—"


def has_variants(report: Summary) -> bool:
    """Whether any engine was measured with options of a variant."""
    return bool((report.measured.variant != "").any())


def pairs(cases: pd.DataFrame) -> list[Pair]:
    """A pair for each engine, precision, image size and batch size, the fastest of a place first."""
    found = []
    for _, rows in cases.groupby(["engine", "precision_label", *AXES], sort=False):
        plain = rows[rows.variant == ""]
        default = plain.iloc[0] if len(plain) else None
        found.append(Pair(default, rows.loc[rows.latency_ms.idxmin()]))
    return sorted(found, key=lambda pair: (pair.best.image_size, pair.best.batch_size, pair.best.latency_ms))


def reading(report: Summary) -> Markdown:
    """For each image size and batch size: the best there is, what its options gained, and what they cost."""
    if not has_variants(report):
        return bullets([tr(DEFAULTS_ONLY)])
    found = pairs(report.measured)
    places = [rows for _, rows in report.measured.groupby(AXES)]
    return bullets([*few([best_of(rows) for rows in places]), *dearest(found), *frugal(report.measured)])


def best_of(rows: pd.DataFrame) -> str:
    """The fastest of one place: by how much, and at what loss of accuracy."""
    best = rows.loc[rows.latency_ms.idxmin()]
    level = [f"{row['name']}" for _, row in rows[rows.leads].iterrows() if row.case != best.case]
    plain = rows[rows.variant == ""]
    text = fastest(best)
    if level:
        names = listed_few(list(map(quoted, level)), 4)
        text += f"; {tr('the data do not tell {names} apart from it', names=names)}"
    sentences = [f"{text}."]
    if best.variant and len(plain):
        sentences.append(gained(best, plain.loc[plain.latency_ms.idxmin()]))
    error = tr("The error is {error}; {matches}.", error=scientific(best.error), matches=matches(best.top1))
    return " ".join([*sentences, error])


def fastest(best: Any) -> str:
    """The fastest of one place and its figures."""
    fields = {
        "size": best.image_size, "batch": best.batch_size, "name": quoted(best["name"]),
        "ms": number(best.latency_ms), "fps": number(best.fps),
    }  # fmt: skip
    if best.roofline != best.roofline:
        return tr("**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS", **fields)
    return tr(
        "**{size}×{size}, batch {batch}:** {name} is the fastest: {ms}{nbsp}ms, {fps}{nbsp}FPS, {share} of the ceiling",
        share=percent(best.roofline), **fields,
    )  # fmt: skip


def gained(best: Any, usual: Any) -> str:
    """How much faster the best is than the fastest of those that came as they are, where that is decided."""
    fields = {"name": quoted(usual["name"]), "ms": number(usual.latency_ms)}
    if compared(best, usual) != "faster":
        return tr(
            "The best with default options is {name}, {ms}{nbsp}ms: whether the tuned one is faster is not decided.",
            **fields,
        )
    return tr(
        "The best with default options is {name}, {ms}{nbsp}ms: the tuned one is {gain} faster.",
        gain=times(usual.latency_ms / best.latency_ms), **fields,
    )  # fmt: skip


def dearest(found: list[Pair]) -> list[str]:
    """What the options add to the build, at most, where they are faster."""
    faster = [pair for pair in found if pair.outcome == "faster"]
    if not faster:
        return []
    most = max(faster, key=lambda pair: pair.best.build_s - pair.default.build_s)
    return [
        tr(
            "**The price of tuning is the build:** it is highest for {case}: {tuned}{nbsp}s instead of {usual}{nbsp}s; "
            "{payback}.",
            case=at(most.best), tuned=number(most.best.build_s), usual=number(most.default.build_s),
            payback=payback(most),
        )
    ]  # fmt: skip


def payback(pair: Pair) -> str:
    """After how many images the time that the build took more is saved, by throughput, in words."""
    saved_s = 1 / pair.default.fps - 1 / pair.best.fps
    more_s = max(0.0, pair.best.build_s - pair.default.build_s)
    if saved_s <= 0:
        return tr("it does not pay off, as the throughput is no higher")
    images = round(more_s / saved_s)
    return tr_n("it pays off after {n}{nbsp}image", "it pays off after {n}{nbsp}images", images)


def frugal(cases: pd.DataFrame) -> list[str]:
    """Who gets most images from a joule."""
    counted = cases.dropna(subset="joules")
    if counted.empty:
        return []
    best = counted.loc[counted.joules.idxmin()]
    fields = {"figure": number(1 / best.joules), "case": at(best)}
    baseline = counted[(counted["name"] == BASELINE_NAME) & (counted.image_size == best.image_size)]
    if baseline.empty:
        return [tr("**FPS per watt:** the most, {figure}, comes from {case}.", **fields)]
    usual = baseline.loc[baseline.joules.idxmin()]
    return [
        tr(
            "**FPS per watt:** the most, {figure}, comes from {case}; {baseline} gives at most {usual} "
            "(batch {batch}).",
            baseline=BASELINE_NAME, usual=number(1 / usual.joules), batch=usual.batch_size, **fields,
        )
    ]  # fmt: skip


def table(report: Summary) -> Styler | HTML:
    """Each runtime's default beside its best options, at each precision, image size and batch size."""
    if not has_variants(report):
        return HTML("")
    shown = pd.DataFrame([
        {
            tr("Runtime"): LABELS.get(pair.best.engine, pair.best.engine),
            tr("Precision"): pair.best.precision_label,
            tr("Size"): pair.best.image_size,
            tr("Batch"): pair.best.batch_size,
            tr("Default (ms)"): float("nan") if pair.default is None else pair.default.latency_ms,
            tr("Best variant"): pair.best.variant or tr("default"),
            tr("Best time (ms)"): pair.best.latency_ms,
            tr("Gain"): f"{number(pair.gain, 2)}×" if pair.gain == pair.gain else "—",
            tr("Verdict"): pair.verdict,
            tr("FPS"): pair.best.fps,
            tr(COLUMNS["roofline"]): pair.best.roofline,
            tr("FPS per watt"): 1 / pair.best.joules,
            tr("Build (s)"): pair.best.build_s,
        }
        for pair in pairs(report.measured)
    ])  # fmt: skip
    return styled(shown.dropna(axis="columns", how="all"), tr("By default and with the best options"))


def variants_table(report: Summary) -> Styler | HTML:
    """What each name of a variant stands for."""
    named = {name: variant for name, variant in report.grid.variants.items() if name in set(report.cases.variant)}
    if not named:
        return HTML("")
    shown = pd.DataFrame([
        {
            tr("Variant"): name,
            tr("Runtime"): LABELS.get(variant.engine, variant.engine),
            tr("Options"): ", ".join(f"{key}={value}" for key, value in variant.options.items()) or "—",
        }
        for name, variant in named.items()
    ])  # fmt: skip
    return styled(shown, tr("What each variant stands for"))


@dataclass(frozen=True)
class Step:
    """A rung of the ladder: what it adds (words), and the row of `cases` that has it."""

    added: str
    row: Any


def ladder(report: Summary, best: Any) -> list[Step]:
    """From PyTorch fp32 to a row, by the longest chain of measured variants whose options each hold the last one's."""
    cases = report.measured
    here = cases[(cases[AXES] == best[AXES]).all(axis=1)]
    same = here[(here.engine == best.engine) & (here.precision_label == best.precision_label)]
    options = {row.case: set(report.grid.variant(row.variant).options.items()) if row.variant else set()
               for row in same.itertuples()}  # fmt: skip
    below = [row for _, row in same.iterrows() if options[row.case] <= options[best.case]]
    chains: dict[str, list[Any]] = {}
    for row in sorted(below, key=lambda row: len(options[row.case])):
        shorter = [chain for case, chain in chains.items() if options[case] < options[row.case]]
        chains[row.case] = [*max(shorter, key=len, default=[]), row]
    start = here[here["name"] == BASELINE_NAME]
    rows = [*(row for _, row in start.iterrows() if row.case != chains[best.case][0].case), *chains[best.case]]
    steps, had = [], set()
    for row in rows:
        new = options.get(row.case, set()) - had
        words = ", ".join(key if value is True else f"{key}={value}" for key, value in sorted(new, key=str))
        steps.append(Step(f"+ {words}" if words else row["name"], row))
        had |= new
    return steps
