"""Many cases → papermill, one fresh process each."""

import warnings
from datetime import UTC, datetime
from pathlib import Path

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from tqdm import tqdm

from bench_lib import machine
from bench_lib.cases import Case, Grid
from bench_lib.records import Record, Run, write_record

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def sweep(grid: Grid, run: Run) -> list[Record]:
    """Measure every case of the grid that has no record in the run yet, and return all records in the grid's order.

    Raise `InputError` if the run's folder holds another grid's or machine's run. A case that fails is a record with
    its reason; an interrupt leaves what is measured, and the same call goes on from there.
    """
    run.start(grid, machine.describe())
    records = []
    with tqdm(grid.cases(), unit="case", dynamic_ncols=True) as progress:
        for case in progress:
            progress.set_description_str(case.id)
            records.append(run.finished(case) or run_case(case, grid, run))
    return records


def run_case(case: Case, grid: Grid, run: Run) -> Record:
    """Run `measure.ipynb` for the case in a fresh process; return its record, written here if the process could not."""
    path = run.record_path(case).absolute()
    notebook = run.notebook_path(case)
    notebook.parent.mkdir(parents=True, exist_ok=True)
    parameters = case.model_dump() | {"limits": grid.limits.model_dump(), "seed": grid.seed, "record_path": str(path)}
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        execute(NOTEBOOKS / "measure.ipynb", notebook, parameters, grid.limits.case_timeout_s)
        detail = reason = ""
    except Exception as error:  # what the process died of; success is judged by the record alone
        detail, reason = str(error), death(error, grid.limits.case_timeout_s)
    if record := run.finished(case):
        return record
    record = Record(
        case=case, limits=grid.limits, seed=grid.seed, started_at=started_at, status="failed", detail=detail,
        reason=reason or "процесс измерения не оставил записи", machine=machine.describe(),
    )  # fmt: skip
    write_record(record, path)
    return record


def execute(notebook: Path, output: Path, parameters: dict, timeout_s: float | None = None, cwd: Path | None = None):
    """Run a notebook with papermill in a fresh process, quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's and nbclient's own deprecations
        papermill.execute_notebook(
            str(notebook), str(output), parameters, kernel_name="python3", progress_bar=False, log_output=False,
            cwd=cwd and str(cwd), execution_timeout=timeout_s and round(timeout_s), shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],  # the kernel warns on every start of its unencrypted local socket
        )  # fmt: skip


def death(error: Exception, timeout_s: float) -> str:
    """Say to the report's reader (Russian) how a measuring process ended without a record."""
    if isinstance(error, CellTimeoutError):
        return f"измерение не закончилось за {timeout_s:g} с"
    if isinstance(error, DeadKernelError):
        return "процесс измерения аварийно завершился (вероятно, система остановила его из-за нехватки памяти)"
    return f"измерение прервано ошибкой {type(error).__name__}"
