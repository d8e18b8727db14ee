"""ONNX Runtime's execution providers: the options of each, and sessions that run on a single provider."""

import functools
import re
from typing import Any, Literal

import torch

from bench_lib.core.engine import Unavailable, compute_device

Provider = Literal["cuda", "tensorrt", "tensorrt_rtx"]
NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "tensorrt_rtx": "NvTensorRTRTXExecutionProvider",
}

# Messages of a provider that does not load, or lacks an operation of the network in this precision.
LACKS = re.compile(
    r"Please install|Failed to load library|NOT_IMPLEMENTED|INVALID_GRAPH|has been explicitly disabled"
    r"|Provider type for .* is not set"
)
PLUGIN = "onnxruntime-ep-nv-tensorrt-rtx-cu13"


def choose_provider(provider: Provider | None, precision: str = "fp32") -> str:
    """The provider that the option names; by default CUDA on a GPU, and otherwise the CPU.

    Raise `Unavailable` if the provider needs a GPU and there is none, and for int8 on CUDA, which has no int8
    convolution.
    """
    kind = compute_device().type
    if precision == "int8" and kind == "cuda" and provider in (None, "cuda"):
        raise Unavailable("ort_cuda_lacks_int8")
    if provider and kind != "cuda":
        raise Unavailable("provider_needs_gpu", provider=provider)
    return provider or kind


def provider_settings(provider: str, precision: str, cuda_graph: bool, cuda: dict[str, str]) -> dict[str, str]:
    """The provider's options, with all that matter set explicitly; `cuda` are those that only the CUDA provider has.

    TensorRT's caches are off, so that the build time is that of a cold build.
    """
    if provider == "cpu":
        return {}
    stream, graph = str(torch.cuda.current_stream().cuda_stream), str(int(cuda_graph))
    number = str(torch.cuda.current_device())
    if provider == "tensorrt_rtx":
        return {"has_user_compute_stream": "1", "user_compute_stream": stream, "enable_cuda_graph": graph}
    if provider == "tensorrt":
        return {
            "device_id": number, "user_compute_stream": stream, "trt_cuda_graph_enable": graph,
            "trt_fp16_enable": str(int(precision == "fp16")), "trt_bf16_enable": str(int(precision == "bf16")),
            "trt_int8_enable": str(int(precision == "int8")),
            "trt_engine_cache_enable": "0", "trt_timing_cache_enable": "0",
        }  # fmt: skip
    return {
        "device_id": number, "user_compute_stream": stream, "enable_cuda_graph": graph,
        "use_tf32": str(int(precision == "tf32")), "cudnn_conv_use_max_workspace": "1", **cuda,
    }  # fmt: skip


def open_session(model: bytes | str, provider: str, given: dict[str, str], options: Any) -> Any:
    """A session of the model (its bytes, or the path of its file) on the provider, that may not fall back to another.

    Raise `Unavailable`, with the provider's own words, where it does not load or lacks what the network needs, and
    `RuntimeError` if the session reports another provider.
    """
    import onnxruntime

    name = NAMES[provider]
    if provider != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        if provider == "tensorrt_rtx":
            add_plugin(options, given)
            opened = onnxruntime.InferenceSession(model, options)
        else:
            listed = [(name, given)] if given else [name]
            opened = onnxruntime.InferenceSession(model, options, providers=listed, enable_fallback=False)
    except Exception as error:
        words = " ".join(str(error).split())
        if provider == "cpu" or not LACKS.search(words):
            raise
        raise Unavailable("provider_cannot", provider=name, words=words) from error
    got = opened.get_providers()
    if got[0] != name:
        raise RuntimeError(f"asked for {name}, the session runs on {got[0]}")
    return opened


@functools.cache
def register_plugin(name: str, library: str) -> None:
    """Register a plugin with ONNX Runtime, once per process: it refuses a second registration."""
    import onnxruntime

    onnxruntime.register_execution_provider_library(name, library)


def add_plugin(options: Any, given: dict[str, str]) -> None:
    """Register TensorRT-RTX, a package of its own, and choose it for the session.

    Raise `Unavailable` if the package is missing, or finds no GPU that it supports.
    """
    import onnxruntime

    try:
        import onnxruntime_ep_nv_tensorrt_rtx as plugin
    except ImportError as error:
        raise Unavailable("rtx_provider_not_installed", error=str(error),
                          command=f"pip install -c constraints.txt {PLUGIN}") from None  # fmt: skip
    name = plugin.get_ep_name()
    register_plugin(name, plugin.get_library_path())
    devices = [found for found in onnxruntime.get_ep_devices() if found.ep_name == name]
    if not devices:
        raise Unavailable("rtx_provider_finds_no_gpu")
    options.add_provider_for_devices(devices[:1], given)
