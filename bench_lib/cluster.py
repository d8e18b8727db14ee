"""`bench sweep --slurm`: each case a task of a Slurm job array; the records are waited for here.

The run's folder and this Python environment must be on a file system that the compute nodes share.
"""

import collections
import json
import os
import signal
import time

from tqdm import tqdm

from bench_lib import machine, slurm
from bench_lib.cases import Case, Grid, InputError, Slurm
from bench_lib.faults import read_dict, reason
from bench_lib.records import Record, write_text
from bench_lib.runs import Run
from bench_lib.sweep import now, run_case, shuffled, write_failure

POLL_S = 2.0  # between two looks at the records and at Slurm's queue
SETTLE_S = 15.0  # how long after its task ended a record may take to show on a shared file system


def sweep(grid: Grid, run: Run, retry_failed: bool = False) -> list[Record]:
    """Measure on the cluster every case that has no record yet, and return all records in the grid's order.

    Tasks of an earlier call that are still in Slurm's queue are waited for, not submitted again; so the folder needs
    no lock. A task that ends without a record is a record with its reason. `retry_failed` measures those that failed
    again. Raise `InputError` where Slurm or submitit is missing or refuses, or
    if no task began at all. An interrupt leaves the tasks in Slurm.
    """
    slurm.check()
    run.start(grid, None)
    if retry_failed:
        run.set_aside_failed()
    missing = {case.id: case for case in shuffled(grid) if run.measured(case) is None}
    tasks = still_queued(missing, run)
    if fresh := [case for case in missing.values() if case not in tasks.values()]:
        tasks |= submit(fresh, grid, run)
        job_ids = {job_id: case.id for job_id, case in tasks.items()}
        write_text(run.folder / "slurm" / "tasks.json", json.dumps(job_ids, indent=1) + "\n")
    try:
        lost = wait(tasks, run, len(grid.cases()))
    except KeyboardInterrupt:
        jobs = " ".join(sorted({job_id.split("_")[0] for job_id in tasks}))
        raise KeyboardInterrupt(f", and the tasks stay in Slurm (`scancel {jobs}` ends them)") from None
    for job_id, ended in lost.items():
        if run.measured(tasks[job_id]) is None:  # a record may have come since
            record_lost(job_id, ended, tasks[job_id], grid, run)
    return run.records()


def still_queued(missing: dict[str, Case], run: Run) -> dict[str, Case]:
    """The missing cases whose tasks an earlier call submitted and Slurm has not ended yet, by job id."""
    path = run.folder / "slurm" / "tasks.json"
    queue = slurm.squeue()
    if queue is None:
        raise InputError(f"squeue does not answer, so nothing is submitted; try again later, {slurm.HERE}")
    earlier = read_dict(path) if path.exists() else {}
    live = {job_id for job_id, task in queue.items() if not task.has_ended}
    return {job_id: missing[name] for job_id, name in earlier.items() if job_id in live and name in missing}


def submit(cases: list[Case], grid: Grid, run: Run) -> dict[str, Case]:
    """Submit a task a case, as one job array; return the cases by job id. Raise `InputError` if Slurm refuses."""
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    asked = grid.slurm or Slurm()
    executor = submitit.AutoExecutor(run.folder / "slurm", cluster="slurm")
    executor.update_parameters(
        name="bench", timeout_min=asked.timeout_min, cpus_per_task=asked.cpus_per_task, tasks_per_node=1,
        slurm_partition=asked.partition, slurm_gpus_per_task=asked.gpus_per_task or None,
        slurm_array_parallelism=asked.array_parallelism, slurm_additional_parameters=asked.extra,
        slurm_use_srun=False,  # srun of Slurm 22.05 and newer does not inherit --cpus-per-task
        slurm_signal_delay_s=0,  # no warning before the time limit: it would kill the measuring process
    )  # fmt: skip
    try:
        jobs = executor.map_array(task, cases, [grid] * len(cases), [Run(run.folder.absolute())] * len(cases))
    except (FailedJobError, FailedSubmissionError) as error:
        raise InputError(f"sbatch refused ({reason(error)}); mend slurm: in the grid, {slurm.HERE}") from None
    return {job.job_id: case for job, case in zip(jobs, cases, strict=True)}


def task(case: Case, grid: Grid, run: Run) -> None:
    """Measure the case on this node, unless that was done before Slurm requeued the task.

    The first task claims the run for its node's machine; on an unlike one a case fails with that reason.
    """
    # submitit has SIGTERM ignored. At a time limit or a requeue only the measuring process would die of it, and that
    # would be recorded as its own failure; so the task ends with it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if run.measured(case):
        return
    here = machine.describe()
    if unlike := run.claim_machine(here):
        words = (
            f"узел {os.uname().nodename} не похож на машину этого прогона (отличается: {', '.join(unlike)}); задайте "
            "одинаковые узлы в slurm.extra (constraint или nodelist)"
        )
        write_failure(case, grid, run, words, json.dumps(here, ensure_ascii=False), run.machine(), now())
    else:
        run_case(case, grid, run)


def wait(tasks: dict[str, Case], run: Run, total: int) -> dict[str, slurm.Task]:
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
            queue, forgotten = slurm.squeue(), slurm.Task("FORGOTTEN")
            now = {job: slurm.Task("NO ANSWER") if queue is None else queue.get(job, forgotten) for job in left}
            states = collections.Counter(found.state.lower() for found in now.values())
            progress.set_postfix_str(", ".join(f"{count} {state}" for state, count in states.items()))
            for job, found in now.items():
                if not found.has_ended:
                    ended_s.pop(job, None)
                elif time.monotonic() - ended_s.setdefault(job, time.monotonic()) >= SETTLE_S:
                    lost[job] = found
            time.sleep(POLL_S)


def record_lost(job_id: str, ended: slurm.Task, case: Case, grid: Grid, run: Run) -> None:
    """Write the record of a task that left none; raise `InputError` if no task of the run has ever begun."""
    log_path = run.folder / "slurm" / f"{job_id}_0_log.err"
    if not run.machine():
        raise InputError(
            f"no task began to measure (job {job_id} is {ended.state}), so nothing is recorded; see {log_path}, and "
            "whether the nodes share this folder and the Python environment, then run the same command again"
        )
    log = log_path.read_text(encoding="utf-8", errors="replace") if log_path.exists() else ""
    words = slurm.death(job_id, ended, (grid.slurm or Slurm()).timeout_min)
    write_failure(case, grid, run, words, log[-4000:], run.machine(), now())
