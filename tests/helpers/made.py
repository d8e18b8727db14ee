"""Records with chosen figures, a clock that only calls move, and an engine that takes a known time."""

import math
import threading
import time

import torch

from bench_lib.analysis.case_table import tabulate
from bench_lib.core.case import Case, Limits
from bench_lib.core.grid import Grid, Variant
from bench_lib.core.real_images import Labelled, Preprocessing
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Accuracy, Memory, Record, Timing, Window
from bench_lib.report.report import Report
from bench_lib.results.clock import OURS, TIMER, CaseClock, Clock
from bench_lib.results.pipeline import Pipeline, Pipelined, PipelineGrid
from bench_lib.results.scaling import Crowd, Scaled, Scaling, ScalingGrid
from bench_lib.results.serving import Point, Served, Serving, ServingGrid, Tally
from bench_lib.results.verdicts import SelfCheck
from bench_lib.workload.answers import as_tuple

MIB = 2**20
ALL = ["pytorch", "onnx_runtime", "torch_tensorrt"]
MACHINE = {
    "cpu": "CPU", "cores": 2, "memory_bytes": 2**34, "gpu": None, "os": "Linux", "python": "3.11.7", "versions": {},
}  # fmt: skip
GPU = {"name": "NVIDIA H200", "memory_bytes": 2**37, "driver": "580", "cuda": "13.0", "compute_capability": "9.0"}


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class TickingClock(FakeClock):
    """Seconds that pass when told, and a few more with every look."""

    def __init__(self, tick_s=1e-7):
        super().__init__()
        self.tick_s = tick_s

    def __call__(self):
        self.now += self.tick_s
        return self.now


class NoOpEngine:
    """Takes `run_s` to send a batch and `wait_s` to finish what was sent since the last synchronization."""

    def __init__(self, clock, run_s, wait_s=0.0):
        self.clock, self.run_s, self.wait_s = clock, run_s if callable(run_s) else lambda _: run_s, wait_s
        self.ran = {}
        self.calls = self.pending = self.synchronized = 0

    def run(self):
        self.clock.now += self.run_s(self.calls)
        self.calls += 1
        self.pending += 1

    def synchronize(self):
        self.clock.now += self.wait_s * bool(self.pending)
        self.pending = 0
        self.synchronized += 1

    def outputs(self):
        return (torch.zeros(1, 10),)


class Honest(NoOpEngine):
    """Answers what the network answers."""

    def __init__(self, clock, model, images, run_s=0.1, wait_s=0.0):
        super().__init__(clock, run_s, wait_s)
        self.model, self.images, self.taken = model, images, images

    def fill(self, images):
        self.images = images

    def run(self):
        super().run()
        self.taken = self.images

    def outputs(self):
        with torch.inference_mode():
            return as_tuple(self.model(self.taken))


class Sleeper:
    """Takes real time: `run_s` to send a batch and `wait_s` to wait for what was sent; may fail at a given call."""

    def __init__(self, run_s=0.0, wait_s=0.0, fails_at=0):
        self.run_s, self.wait_s, self.fails_at = run_s, wait_s, fails_at
        self.ran, self.threads, self.calls, self.waits = {}, set(), 0, 0

    def run(self):
        self.calls += 1
        self.threads.add(threading.get_ident())
        if self.calls == self.fails_at:
            raise MemoryError("full")
        time.sleep(self.run_s)

    def synchronize(self):
        self.waits += 1
        time.sleep(self.wait_s)

    def outputs(self):
        return (torch.zeros(1, 10),)


