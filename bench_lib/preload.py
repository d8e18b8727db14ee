"""What the fork server imports: all that measure.ipynb does before a build, whose own imports are part of its time."""

import contextlib

import ipykernel.kernelapp  # noqa: F401

from bench_lib import imports

with contextlib.suppress(ImportError), imports.timed("onnxruntime"):
    import onnxruntime  # noqa: F401
with contextlib.suppress(ImportError):
    import onnxscript  # noqa: F401

import torchvision.models  # noqa: F401

from bench_lib import measure, plots, tables  # noqa: F401
