"""What to measure: a `Case`, and a `Grid` of cases read from a YAML file."""

import functools
import hashlib
import itertools
import json
import math
import re
import reprlib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bench_lib.faults import InputError, reason, required, validated
from bench_lib.language import DEFAULT, Language
from bench_lib.origins import plain_name

ENGINES_FOLDER = Path(__file__).parent / "engines"
Precision = Literal["fp32", "tf32", "fp16", "bf16", "int8"]
AUTO = "auto"  # the precision that stands for the best of them, see `bench_lib.auto`
Asked = Precision | Literal["auto"]
Word = Annotated[str, Field(max_length=200)]
Model = Annotated[Word, AfterValidator(plain_name)]
Location = Annotated[Word, Field(exclude_if=lambda path: not path)]  # left out of ids and files where there is none
Option = bool | int | float | Word
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Images = Annotated[int, Field(ge=1, le=10**10)]
Repeat = Annotated[int, Field(ge=1, le=1000)]
LARGEST_SEED = 2**64 - 1  # of torch.manual_seed
LONGEST_S = 1_000_000  # eleven days
MOST_CASES = 100_000  # more would take months to measure
SLOWDOWN = "slowdown"  # the option of every engine that `bench selfcheck` alone sets, see `bench_lib.slowed`
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")  # words that stand in a file name as they are
LONGEST_ID = 150  # characters; a file name of at most 255 bytes has room for what is put around it


def engine_names() -> list[str]:
    """Names of the engines: one file in `bench_lib/engines` each, the file name is the engine's name."""
    return list(_names_in(ENGINES_FOLDER, ENGINES_FOLDER.stat().st_mtime_ns))


@functools.cache  # asked for each case of each record
def _names_in(folder: Path, _changed_ns: int) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__"))


def _known_engine(name: str) -> str:
    if name not in engine_names():
        raise ValueError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return name


def _is_plain(word: str) -> bool:
    return bool(PLAIN.fullmatch(word)) and word not in ("True", "False")  # these are how a bool is written


