"""ONNX Runtime on a network that `torch.onnx` exported, or on an ONNX file.

On a GPU it runs on the CUDA provider or on one of TensorRT's providers, otherwise on the CPU provider. The options of
`build` are:

- `provider`: on a GPU, CUDA by default; TensorRT or TensorRT-RTX on request.
- `cudnn_conv_algo_search`, `prefer_nhwc`, `fuse_conv_bias`: options of the CUDA provider, see ONNX Runtime's
  documentation of it.
- `cuda_graph`: record the launches of the first calls in a CUDA graph, and replay it afterwards.
- `intra_op_threads`: threads of the CPU provider; 0 for as many as PyTorch uses.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from bench_lib.core.engine import Unavailable, check_precision, compute_device, data_type
from bench_lib.core.import_time import timed_import
from bench_lib.core.lifetime import temporary_folder
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.onnx_runtime.session_facts import ONNX_TYPES, int8_kernels, output_shapes, session_facts
from bench_lib.engines.shared.onnx_export import count_int8_products, export_onnx, quantize
from bench_lib.engines.shared.onnx_refusal import check_answers, refusals_named
from bench_lib.workload.network import Network
from bench_lib.workload.onnx_file import arrangement, onnx_opset
from bench_lib.workload.onnx_reference import UNREAD
from bench_lib.workload.onnx_size import loadable

IMPORTS = ("onnxruntime",)
TAKES_ONNX = True
COMMAND = "pip install -c constraints.txt onnxruntime-gpu"
# Engines on a GPU are kept until the process ends. In ONNX Runtime 1.30, freeing one of a network with parts on the
# processor can end the process ("cudaFreeHost: operation not permitted"), and with it what was measured.
KEPT: list["OnnxRuntimeEngine"] = []
GRAPH_CALLS = 3  # ONNX Runtime records a CUDA graph in one of the first calls, after its own warm-up


def check_support(precision: str) -> None:
    """Raise `Unavailable` where the runtime, its CUDA provider or the arithmetic is missing."""
    try:
        with timed_import("onnxruntime"):
            import onnxruntime
        import onnxscript  # noqa: F401  # torch.onnx.export needs it
    except ImportError as error:
        raise Unavailable("not_installed", what="ONNX Runtime", error=str(error), command=COMMAND) from None
    if compute_device().type == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise Unavailable("ort_lacks_cuda", command=COMMAND)
    if compute_device().type == "cpu" and precision == "fp16":
        raise Unavailable("ort_cpu_casts_fp16")
    if compute_device().type == "cpu" and precision == "bf16":
        raise Unavailable("ort_cpu_lacks_bf16")
    check_precision(precision)


class OnnxRuntimeEngine:
    """A session with its input and outputs bound to PyTorch's memory on the device, so that no copy is timed.

    `images` are those that the network takes, and `arranged` brings others into their form. The outputs are of type
    `dtype`.
    """

    def __init__(
        self, session, images: torch.Tensor, dtype: torch.dtype, ran: dict,
        arranged: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:  # fmt: skip
        import onnxruntime

        # ONNX Runtime reads memory as contiguous, whatever a tensor's strides say.
        self._session, self._images, self._arranged = session, images.contiguous(), arranged
        shapes = output_shapes(session, self._images)
        check_answers(shapes, images)
        self._outputs = tuple(torch.empty(shape, dtype=dtype, device=images.device) for shape in shapes)
        self._binding = session.io_binding()
        bind(self._binding.bind_input, session.get_inputs()[0].name, self._images)
        for output, tensor in zip(session.get_outputs(), self._outputs, strict=True):
            bind(self._binding.bind_output, output.name, tensor)
        self._options = onnxruntime.RunOptions()
        if images.is_cuda:  # `run` returns before the GPU is done, as it does in the other engines
            self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
            KEPT.append(self)
        self.ran = ran

    def run(self) -> None:
        """Send one batch; on a GPU this returns before it is done."""
        self._session.run_with_iobinding(self._binding, self._options)

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU is done when `run` returns."""
        if self._images.is_cuda:
            torch.cuda.synchronize()

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(self._arranged(images))

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """The last outputs, each `[batch_size, …]`."""
        return self._outputs


