"""One configuration to measure: a `Case`, and the `Limits` of its measurement."""

import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

ModelKind = Literal["torchvision", "function", "onnx"]
TORCHVISION = "torchvision:"
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def model_kind(model: str) -> ModelKind:
    """What the name is of: a file (`path/to/net.onnx`), a function (`package.module:build`), or torchvision's."""
    if model.lower().endswith(".onnx"):
        return "onnx"
    return "function" if FUNCTION.fullmatch(model) else "torchvision"


def plain_name(model: str) -> str:
    """The name without `torchvision:`, which says nothing more: `torchvision:resnet18` is `resnet18`."""
    return model.removeprefix(TORCHVISION)


ENGINES_FOLDER = Path(__file__).parents[1] / "engines"
Precision = Literal["fp32", "tf32", "fp16", "bf16", "int8"]
AUTO = "auto"  # the precision that stands for the best of them, see `bench_lib.sweep.auto_precision`
Asked = Precision | Literal["auto"]
Word = Annotated[str, Field(max_length=200)]
Model = Annotated[Word, AfterValidator(plain_name)]
Location = Annotated[Word, Field(exclude_if=lambda path: not path)]  # left out of ids and files where there is none
Option = bool | int | float | Word
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Images = Annotated[int, Field(ge=1, le=10**10)]
Repeat = Annotated[int, Field(ge=1, le=1000)]

LONGEST_S = 1_000_000  # eleven days

SLOWDOWN = "slowdown"  # the option of every engine that `bench selfcheck` alone sets, see `bench_lib.core.engine`
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")  # words that stand in a file name as they are
LONGEST_ID = 150  # characters; a file name of at most 255 bytes has room for what is put around it


def engine_names() -> list[str]:
    """Names of the engines: one folder with a `builder.py` in `bench_lib/engines` each, named as the engine."""
    return list(_names_in(ENGINES_FOLDER, ENGINES_FOLDER.stat().st_mtime_ns))


@functools.cache  # asked for each case of each record
def _names_in(folder: Path, _changed_ns: int) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in folder.glob("*/builder.py")))


def known_engine(name: str) -> str:
    """The name itself; raise `ValueError`, naming the known engines, if it is none of them."""
    if name not in engine_names():
        raise ValueError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return name


def _is_plain(word: str) -> bool:
    return bool(PLAIN.fullmatch(word)) and word not in ("True", "False")  # these are how a bool is written


def _is_plain_option(option: tuple[str, Option]) -> bool:
    key, value = option
    return _is_plain(key) and (_is_plain(value) if isinstance(value, str) else True)


class StrictModel(BaseModel):
    """Data read from a file or a notebook: nothing is converted, unknown fields are refused, nothing changes."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Case(StrictModel):
    """One configuration to measure once. Equal cases have equal `id`s.

    `image_size` is the side of a square image in pixels, `batch_size` the number of images in a batch, `model` a name
    that `bench_lib.core.case` explains, `weights` a file of them, `data` a folder of images (empty: both are random),
    `options` the keyword-only options of the engine's `build`, `variant` the name that a grid gave them, `repeat` which
    of the grid's repeats this is. Paths are relative to the folder that a command runs in.
    """

    engine: str
    precision: Asked = "fp32"
    image_size: Pixels = 224
    batch_size: Images = 1
    model: Model = "resnet18"
    weights: Location = ""
    data: Location = ""
    options: dict[Word, Option] = {}
    variant: Word = ""
    repeat: Repeat = 1

    _engine = field_validator("engine")(known_engine)

    @property
    def first(self) -> "Case":
        """The first of its repeats: what they have in common."""
        return self.model_copy(update={"repeat": 1})

    @property
    def id(self) -> str:
        """A file name for the case, for example `resnet18-pytorch-fp32-224px-b33`; another case has another one.

        Where the model, an option or a path cannot stand in a file name as it is, the name is made safe and short, and
        a hash of the case tells it from others.
        """
        engine = f"{self.engine}+{self.variant}" if self.variant else self.engine
        parts = [self.model, engine, self.precision, f"{self.image_size}px", f"b{self.batch_size}"]
        files = {"weights": self.weights, "data": self.data}
        parts += [f"{key}={Path(value).name}" for key, value in files.items() if value]
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        if self.repeat > 1:
            parts.append(f"r{self.repeat}")
        name = "-".join(parts)
        words = filter(None, (self.model, self.variant))
        is_plain = all(map(_is_plain, words)) and all(map(_is_plain_option, self.options.items()))
        if is_plain and not any(files.values()) and len(name) <= LONGEST_ID:
            return name
        whole = json.dumps(self.model_dump(), sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9_.=+-]", "_", name)[:LONGEST_ID].lstrip(".-")
        return f"{readable}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


class Limits(StrictModel):
    """How long to measure one case.

    Warm-up goes on until the latency is stable over two groups of `warmup_min_count` calls and `warmup_min_s`
    seconds have passed, but no longer than `warmup_max_s`. Latency and throughput are then each sampled until both
    `min_s` seconds and `min_count` samples are reached, and further until the 95 % interval of the median is no wider
    than ±`max_noise` of it (0.5 %, as in NVIDIA's nvbench) or `max_s` seconds, by default thrice `min_s`, have passed.
    `case_timeout_s` ends a case that hangs. `auto_max_error` is the largest relative error (see
    `bench_lib.measure.accuracy`) of a precision that `precision: auto` may take.
    """

    warmup_min_count: int = Field(3, ge=1, le=1_000_000)
    warmup_min_s: float = Field(0.5, ge=0, le=LONGEST_S)
    warmup_max_s: float = Field(20.0, gt=0, le=LONGEST_S)
    min_count: int = Field(5, ge=1, le=1_000_000)
    min_s: float = Field(1.0, gt=0, le=LONGEST_S)
    max_s: float | None = Field(None, gt=0, le=LONGEST_S)
    max_noise: float = Field(0.005, ge=0, le=1)
    case_timeout_s: float = Field(900.0, gt=0, le=LONGEST_S)
    auto_max_error: float = Field(0.01, gt=0, le=1)

    @property
    def longest_s(self) -> float:
        """Seconds after which a figure is sampled no more: `max_s`, by default three times `min_s`."""
        return 3 * self.min_s if self.max_s is None else self.max_s


# Of the engines; a variant's name follows in brackets, see `labelled`.
LABELS = {
    "pytorch": "PyTorch", "onnx_runtime": "ONNX Runtime", "torch_tensorrt": "Torch-TensorRT", "openvino": "OpenVINO",
}  # fmt: skip


def engine_label(engine: str, variant: str = "") -> str:
    """An engine as readers know it, with the name of its variant."""
    label = LABELS.get(engine, engine)
    return f"{label} ({variant})" if variant else label


def engine_and_precision(case: Case) -> str:
    """The engine and the precision that a case asks for, as readers know them."""
    return f"{engine_label(case.engine, case.variant)} {case.precision}"
