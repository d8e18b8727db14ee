"""Measures one `Case` in this process and returns its `Record`, whatever happens."""

import multiprocessing
import re
import time
import traceback
from functools import partial
from typing import Any

from bench_lib.measure.reference import Reference, references

from bench_lib.core.import_time import SECONDS  # isort: skip  # before torch, whose import it times

import torch

from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import Engine, Unavailable, build_engine, compute_device, load_builder
from bench_lib.core.errors import InputError, one_line, shortened
from bench_lib.core.intervals import median
from bench_lib.core.once import once
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Accuracy, Energy, Memory, Record, Timing, now
from bench_lib.core.timing import Clock, time_engine
from bench_lib.measure import accuracy, energy, memory, system
from bench_lib.measure.flops import count_work
from bench_lib.measure.labelled import measure_labelled
from bench_lib.measure.processor_time import read_counters, time_since
from bench_lib.measure.threads import limit_threads
from bench_lib.workload.answers import output_names
from bench_lib.workload.image_size import SizeRefused
from bench_lib.workload.images import RealImages, batches, copy_times_ms, images_to_check, read_images, synthetic_images
from bench_lib.workload.network import Network, is_named, load_network

OUT_OF_MEMORY = re.compile(
    r"out of memory|tried to allocate|failed to allocate|bad allocation|bad_alloc", re.IGNORECASE
)

SHARED_MEMORY_FULL = re.compile(
    r"</torch_\w+>.{0,60}No space left on device|out of shared memory|unable to allocate shared memory", re.IGNORECASE
)


def measure_case(case: Case, limits: Limits, seed: int = 0, clock: Clock = time.perf_counter) -> Record:
    """Build, warm up, time and check the case on this machine; a failure is put in the record and never raised."""
    limit_threads()
    base = attempted(case, limits, seed)
    try:
        return Record(**base, **measured_fields(case, limits, seed, clock), ended_at=now())
    except (Unavailable, SizeRefused) as error:
        fields = {"status": "skipped", "reason": error.reason}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a runtime or a network may raise anything, even the end of the program
        fields = {"status": "failed", "reason": failure_reason(error), "detail": traceback.format_exc()}
    return Record(**base, **fields, ended_at=now())


