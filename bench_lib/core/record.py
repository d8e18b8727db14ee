"""What was measured: a `Record`, one JSON file for each case, written once and never changed."""

import contextlib
import json
import math
import reprlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench_lib.core.case import Case, Limits, Precision
from bench_lib.core.errors import InputError, refusal
from bench_lib.core.files import read_text, write_text
from bench_lib.core.machine import GpuState, Machine, ProcessorTime, Ran
from bench_lib.core.quantities import Bytes, Count, Flops, Milliseconds, Seconds
from bench_lib.core.real_images import Labelled, RealData
from bench_lib.core.reason import Reason
from bench_lib.core.record_v1 import upgraded_record

SCHEMA_VERSION = 3
READ_VERSIONS = "1, 2 and 3"
StoppedBy = Literal["noise", "time"]  # the figure was settled, or the time was up


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("the time has no offset from UTC")
    return text


Moment = Annotated[str, AfterValidator(_moment)]  # in ISO 8601, with its offset from UTC


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Noun):
    """`calls` inferences sent back to back, finished `seconds` later."""

    calls: Count
    seconds: float = Field(ge=1e-9, le=1e7)


class Timing(_Noun):
    """Every raw sample of a case.

    Each value of `warmup_ms` and `latency_ms` is the time of one synchronized call (milliseconds per batch). `warm`
    says whether the warm-up became stable. `throughput` holds windows of calls sent back to back, each synchronized at
    its end. On a GPU, `enqueue_ms` is how long the host took to send each call of `latency_ms`, and `device_ms` how
    long the GPU took for each of some further calls.
    """

    warmup_ms: list[Milliseconds] = Field(min_length=1)
    warm: bool
    latency_ms: list[Milliseconds] = Field(min_length=1)
    latency_stopped_by: StoppedBy | None = None  # None in records written before this was recorded
    throughput: list[Window] = Field(min_length=1)
    throughput_stopped_by: StoppedBy | None = None
    enqueue_ms: list[Milliseconds] | None = Field(None, min_length=1)
    device_ms: list[Milliseconds] | None = Field(None, min_length=1)


class Energy(_Noun):
    """The energy that a device took for so many `images`; `source` is its counter: NVML of a GPU, RAPL of a CPU."""

    joules: float = Field(gt=0, le=1e12)
    images: Count
    seconds: float = Field(gt=0, le=1e7)
    source: Literal["NVML", "RAPL"]


class Memory(_Noun):
    """Memory in bytes at several moments of a case: resident in its process, and in use on the GPU (None: no GPU)."""

    host_before_build_bytes: Bytes
    host_peak_bytes: Bytes
    device_idle_bytes: Bytes | None = None
    device_context_bytes: Bytes | None = None
    device_built_bytes: Bytes | None = None
    device_peak_bytes: Bytes | None = None

    @model_validator(mode="after")
    def _from_idle(self) -> "Memory":
        if self.device_idle_bytes is None and (self.device_context_bytes, self.device_peak_bytes) != (None, None):
            raise ValueError("device memory is given without device_idle_bytes")
        return self


Fault = Literal["not_finite", "same_answers", "constant_output", "few_digits"]


class Output(_Noun):
    """One output of a network: its name, its `shape` for one image, and how far it is from the reference.

    `error`, `tolerance` and `fault` are those of `Accuracy`.
    """

    name: str
    shape: list[Count]
    error: float | None = None
    tolerance: float
    fault: Fault | None = None


class Accuracy(_Noun):
    """How far the output is from the reference on so many `images`, see `bench_lib.measure.accuracy`.

    `error` and `tolerance` are relative to how the reference's answers differ between images, and `rounding` is the
    error that rounding to bf16 makes in this network. `answered_classes` is the number of different first classes in
    the reference's answers, and `top1_agreement` the share of images for which the output has the same one. `fault` is
    what is wrong whatever the error is.

    `outputs` has each output of the network. The other figures are those of the one that is the furthest off for its
    tolerance. It is empty in records written before this was recorded.

    Versions 1 and 2 of the record compared with the largest value instead, which a constant output could pass. Of
    those, `images` is None, and `max_relative_error` is what they found.
    """

    error: float | None = None  # None: the output is not finite, or the reference answers the same to all images
    tolerance: float
    rounding: float | None = None
    images: Count | None = None
    answered_classes: Count | None = None
    top1_agreement: float = Field(ge=0, le=1)
    fault: Fault | None = None
    reference: str
    actual_precision: Precision
    outputs: list[Output] = []
    max_relative_error: float | None = None

    @property
    def is_of_old_check(self) -> bool:
        """Whether the outputs were compared by the check of versions 1 and 2."""
        return self.images is None


