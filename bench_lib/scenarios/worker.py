"""A case in a fresh process or thread of its own, outside a sweep: built and checked there, or why there is nothing."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from bench_lib.core.case import Case
from bench_lib.core.engine import Engine, build_engine, compute_device, load_builder
from bench_lib.core.reason import ReasonedError, because
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import failure_reason, inaccuracy
from bench_lib.workload.images import synthetic_images
from bench_lib.workload.network import load_network


class Inexact(ReasonedError):
    """An engine answers something else than PyTorch's reference."""


def run_in_process(function: Callable, *given: Any) -> Any:
    """What the function returns, called in a fresh process; a `Reason` if it raises or the process dies."""
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(attempt, function, *given).result()
    except BrokenProcessPool:
        return because("process_crashed")


def attempt(function: Callable, *given: Any) -> Any:
    """In the fresh process: what the function returns, or a `Reason`; a runtime may raise what cannot be sent."""
    try:
        return function(*given)
    except Exception as error:
        return failure_reason(error)


def prepare_thread(case: Case, cores: int | None = None) -> torch.device:
    """The device that this thread is to build the case's engine on; raise `Unavailable` where it cannot run.

    On a GPU the thread gets a stream of its own, as a measured case does; on a CPU PyTorch, and the runtimes that ask
    it, take so many `cores` (None: as many as now).
    """
    load_builder(case.engine).check_support(case.precision)
    device = compute_device()
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream())
    elif cores:
        torch.set_num_threads(cores)
    return device


def build_for_thread(case: Case, seed: int, cores: int | None = None) -> Engine:
    """The case's engine, built for this thread after `begin`."""
    device = prepare_thread(case, cores)
    return build_engine(case, load_network(case.model, seed, case.weights), synthetic_images(case, seed, device))


def check_answers(engine: Engine, case: Case, seed: int) -> None:
    """Infer the case's own images once more; raise `Inexact` if the output is not what its precision allows."""
    device = compute_device()
    model, images = load_network(case.model, seed, case.weights), synthetic_images(case, seed, device)
    output = accuracy.answers(engine, images, case.batch_size)
    compared = accuracy.compare(output, *accuracy.reference(model, images, device), case.precision)
    if not accuracy.is_acceptable(compared):
        reason = inaccuracy(compared)
        raise Inexact(reason.name, **reason.fields)
