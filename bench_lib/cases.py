"""What to measure: a `Case`, and a `Grid` of cases read from a YAML file."""

import difflib
import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

ENGINES_FOLDER = Path(__file__).parent / "engines"
Precision = Literal["fp32", "tf32", "fp16"]
Option = bool | int | float | str


class InputError(ValueError):
    """Bad input from a person, told in one sentence: what was given, what is allowed, what to do."""

    def _render_traceback_(self) -> list[str]:
        """Show a person in Jupyter the sentence alone (IPython calls this for an uncaught exception)."""
        return [f"InputError: {self}"]


def engine_names() -> list[str]:
    """Names of the engines: one file in `bench_lib/engines` each, the file name is the engine's name."""
    return sorted(path.stem for path in ENGINES_FOLDER.glob("*.py") if path.stem != "__init__")


def _known_engine(name: str) -> str:
    if name not in engine_names():
        raise ValueError(f"unknown engine {name!r}; known engines: {', '.join(engine_names())}")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Case(_Strict):
    """One configuration to measure. Equal cases have equal `id`s.

    `image_size` is the side of a square image in pixels, `batch_size` the number of images in a batch, `options`
    the keyword-only options of the engine's `build`.
    """

    engine: str
    precision: Precision = "fp32"
    image_size: int = Field(224, ge=1)
    batch_size: int = Field(1, ge=1)
    model: str = "resnet18"
    options: dict[str, Option] = {}

    _engine = field_validator("engine")(_known_engine)

    @property
    def id(self) -> str:
        """A file name for the case, for example `resnet18-pytorch-fp32-224px-b33`."""
        parts = [self.model, self.engine, self.precision, f"{self.image_size}px", f"b{self.batch_size}"]
        parts += [f"{key}={value}" for key, value in sorted(self.options.items())]
        return "-".join(parts).replace("/", "_")


class Limits(_Strict):
    """How long to measure one case.

    Warm-up goes on until the latency is stable over two groups of `warmup_min_count` calls and `warmup_min_s`
    seconds have passed, but no longer than `warmup_max_s`. Latency and throughput are then each sampled until both
    `min_s` seconds and `min_count` samples are reached. `case_timeout_s` ends a case that hangs.
    """

    warmup_min_count: int = Field(3, ge=1)
    warmup_min_s: float = Field(0.5, ge=0)
    warmup_max_s: float = Field(20.0, gt=0)
    min_count: int = Field(5, ge=1)
    min_s: float = Field(1.0, gt=0)
    case_timeout_s: float = Field(900.0, gt=0)


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


class Grid(_Strict):
    """Every combination of engines, precisions, image sizes and batch sizes; one YAML file is one grid."""

    title: str = "ResNet-18"
    model: str = "resnet18"
    engines: Annotated[list[str], Field(min_length=1)]
    precisions: Annotated[list[Precision], Field(min_length=1)]
    image_sizes: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    batch_sizes: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    options: dict[str, dict[str, Option]] = {}
    limits: Limits = Limits()
    slurm: Slurm | None = Field(None, exclude=True)  # never stored: a run goes on with other settings of a cluster
    seed: int = Field(0, ge=0)

    @field_validator("engines")
    @classmethod
    def _engines(cls, names: list[str]) -> list[str]:
        return [_known_engine(name) for name in names]

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict) -> dict:
        for name in options:
            _known_engine(name)
        return options

    @field_validator("engines", "precisions", "image_sizes", "batch_sizes")
    @classmethod
    def _no_repeats(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError(f"the list {values} repeats a value; write each once")
        return values

    def cases(self) -> list[Case]:
        """All cases of the grid, in the order of the lists; the batch size changes fastest."""
        axes = itertools.product(self.engines, self.precisions, self.image_sizes, self.batch_sizes)
        return [
            Case(engine=engine, precision=precision, image_size=size, batch_size=batch, model=self.model,
                 options=self.options.get(engine, {}))
            for engine, precision, size, batch in axes
        ]  # fmt: skip


def read_grid(path: str | Path) -> Grid:
    """Read and validate a grid; raise `InputError` with one sentence if the file is missing or wrong."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a YAML file such as params/seed.yaml")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a YAML file ({' '.join(str(error).split())}); mend it there") from None
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: an empty grid; write at least {', '.join(_required(Grid))}")
    return validated(Grid, data, str(path))


def validated(model: type[BaseModel], data: dict[str, Any], where: str) -> Any:
    """Build `model` from `data`; the first fault becomes an `InputError` of one sentence that starts with `where`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = sorted(
            error.errors(), key=lambda fault: fault["type"] != "extra_forbidden"
        )  # a typo explains the rest
        raise InputError(f"{where}: {_sentence(faults[0], model)}") from None


def _sentence(error: dict, model: type[BaseModel]) -> str:
    """Say one pydantic error as: what was given, what is allowed, what to do."""
    place = ".".join(map(str, error["loc"]))
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return unknown_key(place, _known_keys(model, error["loc"]))
        case "missing":
            return f"{place} is missing; add it (needed: {', '.join(_required(model))})"
        case "int_type" | "int_from_float":
            return f"{place} is {given!r}; it must be a whole number, written without quotes"
        case "greater_than_equal" | "greater_than":
            return f"{place} is {given!r}; it must be at least {error['ctx'].get('ge', 'more than 0')}"
        case "literal_error":
            return f"{place} is {given!r}; allowed: {error['ctx']['expected']}"
        case "too_short":
            return f"{place} is an empty list, so the grid is empty; name at least one value"
        case "list_type":
            return f"{place} is {given!r}; it must be a list, for example [{given}]"
        case "value_error":
            return f"{place}: {error['ctx']['error']}"
    return f"{place} is {given!r}; {error['msg'][0].lower()}{error['msg'][1:]}"


def unknown_key(given: str, known: list[str]) -> str:
    """Say that `given` is no known key, name those that are, and guess which one was meant."""
    guess = difflib.get_close_matches(given.rsplit(".", 1)[-1], known, 1)
    hint = f"; did you mean {guess[0]!r}?" if guess else "; remove it or correct it"
    return f"unknown key {given!r}; known: {', '.join(known)}{hint}"


def _known_keys(model: type[BaseModel], place: tuple) -> list[str]:
    inner = {"limits": Limits, "slurm": Slurm}.get(place[0], model) if len(place) > 1 else model
    return list(inner.model_fields)


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]
