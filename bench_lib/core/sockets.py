"""Where `multiprocessing` puts its sockets: a path of at most 107 bytes, and a cluster's TMPDIR may be longer."""

import os
import tempfile
from multiprocessing import util

LONGEST = 107  # bytes of a socket's path on Linux
NAMES = len("/pymp-xxxxxxxx/listener-xxxxxxxx")  # what `multiprocessing` adds to the temporary folder
SHORT = "/tmp"


def shorten_socket_paths() -> None:
    """Let this process, and those that it starts with `multiprocessing`, have their sockets in `SHORT` if need be.

    All other temporary files stay in the user's temporary folder. Raise `InputError` if `SHORT` cannot be written.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) + NAMES <= LONGEST:
        return
    try:
        tempfile.tempdir = SHORT
        util.get_temp_dir()  # makes the folder, unless there is one, and keeps to it
    except OSError as error:
        from bench_lib.core.errors import InputError  # it takes long to import, and this is seldom needed

        raise InputError(
            f"TMPDIR is too long a path for sockets ({folder}), and {SHORT} cannot be written ({error}); shorten TMPDIR"
        ) from None
    finally:
        tempfile.tempdir = folder