def _is_plain_option(option: tuple[str, Option]) -> bool:
    key, value = option
    return _is_plain(key) and (_is_plain(value) if isinstance(value, str) else True)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Case(_Strict):
    """One configuration to measure once. Equal cases have equal `id`s.

    `image_size` is the side of a square image in pixels, `batch_size` the number of images in a batch, `model` a name
    that `bench_lib.origins` explains, `weights` a file of them, `data` a folder of images (empty: both are random),
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

    _engine = field_validator("engine")(_known_engine)

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
        parts += [f"r{self.repeat}"] if self.repeat > 1 else []
        name = "-".join(parts)
        words = filter(None, (self.model, self.variant))
        is_plain = all(map(_is_plain, words)) and all(map(_is_plain_option, self.options.items()))
        if is_plain and not any(files.values()) and len(name) <= LONGEST_ID:
            return name
        whole = json.dumps(self.model_dump(), sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9_.=+-]", "_", name)[:LONGEST_ID].lstrip(".-")
        return f"{readable}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


class Limits(_Strict):
    """How long to measure one case.

    Warm-up goes on until the latency is stable over two groups of `warmup_min_count` calls and `warmup_min_s`
    seconds have passed, but no longer than `warmup_max_s`. Latency and throughput are then each sampled until both
    `min_s` seconds and `min_count` samples are reached, and further until the 95 % interval of the median is no wider
    than ±`max_noise` of it (0.5 %, as in NVIDIA's nvbench) or `max_s` seconds, by default thrice `min_s`, have passed.
    `case_timeout_s` ends a case that hangs. `auto_max_error` is the largest relative error, see `bench_lib.accuracy`,
    of a precision that `precision: auto` may take.
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


class Slurm(_Strict):
    """What each case's task asks of a Slurm cluster: how to reach a machine, not what is measured on it.

    `timeout_min` is the minutes that a task may run, `array_parallelism` the tasks that run at once, `extra` any other
    options of sbatch by their long names: account, qos, constraint, mem, exclusive …
    """

    partition: str | None = None
    gpus_per_task: int = Field(0, ge=0)  # 0: none is asked for
    cpus_per_task: int = Field(1, ge=1)
    timeout_min: int = Field(60, ge=1)
    array_parallelism: int = Field(1, ge=1)
    extra: dict[str, Option] = {}

    @field_validator("extra")
    @classmethod
    def _extra(cls, extra: dict[str, Option]) -> dict[str, Option]:
        own = {"array", "cpus-per-task", "error", "gpus-per-task", "output", "partition", "signal", "time"}
        if taken := [name for name in extra if name.replace("_", "-") in own]:
            known = ", ".join(cls.model_fields)
            raise ValueError(f"{taken[0]} is set by the sweep itself; remove it, or use slurm's own keys: {known}")
        return extra


def _no_slowdown(options: dict[str, Option]) -> dict[str, Option]:
    if SLOWDOWN in options:
        raise ValueError(f"{SLOWDOWN} slows an engine on purpose, for `bench selfcheck` alone; remove it")
    return options


class Variant(_Strict):
    """An engine with options, under a name of its own; `precisions` are those of the grid's that it is measured at."""

    engine: str
    options: dict[Word, Option] = {}
    precisions: Annotated[list[Asked], Field(min_length=1)] | None = None

    _engine = field_validator("engine")(_known_engine)
    _options = field_validator("options")(_no_slowdown)


def _title(given: dict[str, str]) -> str:
    model = given.get("model", "")  # absent where it is refused
    return "ResNet-18" if model == "resnet18" else model


class Grid(_Strict):
    """Every combination of engines, precisions, image sizes and batch sizes; one YAML file is one grid.

    `lang` is the report's language; `engines` names engines and `variants`. Each case is measured `repeats` times, in
    as many fresh processes with fresh builds.
    """

    model: Model = "resnet18"
    title: Word = Field(default_factory=_title)
    lang: Language = DEFAULT
    weights: Location = ""
    data: Location = ""
    engines: Annotated[list[str], Field(min_length=1)]
    precisions: Annotated[list[Asked], Field(min_length=1)]
    image_sizes: Annotated[list[Pixels], Field(min_length=1)]
    batch_sizes: Annotated[list[Images], Field(min_length=1)]
    options: dict[Word, dict[Word, Option]] = {}
    variants: dict[Word, Variant] = {}
    limits: Limits = Limits()
    slurm: Slurm | None = Field(None, exclude=True)  # never stored: a run goes on with other settings of a cluster
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    repeats: Repeat = 1

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict) -> dict:
        for name in options:
            _known_engine(name)
            _no_slowdown(options[name])
        return options

    @field_validator("engines", "precisions", "image_sizes", "batch_sizes")
    @classmethod
    def _no_repeats(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError(f"the list {reprlib.repr(values)} repeats a value; write each once")
        return values

    @model_validator(mode="after")
    def _names(self) -> "Grid":
        if taken := [name for name in self.variants if name in engine_names() or not name.strip()]:
            raise ValueError(f"variants: {taken[0]!r} is no name for a variant; take one that no engine has")
        if idle := [name for name in self.variants if name not in self.engines]:
            raise ValueError(f"variants: {idle[0]!r} is not in engines; name it there or remove it")
        for name in self.engines:
            if name not in self.variants:
                _known_engine(name)
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> "Grid":
        axes = (self.engines, self.precisions, self.image_sizes, self.batch_sizes)
        count = self.repeats * math.prod(map(len, axes))
        if count > MOST_CASES:
            raise ValueError(f"the grid has {count:,} cases; at most {MOST_CASES:,}, so name fewer values")
        return self

    def cases(self) -> list[Case]:
        """All cases of the grid, in the order of the lists, repeat after repeat; the batch size changes fastest."""
        repeats = range(1, self.repeats + 1)
        axes = itertools.product(repeats, self.engines, self.precisions, self.image_sizes, self.batch_sizes)
        return [
            Case(engine=variant.engine, precision=precision, image_size=size, batch_size=batch, model=self.model,
                 weights=self.weights, data=self.data, options=variant.options,
                 variant=name if name in self.variants else "", repeat=repeat)
            for repeat, name, precision, size, batch in axes
            if precision in ((variant := self.variant(name)).precisions or [precision])
        ]  # fmt: skip

    def variant(self, name: str) -> Variant:
        """What a name in `engines` stands for."""
        return self.variants.get(name) or Variant(engine=name, options=self.options.get(name, {}))


AnyGrid = TypeVar("AnyGrid", bound=Grid)


def read_grid(path: str | Path, kind: type[AnyGrid] = Grid) -> AnyGrid:
    """Read and validate a grid of a kind; raise `InputError` with one sentence if the file is missing or wrong."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a YAML file such as params/seed.yaml")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except Exception as error:  # beside YAMLError, PyYAML lets out what Python raises at a bad date, number or nesting
        raise InputError(f"{path}: not a YAML file ({reason(error)}); mend it there") from None
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: an empty grid; write at least {', '.join(required(kind))}")
    return validated(kind, data, str(path))
