"""One configuration to measure, a `Case`, and how long to measure it, its `Limits`."""

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bench_lib.core.labels import Labels, check_has_data

ModelKind = Literal["torchvision", "timm", "function", "onnx"]
TORCHVISION = "torchvision:"
TIMM = "timm:"
PUBLISHED = "DEFAULT"  # weights that are published with the network
FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def model_kind(model: str) -> ModelKind:
    """What kind of model a name stands for.

    `timm` is one of timm's networks (`timm:resnet18.a1_in1k`), `onnx` a file (`path/to/net.onnx`), `function` a
    function that builds the network (`package.module:build`); every other name is taken for one of torchvision's
    networks.
    """
    if model.startswith(TIMM):
        return "timm"
    if model.lower().endswith(".onnx"):
        return "onnx"
    return "function" if FUNCTION.fullmatch(model) else "torchvision"


def weights_are_random(model: str, weights: str) -> bool:
    """Whether the weights are random, as far as the names tell; a function and a file bring their own."""
    return model_kind(model) in ("torchvision", "timm") and not weights


def plain_name(model: str) -> str:
    """The name without the optional prefix `torchvision:`: `torchvision:resnet18` becomes `resnet18`."""
    return model.removeprefix(TORCHVISION)


ENGINES_FOLDER = Path(__file__).parents[1] / "engines"
Precision = Literal["fp32", "tf32", "fp16", "bf16", "int8"]
AUTO = "auto"  # choose the best precision by trial, see `bench_lib.sweep.auto_precision`
Asked = Precision | Literal["auto"]
Word = Annotated[str, Field(max_length=200)]
Model = Annotated[Word, AfterValidator(plain_name)]
Location = Annotated[Word, Field(exclude_if=lambda path: not path)]  # an empty path is left out of ids and files
Option = bool | int | float | Word
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Images = Annotated[int, Field(ge=1, le=10**10)]
Repeat = Annotated[int, Field(ge=1, le=1000)]

LONGEST_S = 1_000_000  # eleven days

SLOWDOWN = "slowdown"  # an option of every engine that only `bench selfcheck` sets, see `bench_lib.core.engine.Slowed`
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")  # words that need no change in a file name
LONGEST_ID = 150  # characters; file names may have 255 bytes, so prefixes and suffixes have room


def engine_names() -> list[str]:
    """The names of all engines, sorted: the folders of `bench_lib/engines` that have a `builder.py`."""
    return list(_names_in(ENGINES_FOLDER, ENGINES_FOLDER.stat().st_mtime_ns))


@functools.cache  # needed for each case of each record; the folder's time of change is in the key
def _names_in(folder: Path, _changed_ns: int) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in folder.glob("*/builder.py")))


def known_engine(name: str) -> str:
    """Return the name unchanged; raise `ValueError` with the known names if there is no such engine."""
    if name not in engine_names():
        raise ValueError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return name


def _is_plain(word: str) -> bool:
    return bool(PLAIN.fullmatch(word)) and word not in ("True", "False")  # these two would look like a bool's value


def _is_plain_option(key: str, value: Option) -> bool:
    return _is_plain(key) and (not isinstance(value, str) or _is_plain(value))


class StrictModel(BaseModel):
    """Data from a file or a notebook: values are not converted, unknown fields are refused, instances are frozen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Case(StrictModel):
    """One configuration, to be measured once. Equal cases have equal `id`s.

    - `engine`: a name from `engine_names`.
    - `precision`: the precision to compute in, or `auto`.
    - `image_size`: the side of a square image, in pixels.
    - `batch_size`: the number of images in a batch.
    - `model`: the network's name, see `model_kind`.
    - `weights`: a file with the network's weights, or `DEFAULT` for those that are published with it; empty for random
      weights.
    - `data`: a folder of images; empty for random images.
    - `labels`: which class each folder in `data` holds, by its name, or the word `folders`: sorted by name they are
      classes 0, 1, …; empty where the true classes are not known.
    - `options`: keyword-only options of the engine's `build`.
    - `variant`: the name that the grid gave to these options, if it gave one.
    - `repeat`: which of the grid's repeats this is, from 1.

    Paths are relative to the folder that the command runs in.
    """

    engine: str
    precision: Asked = "fp32"
    image_size: Pixels = 224
    batch_size: Images = 1
    model: Model = "resnet18"
    weights: Location = ""
    data: Location = ""
    labels: Labels = ""
    options: dict[Word, Option] = {}
    variant: Word = ""
    repeat: Repeat = 1

    _engine = field_validator("engine")(known_engine)
    _labels = model_validator(mode="after")(check_has_data)

    @property
    def first(self) -> "Case":
        """The case's first repeat, which stands for all of its repeats."""
        return self.model_copy(update={"repeat": 1})

    @property
    def id(self) -> str:
        """A unique file name for the case, without an extension, for example `resnet18-pytorch-fp32-224px-b33`.

        If the case has a path, a model or an option that a file name cannot hold unchanged, or if the name would be too
        long, it is shortened to safe characters, and a hash of the case is added to keep it unique.
        """
        engine = f"{self.engine}+{self.variant}" if self.variant else self.engine
        parts = [self.model, engine, self.precision, f"{self.image_size}px", f"b{self.batch_size}"]
        files = {"weights": self.weights, "data": self.data}
        parts += [f"{key}={Path(value).name}" for key, value in files.items() if value]
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        if self.repeat > 1:
            parts.append(f"r{self.repeat}")
        name = "-".join(parts)
        has_plain_words = all(_is_plain(word) for word in (self.model, self.variant) if word)
        has_plain_options = all(_is_plain_option(key, value) for key, value in self.options.items())
        if has_plain_words and has_plain_options and not any(files.values()) and len(name) <= LONGEST_ID:
            return name
        whole_case = json.dumps(self.model_dump(), sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9_.=+-]", "_", name)[:LONGEST_ID].lstrip(".-")
        return f"{readable}-{hashlib.sha256(whole_case.encode()).hexdigest()[:16]}"


