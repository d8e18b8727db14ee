"""Measures the case that a notebook's parameters describe and writes its record, for `notebooks/measure.ipynb`."""

import ast
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench_lib.core import import_time  # noqa: F401  # isort: skip  # before torch, whose import it times

from bench_lib.core.case import Case, Limits
from bench_lib.core.engine import check_case_options
from bench_lib.core.errors import InputError, unknown_key, validated
from bench_lib.core.files import outputs_folder
from bench_lib.core.lifetime import end_with_parent
from bench_lib.core.record import Record, write_record
from bench_lib.sweep import auto_precision
from bench_lib.workload.images import check_folder
from bench_lib.workload.labelled import check_labels
from bench_lib.workload.network import check_model

PARAMETERS = [*Case.model_fields, "limits", "seed", "record_path"]


def measure_notebook(namespace: dict[str, Any], cells: Sequence[str]) -> tuple[Record, Path]:
    """Measure the case that a notebook's parameters describe, write its record, and return the record and its path.

    `namespace` is the notebook's `globals()`, and `cells` is its `In`, the source of its cells. The record goes to the
    parameter `record_path` or, if that is empty, into `outputs/single`. Raise `InputError`, before anything is
    measured, if a parameter is wrong or if papermill was given one that the notebook does not have.
    """
    refuse_unknown_parameters(cells)
    if namespace["record_path"]:  # a sweep's, which may be killed
        end_with_parent()
    parameters = {name: namespace[name] for name in PARAMETERS}
    limits = validated(Limits, parameters.pop("limits"), "limits")
    seed, path = parameters.pop("seed"), parameters.pop("record_path")
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}; it must be a whole number of at least 0")
    case = validated(Case, parameters, "parameters of the notebook")
    check_case_options(case)
    check_model(case.model, case.weights)
    if case.data:
        check_folder(case.data)
    if case.labels:
        check_labels(case.model, case.weights, case.data, case.labels)
    target = Path(path) if path else outputs_folder() / "single" / f"{case.id}-{datetime.now():%Y%m%d-%H%M%S-%f}.json"
    record = auto_precision.measure_auto(case, limits, seed)
    write_record(record, target)
    return record, target


def refuse_unknown_parameters(cells: Sequence[str]) -> None:
    """Raise `InputError` if papermill injected a parameter that the notebook does not have.

    Papermill itself only logs a line about it.
    """
    for cell in cells:
        if not cell.startswith("# Parameters"):  # the first line of the cell that papermill injects
            continue
        for statement in ast.parse(cell).body:
            for target in getattr(statement, "targets", []):
                if target.id not in PARAMETERS:
                    raise InputError(f"parameters of the notebook: {unknown_key(target.id, PARAMETERS)}")
