"""Runs one notebook with papermill in a fresh process."""

import warnings
from pathlib import Path

import papermill
from nbformat import NotebookNode

from bench_lib.core.files import PROJECT
from bench_lib.core.lifetime import temporary_folder
from bench_lib.sweep.deaths import KernelDied, watched
from bench_lib.sweep.fork_server import ForkedKernelManager
from bench_lib.sweep.kernels import OwnKernelManager

NOTEBOOKS = PROJECT / "notebooks"


def execute_notebook(
    notebook: Path,
    output: Path | None,
    parameters: dict,
    timeout_s: float | None = None,
    cwd: Path | None = None,
    fork: bool = False,
) -> NotebookNode:
    """Run a notebook in a fresh process without showing its progress; return the notebook with its outputs.

    `parameters` are injected by papermill. The notebook is written to `output` before and after each cell, or not at
    all if that is None. A cell may run for `timeout_s` seconds, and the notebook runs in the folder `cwd`; None means
    no limit and the current folder. `fork` takes the process from the fork server. Raise `KernelDied` if the process
    dies, and whatever papermill raises, for example if a cell fails.
    """
    manager = watched(ForkedKernelManager if fork else OwnKernelManager)
    try:
        return run_papermill(notebook, output, parameters, timeout_s, cwd, manager)
    except Exception as error:
        if manager.exit_codes:  # nbclient raises different errors then, and none of them has the exit code
            raise KernelDied(manager.exit_codes[0]) from error
        raise


def run_papermill(
    notebook: Path, output: Path | None, parameters: dict, timeout_s: float | None, cwd: Path | None, manager: type
) -> NotebookNode:
    """Do what `execute_notebook` does with kernels of a manager's class, and raise whatever papermill raises."""
    with temporary_folder() as own, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's and nbclient's own deprecations
        return papermill.execute_notebook(
            literal(notebook), None if output is None else literal(output), parameters, kernel_name="python3",
            progress_bar=False, log_output=False, cwd=None if cwd is None else str(cwd),
            execution_timeout=None if timeout_s is None else round(timeout_s), shutdown_kernel="immediate",
            kernel_manager_class=manager,
            extra_arguments=[
                "--log-level=ERROR",  # each kernel would warn that its local socket is unencrypted
                f"--IPKernelApp.ipython_dir={own}",  # no settings, start-up files or history of the user's
            ],
        )  # fmt: skip


def literal(path: Path) -> str:
    """The path as papermill takes it for a file's path: whole, so never an address, and no braces to be filled in."""
    return str(path.absolute()).replace("{", "{{").replace("}", "}}")
