"""What a session of ONNX Runtime tells about itself: its output's shape, the nodes of its providers, its kernels."""

import re
from collections import Counter
from typing import Any

import torch

from bench_lib.workload.onnx_graph import QUANTIZED

PRODUCTS = re.compile(r"Conv|Gemm|MatMul")  # in the names of operators, such as FusedConv or MatMulIntegerToFloat
ONNX_TYPES = {torch.float32: 1, torch.float16: 10, torch.bfloat16: 16}  # values of onnx.TensorProto.DataType


def output_shape(session: Any, images: torch.Tensor) -> tuple[int, ...]:
    """The shape of the output for these images: what the session knows or, where it knows none, that of one call.

    `images` are contiguous, and on the session's device.
    """
    known = session.get_outputs()[0].shape
    if known and all(isinstance(size, int) for size in known):
        return tuple(known)
    binding, device = session.io_binding(), images.device.type
    binding.bind_input(session.get_inputs()[0].name, device, 0, ONNX_TYPES[images.dtype], tuple(images.shape),
                       images.data_ptr())  # fmt: skip
    binding.bind_output(session.get_outputs()[0].name, device)
    session.run_with_iobinding(binding)
    return tuple(binding.get_outputs()[0].shape())


def session_facts(session: Any, images: torch.Tensor) -> dict[str, Any]:
    """What runs, as the session reports it; `cuda_graph` is None where the provider does not report it."""
    import onnxruntime

    name = session.get_providers()[0]
    provider_options = session.get_provider_options().get(name, {})
    return {
        "device": str(images.device), "dtype": str(images.dtype).removeprefix("torch."), "provider": name,
        "version": onnxruntime.__version__,
        "nodes_by_provider": nodes_by_provider(session),
        "provider_options": provider_options,
        "cuda_graph": provider_options.get("enable_cuda_graph", provider_options.get("trt_cuda_graph_enable")),
    }  # fmt: skip


def nodes_by_provider(session: Any) -> dict[str, int]:
    """The number of nodes of the optimized graph that each provider runs, as the session reports it."""
    counts: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        counts[part.ep_name] += len(part.get_nodes())
    return dict(counts)


def int8_kernels(path: str) -> dict[str, int]:
    """How many convolutions and matrix products the optimized graph in the file `path` has in int8, and in fp32."""
    import onnx

    names = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
    return dict(Counter("int8" if QUANTIZED.search(name) else "fp32" for name in names if PRODUCTS.search(name)))
