"""All reasons why a figure is absent: English messages by name. Their Russian is in `locale/ru.po`.

A record stores a message's name and the values of its fields. Text values come from outside (a runtime's own words, a
name) and are inserted unchanged. How a number is written is part of the message: in one of Python's formats, or as
`number` (about three significant figures) or `percent`. The decimal point and other signs are those of the language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench_lib.text.language import NBSP, SEPARATORS, Language, decimals, in_language, mark
from bench_lib.text.numbers import percent_decimals

AS_RECORDED = "as_recorded"  # a text from a record of version 1; its fields `ru` and `en` hold it

MESSAGES = {
    # What an engine cannot do here.
    "not_installed": mark("{what} is not installed ({error})"),
    "does_not_load": mark("{what} is installed but does not load: {error}"),
    "engine_needs_gpu": mark("{engine} needs an NVIDIA GPU, and there is none here"),
    "option_needs_gpu": mark("{options} needs an NVIDIA GPU, and there is none here"),
    "needs_newer_gpu": mark("{precision} needs an NVIDIA GPU of compute capability 8.0 or newer"),
    "tf32_needs_gpu": mark("TF32 exists only on NVIDIA GPUs, and there is none here"),
    "cpu_lacks_precision": mark(
        "this CPU has no {precision} arithmetic (no AVX512-{extension} or AMX-{extension}) and would only emulate it"
    ),
    "onnx_file_not_taken": mark("the model is an ONNX file, and this engine takes PyTorch networks alone"),
    "onnx_input_is_fixed": mark("the ONNX file fixes its input as {fixed}, this case is {asked}"),
    "onnx_file_is_quantized": mark("the ONNX file is quantized already and runs as it is: measure it in int8"),
    "onnx_opset_is_old": mark(
        "int8 needs opset {least} of the ONNX file, it has {opset} and cannot be converted: {words}"
    ),
    "onnx_file_refused": mark("{runtime} {version} does not take this ONNX file (opset {opset}, IR {ir}): {words}"),
    "onnx_answers_otherwise": mark(
        "the ONNX file answers {shape} to images {asked}, and it must answer [batch, …]: one answer for each image"
    ),
    "onnx_lacks_reference": mark(
        "nothing here evaluates this ONNX file, so its answers cannot be checked; ONNX Runtime says: {words}; the "
        "evaluator of the package onnx says: {other}"
    ),
    "onnx_output_is_unknown": mark("the shape of the ONNX file's output does not follow from that of its input"),
    "onnx_lacks_bf16": mark("there is no converter of an ONNX file to bf16 here"),
    "no_compiler": mark("torch.compile finds no compiler here"),
    "first_conv_cannot_change": mark(
        "the network does not begin with one ordinary convolution, so first_conv cannot change it"
    ),
    "space_to_depth_needs_stride": mark("space_to_depth needs a first convolution with one stride above 1"),
    "pytorch_lacks_int8": mark("PyTorch has no int8 convolution for a GPU: torchao quantizes matrix products there"),
    "torchao_not_installed": mark("torchao, which quantizes for PyTorch, is not installed ({error})"),
    "modelopt_not_installed": mark("NVIDIA's ModelOpt, which quantizes for TensorRT, is not installed ({error})"),
    "rtx_lacks_int8": mark("TensorRT-RTX {version} takes weights alone in int8; activations need 1.4 or newer"),
    "tensorrt_builds_nothing": mark(
        "TensorRT {version} builds no engine from this network in int8 on {gpu}; its log says why"
    ),
    "openvino_beside_gpu": mark("OpenVINO computes on the processor, and the others here on the GPU"),
    "openvino_lacks_precision": mark("OpenVINO does not compute in {precision} on this processor"),
    "ort_lacks_cuda": mark("this build of ONNX Runtime has no CUDA provider"),
    "ort_cpu_casts_fp16": mark("ONNX Runtime's CPU provider computes fp16 as fp32 with casts around it"),
    "ort_cpu_lacks_bf16": mark("ONNX Runtime's CPU provider has no bf16 arithmetic"),
    "ort_cuda_lacks_int8": mark("ONNX Runtime's CUDA provider has no int8 convolution (QLinearConv)"),
    "provider_needs_gpu": mark("ONNX Runtime's provider {provider} needs an NVIDIA GPU, and there is none here"),
    "provider_cannot": mark("{provider} cannot run this here: {words}"),
    "rtx_provider_not_installed": mark("ONNX Runtime's TensorRT-RTX provider is not installed ({error})"),
    "rtx_provider_finds_no_gpu": mark("ONNX Runtime's TensorRT-RTX provider finds no GPU that it supports"),
    "size_not_taken": mark("the network does not take images of {size}×{size}: {words}"),
    # Why a measurement gave no figure.
    "out_of_memory": mark("out of memory: {words}"),
    "shared_memory_full": mark(
        "no space left in shared memory (/dev/shm), where worker processes put their batches: {words}; enlarge it, in "
        "Docker by --shm-size=2g for example"
    ),
    "input_too_large": mark("out of memory: the input alone takes {asked:.1f} GiB, free are {free:.1f} GiB"),
    "unreadable_image": mark("the image {name} cannot be read ({error})"),
    "unreadable_images": mark("{bad} of {tried} images cannot be read, the first is {name} ({error})"),
    "runtime_error": mark("{kind}: {words}"),
    "wrong_input": mark("what was given cannot be measured: {words}"),
    "not_quantized": mark("torchao does not quantize this network to int8 ({kind}: {words})"),
    "not_exported": mark("PyTorch does not export this network to ONNX ({kind}: {words})"),
    "not_finite": mark("the output holds infinity or NaN"),
    "same_answers": mark(
        "the network itself answers the same to all images, so no output can be checked; give it trained weights"
    ),
    "constant_output": mark("the output is the same for all images"),
    "few_digits": mark("the output has no more digits than fp8 holds"),
    "too_inexact": mark(
        "the output is inexact: its error is {error:percent} of the spread between images, {allowed:percent} is "
        "allowed; the first class agrees for {agreement:.0%}"
    ),
    "inexact": mark(
        "the output is inexact: the largest relative error is {error:.1e}, {allowed:.1e} is allowed; the first class "
        "agrees for {agreement:.0%}"
    ),
    "impossible_latency": mark(
        "impossible speed: {ips:,.0f} images/s by latency; {gpu} can do no more than {most:,.0f} in {precision}"
    ),
    "impossible_throughput": mark(
        "impossible speed: {ips:,.0f} images/s by throughput; {gpu} can do no more than {most:,.0f} in {precision}"
    ),
    # How a process ended.
    "process_crashed": mark("the process that measured it crashed"),
    "process_crashed_with": mark("the process that measured it crashed ({error})"),
    "process_killed": mark("the process that measured it crashed (the system probably stopped it for lack of memory)"),
    "process_killed_by": mark("the process that measured it was stopped by the signal {signal}"),
    "process_killed_for_memory": mark(
        "the process that measured it was stopped by the system, which had no memory left (SIGKILL)"
    ),
    "process_crashed_by": mark(
        "the process that measured it crashed ({signal}): a fault in the native code of {runtime} or of a library that "
        "it uses"
    ),
    "process_exited": mark("the process that measured it ended by itself with exit code {code}"),
    "process_lost": mark("the process that measured it ended, and how is not known: the fork server has died"),
    "stopped_by_error": mark("the measurement was stopped by {kind}"),
    "timed_out": mark("the measurement did not end within {seconds:g} s"),
    "no_record": mark("the process that measured it left no record"),
    # How a task of Slurm ended.
    "node_did_not_boot": mark("Slurm's task {job} left no record: its node did not boot (exit: {exit}; node: {node})"),
    "task_cancelled": mark("Slurm's task {job} left no record: it was cancelled (exit: {exit}; node: {node})"),
    "task_completed": mark("Slurm's task {job} left no record: its process ended (exit: {exit}; node: {node})"),
    "task_past_deadline": mark("Slurm's task {job} left no record: its deadline passed (exit: {exit}; node: {node})"),
    "task_failed": mark(
        "Slurm's task {job} left no record: its process failed or was killed (exit: {exit}; node: {node})"
    ),
    "node_failed": mark("Slurm's task {job} left no record: its node failed (exit: {exit}; node: {node})"),
    "task_out_of_memory": mark(
        "Slurm's task {job} left no record: it took more memory than allotted (exit: {exit}; node: {node})"
    ),
    "task_preempted": mark("Slurm's task {job} left no record: another preempted it (exit: {exit}; node: {node})"),
    "task_timed_out": mark("Slurm's task {job} left no record: its {minutes} minutes were up (node: {node})"),
    "task_forgotten": mark("Slurm's task {job} left no record: Slurm no longer knows how it ended"),
    "unlike_node": mark(
        "node {node} is unlike this run's machine ({differs} differ); ask for like nodes in slurm.extra (constraint or "
        "nodelist)"
    ),
    # Why `precision: auto` took another precision.
    "slower": mark("slower"),
    "not_decided_faster": mark("not decided whether it is faster, and its error is larger"),
    "computed_otherwise": mark("in fact computed in {precision}"),
    "error_above_allowed": mark("error {error:percent} is above the allowed {allowed:percent}"),
    "top1_below_least": mark("{top1:.1%} of the labelled images are answered right, at least {least:.1%} must be"),
    "top1_may_be_lower": mark(
        "the share of right answers may be as much as {loss:number} percentage points below that in fp32 (limit of the "
        "95% interval), {allowed:number} are allowed"
    ),
    "no_fp32_to_compare": mark("there are no right answers in fp32 to compare with"),
    "no_precision_suitable": mark("no precision was suitable"),
    # Why energy, a clock or a rate is absent.
    "energy_not_asked": mark("energy was not asked for (energy_min_s: 0)"),
    "energy_stands_still": mark("the energy counter does not move under load"),
    "nvml_does_not_answer": mark("the GPU driver does not answer NVML queries"),
    "driver_tells_no_energy": mark("the GPU driver does not report energy ({error})"),
    "no_rapl": mark("this processor has no energy counter (RAPL) that the system can see"),
    "rapl_is_closed": mark("only the administrator can read the processor's energy counter (RAPL)"),
    "events_need_gpu": mark("CUDA events need an NVIDIA GPU, and there is none here"),
    "loadgen_not_installed": mark("MLPerf LoadGen is not installed ({error}); install it: {command}"),
    "limit_too_small": mark(
        "p99_ms is {p99_ms:g}, less than a call without a queue takes ({least_ms:number} ms); allow more"
    ),
}


def sentence(name: str, fields: Mapping[str, str | int | float], language: Language) -> str:
    """The message of this name in the language, its fields filled in.

    If the name is unknown or a field is missing, as in a record of a newer version, the name and the fields as text.
    """
    shown = {key: value if isinstance(value, str) else Figure(value, language) for key, value in fields.items()}
    try:
        if name == AS_RECORDED:
            return format(shown[language])
        return in_language(MESSAGES[name], language).format(nbsp=NBSP, **shown)
    except (KeyError, ValueError, OverflowError):  # from a newer version
        return f"{name} ({', '.join(f'{key}: {value}' for key, value in shown.items())})" if shown else name


@dataclass(frozen=True)
class Figure:
    """A number in a message, formatted with the decimal point and the other signs of a language."""

    value: int | float
    language: Language

    def __format__(self, form: str) -> str:
        """The number in Python's format `form`, or as the report writes it: `number` or `percent`."""
        if form == "number":
            form = f",.{decimals(self.value)}f"
        elif form == "percent":
            form = f",.{percent_decimals(self.value)}%"
        thousands, point = SEPARATORS[self.language]
        sign = f"{NBSP}%" if self.language == "ru" else "%"
        return format(self.value, form).translate(str.maketrans({",": thousands, ".": point, "%": sign}))
