"""Tables → Russian sentences: how near the figures come to what the device could do at best."""

from bench_lib import ceilings
from bench_lib.narrative import at
from bench_lib.summary import Summary
from bench_lib.words import NBSP, counted, listed, number, percent, plain, quoted

BOUNDS = {"compute": "вычислений", "memory": "обмена с памятью"}


def column(report: Summary) -> str:
    """What «% от потолка» holds, with the peaks and their source, or why there is no such column."""
    gpu = report.machine.get("gpu")
    if not gpu:
        return (
            "не посчитан: для процессоров нет документированного пика, он зависит от набора команд и частоты под "
            "нагрузкой"
        )
    known = ceilings.peaks(gpu)
    if known is None:
        return f"не посчитан: документированных пиков {quoted(gpu['name'])} нет в таблице `bench_lib/peaks.yaml`"
    if report.measured.roofline.isna().all():
        return "не посчитан: в записях нет числа операций сети, или у GPU нет пика для измеренной точности"
    rates = {"fp32": known.fp32, "TF32": known.tf32, "fp16": known.fp16, "bf16": known.bf16}
    peaks = ", ".join(f"{name} — {plain(rate)}{NBSP}Тфлоп/с" for name, rate in rates.items() if rate)
    return (
        f"FPS этой строки в процентах от наибольшего, какой допускают документированные пики {quoted(gpu['name'])}: "
        f"{peaks} (без разреженности), память — {number(known.gb_per_s, 0)}{NBSP}ГБ/с; источник — {known.source}. "
        "Потолок задаёт большее из двух времён: умножения и сложения свёрток и матричных произведений сети при той "
        "точности, в которой шёл расчёт, или пересылка весов, входа и выхода. Алгоритм Винограда обходится меньшим "
        f"числом умножений, а веса могут оставаться в кэше, так что доля бывает и больше 100{NBSP}%. Строка, которая "
        "быстрее, чем допускает и это, — ошибка измерения: её скорость не показана"
    )


def nearest(report: Summary) -> list[str]:
    """Who comes nearest to the ceiling, and which figures were above what is possible."""
    cases, lines = report.measured.dropna(subset="roofline"), []
    if len(cases):
        best = cases.loc[cases.roofline.idxmax()]
        lines.append(
            f"Ближе всех к потолку — {at(best)}: {percent(best.roofline)}; это потолок {BOUNDS[best.bound]}. "
            f"У половины строк — не больше {percent(cases.roofline.median())}."
        )
    above = report.cases[report.cases.reason.str.startswith(ceilings.IMPOSSIBLE)]
    if len(above):
        count = counted(len(above), "конфигурация", "конфигурации", "конфигураций")
        lines.append(f"{count} — быстрее возможного; скорость для них не показана: {listed(sorted(set(above.name)))}.")
    return lines
