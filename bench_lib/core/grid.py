"""What a sweep measures: a `Grid` of cases, read from a YAML file."""

import itertools
import math
import reprlib
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import Field, field_validator, model_validator

from bench_lib.core.case import (
    PUBLISHED,
    SLOWDOWN,
    Asked,
    Case,
    Images,
    Limits,
    Location,
    Model,
    Option,
    Pixels,
    Repeat,
    StrictModel,
    Word,
    engine_names,
    known_engine,
)
from bench_lib.core.errors import InputError, error_text, required_fields, validated
from bench_lib.core.labels import Labels, check_has_data
from bench_lib.text.language import DEFAULT, Language

LARGEST_SEED = 2**64 - 1  # the largest that torch.manual_seed accepts

MOST_CASES = 100_000  # more would take months to measure


class Slurm(StrictModel):
    """What the task of each case requests from a Slurm cluster. It does not change what is measured.

    `timeout_min` is how many minutes a task may run, `array_parallelism` how many tasks run at once. `extra` holds any
    other options of sbatch by their long names: account, qos, constraint, mem, exclusive …
    """

    partition: str | None = None
    gpus_per_task: int = Field(0, ge=0)  # 0: no GPU is requested
    cpus_per_task: int = Field(1, ge=1)
    timeout_min: int = Field(60, ge=1)
    array_parallelism: int = Field(1, ge=1)
    extra: dict[str, Option] = {}

    @field_validator("extra")
    @classmethod
    def _extra(cls, extra: dict[str, Option]) -> dict[str, Option]:
        set_by_sweep = {"array", "cpus-per-task", "error", "gpus-per-task", "output", "partition", "signal", "time"}
        for name in extra:
            if name.replace("_", "-") in set_by_sweep:
                known = ", ".join(cls.model_fields)
                raise ValueError(f"{name} is set by the sweep itself; remove it, or use slurm's own keys: {known}")
        return extra


def _no_slowdown(options: dict[str, Option]) -> dict[str, Option]:
    if SLOWDOWN in options:
        raise ValueError(f"{SLOWDOWN} slows an engine on purpose, for `bench selfcheck` alone; remove it")
    return options


class Variant(StrictModel):
    """An engine with options, which the grid measures under a name of its own.

    It is measured only at those of the grid's precisions that are also in `precisions`, or at all where that is None.
    """

    engine: str
    options: dict[Word, Option] = {}
    precisions: Annotated[list[Asked], Field(min_length=1)] | None = None

    _engine = field_validator("engine")(known_engine)
    _options = field_validator("options")(_no_slowdown)


def _default_model(valid_fields: dict) -> str:
    return "" if valid_fields.get("models") else "resnet18"


def _default_title(valid_fields: dict) -> str:
    several = valid_fields.get("models") or []
    model = several[0] if len(several) == 1 else valid_fields.get("model", "")  # absent if its own validation failed
    return "ResNet-18" if model == "resnet18" else model