class Limits(StrictModel):
    """How long to measure one case. Names in `_s` are seconds, names in `_count` numbers of calls or samples.

    Warm-up runs until `warmup_min_s` have passed and the latency is stable over two groups of `warmup_min_count` calls.
    After `warmup_max_s` it ends even if the latency is not stable. The time counts from the end of the first call.

    Latency and throughput are then sampled one after the other, each until there are `min_count` samples and `min_s`
    have passed. After that, sampling goes on until the 95 % interval of the median is no wider than ±`max_noise` of the
    median (0.5 %, as in NVIDIA's nvbench), or until `max_s` have passed, by default three times `min_s`.

    Then energy is counted for at least `energy_min_s`; 0 for not at all, which makes a case shorter.

    A case that hangs is ended after `case_timeout_s`.

    `precision: auto` accepts a relative error (see `bench_lib.measure.accuracy`) of at most `auto_max_error`. Where the
    images have labels, it accepts a share of right answers (top-1) that is lower than in fp32 by at most
    `auto_max_loss`, as far as the data tell; or, if `min_accuracy` is given, one of at least that.
    """

    warmup_min_count: int = Field(3, ge=1, le=1_000_000)
    warmup_min_s: float = Field(0.5, ge=0, le=LONGEST_S)
    warmup_max_s: float = Field(20.0, gt=0, le=LONGEST_S)
    min_count: int = Field(5, ge=1, le=1_000_000)
    min_s: float = Field(1.0, gt=0, le=LONGEST_S)
    max_s: float | None = Field(None, gt=0, le=LONGEST_S)
    max_noise: float = Field(0.005, ge=0, le=1)
    energy_min_s: float = Field(1.0, ge=0, le=LONGEST_S)
    case_timeout_s: float = Field(900.0, gt=0, le=LONGEST_S)
    auto_max_error: float = Field(0.1, gt=0, le=1)
    auto_max_loss: float = Field(0.01, ge=0, le=1)
    min_accuracy: float | None = Field(None, ge=0, le=1)

    @property
    def longest_s(self) -> float:
        """The most seconds to sample one figure: `max_s`, by default three times `min_s`."""
        return 3 * self.min_s if self.max_s is None else self.max_s


# The engines' names for readers; `engine_label` adds the name of a variant.
LABELS = {
    "pytorch": "PyTorch", "onnx_runtime": "ONNX Runtime", "torch_tensorrt": "Torch-TensorRT", "openvino": "OpenVINO",
}  # fmt: skip


# Characters that Markdown or HTML may take for markup; underscores inside a word are none.
MARKUP = re.compile(r"[^\w ,.:=+/-]|/(?=/)|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)


def engine_label(engine: str, variant: str = "") -> str:
    """The engine's name for readers, followed by the variant's name in brackets if there is a variant.

    The variant's name comes from a file and stands in sentences: what may be markup in it becomes a question mark.
    """
    label = LABELS.get(engine, engine)
    return f"{label} ({MARKUP.sub('?', variant)})" if variant else label


def network_label(model: str) -> str:
    """A network's name for readers: what may be markup in it becomes a question mark, as in `engine_label`."""
    return MARKUP.sub("?", model)


def options_text(options: Mapping[str, Option]) -> str:
    """Options for readers, in the order of their names: `cuda_graph, graph_parts=2`; empty without any."""
    return ", ".join(key if value is True else f"{key}={value}" for key, value in sorted(options.items()))


def variant_of(case: Case) -> str:
    """What tells a case from that of its engine with default options: its variant or, without one, its options."""
    return case.variant or options_text(case.options)


def engine_and_precision(case: Case) -> str:
    """The names, for readers, of the case's engine with its variant or options, and of the precision it asks for."""
    return f"{engine_label(case.engine, variant_of(case))} {case.precision}"