def record(
    engine="pytorch", precision="fp32", size=224, batch=1, ms=10.0, *, fps=None, mib=500, actual=None,
    model="resnet18", **fields,
):  # fmt: skip
    """A measured record whose latency is `ms` and whose throughput is `fps` (or what the latency gives).

    Sending a call takes a tenth of its time, so the device sets its pace.
    """
    fps = fps or batch * 1000 / ms
    window = Window(calls=1, seconds=batch / fps)
    measured = {
        "build_s": 1.0,
        "timing": Timing(warmup_ms=[ms], warm=True, latency_ms=[ms] * 4, throughput=[window] * 4,
                         enqueue_ms=[ms / 10] * 4),
        "memory": Memory(host_before_build_bytes=0, host_peak_bytes=mib * MIB),
        "accuracy": Accuracy(error=1e-6, tolerance=2e-2, rounding=4e-2, images=16, answered_classes=12,
                             top1_agreement=1.0, reference="PyTorch fp32",
                             actual_precision=actual or precision),
    }  # fmt: skip
    if "status" in fields:
        measured = {}
    case = Case(engine=engine, precision=precision, image_size=size, batch_size=batch, model=model)
    at = "2026-01-01T00:00:00+00:00"
    base = {"case": case, "limits": Limits(), "seed": 0, "started_at": at, "ended_at": at, "machine": MACHINE}
    return Record(**(base | {"status": "ok"} | measured | fields))


def labelled(top1, top5=None, images_id="0" * 64, **fields) -> Labelled:
    """Verdicts on labelled images, `"1"` for a right answer; `top5` is None for a network of five classes."""
    prepared = Preprocessing(
        resize=256, crop=224, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bilinear", source="imagenet"
    )  # fmt: skip
    made = {"top1": top1, "top5": top5, "classes": 5 if top5 is None else 1000, "preprocessing": prepared}
    return Labelled(**made | {"images_id": images_id} | fields)


def crowded_by(others_cores, seconds=2.5, cores=2, physical_cores=None, stopped=0) -> dict:
    """What a record holds of its processor if others computed on so many of its cores while it was timed."""
    own_s = 0.75 * seconds
    return {"seconds": seconds, "cores": cores, "physical_cores": physical_cores or cores,
            "busy_s": own_s + others_cores * seconds, "own_s": own_s, "stopped": stopped}  # fmt: skip


def retimed(made: Record, **fields) -> Record:
    """The record with other fields of its timing: `warm`, `latency_ms` and so on."""
    return made.model_copy(update={"timing": made.timing.model_copy(update=fields)})


def worded(russian: str, english: str = "") -> Reason:
    """A reason in these words; the English are the Russian unless given."""
    return because("as_recorded", ru=russian, en=english or russian)


def skipped(engine, precision="fp32", size=224, batch=1, reason="нет GPU", **fields):
    """A record of a case that could not run."""
    return record(engine, precision, size, batch, status="skipped", reason=worded(reason), **fields)


def report(*records: Record, gpu=None, sd=None, folder=None, **given) -> Report:
    """A report of the records, whose grid is just what they hold; `sd` is what a check of PyTorch fp32 measured.

    `folder` is where other results lie and figures go, `given` are more of the grid's fields.
    """
    cases = [r.case for r in records]
    networks = list(dict.fromkeys(c.model for c in cases))
    if networks != ["resnet18"] and "model" not in given:
        given["models"] = networks
    grid = Grid(
        engines=list(dict.fromkeys(c.variant or c.engine for c in cases)),
        variants={c.variant: Variant(engine=c.engine, options=c.options) for c in cases if c.variant},
        precisions=list(dict.fromkeys(c.precision for c in cases)),
        image_sizes=sorted({c.image_size for c in cases}),
        batch_sizes=sorted({c.batch_size for c in cases}),
        repeats=max(c.repeat for c in cases),
        **given,
    )
    machine = MACHINE | {"gpu": gpu}
    check = selfcheck(plain_ms=[10.0, 10.0 * math.exp(sd * math.sqrt(2))]) if sd else None
    table = tabulate(grid, [r.model_copy(update={"machine": machine}) for r in records], check)
    return Report.of(table, folder)


def clock(ratios=(1.0,) * 8, batch=1, ours_ms=10.0, **fields) -> Clock:
    """A check of the clock where PyTorch's reads `ratios` times ours, round by round, for both figures."""
    by_clock = {OURS: [ours_ms] * len(ratios), TIMER: [ours_ms * ratio for ratio in ratios]}
    timed = {"case": Case(engine="pytorch", batch_size=batch), "ms": {"latency": by_clock, "throughput": by_clock},
             "overhead_ns": {"latency": 200.0, "throughput": 50.0}}  # fmt: skip
    return Clock(schema_version=2, started_at="2026-01-02T03:04:05+00:00", machine=MACHINE, rounds=len(ratios),
                 versions={"torch": "2.14"}, cases=[CaseClock(**(timed | fields))])  # fmt: skip


