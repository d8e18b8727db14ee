"""The heart: what a case is, what an engine must do, the loop that times it, and what a record keeps.

`from bench_lib.core import Case, Grid, Record, Engine, time_engine` takes each name from its module. A name is imported
when it is asked for, because an engine and the timing loop need torch, and a report, which reads records, does not.
"""

import importlib

_HOMES = {
    "Case": "case", "Limits": "case", "Grid": "grid", "read_grid": "grid", "Record": "record", "read_record": "record",
    "Engine": "engine", "Unavailable": "engine", "build_engine": "engine", "compute_device": "engine",
    "time_engine": "timing",
}  # fmt: skip
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """A name of `__all__`, from its module; raise `AttributeError` for another."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
