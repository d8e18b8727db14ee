"""Imports Matplotlib from a folder of ours: it obeys a `matplotlibrc` in the current one, which may be a stranger's.

Modules that draw import this first.
"""

import contextlib
from pathlib import Path

with contextlib.chdir(Path(__file__).parent):
    import matplotlib  # noqa: F401
