"""Tables → sentences: how near the figures come to what the device could do at best."""

from bench_lib import ceilings, findings
from bench_lib.language import mark, tr, tr_n
from bench_lib.narrative import at
from bench_lib.summary import Summary
from bench_lib.words import listed, number, percent, plain, quoted

NEAREST = {
    "compute": mark(
        "Nearest to the ceiling is {place}: {share}; this is the compute ceiling. Half of the rows reach no more "
        "than {half}."
    ),
    "memory": mark(
        "Nearest to the ceiling is {place}: {share}; this is the ceiling of memory traffic. Half of the rows reach no "
        "more than {half}."
    ),
}


def column(report: Summary) -> str:
    """What the column “% of ceiling” holds, with the peaks and their source, or why there is no such column."""
    gpu = report.machine.get("gpu")
    if not gpu:
        return tr(
            "not computed: processors have no documented peak, as it depends on the instruction set and on the clock "
            "under load"
        )
    known = ceilings.peaks(gpu)
    if known is None:
        return tr(
            "not computed: the documented peaks of {gpu} are not in the table `bench_lib/peaks.yaml`",
            gpu=quoted(gpu["name"]),
        )
    if report.measured.roofline.isna().all():
        return tr(
            "not computed: the records do not hold the network's operation count, or the GPU has no peak for the "
            "precision measured"
        )
    rates = {"fp32": known.fp32, "TF32": known.tf32, "fp16": known.fp16, "bf16": known.bf16}
    peaks = [tr("{name} {rate}{nbsp}TFLOP/s", name=name, rate=plain(rate)) for name, rate in rates.items() if rate]
    return tr(
        "the FPS of this row as a percentage of the most that the documented peaks of {gpu} allow: {peaks} (without "
        "sparsity), memory {bandwidth}{nbsp}GB/s; source: {source}. The ceiling is set by the larger of two times: "
        "the multiplications and additions of the network's convolutions and matrix products at the precision actually "
        "computed in, or the transfer of the weights, the input and the output. Winograd's algorithm needs fewer "
        "multiplications, and weights may stay in the cache, so the share can exceed 100%. A row that is faster than "
        "even this allows is a measurement error: its speed is not shown",
        gpu=quoted(gpu["name"]), peaks=", ".join(peaks), bandwidth=number(known.gb_per_s, 0), source=known.source,
    )  # fmt: skip


def nearest(report: Summary) -> list[str]:
    """Who comes nearest to the ceiling, and which figures were above what is possible."""
    cases, lines = report.measured.dropna(subset="roofline"), []
    if len(cases):
        best = cases.loc[cases.roofline.idxmax()]
        share, half = percent(best.roofline), percent(cases.roofline.median())
        lines.append(tr(NEAREST[best.bound], place=at(best), share=share, half=half))
    above = findings.failed(report, lambda record: record.reason.startswith(ceilings.IMPOSSIBLE))
    if len(above):
        lines.append(tr_n(
            "{n}{nbsp}configuration is faster than possible; its speed is not shown: {names}.",
            "{n}{nbsp}configurations are faster than possible; their speed is not shown: {names}.",
            len(above), names=listed(sorted(set(above.name))),
        ))  # fmt: skip
    return lines
