"""`bench sweep --slurm`: submits each case as a task of a Slurm job array, and waits for the records.

The run's folder and this Python environment must be on a file system that the compute nodes share.
"""

import collections
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from bench_lib.core.case import Case
from bench_lib.core.errors import InputError, error_text
from bench_lib.core.files import read_dict, write_text
from bench_lib.core.grid import Grid, Slurm
from bench_lib.core.reason import Reason, because
from bench_lib.core.record import Record, now
from bench_lib.measure import system
from bench_lib.results.run_folder import Run
from bench_lib.sweep.runner import run_notebook, shuffled_cases, write_failure

TASKS = Path("slurm") / "tasks.json"  # in the run's folder: the tasks that the last call waits for
HERE = "or leave out --slurm to measure on this machine"

# Slurm's states of an ended task, and the reason for each. In any other state, the task may still write a record.
ENDED = {
    "BOOT_FAIL": "node_did_not_boot",
    "CANCELLED": "task_cancelled",
    "COMPLETED": "task_completed",
    "DEADLINE": "task_past_deadline",
    "FAILED": "task_failed",
    "NODE_FAIL": "node_failed",
    "OUT_OF_MEMORY": "task_out_of_memory",
    "PREEMPTED": "task_preempted",
    "TIMEOUT": "task_timed_out",
    "FORGOTTEN": "task_forgotten",  # not a state of Slurm's: squeue no longer lists the task
}


class Task(NamedTuple):
    """A task as squeue reports it.

    `exit_code` is the status that `wait` gives, as digits; `node` is empty before the task starts.
    """

    state: str
    exit_code: str = "0"
    node: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the task has ended and will write no record (one may still be on its way on a shared file system)."""
        return self.state in ENDED


def check_slurm() -> None:
    """Raise `InputError` with one sentence where Slurm's commands or submitit are not installed."""
    if absent := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise InputError(f"--slurm needs Slurm, and there is no {absent[0]} here; run it on a login node, {HERE}")
    try:
        import submitit  # noqa: F401
    except ImportError:
        command = "pip install -c constraints.txt submitit"
        raise InputError(f"--slurm needs submitit, which is not installed; run `{command}`, {HERE}") from None


def query_tasks() -> dict[str, Task] | None:
    """This user's tasks by job id; None if squeue fails. Ended ones are included while Slurm keeps them (minutes)."""
    fields = "JobArrayID:40,State:20,exit_code:12,NodeList:200"
    command = ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--Format={fields}"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        return None
    return {job_id: Task(*told) for job_id, *told in map(str.split, answer.stdout.splitlines())}


def task_death(job_id: str, task: Task, timeout_min: int) -> Reason:
    """The reason for a task that left no record: how it ended, its exit code or signal, its node, its time limit."""
    code = os.waitstatus_to_exitcode(int(task.exit_code)) if task.exit_code.isdigit() else 0
    number = -code if code < 0 else code - 128  # a shell adds 128 to the signal that ended its command
    ended = signal.Signals(number).name if number in signal.valid_signals() else str(code)
    return because(ENDED[task.state], job=job_id, minutes=timeout_min, exit=ended, node=task.node or "—")


POLL_S = 2.0  # between two checks of the records and of Slurm's queue
SETTLE_S = 15.0  # how long after its task ended a record may take to appear on a shared file system


def measure_grid_on_slurm(grid: Grid, run: Run, retry_failed: bool = False) -> list[Record]:
    """Measure on the cluster every case that has no record yet, and return all records in the grid's order.

    Tasks of an earlier call that are still in Slurm's queue are waited for, not submitted again, so the folder needs no
    lock. For a task that ends without a record, a record with the reason is written. `retry_failed` measures failed
    cases again. Raise `InputError` if Slurm or submitit is missing or refuses, or if no task began. An interrupt leaves
    the tasks in Slurm, see `stays_in_slurm`.
    """
    check_slurm()
    run.start(grid, None)
    if retry_failed:
        run.set_aside_failed()
    missing = {case.id: case for case in shuffled_cases(grid) if run.measured(case) is None}
    tasks = still_queued(missing, run)
    if fresh := [case for case in missing.values() if case not in tasks.values()]:
        tasks |= submit_tasks(fresh, grid, run)
        job_ids = {job_id: case.id for job_id, case in tasks.items()}
        write_text(run.folder / TASKS, json.dumps(job_ids, indent=1) + "\n")
    lost = wait_for_records(tasks, run, len(grid.cases()))
    for job_id, ended in lost.items():
        if run.measured(tasks[job_id]) is None:  # a record may have come since
            record_lost(job_id, ended, tasks[job_id], grid, run)
    return run.records()


def stays_in_slurm(folder: Path) -> str:
    """What an interrupted sweep into the folder leaves in Slurm, as the end of a sentence; empty if that is nothing."""
    if not (folder / TASKS).exists():
        return ""
    jobs = " ".join(sorted({job_id.split("_")[0] for job_id in read_dict(folder / TASKS)}))
    return f", and the tasks stay in Slurm (`scancel {jobs}` ends them)"


