"""The `bench` command. Importing it bars imports from the current folder, which may be a stranger's run."""

import os
import sys


def bar_current_folder() -> None:
    """Let this process, and those that it starts, import nothing from the current folder.

    `python -m` and an empty entry of PYTHONPATH would. The folder stays if this very code lies in it, or if PYTHONPATH
    gives its whole path. A model of the user's own (`package.module:build`) is still found there, by
    `bench_lib.workload.own_function`.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:  # deleted, so nothing can be imported from it
        return
    code = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [path for path in given if path == here or os.path.abspath(path) != here]
    if here == code and here not in kept:
        kept.insert(0, here)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept))
    if not kept:
        del os.environ["PYTHONPATH"]
    os.environ["PYTHONSAFEPATH"] = "1"  # what `python -P` does, for every Python that is started from here on
    if here not in kept:
        sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]


bar_current_folder()  # now: what is imported next might lie there
