"""Run one notebook with papermill in a fresh process."""

import warnings
from pathlib import Path
from typing import Any

import papermill
from nbformat import NotebookNode

from bench_lib.core.files import PROJECT
from bench_lib.sweep import fork_server

NOTEBOOKS = PROJECT / "notebooks"


def execute_notebook(
    notebook: Path,
    output: Path | None,
    parameters: dict,
    timeout_s: float | None = None,
    cwd: Path | None = None,
    fork: bool = False,
) -> NotebookNode:
    """Run a notebook with papermill in a fresh process, quietly, and return it with its outputs.

    It is written to `output` before and after each cell, unless that is None.
    """
    given: dict[str, Any] = {"output_path": None if output is None else str(output)}
    given["cwd"] = None if cwd is None else str(cwd)
    given["execution_timeout"] = None if timeout_s is None else round(timeout_s)
    if fork:
        given["kernel_manager_class"] = fork_server.ForkedKernelManager
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's and nbclient's own deprecations
        return papermill.execute_notebook(
            str(notebook), parameters=parameters, kernel_name="python3", progress_bar=False, log_output=False,
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],  # the kernel warns on every start of its unencrypted local socket
            **given,
        )  # fmt: skip
