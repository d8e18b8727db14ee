"""Imports Matplotlib from a folder of ours: it obeys a `matplotlibrc` in the current one, which may be a stranger's.

Modules that draw import this first. Where nothing can be written into the home folder, Matplotlib keeps its fonts in a
temporary one; that is no news for a reader of the report, so it does not say so.
"""

import contextlib
import logging
from pathlib import Path

logger = logging.getLogger("matplotlib")
level = logger.level
logger.setLevel(logging.ERROR)
with contextlib.chdir(Path(__file__).parent):
    import matplotlib.font_manager  # noqa: F401
logger.setLevel(level)
