"""What ends with the command that began it, even if that is killed: its processes, and its temporary folders.

All temporary folders of a command are in one folder, which the command holds locked. The system releases a lock when
its process ends in any way, so the next command finds the folders of those that were killed, and deletes them.
"""

import contextlib
import ctypes
import multiprocessing.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

from bench_lib.core.sockets import shorten_socket_paths

PREFIX = "bench-lib-"
VARIABLE = "BENCH_LIB_TEMPORARY"  # the command's folder, for its child processes
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl


def end_with_parent() -> None:
    """Let the system kill this process when the thread that started it ends, whatever it computes then (Linux).

    A thread of this process cannot do that: native code may never let it run.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if (parent := multiprocessing.parent_process()) and not parent.is_alive():  # it ended before the line above
        os._exit(1)


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Let processes that are started while this is open never see Ctrl-C: a terminal sends it to all of a command.

    The command itself sees it once this is closed, or at once if it has other threads, one of which may take the
    signal; in either case it ends them.
    """
    resource_tracker.ensure_running()  # its start, which may be part of theirs, would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hold_command_folder() -> None:
    """Hold a folder for the temporary folders of this process and its children, and delete it when this process ends.

    The folders of commands that were killed are deleted first.
    """
    clear_stale_folders()
    os.environ[VARIABLE] = str(claim_folder())
    use_command_folder()
    shorten_socket_paths()
    multiprocessing.util.get_temp_dir()  # makes one for the sockets of this process and its children
    multiprocessing.util.Finalize(None, delete_command_folder, exitpriority=-200)  # after it deletes that one itself


def use_command_folder() -> None:
    """Let all temporary files of this process be in the command's folder, such as those that Jupyter's kernels read.

    It is not for a process that measures: a compiler keeps what it has compiled among the system's temporary files.
    """
    tempfile.tempdir = os.environ.get(VARIABLE)


def delete_command_folder() -> None:
    """Delete the folder that `hold_command_folder` holds, if there is one."""
    if folder := os.environ.get(VARIABLE):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """The path of a temporary folder, deleted when this is closed; if this process is killed, with its command's.

    What cannot be deleted, because a process that was just killed still writes there, is left to the command.
    """
    inside = os.environ.get(VARIABLE, "")
    place = inside if os.path.isdir(inside) else None
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
        yield folder


def clear_stale_folders() -> None:
    """Delete the folders of this user's commands that have ended without deleting them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if (lock := lock_folder(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def claim_folder() -> Path:
    """A new folder, locked until this process ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        if lock_folder(folder) is not None and folder.exists():  # not just deleted by another command
            return folder


def lock_folder(folder: Path) -> int | None:
    """Lock the folder; return the open file that holds the lock, or None if it is locked, gone or another user's."""
    import fcntl

    handle = None
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
    if handle is not None:
        os.close(handle)
    return None
