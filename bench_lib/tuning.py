"""Tables → what can still be had: each runtime's default beside its best options, what each step brought, the price."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.display import HTML, Markdown
from pandas.io.formats.style import Styler

from bench_lib.figures import LABELS
from bench_lib.findings import AXES
from bench_lib.narrative import at, bullets, few, matches
from bench_lib.summary import BASELINE_NAME, VERDICTS, Summary, compared
from bench_lib.tables import styled
from bench_lib.words import NBSP, counted, listed_few, number, percent, quoted, scientific, times

DEFAULTS_ONLY = (
    "В этом запуске каждый рантайм измерен только с одними настройками, сравнивать не с чем; их перебирает "
    "`params/best.yaml`."
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
    def verdict(self) -> str:
        """Whether the best is faster than the default, in the report's words."""
        if self.default is None or self.best.variant == "":
            return "—"
        return VERDICTS[compared(self.best, self.default)]


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
        return bullets([DEFAULTS_ONLY])
    found = pairs(report.measured)
    places = [rows for _, rows in report.measured.groupby(AXES)]
    return bullets([*few([best_of(rows) for rows in places]), *dearest(found), *frugal(report.measured)])


def best_of(rows: pd.DataFrame) -> str:
    """The fastest of one place: by how much, and at what loss of accuracy."""
    best = rows.loc[rows.latency_ms.idxmin()]
    level = [f"{row['name']}" for _, row in rows[rows.leads].iterrows() if row.case != best.case]
    plain = rows[rows.variant == ""]
    text = f"**{best.image_size}×{best.image_size}, батч {best.batch_size}:** быстрее всех {quoted(best['name'])}: "
    text += f"{number(best.latency_ms)}{NBSP}мс, {number(best.fps)}{NBSP}FPS"
    if best.roofline == best.roofline:
        text += f" — {percent(best.roofline)} от потолка"
    if level:
        text += f"; данные не отличают от него {listed_few(list(map(quoted, level)), 4)}"
    if best.variant and len(plain):
        usual = plain.loc[plain.latency_ms.idxmin()]
        decided = compared(best, usual) == "faster"
        gain = times(usual.latency_ms / best.latency_ms)
        text += f". Лучшая из настроек по умолчанию — {quoted(usual['name'])}, {number(usual.latency_ms)}{NBSP}мс: "
        text += f"настройка быстрее {gain}" if decided else "быстрее ли настройка, не решено"
    return f"{text}. Погрешность {scientific(best.error)}, {matches(best.top1)}."


def dearest(found: list[Pair]) -> list[str]:
    """What the options add to the build, at most, where they are faster."""
    gained = [pair for pair in found if pair.verdict == VERDICTS["faster"]]
    if not gained:
        return []
    most = max(gained, key=lambda pair: pair.best.build_s - pair.default.build_s)
    return [
        f"**Цена настройки — сборка:** дороже всего она у {at(most.best)} — {number(most.best.build_s)}{NBSP}с вместо "
        f"{number(most.default.build_s)}{NBSP}с; "
        f"{payback(most)}."
    ]


def payback(pair: Pair) -> str:
    """After how many images the time that the build took more is saved, by throughput, in words."""
    saved_s = 1 / pair.default.fps - 1 / pair.best.fps
    more_s = max(0.0, pair.best.build_s - pair.default.build_s)
    if saved_s <= 0:
        return "не окупается: пропускная способность не больше"
    return f"окупается через {counted(round(more_s / saved_s), 'изображение', 'изображения', 'изображений')}"


def frugal(cases: pd.DataFrame) -> list[str]:
    """Who gets most images from a joule."""
    counted = cases.dropna(subset="joules")
    if counted.empty:
        return []
    best = counted.loc[counted.joules.idxmin()]
    text = f"**FPS на ватт:** больше всего — {number(1 / best.joules)} — даёт {at(best)}"
    baseline = counted[(counted["name"] == BASELINE_NAME) & (counted.image_size == best.image_size)]
    if len(baseline):
        usual = baseline.loc[baseline.joules.idxmin()]
        text += f"; у {BASELINE_NAME} — не больше {number(1 / usual.joules)} (батч {usual.batch_size})"
    return [f"{text}."]


def table(report: Summary) -> Styler | HTML:
    """Each runtime's default beside its best options, at each precision, image size and batch size."""
    if not has_variants(report):
        return HTML("")
    shown = pd.DataFrame([
        {
            "Рантайм": LABELS.get(pair.best.engine, pair.best.engine),
            "Точность": pair.best.precision_label,
            "Размер": pair.best.image_size,
            "Батч": pair.best.batch_size,
            "По умолчанию (мс)": float("nan") if pair.default is None else pair.default.latency_ms,
            "Лучший вариант": pair.best.variant or "по умолчанию",
            "Лучшее время (мс)": pair.best.latency_ms,
            "Выигрыш": f"{number(pair.gain, 2)}×" if pair.gain == pair.gain else "—",
            "Вердикт": pair.verdict,
            "FPS": pair.best.fps,
            "% от потолка": pair.best.roofline,
            "FPS на ватт": 1 / pair.best.joules,
            "Сборка (с)": pair.best.build_s,
        }
        for pair in pairs(report.measured)
    ])  # fmt: skip
    return styled(shown.dropna(axis="columns", how="all"), "По умолчанию и с лучшими настройками")


def variants_table(report: Summary) -> Styler | HTML:
    """What each name of a variant stands for."""
    named = {name: variant for name, variant in report.grid.variants.items() if name in set(report.cases.variant)}
    if not named:
        return HTML("")
    shown = pd.DataFrame([
        {
            "Вариант": name,
            "Рантайм": LABELS.get(variant.engine, variant.engine),
            "Настройки": ", ".join(f"{key}={value}" for key, value in variant.options.items()) or "—",
        }
        for name, variant in named.items()
    ])  # fmt: skip
    return styled(shown, "Что значит каждый вариант")


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