class Grid(StrictModel):
    """Every combination of the networks, engines, precisions, image sizes and batch sizes; one YAML file is one grid.

    `model` is the one network to measure, or else `models` are several; `networks` are they in either case.
    `engines` holds names of engines and of `variants`. `options` holds, for each engine, the options it is built with;
    a variant has its own. `only` holds, for an engine that is not to be measured at all of the grid's precisions, those
    at which it is; a variant names its own. `lang` is the report's language. Each case is measured `repeats` times,
    each time in a fresh process with a fresh build. The other fields are those of `Case`.
    """

    models: Annotated[list[Model], Field(min_length=1)] | None = Field(None, exclude_if=lambda names: not names)
    model: Model = Field(default_factory=_default_model, exclude_if=lambda name: not name)
    title: Word = Field(default_factory=_default_title)
    lang: Language = DEFAULT
    weights: Location = ""
    data: Location = ""
    labels: Labels = ""
    engines: Annotated[list[str], Field(min_length=1)]
    precisions: Annotated[list[Asked], Field(min_length=1)]
    image_sizes: Annotated[list[Pixels], Field(min_length=1)]
    batch_sizes: Annotated[list[Images], Field(min_length=1)]
    options: dict[Word, dict[Word, Option]] = {}
    variants: dict[Word, Variant] = {}
    only: dict[Word, Annotated[list[Asked], Field(min_length=1)]] = {}
    limits: Limits = Limits()
    slurm: Slurm | None = Field(None, exclude=True)  # not stored, so that a run can go on with other cluster settings
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    repeats: Repeat = 1

    @field_validator("only")
    @classmethod
    def _only(cls, only: dict) -> dict:
        for name in only:
            known_engine(name)
        return only

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict) -> dict:
        for name in options:
            known_engine(name)
            _no_slowdown(options[name])
        return options

    @field_validator("models", "engines", "precisions", "image_sizes", "batch_sizes")
    @classmethod
    def _no_repeats(cls, values: list | None) -> list | None:
        if values and len(set(values)) < len(values):
            raise ValueError(f"the list {reprlib.repr(values)} repeats a value; write each once")
        return values

    _labels = model_validator(mode="after")(check_has_data)

    @model_validator(mode="after")
    def _floor(self) -> "Grid":
        if self.limits.min_accuracy is not None and not self.labels:
            raise ValueError(
                "limits.min_accuracy is given without labels, which alone tell it; add labels or remove it"
            )
        return self

    @model_validator(mode="after")
    def _one_or_several(self) -> "Grid":
        if self.models and self.model:
            raise ValueError("model and models are both given; name one network in model, or several in models")
        if len(self.networks) > 1 and self.weights not in ("", PUBLISHED):
            raise ValueError(
                f"weights are those of one network, and models names {len(self.networks)}; remove weights, or say "
                f"weights: {PUBLISHED} for those that are published for each"
            )
        return self

    @model_validator(mode="after")
    def _names(self) -> "Grid":
        for name in self.variants:
            if name in engine_names() or not name.strip():
                raise ValueError(f"variants: {name!r} is no name for a variant; take one that no engine has")
        for name in self.variants:
            if name not in self.engines:
                raise ValueError(f"variants: {name!r} is not in engines; name it there or remove it")
        for name in self.engines:
            if name not in self.variants:
                known_engine(name)
        return self

    @model_validator(mode="after")
    def _some_case(self) -> "Grid":
        asked = [self.variant(name).precisions for name in self.engines]
        if not any(at is None or set(at) & set(self.precisions) for at in asked):
            raise ValueError("no engine has a precision that precisions names; see `only` and `variants`")
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> "Grid":
        axes = (self.networks, self.engines, self.precisions, self.image_sizes, self.batch_sizes)
        count = self.repeats * math.prod(map(len, axes))
        if count > MOST_CASES:
            raise ValueError(f"the grid has {count:,} cases; at most {MOST_CASES:,}, so name fewer values")
        return self

    @property
    def networks(self) -> list[str]:
        """The names of the networks, in the grid's order; at least one."""
        return self.models or [self.model]

    def of(self, network: str) -> "Grid":
        """The same grid of this one of its networks."""
        return self.model_copy(update={"models": None, "model": network})

    def cases(self) -> list[Case]:
        """All cases of the grid, in the order of its lists, one repeat after the other; the batch size changes fastest.

        Within a repeat, the network changes slowest. A variant that has `precisions`, and an engine in `only`, make
        cases at those precisions only.
        """
        lists = (self.networks, self.engines, self.precisions, self.image_sizes, self.batch_sizes)
        cases = []
        for repeat, model, name, precision, size, batch in itertools.product(range(1, self.repeats + 1), *lists):
            variant = self.variant(name)
            if variant.precisions is not None and precision not in variant.precisions:
                continue
            cases.append(Case(
                engine=variant.engine, precision=precision, image_size=size, batch_size=batch, model=model,
                weights=self.weights, data=self.data, labels=self.labels,
                options=variant.options, variant=name if name in self.variants else "", repeat=repeat,
            ))  # fmt: skip
        return cases

    def variant(self, name: str) -> Variant:
        """The engine, options and precisions for a name in `engines`: those of the variant, or the engine's own."""
        own = {"engine": name, "options": self.options.get(name, {}), "precisions": self.only.get(name)}
        return self.variants.get(name) or Variant(**own)


AnyGrid = TypeVar("AnyGrid", bound=Grid)


def read_grid(path: str | Path, kind: type[AnyGrid] = Grid) -> AnyGrid:
    """Read a YAML file and validate it as a `kind` of `Grid`; raise `InputError` if the file is missing or wrong."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a YAML file such as params/seed.yaml")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except Exception as error:  # not only YAMLError: a bad date, number or nesting raises Python's own exceptions
        raise InputError(f"{path}: not a YAML file ({error_text(error)}); mend it there") from None
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: an empty grid; write at least {', '.join(required_fields(kind))}")
    return validated(kind, data, str(path))
