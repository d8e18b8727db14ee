"""One `Case` → one `Record`."""

import multiprocessing
import re
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from bench_lib.core.import_time import SECONDS  # isort: skip  # before torch, whose import it times

import torch

from bench_lib.analysis import roofline
from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Engine, Unavailable, build_engine, compute_device, load_builder
from bench_lib.core.intervals import median
from bench_lib.core.record import Accuracy, Energy, Memory, Record, Timing
from bench_lib.core.timing import Clock, time_engine
from bench_lib.measure import accuracy, energy, memory, system
from bench_lib.measure.flops import count_work
from bench_lib.workload.images import batches, copy_times_ms, read_images, synthetic_images
from bench_lib.workload.network import load_network

OUT_OF_MEMORY = re.compile(
    r"out of memory|tried to allocate|failed to allocate|bad allocation|bad_alloc", re.IGNORECASE
)


def measure_case(case: Case, limits: Limits, seed: int = 0, clock: Clock = time.perf_counter) -> Record:
    """Build, warm up, time and check the case on this machine. Failures are in the record, never raised."""
    base = attempted(case, limits, seed)
    try:
        return Record(**base, **measured_fields(case, limits, seed, clock))
    except Unavailable as error:
        return Record(**base, status="skipped", reason=error.reason, detail=str(error))
    except Exception as error:  # a runtime may raise anything; the sweep goes on and the record keeps it
        return Record(**base, status="failed", reason=failure_reason(error), detail=traceback.format_exc())


def attempted(case: Case, limits: Limits, seed: int) -> dict[str, Any]:
    """The fields of a record that do not depend on what comes of it."""
    return {
        "case": case,
        "limits": limits,
        "seed": seed,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": system.describe(),
        "process": "forked" if multiprocessing.parent_process() else "plain",
    }


def measured_fields(case: Case, limits: Limits, seed: int, clock: Clock) -> dict[str, Any]:
    """The record's measured fields; raise `Unavailable` where the case cannot run, or what the runtime raises."""
    runtime = load_builder(case.engine)
    memory_steps, gpu_idle = {"device_idle_bytes": memory.device_bytes()}, system.gpu_state()
    runtime.check_support(case.precision)
    device = compute_device()
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_stream(torch.cuda.Stream())  # creates the context; on the default one some runtimes wait
        torch.cuda.synchronize()
        memory_steps["device_context_bytes"] = memory.device_bytes()
    real = read_images(case, device, clock) if case.data else None
    images = batches(real.pixels, case.batch_size)[0] if real else synthetic_images(case, seed, device)
    model = load_network(case.model, seed, case.weights)
    memory_steps["host_before_build_bytes"] = memory.host_bytes()
    memory.reset_host_peak()
    start = clock()
    engine = build_engine(case, model, images, real.pixels if real else None)
    engine.synchronize()
    build_s = clock() - start
    if on_gpu:
        memory_steps["device_built_bytes"] = memory.device_bytes()
    timing = time_engine(engine, limits, clock, on_gpu)
    gpu_busy = busy_state(engine, timing)
    memory_steps["device_peak_bytes"] = memory.device_bytes()  # runtimes keep what they took, so this is the peak
    memory_steps["host_peak_bytes"] = memory.host_peak_bytes()
    joules, joules_absent = count_energy(engine, case, timing, on_gpu)
    if real:  # from here on, memory is not the case's
        output = accuracy.answers(engine, real.pixels, case.batch_size)
        expected, name = accuracy.reference(model, real.pixels, device, case.batch_size)
    else:
        output, (expected, name) = engine.output(), accuracy.reference(model, images, device)
    compared = accuracy.compare(output, expected, name, case.precision, engine.ran.get("kernels"))
    counted = count_work(case, model)
    fields = {
        "import_s": {name: SECONDS[name] for name in runtime.IMPORTS if name in SECONDS},
        "build_s": build_s,
        "timing": timing,
        "memory": Memory(**memory_steps),
        "accuracy": compared,
        "energy": joules,
        "energy_absent": joules_absent,
        "work": counted,
        "data": real.facts(copy_times_ms(images, case.precision, device, clock)) if real else None,
        "gpu_idle": gpu_idle,
        "gpu_busy": gpu_busy,
        "ran": engine.ran,
    }
    if accuracy.is_acceptable(compared):
        gpu = system.gpu() if counted else None
        reason, detail = roofline.impossible_speed(counted, timing, compared.actual_precision, gpu, case.batch_size)
    else:
        reason, detail = inaccuracy(compared)
    return {"status": "failed" if reason else "ok", "reason": reason, "detail": detail, **fields}


def count_energy(engine: Engine, case: Case, timing: Timing, on_gpu: bool) -> tuple[Energy | None, str]:
    """The case's energy, or why it cannot be counted (Russian)."""
    try:
        return energy.measure_energy(engine, case.batch_size, median(timing.latency_ms) / 1e3, on_gpu), ""
    except energy.NoCounter as error:
        return None, str(error)


def busy_state(engine: Engine, timing: Timing) -> dict[str, Any] | None:
    """The GPU's state at the end of one more throughput window, before its output is waited for."""
    for _ in range(timing.throughput[-1].calls if compute_device().type == "cuda" else 0):
        engine.run()
    state = system.gpu_state()
    engine.synchronize()
    return state


def inaccuracy(compared: Accuracy) -> tuple[str, str]:
    """Say in Russian and in English how far an output is from the reference."""
    if compared.max_relative_error is None:
        return "выход содержит бесконечность или NaN", "the output holds infinity or NaN"
    error, allowed = (f"{value:.1e}" for value in (compared.max_relative_error, compared.tolerance))
    agreement = f"{100 * compared.top1_agreement:.0f}"
    return (
        f"выход неточен: наибольшая относительная ошибка {error} при допуске {allowed}, ".replace(".", ",")
        + f"совпадение первого класса {agreement} %",
        f"the output is inexact: the largest relative error is {error}, {allowed} is allowed; the first class agrees "
        f"for {agreement}%",
    )


def failure_reason(error: Exception) -> str:
    """Say to the report's reader (Russian) why a case failed, with the runtime's own words."""
    if reason := getattr(error, "reason", ""):
        return reason
    words = " ".join(str(error).split())
    if shortage := OUT_OF_MEMORY.search(words):
        return f"не хватило памяти: {shorten_error(words[shortage.start() :])}"
    kind = "не хватило памяти" if isinstance(error, MemoryError) else f"ошибка {type(error).__name__}"
    return f"{kind}: {shorten_error(words)}"


def shorten_error(words: str) -> str:
    """At most 200 characters; the whole is in the record's `detail`."""
    return words if len(words) <= 200 else words[:200] + "…"