def selfcheck(**fields) -> SelfCheck:
    """A check of the verdicts that reached its goals: 1 false alarm in 200 pairs, 199 slowdowns found."""
    made = {"case": Case(engine="pytorch"), "limits": Limits(), "slowdown": 0.05, "repeats": 5, "pairs": 200, "seed": 0,
            "plain_ms": [10.0, 10.1] * 10, "slowed_ms": [10.5, 10.6] * 10, "false_alarms": 1, "found": 199}  # fmt: skip
    made |= {"schema_version": 2, "started_at": "2026-01-02T03:04:05+00:00", "machine": MACHINE}
    return SelfCheck(**made | fields)


def point(rate, p99_ms, p50_ms=2.0, ips=None, ours=1.0, requests=2000, calls=1000, p90_ms=None):
    """A point whose own p50 is `ours` times LoadGen's."""
    theirs = Tally(p50_ms=p50_ms, p90_ms=p90_ms, p99_ms=p99_ms, ips=ips or rate)
    mine = theirs.model_copy(update={"p50_ms": p50_ms * ours})
    return Point(offered_ips=rate, requests=requests, calls=calls, loadgen=theirs, ours=mine)


LOAD = {"engines": ["pytorch"], "precisions": ["fp32"], "image_sizes": [32], "batch_sizes": [1, 4]}


def served(points=(), engine="pytorch", precision="fp32", **fields) -> Served:
    """A case behind a queue; its ceiling is 1000 images a second."""
    case = Case(engine=engine, precision=precision, image_size=32, batch_size=4)
    return Served(case=case, **{"call_ms": {1: 2.0, 4: 4.0}, "points": points} | fields)


def serving(*cases, **fields) -> Serving:
    """What `bench serve` writes, of these cases."""
    queue = [point(1000, 0.5, 0.1), point(2000, 1.0, 0.1), point(4000, 30.0)]
    made = {"schema_version": 2, "started_at": "2026-01-02T03:04:05+00:00", "machine": MACHINE, "loadgen": "6.0",
            "grid": ServingGrid(**LOAD), "queue": queue}  # fmt: skip
    return Serving(**made | fields, cases=cases)


def crowd(workers, ips, way="processes", p50_ms=10.0, **fields) -> Crowd:
    """So many workers that infer `ips` images a second together, each as many; each takes 100 MiB of the host."""
    made = {"each_ips": [ips / workers] * workers, "p50_ms": p50_ms, "p99_ms": 2 * p50_ms, "calls": 2000,
            "busy": 0.5, "host_bytes": workers * 100 * MIB}  # fmt: skip
    return Crowd(way=way, workers=workers, cores=1, **made | fields)


def scaling(*crowds, engine="pytorch", **fields) -> Scaling:
    """What `bench scale` writes, of one case."""
    grid = ScalingGrid(**LOAD, workers=sorted({1, *(one.workers for one in crowds)}))
    cases = [Scaled(case=Case(engine=engine), crowds=crowds)]
    made = {"schema_version": 2, "started_at": "2026-01-02T03:04:05+00:00", "machine": MACHINE, "grid": grid}
    return Scaling(**made | fields, cases=cases)


def pipelined(batch=1, decode=400.0, copy=10_000.0, infer=1000.0, whole=390.0, engine="pytorch") -> Pipelined:
    """A case from files on, images a second of each stage and of the whole, with 4 workers."""
    return Pipelined(case=Case(engine=engine, batch_size=batch), workers=4, decode_ips=decode, copy_ips=copy,
                     infer_ips=infer, whole_ips=whole)  # fmt: skip


def end_to_end(*cases, **fields) -> Pipeline:
    """What `bench pipeline` writes, of these cases."""
    made = {"schema_version": 2, "started_at": "2026-01-02T03:04:05+00:00", "machine": MACHINE, "images": 64,
            "image_bytes": 100 * 1024, "grid": PipelineGrid(**LOAD)}  # fmt: skip
    return Pipeline(**made | fields, cases=cases)
