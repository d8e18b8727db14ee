"""ONNX Runtime on the model exported by `torch.onnx`: the CUDA provider on a GPU or one of TensorRT's, or the CPU's."""

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from bench_lib.core.engine import Unavailable, check_precision, compute_device, data_type
from bench_lib.core.import_time import timed_import
from bench_lib.engines.onnx_runtime import providers
from bench_lib.engines.shared.onnx_export import (
    count_int8_products,
    export_onnx,
    quantize_qdq,
    quantize_qdq_for_tensorrt,
)
from bench_lib.workload.network import Network

IMPORTS = ("onnxruntime",)
TAKES_ONNX = True
COMMAND = "pip install -c constraints.txt onnxruntime-gpu"
ONNX_TYPES = {torch.float32: 1, torch.float16: 10, torch.bfloat16: 16}  # of onnx.TensorProto.DataType
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
    """A session with input and output bound to PyTorch's memory on the device, so that no copy is timed."""

    def __init__(self, session, images: torch.Tensor, ran: dict) -> None:
        import onnxruntime

        # ONNX Runtime reads memory as contiguous, whatever a tensor's strides say.
        self._session, self._images = session, images.contiguous()
        self._output = torch.empty(session.get_outputs()[0].shape, dtype=images.dtype, device=images.device)
        self._binding = session.io_binding()
        for tensor, bind, name in (
            (self._images, self._binding.bind_input, session.get_inputs()[0].name),
            (self._output, self._binding.bind_output, session.get_outputs()[0].name),
        ):
            bind(name, tensor.device.type, 0, ONNX_TYPES[tensor.dtype], tuple(tensor.shape), tensor.data_ptr())
        self._options = onnxruntime.RunOptions()
        if images.is_cuda:  # `run` returns before the GPU is done, as it does in the other engines
            self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self.ran = ran | {"device": str(images.device), "dtype": str(images.dtype).removeprefix("torch.")}

    def run(self) -> None:
        """Send one batch; on a GPU this returns before it is done."""
        self._session.run_with_iobinding(self._binding, self._options)

    def synchronize(self) -> None:
        """Wait for the GPU; a CPU is done when `run` returns."""
        if self._images.is_cuda:
            torch.cuda.synchronize()

    def fill(self, images: torch.Tensor) -> None:
        """Put another batch where the next calls read their input."""
        self._images.copy_(images)

    def output(self) -> torch.Tensor:
        """The last output, `[batch_size, classes]`."""
        return self._output


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
    """Export the model for the images' shape and open a session that may not fall back silently.

    `provider` is CUDA by default on a GPU and may be TensorRT or TensorRT-RTX there. `cudnn_conv_algo_search`,
    `prefer_nhwc` and `fuse_conv_bias` are the CUDA provider's own, see ONNX Runtime's documentation of it. `cuda_graph`
    records the launches in the first calls and replays them. `intra_op_threads` are those of the CPU provider, 0 for as
    many as PyTorch uses. For int8 the model is quantized after training, see `export_model`. Raise `Unavailable` where
    a provider or what an option needs is missing, and `RuntimeError` if the session reports another provider.
    """
    kind = providers.choose_provider(provider, precision)
    if cuda_graph and kind == "cpu":
        raise Unavailable("option_needs_gpu", options="cuda_graph")
    cuda = {"cudnn_conv_algo_search": cudnn_conv_algo_search, "prefer_nhwc": str(int(prefer_nhwc)),
            "fuse_conv_bias": str(int(fuse_conv_bias))}  # fmt: skip
    given = providers.provider_settings(kind, precision, cuda_graph, cuda)
    proto, exported = export_model(model, images, precision, kind, calibration)
    session, ran = open_counted(proto, kind, given, intra_op_threads or torch.get_num_threads(), precision)
    engine = OnnxRuntimeEngine(session, images.to(compute_device(), data_type(precision)), exported | ran)
    if cuda_graph:
        for _ in range(GRAPH_CALLS):
            engine.run()
    return engine


def export_model(
    model: Network, images: torch.Tensor, precision: str, kind: str, calibration: torch.Tensor | None
) -> tuple[Any, dict[str, Any]]:
    """The model as ONNX for the images' shape, and how it was made: seconds, ONNX's version, nodes, quantization.

    For int8 it is quantized after training on the `calibration` images: by `quantize_qdq` for the CPU's provider, by
    `quantize_qdq_for_tensorrt` for TensorRT's.
    """
    images = images.to(data_type(precision))
    start = time.perf_counter()
    proto = export_onnx(model, images)
    export_s, quantization = time.perf_counter() - start, {}
    if precision == "int8":
        quantize = quantize_qdq if kind == "cpu" else quantize_qdq_for_tensorrt
        proto, quantization = quantize(proto, images, calibration)
    facts = {"export_s": export_s, "opset": onnx_opset(proto), "exported_nodes": len(proto.graph.node)}
    return proto, facts | quantization


def open_counted(
    proto: Any, kind: str, given: dict[str, str], threads: int, precision: str
) -> tuple[Any, dict[str, Any]]:
    """A session of the model on the provider `kind`, and what runs in it, as the session tells.

    For int8, `kernels` says how many convolutions and matrix products compute in which precision. The CPU's session is
    asked for its optimized graph; what TensorRT compiles cannot be written, so there those of the model are counted.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    kernels: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        if precision == "int8" and kind == "cpu":
            options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        session = providers.open_session(proto.SerializeToString(), kind, given, options)
        if precision == "int8":
            kernels = int8_kernels(options.optimized_model_filepath) if kind == "cpu" else count_int8_products(proto)
    return session, session_facts(session) | {"threads": threads, "kernels": kernels}


def session_facts(session: Any) -> dict[str, Any]:
    """What the session tells of itself: its provider with that one's options, and where the nodes run."""
    import onnxruntime

    name = session.get_providers()[0]
    told = session.get_provider_options().get(name, {})
    return {
        "provider": name, "provider_options": told, "nodes_by_provider": nodes_by_provider(session),
        "version": onnxruntime.__version__,
        "cuda_graph": told.get("enable_cuda_graph", told.get("trt_cuda_graph_enable")),  # None: it does not tell
    }  # fmt: skip


def onnx_opset(proto) -> int:
    """The version of ONNX's own operators; a file may import others as well."""
    return next(one.version for one in proto.opset_import if one.domain in ("", "ai.onnx"))


def int8_kernels(path: str) -> dict[str, int]:
    """How many convolutions and matrix products of the session's optimized graph are in int8, and how many are not."""
    import onnx

    names = [node.op_type for node in onnx.load(path).graph.node]
    found = [name for name in names if name.endswith(("Conv", "Gemm", "MatMul"))]
    return dict(Counter("int8" if name.startswith("Q") else "fp32" for name in found))


def nodes_by_provider(session) -> dict[str, int]:
    """How many nodes of the optimized graph each provider runs, as the session reports it."""
    count: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        count[part.ep_name] += len(part.get_nodes())
    return dict(count)
