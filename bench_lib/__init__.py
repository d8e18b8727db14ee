"""Measures how fast a network infers by several runtimes, and writes a report about it.

Build an engine and time it:

    from bench_lib.core import Case, Limits, build_engine, compute_device, time_engine
    from bench_lib.workload import load_network, synthetic_images
    case = Case(engine="pytorch", precision="fp32", image_size=224, batch_size=8)
    engine = build_engine(case, load_network(case.model, 0), synthetic_images(case, 0, compute_device()))
    print(sorted(time_engine(engine, Limits()).latency_ms))

`docs/architecture.md` shows the rooms of the house: begin with `bench_lib/core`, then `bench_lib/engines`.
"""

from bench_lib.core import quiet  # noqa: F401  # before any runtime
