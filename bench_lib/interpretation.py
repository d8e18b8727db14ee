"""Tables → sentences: what the figures mean."""

import pandas as pd
from IPython.display import Markdown

from bench_lib import ceilings, findings, inputs, roofline
from bench_lib.cases import AUTO
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import bullets, few, leadership
from bench_lib.records import Record
from bench_lib.summary import BASELINE_NAME, Summary, main_names
from bench_lib.words import between, listed, number, percent, scientific, span, times

BATCHES = "params/batches.yaml"


def nothing() -> Markdown:
    """That there is nothing to interpret."""
    return Markdown(tr("There is nothing to say: no configuration was measured."))


def engines(report: Summary) -> Markdown:
    """Which approach is faster, and by how much."""
    cases = report.measured
    if cases.empty:
        return nothing()
    lines = [leadership(findings.blocks(cases))]
    for name, rows in main_names(cases).groupby("name", sort=False):
        if name != BASELINE_NAME and rows.speedup.notna().any():
            trend = findings.speedup_trend(cases, name)
            lines.append(f"**{name}:** {against_baseline(rows.dropna(subset='speedup'), trend)}")
    lines += left_out(cases)
    if cases.speedup.isna().all():
        lines.append(tr("{baseline} was not measured, so no speedup was computed.", baseline=BASELINE_NAME))
    return bullets(lines + roofline.nearest(report))


def left_out(cases: pd.DataFrame) -> list[str]:
    """That sections like this one name only the best of the variants, where there are many."""
    shown, every = main_names(cases)["name"].nunique(), cases["name"].nunique()
    if shown == every:
        return []
    named = tr(
        "{shown} of {every} are named, here and in the rest of this section: the defaults, and the best variant of "
        "each runtime and precision; the others are in the tables.",
        shown=shown, every=every,
    )  # fmt: skip
    return [named]


SHARES = {
    "faster": mark("faster in {count}"),
    "slower": mark("slower in {count}"),
    "same": mark("the same in {count}"),
    "undecided": mark("not decided in {count}"),
}
TRENDS = {
    "higher": mark("At batch {large} it is higher than at batch {small}: medians {last}× and {first}×."),
    "lower": mark("At batch {large} it is lower than at batch {small}: medians {last}× and {first}×."),
}


def against_baseline(rows: pd.DataFrame, trend: str) -> str:
    """How one engine and precision compares with PyTorch fp32: verdicts, range, how the batch matters."""
    counts = {verdict: (rows.verdict == verdict).sum() for verdict in SHARES}
    text = tr_n(
        "compared with {baseline}, {verdicts} of {n}{nbsp}combination; the speedup is {speedups}.",
        "compared with {baseline}, {verdicts} of {n}{nbsp}combinations; the speedup is {speedups}.",
        len(rows), baseline=BASELINE_NAME, speedups=span(rows.speedup.min(), rows.speedup.max(), "×"),
        verdicts=listed([tr(SHARES[verdict], count=count) for verdict, count in counts.items() if count]),
    )  # fmt: skip
    if not trend:
        return text
    medians = rows.groupby("batch_size").speedup.median()
    more = tr(
        TRENDS[trend], large=medians.index[-1], small=medians.index[0],
        last=number(medians.iloc[-1], 2), first=number(medians.iloc[0], 2),
    )  # fmt: skip
    return f"{text} {more}"


def image_sizes(report: Summary) -> Markdown:
    """How FPS follows the image size."""
    cases = report.measured
    falls = findings.ends(cases, "image_size")
    if falls.empty:
        return Markdown(
            tr("No line of the plots was measured at two or more sizes: there are no data on the effect of the size.")
        )
    small, large = cases.image_size.min(), cases.image_size.max()
    lines = [falling(falls, small, large), *few(pixel_rates(cases)), *few(fp16_falls(falls))]
    unknown = tr(
        "How recognition accuracy depends on the image size was not measured here ({why}), so no “optimal balance of "
        "speed and accuracy” follows from these data.",
        why=inputs.unknown(report.grid)[0],
    )
    return bullets([*lines, unknown])


