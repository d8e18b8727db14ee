"""OpenVINO on the processor: the runtime for readers without an NVIDIA GPU."""

import re
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch

from bench_lib.core.engine import Unavailable, check_precision, compute_device, data_type
from bench_lib.core.import_time import timed_import
from bench_lib.engines.shared.onnx_export import export_onnx, quantize
from bench_lib.engines.shared.onnx_refusal import check_answers, refusals_named
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import arrangement
from bench_lib.workload.onnx_size import loadable

IMPORTS = ("openvino",)
TAKES_ONNX = True
COMMAND = "pip install -c constraints.txt -e '.[openvino]'"
TYPES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.uint8: "u8"}
UNREAD = re.compile("Unable to read the model|FrontEnd API failed")  # what it says of a file that it does not take
PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8"}


def check_support(precision: str) -> None:
    """Raise `Unavailable` if there is a GPU (other engines compute there), or no runtime or no such arithmetic."""
    if compute_device().type == "cuda":
        raise Unavailable("openvino_beside_gpu")
    try:
        runtime()
        import onnxscript  # noqa: F401  # torch.onnx.export needs it
    except ImportError as error:
        raise Unavailable("not_installed", what="OpenVINO", error=str(error), command=COMMAND) from None
    check_precision(precision)
    if precision.upper() not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise Unavailable("openvino_lacks_precision", precision=precision)


def runtime():
    """The `openvino` module."""
    with timed_import("openvino"):
        import openvino
    return openvino


@cache
def core():
    """The one `openvino.Core` of this process.

    Each `Core` gives its thread a stack for handling signals, and restores the stack before it when it is destroyed
    (`SigAltStackSetup` of OpenVINO's CPU plugin). With two of them, destroying the second one restores the first one's
    stack, which no longer exists, and the next signal, such as Ctrl+C, ends the process.
    """
    return runtime().Core()


class OpenVINOEngine:
    """A request with its input and outputs bound to PyTorch's memory, so that no copy is timed.

    `images` are those that the network takes, and `arranged` brings others into their form. The outputs are of type
    `dtype`.
    """

    def __init__(
        self, compiled, images: torch.Tensor, dtype: torch.dtype, ran: dict,
        arranged: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:  # fmt: skip
        self._images, self._arranged = images.contiguous(), arranged
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(shared_tensor(self._images))
        shapes = output_shapes(compiled, self._request)
        check_answers(shapes, images)
        self._outputs = tuple(torch.empty(shape, dtype=dtype) for shape in shapes)
        for number, output in enumerate(self._outputs):
            self._request.set_output_tensor(number, shared_tensor(output))
        self.ran = ran

    def run(self) -> None:
        """Infer one batch and wait for it."""
        self._request.infer(share_outputs=True)  # otherwise it would return a copy

    def synchronize(self) -> None:
        """Nothing: `run` returns when it is done."""

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(self._arranged(images))

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """The last outputs, each `[batch_size, …]`."""
        return self._outputs


def output_shapes(compiled, request) -> list[tuple[int, ...]]:
    """The shapes of the outputs: what the compiled graph knows or, where it lacks one, those of one call."""
    if any(output.partial_shape.is_dynamic for output in compiled.outputs):
        request.infer()
        return [tuple(request.get_output_tensor(number).shape) for number in range(len(compiled.outputs))]
    return [tuple(output.shape) for output in compiled.outputs]


def shared_tensor(tensor: torch.Tensor):
    """An OpenVINO tensor that shares the memory of PyTorch's; passed as bytes, because NumPy knows no bfloat16."""
    openvino = runtime()
    return openvino.Tensor(
        tensor.view(torch.uint8).numpy(), list(tensor.shape), getattr(openvino.Type, TYPES[tensor.dtype])
    )


def build(
    model: Network,
    images: torch.Tensor,
    precision: str,
    calibration: torch.Tensor | None = None,
    *,
    performance_hint: Literal["LATENCY", "THROUGHPUT"] = "LATENCY",
    streams: int = 1,
    threads: int = 0,
    cpu_pinning: bool = True,
) -> OpenVINOEngine:
    """Export the model to ONNX and compile it for the processor in the precision asked for.

    The model is exported in fp32, as for ONNX Runtime, so that both runtimes compute the same graph; OpenVINO's own
    converter of PyTorch modules would also report to Google Analytics. The data type of the computation, input and
    output is set here, because OpenVINO by itself computes in bf16 wherever the processor can. For int8 the model is
    quantized after training, see `quantize`. `performance_hint`, `streams` (requests that share the processor; one
    is sent at a time), `threads` (0: as many as PyTorch uses) and `cpu_pinning` are properties of OpenVINO's CPU
    device. With pinning, which is the default, several engines of few threads may all run on the same cores.
    """
    openvino, dtype, arranged = runtime(), data_type(precision), arrangement(model)
    kind = TYPES[dtype]
    start = time.perf_counter()
    proto = export_onnx(model, images, precision == "int8")
    export_s = time.perf_counter() - start
    proto, quantization = quantize(model, proto, images, calibration) if precision == "int8" else (proto, {})
    with refusals_named(model, "OpenVINO", openvino.__version__, UNREAD), loadable(proto) as source:
        compiled = core().compile_model(with_types(kind, core().read_model(source)), "CPU", {
            "INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": performance_hint, "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(), "ENABLE_CPU_PINNING": cpu_pinning,
        })  # fmt: skip
    primitives = primitives_of(compiled)
    return OpenVINOEngine(compiled, arranged(images.to(dtype)), dtype, {
        "device": "cpu", "dtype": str(dtype).removeprefix("torch."), "version": openvino.__version__,
        "inference_precision": compiled.get_property("INFERENCE_PRECISION_HINT").to_string(),
        "performance_hint": str(compiled.get_property("PERFORMANCE_HINT")),
        "streams": compiled.get_property("NUM_STREAMS"), "threads": compiled.get_property("INFERENCE_NUM_THREADS"),
        "cpu_pinning": compiled.get_property("ENABLE_CPU_PINNING"), "export_s": export_s,
        "kernels": count_kernels(primitives), "primitives": primitives, **quantization,
    }, arranged)  # fmt: skip


def with_types(kind: str, model):
    """The model, made to take input and give outputs of the type `kind` (a value of `TYPES`); pixels stay uint8."""
    from openvino.preprocess import PrePostProcessor

    steps, element = PrePostProcessor(model), getattr(runtime().Type, kind)
    if model.input().get_element_type() != runtime().Type.u8:
        steps.input().tensor().set_element_type(element)
    for number in range(len(model.outputs)):
        steps.output(number).tensor().set_element_type(element)
    return steps.build()


def primitives_of(compiled) -> dict[str, int]:
    """How many convolutions and matrix products the compiled graph runs by each oneDNN kernel, as OpenVINO reports."""
    info = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    layers = [one for one in info if one["layerType"].value in ("Convolution", "FullyConnected", "MatMul")]
    return dict(Counter(one["primitiveType"].value for one in layers))


def count_kernels(primitives: dict[str, int]) -> dict[str, int]:
    """The number of primitives by precision; their names end with it, as in `brgconv_avx512_amx_bf16`.

    The node's `runtimePrecision` is not used: that is the input's type, and is i8 even where the computation is in
    fp32.
    """
    found: Counter[str] = Counter()
    for name, count in primitives.items():
        if precision := PRECISIONS.get(name.rsplit("_", 1)[-1].lower()):
            found[precision] += count
    return dict(found)
