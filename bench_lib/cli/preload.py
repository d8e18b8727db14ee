"""All that measure.ipynb imports before an engine is built; the fork server imports it once for all cases.

What an engine's build itself imports is not here, because that is part of the build's time.
"""

import contextlib

import ipykernel.kernelapp  # noqa: F401

from bench_lib.core.import_time import timed_import  # before torch, whose import it times

with contextlib.suppress(ImportError), timed_import("onnxruntime"):
    import onnxruntime  # noqa: F401
with contextlib.suppress(ImportError):
    import onnxscript  # noqa: F401

import torchvision.models  # noqa: F401

from bench_lib.report import plots, tables  # noqa: F401
from bench_lib.sweep import notebook  # noqa: F401