def falling(falls: pd.DataFrame, small: int, large: int) -> str:
    """Whether and how much FPS falls from the smallest image to the largest."""
    rising = sorted(set(falls[falls.verdict == "faster"].name))
    text = tr(
        "From {small} to {large} pixels the image area becomes {area} larger, and FPS {change}.",
        small=small, large=large, area=times((large / small) ** 2), change=change(falls),
    )  # fmt: skip
    return f"{text} {tr('It rises for {names}.', names=listed(rising))}" if rising else text


def change(lines: pd.DataFrame) -> str:
    """“becomes 4.1–5.6 times lower”, “becomes 1.2 times higher” and the like, those that hold for `findings.ends`."""
    falls, grows = (lines[lines.verdict == verdict].ratio for verdict in ("slower", "faster"))
    parts = []
    if len(falls):
        parts.append(tr("becomes {ratio} lower", ratio=between(1 / falls.max(), 1 / falls.min())))
    if len(grows):
        parts.append(tr("becomes {ratio} higher", ratio=between(grows.min(), grows.max())))
    if (lines.verdict == "same").any():
        parts.append(tr("does not change"))
    if (lines.verdict == "undecided").any():
        parts.append(tr("may not change (not decided)"))
    return ", ".join(parts[:1] + [tr("in some cases {change}", change=part) for part in parts[1:]])


def pixel_rates(cases: pd.DataFrame) -> list[str]:
    """At which image size the most pixels pass in a second, for each batch."""
    lines = []
    for batch, rows in cases.groupby("batch_size"):
        best = findings.pixel_rates(rows)
        good = best[best.tied].image_size.tolist()
        most = number(best.rate.max())
        if 1 < len(good) == len(best):
            lines.append(tr(
                "At batch {batch} the data do not tell the sizes apart by the pixels per second of the best approach "
                "(up to {most}{nbsp}Mpixel/s): its FPS is inversely proportional to the area.",
                batch=batch, most=most,
            ))  # fmt: skip
        elif len(best) > 1:
            least = best.loc[best.rate.idxmin()]
            lines.append(tr(
                "At batch {batch} the best approach processes the most pixels per second at size {sizes}: "
                "{most}{nbsp}Mpixel/s (at {worst} it is {least}{nbsp}Mpixel/s).",
                batch=batch, sizes=listed(list(map(str, good))), most=most, worst=least.image_size,
                least=number(least.rate),
            ))  # fmt: skip
    return lines


FALLS = {
    "faster": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses less."),
    "slower": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses more."),
    "same": mark("{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: fp16 loses as much."),
    "undecided": mark(
        "{label}, batch {batch}: in fp16 FPS {half}, in fp32 it {full}: which loses more is not decided."
    ),
}


def fp16_falls(falls: pd.DataFrame) -> list[str]:
    """Whether FPS falls less in fp16 than in fp32, for each engine with both."""
    lines = []
    for (label, batch), rows in falls.groupby(["label", "batch_size"], sort=False):
        by_precision = {precision: rows[rows.precision_label == precision] for precision in ("fp16", "fp32")}
        if all(map(len, by_precision.values())):
            half, full = by_precision["fp16"], by_precision["fp32"]
            verdict = findings.steeper(half.rows.iloc[0], full.rows.iloc[0])
            lines.append(tr(FALLS[verdict], label=label, batch=batch, half=change(half), full=change(full)))
    return lines


def batch_sizes(report: Summary) -> Markdown:
    """How FPS follows the batch size, and where it saturates."""
    cases = report.measured
    growth = findings.ends(main_names(cases), "batch_size")
    if growth.empty:
        return Markdown(tr(
            "Only one batch size was measured: there are no data on its effect. `bench sweep {params}` gives them.",
            params=BATCHES,
        ))  # fmt: skip
    small, large = cases.batch_size.min(), cases.batch_size.max()
    lines = []
    for name, rows in growth.groupby("name", sort=False):
        lines.append(tr(
            "**{name}:** as the batch grows from {small} to {large}, FPS {change}.",
            name=name, small=small, large=large, change=change(rows),
        ))  # fmt: skip
    found = findings.saturations(main_names(cases))
    lines += few(found, saturated)
    if not found:
        lines.append(tr_n(
            "{n}{nbsp}batch size does not show where FPS saturates. To find out, run `bench sweep {params}`.",
            "{n}{nbsp}batch sizes do not show where FPS saturates. To find out, run `bench sweep {params}`.",
            cases.batch_size.nunique(), params=BATCHES,
        ))  # fmt: skip
    return bullets(lines)


