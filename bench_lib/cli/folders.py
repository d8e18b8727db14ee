"""The current, temporary and home folders: what a command needs of them, and a sentence where it cannot be had."""

import atexit
import os
import shutil
import tempfile

from bench_lib.core.errors import InputError
from bench_lib.core.lifetime import hold_command_folder


def prepare_folders(alone: bool) -> None:
    """Make them ready for this process and its children; raise `InputError` where one cannot be used.

    `alone` if this process does one command and nothing else: then it gets a folder for its temporary ones.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputError("the current folder has been deleted; change to one that exists") from None
    check_temporary_folder()
    if alone:
        hold_command_folder()
    if "MPLCONFIGDIR" not in os.environ and not os.access(os.path.expanduser("~"), os.W_OK):
        # Each process of Matplotlib would make one of its own, and one that is killed would leave it behind.
        os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="bench-")
        atexit.register(shutil.rmtree, os.environ["MPLCONFIGDIR"], ignore_errors=True)


def check_temporary_folder() -> None:
    """Raise `InputError` if the environment names a temporary folder that cannot be used; make its path a whole one.

    Python itself would take another folder without a word, and other programs would fail later.
    """
    name = next((name for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), None)
    if name is None:
        return
    folder = os.environ[name]
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{name} is {folder!r}, which is no folder that can be written; unset it, or name one that is")
    os.environ[name] = os.path.abspath(folder)
