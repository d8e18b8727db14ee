"""An ONNX file in the precision of a case: as it is, converted to fp16, or prepared for int8."""

from typing import Any

import torch

from bench_lib.core.engine import Unavailable
from bench_lib.core.errors import error_text
from bench_lib.workload.onnx_file import OnnxFile, inferred, model_of_shape, onnx_opset

INT8_OPSET = 13  # the first opset in which weights may have one scale for each output channel


def model_for_images(network: OnnxFile, images: torch.Tensor, for_int8: bool = False) -> Any:
    """The `ModelProto` for the shape and data type of `images`.

    For int8 (`for_int8`), a file that is quantized already is taken as it is, and any other gets an opset that can be
    quantized. Raise `Unavailable` for any other precision of a quantized file, for bf16, for an opset that cannot be
    converted, and as `model_of_shape` does.
    """
    if network.is_quantized and not for_int8:
        raise Unavailable("onnx_file_is_quantized")
    if images.dtype == torch.bfloat16:
        raise Unavailable("onnx_lacks_bf16")
    proto = model_of_shape(network, images.shape)
    if images.dtype == torch.float16:
        return in_half_precision(proto)
    return proto if network.is_quantized or not for_int8 else of_opset(proto, INT8_OPSET)


def in_half_precision(proto: Any) -> Any:
    """The model in fp16, its input and output too; the given one is used up.

    A few operators stay in fp32, with casts around them, because they have no fp16 (`DEFAULT_OP_BLOCK_LIST` of ONNX
    Runtime's converter).
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    types = inferred(proto).value_info
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(types)
    return convert_float_to_float16(proto, disable_shape_infer=True)  # its own inference refuses 2 GiB


def of_opset(proto: Any, least: int) -> Any:
    """The model with at least this version of ONNX's operators; raise `Unavailable` if it cannot be converted."""
    from onnx import version_converter

    if onnx_opset(proto) >= least:
        return proto
    try:
        return version_converter.convert_version(proto, least)
    except Exception as error:
        raise Unavailable("onnx_opset_is_old", opset=onnx_opset(proto), least=least, words=error_text(error)) from error