def saturated(point: findings.Saturation) -> str:
    """One line's saturation point, or that it is not reached."""
    best = {"name": point.name, "size": point.image_size, "fps": number(point.best_fps), "batch": point.best_batch}
    if point.batch_size is None:
        return tr(
            "{name}, {size}×{size}: the highest FPS is {fps}, at batch {batch}; FPS grows up to the largest batch "
            "measured, and saturation is not reached.",
            **best,
        )
    return tr(
        "{name}, {size}×{size}: the highest FPS is {fps}, at batch {batch}; from batch {enough} on, FPS stays within "
        "5% of it: that is saturation.",
        **best, enough=point.batch_size,
    )  # fmt: skip


def memory(report: Summary) -> Markdown:
    """How much memory each approach takes."""
    cases = report.measured
    if cases.empty:
        return nothing()
    lines = []
    for name, rows in main_names(cases).groupby("name", sort=False):
        figures = {"name": name, "memory": span(rows.memory_mib.min(), rows.memory_mib.max(), digits=0)}
        if report.machine.get("gpu"):
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of GPU memory.", **figures))
        else:
            lines.append(tr("**{name}:** {memory}{nbsp}MiB of process memory (build included).", **figures))
    least = cases.loc[cases.groupby(findings.AXES).memory_mib.idxmin()]
    if cases.name.nunique() > 1:
        named = [
            tr_n(
                "{name} in {count} of {n}{nbsp}combination", "{name} in {count} of {n}{nbsp}combinations", len(least),
                name=name, count=count,
            )
            for name, count in least.name.value_counts().items()
        ]  # fmt: skip
        lines.append(tr("Takes the least memory: {named}.", named="; ".join(named)))
    return bullets(lines)


def accuracy(report: Summary) -> Markdown:
    """How far the outputs are from the reference, and which precision really ran."""
    cases = report.measured
    if cases.empty:
        return nothing()
    lines = []
    for name, rows in main_names(cases).groupby("name", sort=False):
        lines.append(exactness(name, rows.error.max(), rows.top1.min()))
    lines += inputs.compared(report) + inputs.quantization(report)
    relabelled = cases[(cases.precision_label != cases.precision) & (cases.precision != AUTO)]
    for (label, asked, shown), rows in relabelled.groupby(["label", "precision", "precision_label"], sort=False):
        lines.append(tr_n(
            "{label} computed {n}{nbsp}configuration in {actual}, not in {asked} as asked. The table labels this row "
            "so, and shows no speedup for it.",
            "{label} computed {n}{nbsp}configurations in {actual}, not in {asked} as asked. The table labels these "
            "rows so, and shows no speedup for them.",
            len(rows), label=label, asked=asked, actual=shown.split()[-1].rstrip(")"),
        ))  # fmt: skip
    if len(inexact := findings.failed(report, is_inexact)):
        lines.append(tr_n(
            "{n}{nbsp}configuration is out of tolerance; its speed is not shown: {names}.",
            "{n}{nbsp}configurations are out of tolerance; their speed is not shown: {names}.",
            len(inexact), names=listed(sorted(set(inexact.name))),
        ))  # fmt: skip
    return bullets(lines)


def exactness(name: str, error: float, top1: float) -> str:
    """The largest error of an engine and precision, and the least share of images with the reference's first class."""
    figures = {"name": name, "error": scientific(error)}
    if top1 == 1:
        return tr(
            "**{name}:** the largest relative error is {error}; the first class agrees with the reference for all "
            "images.",
            **figures,
        )
    return tr(
        "**{name}:** the largest relative error is {error}; the first class agrees with the reference for at least "
        "{share} of the images.",
        **figures, share=percent(top1),
    )  # fmt: skip


def is_inexact(record: Record) -> bool:
    """Whether a failed case was compared with the reference and stands aside for that, not for its speed."""
    return record.accuracy is not None and not record.reason.startswith(ceilings.IMPOSSIBLE)