class Work(_Noun):
    """The work of one batch, counted from the network by `bench_lib.measure.flops`; it does not depend on the machine.

    `flops` are the operations of convolutions and matrix products by their definition, `flops_least` those of the
    fastest known algorithms. `bytes_least` is the size of the weights, the input and the output in the data type.
    """

    flops: Flops
    flops_least: Flops
    bytes_least: Bytes


class Trial(_Noun):
    """The trial of one precision by `precision: auto`; `reason` says why it was not chosen (None: it was chosen).

    `top1` is the share of labelled images that it answered right; None where the images have no labels.
    """

    precision: Precision
    latency_ms: Milliseconds | None = None  # None: it does not run on this machine
    error: float | None = None
    top1: float | None = Field(None, ge=0, le=1)
    reason: Reason | None = None


class Record(_Noun):
    """What came of one attempted case: figures if `status` is `ok`, otherwise the `reason` why there are none.

    `detail` keeps the runtime's own message or a traceback, `ran` what the engine reports about itself (device,
    provider, precision, options), and `machine` the machine. `host` is equal in the records of one host, and tells
    nothing else of it. `ended_at` and `host` are empty in records written before they were recorded.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    case: Case
    limits: Limits
    seed: int
    started_at: Moment
    ended_at: Moment | Literal[""] = ""
    host: str = ""
    status: Literal["ok", "skipped", "failed"]
    reason: Reason | None = None
    detail: str = ""
    import_s: dict[str, Seconds] = {}  # time of a module's import, by module; empty if it was imported before
    build_s: Seconds | None = None
    timing: Timing | None = None
    memory: Memory | None = None
    accuracy: Accuracy | None = None
    energy: Energy | None = None
    energy_absent: Reason | None = None  # why there is none
    work: Work | None = None
    data: RealData | None = None  # None: the images were synthetic
    labelled: Labelled | None = None  # None: the images have no labels
    processor: ProcessorTime | None = None  # while the case was timed; None: not known
    gpu_idle: GpuState | None = None  # before anything is sent to the GPU
    gpu_busy: GpuState | None = None  # while the GPU works
    trials: list[Trial] = []  # where the case's precision is "auto"
    process: Literal["plain", "forked"] = "plain"  # a new interpreter, or forked from one with the libraries loaded
    ran: Ran = {}
    machine: Machine = {}

    @model_validator(mode="after")
    def _whole(self) -> "Record":
        figures = (self.build_s, self.timing, self.memory, self.accuracy)
        if self.status == "ok" and (None in figures or not math.isfinite(self.accuracy.error or 0)):
            raise ValueError("status is ok, but build_s, timing, memory or accuracy is absent")
        return self


def write_record(record: Record, path: Path) -> None:
    """Write the record as JSON, whole or not at all; raise `InputError` if `path` exists, as records never change."""
    if path.exists():
        raise InputError(f"{path}: already holds a record, and records are never rewritten; give another path")
    write_text(path, record.model_dump_json(indent=1) + "\n")


def read_record(path: Path) -> Record:
    """Read a record of any version so far; raise `InputError` if it is incomplete, no record, or of another version."""
    text = read_text(path, "delete it and run the sweep again")
    try:
        record = Record.model_validate_json(upgraded_record(text))
    except ValidationError as error:
        raise InputError(f"{path}: {_not_a_record(text, error)}") from None
    if "schema_version" not in record.model_fields_set:
        raise InputError(f"{path}: {other_version(None)}; use the version that wrote it")
    return record


def _not_a_record(text: str, error: ValidationError) -> str:
    """Why `Record` refused the text: broken JSON, another version, or its first fault."""
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(text)
        version = data.get("schema_version") if isinstance(data, dict) else None
        if version not in (1, 2, SCHEMA_VERSION):
            return f"{other_version(version)}; use the version that wrote it"
    return refusal(error, "record", "delete it and run the sweep again")


def other_version(version: Any, known: str = READ_VERSIONS) -> str:
    """A sentence without its end: which version a file has, and which versions (`known`) this code reads."""
    return f"schema_version is {reprlib.repr(version)}, this code reads {known}"


def now() -> str:
    """The time now in UTC, in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