def still_queued(missing: dict[str, Case], run: Run) -> dict[str, Case]:
    """The missing cases whose tasks an earlier call submitted and that have not ended, by job id.

    `missing` holds cases by their id. Raise `InputError` if squeue fails.
    """
    path = run.folder / TASKS
    queue = query_tasks()
    if queue is None:
        raise InputError(f"squeue does not answer, so nothing is submitted; try again later, {HERE}")
    earlier = read_dict(path) if path.exists() else {}
    live = {job_id for job_id, task in queue.items() if not task.has_ended}
    return {job_id: missing[name] for job_id, name in earlier.items() if job_id in live and name in missing}


def submit_tasks(cases: list[Case], grid: Grid, run: Run) -> dict[str, Case]:
    """Submit one task per case as a job array; return the cases by job id. Raise `InputError` if Slurm refuses."""
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    asked = grid.slurm or Slurm()
    python = f"{shlex.quote(sys.executable)} -P"  # as `bench` itself, it imports nothing from the current folder
    executor = submitit.AutoExecutor(run.folder / "slurm", cluster="slurm", slurm_python=python)
    executor.update_parameters(
        name="bench", timeout_min=asked.timeout_min, cpus_per_task=asked.cpus_per_task, tasks_per_node=1,
        slurm_partition=asked.partition, slurm_gpus_per_task=asked.gpus_per_task or None,
        slurm_array_parallelism=asked.array_parallelism, slurm_additional_parameters=asked.extra,
        slurm_use_srun=False,  # srun of Slurm 22.05 and newer does not inherit --cpus-per-task
        slurm_signal_delay_s=0,  # no warning before the time limit: it would kill the measuring process
    )  # fmt: skip
    try:
        jobs = executor.map_array(measure_task, cases, [grid] * len(cases), [Run(run.folder.absolute())] * len(cases))
    except (FailedJobError, FailedSubmissionError) as error:
        raise InputError(f"sbatch refused ({error_text(error)}); mend slurm: in the grid, {HERE}") from None
    return {job.job_id: case for job, case in zip(jobs, cases, strict=True)}


def measure_task(case: Case, grid: Grid, run: Run) -> None:
    """Measure the case on this node, unless it has a record from before Slurm requeued the task.

    The first task that starts claims the run for its node's machine. On a node with a different machine, the case is
    recorded as failed with the reason `unlike_node`.
    """
    # submitit ignores SIGTERM, which Slurm sends at a time limit and before a requeue. The task must end with it:
    # otherwise only the measuring process would end, and that would be recorded as a failure of the case.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if run.measured(case):
        return
    here = system.describe()
    if unlike := run.claim_machine(here):
        reason = because("unlike_node", node=os.uname().nodename, differs=", ".join(unlike))
        write_failure(case, grid, run, reason, json.dumps(here, ensure_ascii=False), run.machine(), now())
    else:
        run_notebook(case, grid, run)


def wait_for_records(tasks: dict[str, Case], run: Run, total: int) -> dict[str, Task]:
    """Wait until every task has left a record or has ended; return those that ended without one, by job id.

    `total` counts the cases of the whole grid, for the progress bar.
    """
    lost, ended_s = {}, {}
    with tqdm(total=total, unit="case", dynamic_ncols=True) as progress:
        while True:
            left = [job for job, case in tasks.items() if job not in lost and not run.record_path(case).is_file()]
            progress.update(total - len(left) - progress.n)
            if not left:
                return lost
            queue, forgotten = query_tasks(), Task("FORGOTTEN")
            now = {job: Task("NO ANSWER") if queue is None else queue.get(job, forgotten) for job in left}
            states = collections.Counter(found.state.lower() for found in now.values())
            progress.set_postfix_str(", ".join(f"{count} {state}" for state, count in states.items()))
            for job, found in now.items():
                if not found.has_ended:
                    ended_s.pop(job, None)
                elif time.monotonic() - ended_s.setdefault(job, time.monotonic()) >= SETTLE_S:
                    lost[job] = found
            time.sleep(POLL_S)


def record_lost(job_id: str, ended: Task, case: Case, grid: Grid, run: Run) -> None:
    """Write the record of a task that left none; raise `InputError` if no task of the run has ever begun."""
    log_path = run.folder / "slurm" / f"{job_id}_0_log.err"
    if not run.machine():
        raise InputError(
            f"no task began to measure (job {job_id} is {ended.state}), so nothing is recorded; see {log_path}, and "
            "whether the nodes share this folder and the Python environment, then run the same command again"
        )
    log = log_path.read_text(encoding="utf-8", errors="replace") if log_path.exists() else ""
    reason = task_death(job_id, ended, (grid.slurm or Slurm()).timeout_min)
    write_failure(case, grid, run, reason, log[-4000:], run.machine(), now())
