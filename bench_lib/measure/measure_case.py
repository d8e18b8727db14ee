"""Measures one `Case` in this process and returns its `Record`, whatever happens."""

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
from bench_lib.core.record import Accuracy, Energy, Memory, Record, Timing, Work
from bench_lib.core.timing import Clock, time_engine
from bench_lib.measure import accuracy, energy, memory, system
from bench_lib.measure.flops import count_work
from bench_lib.workload.images import RealImages, batches, copy_times_ms, read_images, synthetic_images
from bench_lib.workload.network import Network, load_network

OUT_OF_MEMORY = re.compile(
    r"out of memory|tried to allocate|failed to allocate|bad allocation|bad_alloc", re.IGNORECASE
)


def measure_case(case: Case, limits: Limits, seed: int = 0, clock: Clock = time.perf_counter) -> Record:
    """Build, warm up, time and check the case on this machine; a failure is put in the record and never raised."""
    base = attempted(case, limits, seed)
    try:
        return Record(**base, **measured_fields(case, limits, seed, clock))
    except Unavailable as error:
        return Record(**base, status="skipped", reason=error.reason, detail=str(error))
    except Exception as error:  # a runtime may raise any exception; the record keeps it, and the sweep goes on
        return Record(**base, status="failed", reason=failure_reason(error), detail=traceback.format_exc())


def attempted(case: Case, limits: Limits, seed: int) -> dict[str, Any]:
    """The fields of a record that are known before the case runs."""
    return {
        "case": case,
        "limits": limits,
        "seed": seed,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": system.describe(),
        "process": "forked" if multiprocessing.parent_process() else "plain",
    }


def measured_fields(case: Case, limits: Limits, seed: int, clock: Clock) -> dict[str, Any]:
    """The record's measured fields; raise `Unavailable` if the case cannot run here, or whatever the runtime raises."""
    runtime = load_builder(case.engine)
    memory_steps = {"device_idle_bytes": memory.device_bytes()}
    gpu_idle = system.gpu_state()
    runtime.check_support(case.precision)
    device = compute_device()
    if device.type == "cuda":
        create_gpu_context()
        memory_steps["device_context_bytes"] = memory.device_bytes()
    real = read_images(case, device, clock) if case.data else None
    images = batches(real.pixels, case.batch_size)[0] if real else synthetic_images(case, seed, device)
    model = load_network(case.model, seed, case.weights)
    engine, fields = build_and_time(case, limits, model, images, real, memory_steps, clock)
    # From here on, the memory in use is no longer that of the case alone.
    compared = compare_with_reference(engine, case, model, images, real, device)
    fields |= {
        "import_s": {name: SECONDS[name] for name in runtime.IMPORTS if name in SECONDS},
        "accuracy": compared,
        "work": count_work(case, model),
        "data": real.facts(copy_times_ms(images, case.precision, device, clock)) if real else None,
        "gpu_idle": gpu_idle,
        "ran": engine.ran,
    }
    return fields | outcome(case, compared, fields["work"], fields["timing"])


def create_gpu_context() -> None:
    """Create the CUDA context, and make a new stream the current one: on the default stream some runtimes wait."""
    torch.cuda.set_stream(torch.cuda.Stream())
    torch.cuda.synchronize()


def build_and_time(
    case: Case, limits: Limits, model: Network, images: torch.Tensor, real: RealImages | None,
    memory_steps: dict[str, int | None], clock: Clock,
) -> tuple[Engine, dict[str, Any]]:  # fmt: skip
    """Build the case's engine for one batch and time it.

    Return the engine and the record's fields about its build, times, memory and energy. `memory_steps` are the values
    of `Memory` that were read before.
    """
    on_gpu = compute_device().type == "cuda"
    host_before_build = memory.host_bytes()
    memory.reset_host_peak()
    start = clock()
    engine = build_engine(case, model, images, real.pixels if real else None)
    engine.synchronize()
    build_s = clock() - start
    device_built = memory.device_bytes() if on_gpu else None
    timing = time_engine(engine, limits, clock, on_gpu)
    gpu_busy = busy_state(engine, timing)
    memory_steps = memory_steps | {
        "host_before_build_bytes": host_before_build,
        "device_built_bytes": device_built,
        "device_peak_bytes": memory.device_bytes(),  # runtimes keep the memory they took, so this is the peak
        "host_peak_bytes": memory.host_peak_bytes(),
    }
    joules, joules_absent = count_energy(engine, case, timing, on_gpu)
    return engine, {
        "build_s": build_s, "timing": timing, "memory": Memory(**memory_steps), "gpu_busy": gpu_busy,
        "energy": joules, "energy_absent": joules_absent,
    }  # fmt: skip


def compare_with_reference(
    engine: Engine, case: Case, model: Network, images: torch.Tensor, real: RealImages | None, device: torch.device
) -> Accuracy:
    """Compare the engine's output with the reference: for all real images, or for the one synthetic batch."""
    if real:
        output = accuracy.answers(engine, real.pixels, case.batch_size)
        expected, name = accuracy.reference(model, real.pixels, device, case.batch_size)
    else:
        output = engine.output()
        expected, name = accuracy.reference(model, images, device)
    return accuracy.compare(output, expected, name, case.precision, engine.ran.get("kernels"))


def outcome(case: Case, compared: Accuracy, work: Work | None, timing: Timing) -> dict[str, str]:
    """The record's status, reason and detail: the case failed if it is inexact or faster than the GPU can compute."""
    if accuracy.is_acceptable(compared):
        gpu = system.gpu() if work else None
        reason, detail = roofline.impossible_speed(work, timing, compared.actual_precision, gpu, case.batch_size)
    else:
        reason, detail = inaccuracy(compared)
    return {"status": "failed" if reason else "ok", "reason": reason, "detail": detail}


def count_energy(engine: Engine, case: Case, timing: Timing, on_gpu: bool) -> tuple[Energy | None, str]:
    """The case's energy, or why it cannot be counted (Russian)."""
    try:
        return energy.measure_energy(engine, case.batch_size, median(timing.latency_ms) / 1e3, on_gpu), ""
    except energy.NoCounter as error:
        return None, str(error)


def busy_state(engine: Engine, timing: Timing) -> dict[str, Any] | None:
    """The GPU's state while it works: read at the end of one more throughput window, before waiting for its output."""
    if compute_device().type == "cuda":
        for _ in range(timing.throughput[-1].calls):
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