def bind(function: Callable, name: str, tensor: torch.Tensor) -> None:
    """Bind the input or output of this name to the tensor's memory by `function`, a method of a session's binding."""
    function(name, tensor.device.type, 0, ONNX_TYPES[tensor.dtype], tuple(tensor.shape), tensor.data_ptr())


def build(
    model: Network,
    images: torch.Tensor,
    precision: str,
    calibration: torch.Tensor | None = None,
    *,
    provider: providers.Provider | None = None,
    cudnn_conv_algo_search: Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"] = "EXHAUSTIVE",
    prefer_nhwc: bool = False,
    fuse_conv_bias: bool = False,
    cuda_graph: bool = False,
    intra_op_threads: Annotated[int, Field(ge=0, le=1024)] = 0,
) -> OnnxRuntimeEngine:
    """Export the model for the shape of `images` and open a session that does not fall back to another provider.

    The options are described at the top of this module. Raise `Unavailable` if a provider or what an option needs is
    missing, and `RuntimeError` if the session reports another provider than the one asked for.
    """
    import onnxruntime

    kind = providers.choose_provider(provider, precision)
    if cuda_graph and kind == "cpu":
        raise Unavailable("option_needs_gpu", options="cuda_graph")
    cuda = {"cudnn_conv_algo_search": cudnn_conv_algo_search, "prefer_nhwc": str(int(prefer_nhwc)),
            "fuse_conv_bias": str(int(fuse_conv_bias))}  # fmt: skip
    settings = providers.provider_settings(kind, precision, cuda_graph, cuda)
    dtype, arranged, options = data_type(precision), arrangement(model), session_options(intra_op_threads)
    images = images.to(dtype)
    proto, export_s, quantization = export_model(model, images, precision, kind, calibration)
    with refusals_named(model, "ONNX Runtime", onnxruntime.__version__, UNREAD):
        session, kernels = open_counted_session(proto, kind, settings, options, bool(quantization))
    images = arranged(images).to(compute_device())
    ran = session_facts(session, images.device, dtype) | {
        "export_s": export_s, "opset": onnx_opset(proto), "exported_nodes": len(proto.graph.node),
        "threads": options.intra_op_num_threads, "kernels": kernels, **quantization,
    }  # fmt: skip
    engine = OnnxRuntimeEngine(session, images, dtype, ran, arranged)
    for _ in range(GRAPH_CALLS if cuda_graph else 0):
        engine.run()
    return engine


def export_model(
    model: Network, images: torch.Tensor, precision: str, kind: str, calibration: torch.Tensor | None
) -> tuple[Any, float, dict[str, Any]]:
    """Export the model and, for int8, quantize it as the provider `kind` needs.

    Return the `ModelProto`, the seconds that the export took, and how the model was quantized (empty if it was not).
    """
    start = time.perf_counter()
    proto = export_onnx(model, images, precision == "int8")
    export_s = time.perf_counter() - start
    if precision != "int8":
        return proto, export_s, {}
    proto, quantization = quantize(model, proto, images, calibration, for_tensorrt=kind != "cpu")
    return proto, export_s, quantization


def session_options(intra_op_threads: int) -> Any:
    """New `SessionOptions`: only errors are logged, and which provider runs which node is recorded.

    `intra_op_threads` is the number of threads; 0 for as many as PyTorch uses.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = intra_op_threads or torch.get_num_threads()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def open_counted_session(
    proto: Any, kind: str, settings: dict[str, str], options: Any, is_quantized: bool
) -> tuple[Any, dict[str, int]]:
    """Open a session on the provider `kind`; for a quantized model, also count its products by precision.

    On the CPU they are counted in the graph that the session optimized. What TensorRT compiles cannot be written to a
    file, so for its providers they are counted in the model itself.
    """
    with temporary_folder() as folder:
        if is_quantized and kind == "cpu":
            options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
        with loadable(proto) as source:
            session = providers.open_session(source, kind, settings, options)
        kernels = int8_kernels(options.optimized_model_filepath) if options.optimized_model_filepath else {}
    if is_quantized and kind != "cpu":
        kernels = count_int8_products(proto)
    return session, kernels
