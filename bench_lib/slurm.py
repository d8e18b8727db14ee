"""What a Slurm cluster tells of tasks, by `squeue` alone: many clusters keep no accounts for `sacct` to read."""

import os
import shutil
import signal
import subprocess
from typing import NamedTuple

from bench_lib.cases import InputError

HERE = "or leave out --slurm to measure on this machine"

# The states in which a task has ended, told to the report's reader; in every other one it may yet leave a record.
ENDED = {
    "BOOT_FAIL": "узел не загрузился",
    "CANCELLED": "задание отменено",
    "COMPLETED": "процесс задания завершился",
    "DEADLINE": "прошёл крайний срок задания",
    "FAILED": "процесс задания завершился с ошибкой или был остановлен",
    "NODE_FAIL": "узел отказал",
    "OUT_OF_MEMORY": "не хватило памяти, отведённой заданию",
    "PREEMPTED": "задание вытеснено другим",
    "TIMEOUT": "вышло время, отведённое заданию",
    "FORGOTTEN": "чем оно закончилось, Slurm уже не помнит",  # our own word: squeue lists the task no more
}


class Task(NamedTuple):
    """A task as Slurm tells it: state, exit code (as `wait` gives it, in digits), node (empty before it starts)."""

    state: str
    exit_code: str = "0"
    node: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether it will leave no record that is not there yet (or on its way through a shared file system)."""
        return self.state in ENDED


def check() -> None:
    """Raise `InputError` with one sentence where Slurm's commands or submitit are not installed."""
    if absent := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise InputError(f"--slurm needs Slurm, and there is no {absent[0]} here; run it on a login node, {HERE}")
    try:
        import submitit  # noqa: F401
    except ImportError:
        command = "pip install -c constraints.txt submitit"
        raise InputError(f"--slurm needs submitit, which is not installed; run `{command}`, {HERE}") from None


def squeue() -> dict[str, Task] | None:
    """This user's tasks by job id, ended ones too while Slurm remembers them (minutes); None if it does not answer."""
    fields = "JobArrayID:40,State:20,exit_code:12,NodeList:200"
    command = ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--Format={fields}"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        return None
    return {job_id: Task(*told) for job_id, *told in map(str.split, answer.stdout.splitlines())}


def death(job_id: str, task: Task, timeout_min: int) -> str:
    """Say to the report's reader (Russian) how a task ended without a record, as far as Slurm tells."""
    words = f"задание Slurm {job_id} закончилось без записи: {ENDED[task.state]}"
    if task.state == "TIMEOUT":
        words += f" ({timeout_min} мин)"
    elif task.exit_code.isdigit() and (code := os.waitstatus_to_exitcode(int(task.exit_code))):
        number = -code if code < 0 else code - 128  # a shell adds 128 to the signal that ended its command
        words += f", сигнал {signal.Signals(number).name}" if number in signal.valid_signals() else f", код {code}"
    return words + (f", узел {task.node}" if task.node else "")
