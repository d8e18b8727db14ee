"""What a session of ONNX Runtime tells about itself: its outputs' shapes, the nodes of its providers, its kernels."""

import re
from collections import Counter
from typing import Any

import torch

from bench_lib.workload.onnx_graph import QUANTIZED

PRODUCTS = re.compile(r"Conv|Gemm|MatMul")  # in the names of operators, such as FusedConv or MatMulIntegerToFloat
ONNX_TYPES = {torch.float32: 1, torch.uint8: 2, torch.float16: 10, torch.bfloat16: 16}  # of onnx.TensorProto.DataType


def output_shapes(session: Any, images: torch.Tensor) -> list[tuple[int, ...]]:
    """The shapes of the outputs for these images: what the session knows or, where it lacks one, those of one call.

    `images` are contiguous, and on the session's device.
    """
    known = [output.shape for output in session.get_outputs()]
    if all(shape and all(isinstance(size, int) for size in shape) for shape in known):
        return [tuple(shape) for shape in known]
    binding, device = session.io_binding(), images.device.type
    binding.bind_input(session.get_inputs()[0].name, device, 0, ONNX_TYPES[images.dtype], tuple(images.shape),
                       images.data_ptr())  # fmt: skip
    for output in session.get_outputs():
        binding.bind_output(output.name, device)
    session.run_with_iobinding(binding)
    return [tuple(output.shape()) for output in binding.get_outputs()]


def session_facts(session: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What runs, as the session reports it, on this device and with outputs of this type.

    `cuda_graph` is None where the provider does not report it.
    """
    import onnxruntime

    name = session.get_providers()[0]
    provider_options = session.get_provider_options().get(name, {})
    return {
        "device": str(device), "dtype": str(dtype).removeprefix("torch."), "provider": name,
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
