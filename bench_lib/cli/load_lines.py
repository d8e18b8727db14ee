"""What `bench serve`, `bench scale` and `bench pipeline` print: a line for each case, under a line of headings."""

from bench_lib.cli.terminal import column_width, per_second
from bench_lib.results.pipeline import Pipeline
from bench_lib.results.scaling import Scaling
from bench_lib.results.serving import Serving, best_point, least_p99


def serving_lines(found: Serving) -> list[str]:
    """For each case the highest rate that kept the limit, or why there is none."""
    limit = found.grid.p99_ms
    width = column_width(served.case.id for served in found.cases)
    lines = [f"{'case':{width}}{'img/s under limit':>17}{'p50 ms':>9}{'p99 ms':>9}{'N':>8}{'batch':>7}{'ceiling':>9}"]
    for served in found.cases:
        start = f"{served.case.id:{width}}"
        kept = best_point(served.points, limit)
        if served.failed:
            lines.append(f"{start}{served.failed}")
        elif kept is None:
            least = least_p99(served.points)
            words = (
                f"the least p99 was {least.loadgen.p99_ms:.3g} ms (N = {least.requests})"
                if least
                else "every p90 is above it"
            )
            lines.append(f"{start}no rate keeps p99 under {limit:g} ms; {words}")
        else:
            counted = kept.loadgen
            lines.append(f"{start}{per_second(kept.offered_ips):>17}{counted.p50_ms:9.3g}{counted.p99_ms:9.3g}"
                         f"{kept.requests:8}{kept.batch:7.1f}{per_second(served.ceiling_ips):>9}")  # fmt: skip
    near = [served.case.id for point, served in found.kept if found.near_queue(point.offered_ips)]
    if near:
        lines.append(f"The queue rather than the device may limit {', '.join(near)}: above half of what it carries.")
    apart = [point.apart for served in found.cases for point in served.points]
    if apart:
        lines.append(f"Ours and LoadGen's counts differ by at most {max(*apart, 1e-4):.2%} over {len(apart)} rates.")
    return lines


def scaling_lines(found: Scaling) -> list[str]:
    """For each case and number of workers at once, throughput, latency and memory, or why there is none."""
    width = column_width(scaled.case.id for scaled in found.cases)
    lines = [f"{'case':{width}}{'at once':14}{'img/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'N':>7}{'busy':>6}{'GPU MiB':>9}"
             f"{'host MiB':>9}"]  # fmt: skip
    for scaled in found.cases:
        for one in scaled.crowds:
            start = f"{scaled.case.id:{width}}{f'{one.workers} {one.way}':14}"
            if one.failed:
                lines.append(f"{start}{one.failed}")
                continue
            device, host = (
                "—" if size is None else f"{size / 2**20:.0f}" for size in (one.device_bytes, one.host_bytes)
            )
            busy = "—" if one.busy is None else f"{one.busy:.0%}"
            p99 = "—" if one.p99_ms is None else f"{one.p99_ms:.3g}"
            lines.append(
                f"{start}{per_second(one.ips):>8}{one.p50_ms:8.3g}{p99:>8}{found.calls(scaled, one):7}{busy:>6}"
                f"{device:>9}{host:>9}"
            )
    return lines


def pipeline_lines(found: Pipeline) -> list[str]:
    """For each case, images a second of each stage alone and of all together, or why there is none."""
    width = column_width(one.case.id for one in found.cases)
    lines = [f"{found.images} images of {found.image_bytes / 1024:.0f} KiB in the mean; images/s of each stage alone; "
             "N: batches of the whole",
             f"{'case':{width}}{'workers':>8}{'decode':>11}{'copy':>11}{'infer':>11}{'whole':>11}{'N':>7}  slowest",
             ]  # fmt: skip
    for one in found.cases:
        if one.failed:
            lines.append(f"{one.case.id:{width}}{one.failed}")
        else:
            stages = (one.decode_ips, one.copy_ips, one.infer_ips, one.whole_ips)
            rates = "".join(f"{per_second(stage):>11}" for stage in stages)
            lines.append(f"{one.case.id:{width}}{one.workers:8}{rates}{found.batches(one):7}  {one.bottleneck}")
    return lines
