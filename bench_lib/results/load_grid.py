"""The grid of a measurement under load: what `bench serve`, `bench scale` and `bench pipeline` read."""

from typing import Annotated

from pydantic import Field, field_validator

from bench_lib.core.case import AUTO
from bench_lib.core.grid import Grid
from bench_lib.core.labels import Labels
from bench_lib.text.language import DEFAULT, Language

P99_COUNT = 2000  # a p99 of fewer requests or calls rests on less than 20 that were slower: there is none
PerSecond = Annotated[float, Field(gt=0, le=1e10)]


class LoadGrid(Grid):
    """A grid of cases that are measured under load, each once.

    Unlike a sweep's grid it refuses `models`, `precision: auto`, `repeats` above 1, `labels` and `lang`, each with a
    sentence that says why.
    """

    @field_validator("models")
    @classmethod
    def _one_network(cls, models: list | None) -> list | None:
        if models:
            raise ValueError("a load is that of one network; name it in model")
        return models

    @field_validator("precisions")
    @classmethod
    def _told(cls, precisions: list) -> list:
        if AUTO in precisions:
            raise ValueError(f"{AUTO} is chosen by a sweep, which has no load; name the precision that it chose")
        return precisions

    @field_validator("repeats")
    @classmethod
    def _once(cls, repeats: int) -> int:
        if repeats > 1:
            raise ValueError("repeats has no meaning here: each case is loaded once; remove it")
        return repeats

    @field_validator("labels")
    @classmethod
    def _untold(cls, labels: Labels) -> Labels:
        if labels:
            raise ValueError("labels have no meaning here: a sweep tells how many answers are right; remove them")
        return labels

    @field_validator("lang")
    @classmethod
    def _of_the_run(cls, lang: Language) -> Language:
        if lang != DEFAULT:
            raise ValueError("lang has no meaning here: the report's language is the run's; remove it")
        return lang
