"""The reference of an ONNX file: its output without any optimization, from the first evaluator that reads the file."""

import copy
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from bench_lib.core.errors import error_text
from bench_lib.core.reason import ReasonedError
from bench_lib.core.references import BY_STANDARD, ONNX_FILE, QUANTIZED_FILE
from bench_lib.workload.onnx_file import OnnxFile, model_of_shape
from bench_lib.workload.onnx_graph import messages
from bench_lib.workload.onnx_size import loadable

Evaluate = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]  # from images, `[batch, 3, height, width]`, to outputs

# What ONNX Runtime says of a file that it does not read, as one of a newer version of the standard.
UNREAD = re.compile(
    r"Unsupported model IR version|ONNX Runtime only \*guarantees|NOT_IMPLEMENTED|INVALID_GRAPH|INVALID_PROTOBUF"
    r"|\S+ is not a registered function"
)


class NoReference(ReasonedError):
    """Nothing here evaluates an ONNX file, so no answer of it can be checked."""


def open_reference(network: OnnxFile, shape: torch.Size) -> tuple[str, Evaluate]:
    """The name of an evaluator that reads the file, and what computes the output of a batch of this shape.

    It is ONNX Runtime on the CPU in fp32, without its optimizations. For a file that it does not read, such as
    one of a newer version of ONNX, it is the evaluator of the ONNX standard itself, which is slow. A file that is
    quantized already is computed as it is, so its reference does not tell what quantizing cost. Raise `NoReference` if
    neither reads the file.
    """
    model = model_of_shape(network, shape)
    try:
        name = QUANTIZED_FILE if network.is_quantized else ONNX_FILE
        return name, on_arranged(network, by_onnx_runtime(model, network.is_quantized))
    except Exception as error:
        words = error_text(error)
        if not UNREAD.search(str(error)):
            raise
    try:
        return BY_STANDARD, on_arranged(network, by_standard(model))
    except Exception as error:
        raise NoReference("onnx_lacks_reference", words=words, other=error_text(error)) from error


def on_arranged(network: OnnxFile, run: Callable[[dict[str, Any]], list[Any]]) -> Evaluate:
    """The outputs of `run`, which takes NumPy arrays by the inputs' names, for images that the file's form is given."""
    return lambda images: tuple(map(torch.from_numpy, run({network.input.name: network.arranged(images).numpy()})))


def by_onnx_runtime(model: Any, is_quantized: bool) -> Callable[[dict[str, Any]], list[Any]]:
    """ONNX Runtime's outputs of a `ModelProto` of fixed shape, not optimized.

    On a CPU with AVX2 and without VNNI, its sums of 8-bit products overflow, and an engine whose sums do so too would
    pass for exact. The mode that prevents it (`kOrtSessionOptionsAvx2PrecisionMode`) is one of its optimizations. So a
    quantized model gets those, but for the one that puts integer operators in place of QDQ nodes.
    """
    import onnxruntime

    options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if is_quantized else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    with loadable(model) as source:
        session = onnxruntime.InferenceSession(
            source, options, providers=["CPUExecutionProvider"], disabled_optimizers=["QDQSelectorActionTransformer"]
        )
    return partial(session.run, None)


def by_standard(model: Any) -> Callable[[dict[str, Any]], list[Any]]:
    """The outputs of a `ModelProto` by the reference evaluator of the package `onnx`."""
    from onnx.reference import ReferenceEvaluator

    return partial(ReferenceEvaluator(model).run, None)


def rounded_to_bf16(network: OnnxFile) -> OnnxFile:
    """The network with each of its float32 weights and constants rounded to bf16; they stay float32."""
    from onnx import TensorProto, numpy_helper

    proto = copy.deepcopy(network.proto)
    for tensor in [one for one in messages(proto) if one.DESCRIPTOR.name == "TensorProto"]:
        if tensor.data_type == TensorProto.FLOAT:
            weights = torch.from_numpy(numpy_helper.to_array(tensor).copy()).bfloat16().float()
            tensor.CopyFrom(numpy_helper.from_array(weights.numpy(), tensor.name))
    return OnnxFile(proto)
