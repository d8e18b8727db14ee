"""MLPerf's LoadGen as a clock: it calls the engine back and times it by itself.

One LoadGen sample is one batch of the case. LoadGen calls back in the thread that starts it (only its log is written by
another), so inference mode, the current CUDA device and stream and the pool of OpenMP threads are those of our loop.
"""

import json
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bench_lib.core.engine import Engine, Unavailable
from bench_lib.core.lifetime import temporary_folder

COMMAND = "pip install -c constraints.txt mlcommons-loadgen"
WARM_UP = 1  # untimed calls before a test: since the last one, caches have cooled and threads have gone to sleep


def check_loadgen() -> None:
    """Raise `Unavailable` where LoadGen is not installed or does not load."""
    try:
        import mlperf_loadgen  # noqa: F401
    except ImportError as error:
        raise Unavailable("loadgen_not_installed", error=str(error), command=COMMAND) from None


def version() -> str:
    """The version of LoadGen's package."""
    return metadata.version("mlcommons-loadgen")


def single_stream(engine: Engine, calls: int, expected_ms: float) -> tuple[float, str]:
    """Median latency (ms) of `calls` queries, each sent when the one before is done, and LoadGen's summary.

    `expected_ms` is roughly the time of a call. LoadGen needs it because it generates all queries before it starts.
    """
    results, summary = run_test(
        engine, "SingleStream", single_stream_target_latency_percentile=0.5,
        single_stream_expected_latency_ns=max(1, round(1e6 * expected_ms)),
        min_duration_ms=0, min_query_count=calls, max_query_count=calls,
    )  # fmt: skip
    return results["result_50.00_percentile_latency_ns"] / 1e6, summary


def offline(engine: Engine, calls: int) -> tuple[float, str]:
    """Time per batch (ms) of `calls` batches sent back to back, as one query, and LoadGen's summary."""
    results, summary = run_test(engine, "Offline", offline_expected_qps=1, min_duration_ms=0, min_query_count=calls)
    return 1e3 / results["result_samples_per_second"], summary


def run_test(engine: Engine, scenario: str, **settings: Any) -> tuple[dict[str, Any], str]:
    """Run one performance test of a scenario; return LoadGen's results by their keys, and its summary as text.

    `settings` are fields of LoadGen's `TestSettings`. What the engine raises is raised here, once LoadGen has ended its
    test. The summary calls a SingleStream test invalid if it has fewer queries than MLPerf's rules ask for (11 for a
    median), which does not matter here.
    """
    faults: list[BaseException] = []

    def call(times: int) -> None:
        if faults:
            return
        try:
            for _ in range(times):
                engine.run()
            engine.synchronize()
        except BaseException as error:  # raised below: LoadGen must end its test first
            faults.append(error)

    def issue(samples: list) -> None:
        call(len(samples))
        complete_queries([sample.id for sample in samples])

    found = run_loadgen(issue, lambda _: call(WARM_UP), scenario, settings)
    if faults:
        raise faults[0]
    return found


def due_s(rate_ips: float, count: int, seed: int = 0) -> np.ndarray:
    """When each of `count` queries of the Server scenario is due, `[count]`, in seconds after the first.

    These are the random intervals that LoadGen itself draws, computed again here. LoadGen seeds a Mersenne Twister with
    `schedule_rng_seed` (0 by default), and `std::exponential_distribution` takes two of its 32-bit words for each
    interval: see `GenerateQueries` and `ScheduleDistribution` in LoadGen's loadgen.cc. The intervals are computed as in
    GCC's library.
    """
    words = np.frombuffer(np.random.RandomState(seed).bytes(8 * (count - 1)), "<u4").astype(float).reshape(-1, 2)
    shares = (words[:, 0] + words[:, 1] * 2.0**32) / 2.0**64
    return np.concatenate([[0.0], np.cumsum(-np.log1p(-shares) / rate_ips)])


def complete_queries(queries: list[int]) -> float:
    """Tell LoadGen that the queries with these ids are done; return when that was (`time.perf_counter`)."""
    import mlperf_loadgen as loadgen

    answers = [loadgen.QuerySampleResponse(query, 0, 0) for query in queries]
    now = time.perf_counter()
    loadgen.QuerySamplesComplete(answers)
    return now


def run_loadgen(
    issue: Callable[[list], None], load: Callable[[list], None], scenario: str, settings: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Run a performance test of LoadGen; return its results by their keys, and its summary as text.

    In this thread LoadGen calls `load` once before it begins, and `issue` with the samples of each query. The test ends
    when all of them have been completed by `complete_queries`, in whatever thread.
    """
    import mlperf_loadgen as loadgen

    asked, logs = loadgen.TestSettings(), loadgen.LogSettings()
    asked.scenario, asked.mode = getattr(loadgen.TestScenario, scenario), loadgen.TestMode.PerformanceOnly
    for name, value in settings.items():
        setattr(asked, name, value)
    logs.enable_trace = False
    with temporary_folder() as folder:
        logs.log_output.outdir = folder
        tested = loadgen.ConstructSUT(issue, lambda: None)
        library = loadgen.ConstructQSL(1, 1, load, lambda _: None)
        no_settings = str(Path(folder, "none"))  # by default, those in an audit.config of the current folder
        loadgen.StartTestWithLogSettings(tested, library, asked, logs, no_settings)
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(tested)
        lines = Path(folder, "mlperf_log_detail.txt").read_text().splitlines()
        summary = Path(folder, "mlperf_log_summary.txt").read_text()
    entries = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines if line.startswith(":::MLLOG ")]
    return {entry["key"]: entry["value"] for entry in entries}, summary
