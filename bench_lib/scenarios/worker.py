"""What the scenarios share: a function run in a fresh process, and an engine built and checked for a thread."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from bench_lib.core.case import Case
from bench_lib.core.engine import Engine, build_engine, compute_device, load_builder
from bench_lib.core.lifetime import end_with_parent, interrupts_blocked
from bench_lib.core.reason import Reason, ReasonedError
from bench_lib.core.sockets import shorten_socket_paths
from bench_lib.measure import accuracy
from bench_lib.measure.measure_case import compare_with_reference, failure_reason, inaccuracy
from bench_lib.measure.threads import limit_threads
from bench_lib.sweep.deaths import death, oom_kills
from bench_lib.workload.images import images_to_check, synthetic_images
from bench_lib.workload.network import load_network


class Inexact(ReasonedError):
    """An engine's output differs from PyTorch's reference by more than is allowed."""


def run_in_process(engine: str, function: Callable, *given: Any) -> Any:
    """Call the function in a fresh process, where it measures this engine, and return what it returns.

    If it raises or the process dies, a `Reason` is returned. Function, arguments and result are pickled.
    """
    shorten_socket_paths()
    before = oom_kills()
    process, link = start_process(send_result, function, *given)
    try:
        return link.recv()
    except EOFError:
        return ended_reason(process, engine, before)
    finally:
        process.join()


def start_process(function: Callable, *given: Any) -> tuple[BaseProcess, Connection]:
    """Start a fresh process that calls the function with one end of a pipe and with what is given.

    Return the process and the other end. The process ends with this one, and Ctrl-C in a terminal does not reach it.
    """
    context = multiprocessing.get_context("spawn")
    link, theirs = context.Pipe()
    process = context.Process(target=call, args=(function, theirs, *given))
    with interrupts_blocked():
        process.start()
    theirs.close()  # this process's copy of that end: with it open, the other's death would not be seen
    return process, link


def call(function: Callable, *given: Any) -> None:
    """Call the function, in the fresh process, which is to end with its parent."""
    end_with_parent()
    function(*given)


def send_result(link: Connection, function: Callable, *given: Any) -> None:
    """Send what `attempt` returns, from the fresh process."""
    link.send(attempt(function, *given))


def attempt(function: Callable, *given: Any) -> Any:
    """Call the function; return its result or, if it raises, a `Reason`.

    The exception itself stays in this process: one that a runtime raises may be impossible to pickle.
    """
    try:
        return function(*given)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a network may raise anything, even the end of the program
        return failure_reason(error)


def ended_reason(process: BaseProcess, engine: str, oom_kills_before: int) -> Reason:
    """Why a process has closed its pipe without a result; `oom_kills_before` as for `bench_lib.sweep.deaths.death`."""
    process.join()
    return death(process.exitcode, engine, oom_kills_before)


def prepare_thread(case: Case, cores: int | None = None) -> torch.device:
    """Make this thread ready to build the case's engine, and return the device for it.

    On a GPU the thread gets a CUDA stream of its own, as in a sweep. On a CPU, PyTorch and the runtimes that take their
    number of threads from it use at most `cores` threads (None: as many as in a sweep). Raise `Unavailable` if the
    engine cannot run here.
    """
    device = compute_device()
    limit_threads(None if device.type == "cuda" else cores)
    load_builder(case.engine).check_support(case.precision)
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream())
    return device


def build_for_thread(case: Case, seed: int, cores: int | None = None) -> Engine:
    """The case's engine with synthetic images, built by this thread after `prepare_thread`."""
    device = prepare_thread(case, cores)
    model = load_network(case.model, seed, case.weights, case.image_size)
    return build_engine(case, model, synthetic_images(case, seed, device))


def check_answers(engine: Engine, case: Case, seed: int) -> None:
    """Let the engine infer synthetic images, and compare with the reference.

    Raise `Inexact` if the error is larger than the case's precision allows.
    """
    model = load_network(case.model, seed, case.weights, case.image_size)
    compared = compare_with_reference(engine, case, model, images_to_check(case, seed))
    if not accuracy.is_acceptable(compared):
        reason = inaccuracy(compared)
        raise Inexact(reason.name, **reason.fields)