def attempted(case: Case, limits: Limits, seed: int) -> dict[str, Any]:
    """The fields of a record that are known before the case runs."""
    return {
        "case": case,
        "limits": limits,
        "seed": seed,
        "started_at": now(),
        "host": system.host(),
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
    model = load_network(case.model, seed, case.weights, case.image_size)
    engine, fields = build_and_time(case, limits, model, images, real, memory_steps, clock)
    # From here on, the memory in use is no longer that of the case alone.
    checked = real.pixels.roll(1, dims=0) if real else images_to_check(case, seed)  # not the batch that was timed
    against = case_references(case, model, checked, seed)
    compared = compare_with_reference(engine, case, model, checked, against)
    fields |= {
        "import_s": {name: SECONDS[name] for name in runtime.IMPORTS if name in SECONDS},
        "accuracy": compared,
        "work": count_work(case, model),
        "data": real.facts(copy_times_ms(images, case.precision, device, clock)) if real else None,
        "labelled": measure_labelled(engine, case) if case.labels else None,
        "gpu_idle": gpu_idle,
        "ran": engine.ran,
    }
    return fields | outcome(compared)


def create_gpu_context() -> None:
    """Create the CUDA context, and make a new stream the current one: on the default stream some runtimes wait."""
    torch.cuda.set_stream(torch.cuda.Stream())
    torch.cuda.synchronize()


def build_and_time(
    case: Case, limits: Limits, model: Network, images: torch.Tensor, real: RealImages | None,
    memory_steps: dict[str, int | None], clock: Clock,
) -> tuple[Engine, dict[str, Any]]:  # fmt: skip
    """Build the case's engine for one batch and time it.

    Return the engine and the record's fields about its build, times, processor, memory and energy. `memory_steps` are
    the values of `Memory` that were read before.
    """
    on_gpu = compute_device().type == "cuda"
    memory.return_freed_memory()  # of adapting random weights
    host_before_build = memory.host_bytes()
    memory.reset_host_peak()
    start = clock()
    engine = build_engine(case, model, images, real.pixels if real else None)
    engine.synchronize()
    build_s = clock() - start
    device_built = memory.device_bytes() if on_gpu else None
    counters = read_counters()
    timing = time_engine(engine, limits, clock, on_gpu)
    processor = time_since(counters)
    gpu_busy = busy_state(engine, timing)
    memory_steps = memory_steps | {
        "host_before_build_bytes": host_before_build,
        "device_built_bytes": device_built,
        "device_peak_bytes": memory.device_bytes(),  # runtimes keep the memory they took, so this is the peak
        "host_peak_bytes": memory.host_peak_bytes(),
    }
    joules, joules_absent = count_energy(engine, case, timing, limits.energy_min_s, on_gpu)
    return engine, {
        "build_s": build_s, "timing": timing, "processor": processor, "memory": Memory(**memory_steps),
        "gpu_busy": gpu_busy, "energy": joules, "energy_absent": joules_absent,
    }  # fmt: skip


def compare_with_reference(
    engine: Engine, case: Case, model: Network, images: torch.Tensor, against: list[Reference] | None = None
) -> Accuracy:
    """Compare the engine's answers to the images (`[images, 3, height, width]`) with the reference's.

    `against` is the reference of each output for these images, where it is known already.
    """
    outputs = accuracy.answers(engine, images, case.batch_size)
    against = against or references(model, images, compute_device(), case.batch_size)
    return accuracy.compare_all(outputs, against, output_names(model), case.precision, engine.ran.get("kernels"))


def case_references(case: Case, model: Network, images: torch.Tensor, seed: int) -> list[Reference]:
    """The reference of each output; that of a network with random weights is the same for many cases of a sweep."""
    device = compute_device()
    compute = partial(references, model, images, device, case.batch_size)
    if case.weights or case.data or not is_named(case.model):
        return compute()
    return once(("references", case.model, seed, case.image_size, case.batch_size, device.type), compute)


def outcome(compared: Accuracy) -> dict[str, Any]:
    """The record's status, and the reason if the output is inexact: then the case failed."""
    reason = None if accuracy.is_acceptable(compared) else inaccuracy(compared)
    return {"status": "failed" if reason else "ok", "reason": reason}


def count_energy(
    engine: Engine, case: Case, timing: Timing, least_s: float, on_gpu: bool
) -> tuple[Energy | None, Reason | None]:
    """The case's energy, counted for at least `least_s` seconds, or why it is not counted."""
    try:
        return energy.measure_energy(engine, case.batch_size, median(timing.latency_ms) / 1e3, least_s, on_gpu), None
    except energy.NoCounter as error:
        return None, error.reason


def busy_state(engine: Engine, timing: Timing) -> dict[str, Any] | None:
    """The GPU's state while it works: read at the end of one more throughput window, before waiting for its output."""
    if compute_device().type == "cuda":
        for _ in range(timing.throughput[-1].calls):
            engine.run()
    state = system.gpu_state()
    engine.synchronize()
    return state


def inaccuracy(compared: Accuracy) -> Reason:
    """What is wrong with an output: its fault or, where it has none, how far it is from the reference."""
    if compared.fault:
        return because(compared.fault)
    return because("too_inexact", error=compared.error, allowed=compared.tolerance, agreement=compared.top1_agreement)


def failure_reason(error: BaseException) -> Reason:
    """Why a case failed, with the runtime's own words."""
    reason = getattr(error, "reason", None)  # errors of Python have one too, a text
    if isinstance(reason, Reason):
        return reason
    words = one_line(str(error))
    if shortage := SHARED_MEMORY_FULL.search(words):
        return because("shared_memory_full", words=shorten_error(words[shortage.start() :]))
    if shortage := OUT_OF_MEMORY.search(words):
        return because("out_of_memory", words=shorten_error(words[shortage.start() :]))
    if isinstance(error, MemoryError):
        return because("out_of_memory", words=shorten_error(words))
    if isinstance(error, InputError):
        return because("wrong_input", words=words)
    return because("runtime_error", kind=type(error).__name__, words=shorten_error(words))


def shorten_error(words: str) -> str:
    """At most 200 characters; the whole is in the record's `detail`."""
    return shortened(words, 200)
