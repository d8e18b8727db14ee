"""What was measured: a `Record`, one JSON file a case, written once and never rewritten."""

import contextlib
import json
import math
import reprlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench_lib.core.case import Case, Limits, Precision
from bench_lib.core.errors import InputError, refusal
from bench_lib.core.files import read_text, write_text
from bench_lib.core.machine import GpuState, Machine, Ran
from bench_lib.core.reason import Reason
from bench_lib.core.record_v1 import upgraded_record

SCHEMA_VERSION = 2
READ_VERSIONS = "1 and 2"
Milliseconds = Annotated[float, Field(ge=1e-6, le=1e10)]  # a nanosecond to four months
Seconds = Annotated[float, Field(ge=0, le=1e7)]
StoppedBy = Literal["noise", "time"]  # the figure was settled, or the time was up
Count = Annotated[int, Field(ge=1, le=10**12)]
Bytes = Annotated[int, Field(ge=0, le=2**63)]
Flops = Annotated[int, Field(ge=0, le=10**24)]


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Noun):
    """`calls` inferences sent back to back, finished `seconds` later."""

    calls: Count
    seconds: float = Field(ge=1e-9, le=1e7)


class Timing(_Noun):
    """Every raw sample of a case.

    `warmup_ms` and `latency_ms` hold one call each, synchronized (milliseconds per batch); `throughput` holds windows
    of calls sent back to back, synchronized at each window's end; `warm` says whether the warm-up became stable. On a
    GPU, `enqueue_ms` is how long the host took to send each of the calls of `latency_ms`, and `device_ms` how long the
    GPU took for some further ones.
    """

    warmup_ms: list[Milliseconds]
    warm: bool
    latency_ms: list[Milliseconds] = Field(min_length=1)
    latency_stopped_by: StoppedBy | None = None  # None in records of before
    throughput: list[Window] = Field(min_length=1)
    throughput_stopped_by: StoppedBy | None = None
    enqueue_ms: list[Milliseconds] | None = Field(None, min_length=1)
    device_ms: list[Milliseconds] | None = Field(None, min_length=1)


class Energy(_Noun):
    """What `images` took on the device that `source` counts: a GPU by NVML, a CPU by RAPL."""

    joules: float = Field(gt=0, le=1e12)
    images: Count
    seconds: float = Field(gt=0, le=1e7)
    source: Literal["NVML", "RAPL"]


class Memory(_Noun):
    """Memory of the case's fresh process, bytes: resident on the host, and used on the device (None without one)."""

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


class Accuracy(_Noun):
    """How far the output is from the PyTorch reference, see `bench_lib.measure.accuracy`."""

    max_relative_error: float | None  # None: the output is not finite
    top1_agreement: float
    tolerance: float
    reference: str
    actual_precision: Precision


class RealData(_Noun):
    """What came of a folder of images, see `bench_lib.workload.images`: `found` in it, and `used` in the case.

    `decode_ms` and `preprocess_ms` hold a figure for each of those, in one thread; `copy_ms`, on a GPU, one for each of
    some copies of a batch to it.
    """

    found: Count
    used: Count
    decode_ms: list[Milliseconds] = Field(min_length=1)
    preprocess_ms: list[Milliseconds] = Field(min_length=1)
    copy_ms: list[Milliseconds] | None = Field(None, min_length=1)


class Work(_Noun):
    """What one batch takes, counted by `bench_lib.measure.flops`, whatever the machine.

    `flops` are the operations of convolutions and matrix products as defined, `flops_least` those of the fastest known
    algorithms, `bytes_least` the weights, the input and the output at the size of the data type.
    """

    flops: Flops
    flops_least: Flops
    bytes_least: Bytes


class Trial(_Noun):
    """What `precision: auto` found at one precision: its speed and error, and why it was not taken (None: it was)."""

    precision: Precision
    latency_ms: Milliseconds | None = None  # None: it does not run here
    max_relative_error: float | None = None
    reason: Reason | None = None


class Record(_Noun):
    """One attempted case: figures where `status` is `ok`, otherwise the `reason` why there are none.

    `detail` keeps the runtime's own words or a traceback, `ran` what the engine says of itself (device, provider,
    precision, options), `machine` what it ran on.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    case: Case
    limits: Limits
    seed: int
    started_at: str
    status: Literal["ok", "skipped", "failed"]
    reason: Reason | None = None
    detail: str = ""
    import_s: dict[str, Seconds] = {}  # by module, in a fresh interpreter; empty where it was not seen
    build_s: Seconds | None = None
    timing: Timing | None = None
    memory: Memory | None = None
    accuracy: Accuracy | None = None
    energy: Energy | None = None
    energy_absent: Reason | None = None  # why there is none
    work: Work | None = None
    data: RealData | None = None  # None: the images were synthetic
    gpu_idle: GpuState | None = None  # `machine.gpu_state` before anything is sent to the GPU
    gpu_busy: GpuState | None = None  # and while it works
    trials: list[Trial] = []  # where the case's precision is "auto"
    process: Literal["plain", "forked"] = "plain"  # started from nothing, or forked from a preloaded one
    ran: Ran = {}
    machine: Machine = {}

    @model_validator(mode="after")
    def _whole(self) -> "Record":
        figures = (self.build_s, self.timing, self.memory, self.accuracy)
        if self.status == "ok" and (None in figures or not math.isfinite(self.accuracy.max_relative_error or 0)):
            raise ValueError("status is ok, but build_s, timing, memory or accuracy is absent")
        return self


def write_record(record: Record, path: Path) -> None:
    """Write the record as JSON, atomically. Raise `InputError` if `path` exists: a record is never rewritten."""
    if path.exists():
        raise InputError(f"{path}: already holds a record, and records are never rewritten; give another path")
    write_text(path, record.model_dump_json(indent=1) + "\n")


def read_record(path: Path) -> Record:
    """Read a record; raise `InputError` with one sentence if it is half-written, foreign, or of another version."""
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
        if version not in (1, SCHEMA_VERSION):
            return f"{other_version(version)}; use the version that wrote it"
    return refusal(error, "record", "delete it and run the sweep again")


def other_version(version: Any) -> str:
    """That a file is of a version that is not read here, and which are."""
    return f"schema_version is {reprlib.repr(version)}, this code reads {READ_VERSIONS}"


def now() -> str:
    """The time in UTC, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
