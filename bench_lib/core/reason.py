"""Why there is no figure: the name of a message and its fields, which a report writes in its own language."""

from pydantic import BaseModel, ConfigDict

from bench_lib.text import language, reasons


class Reason(BaseModel):
    """Why there is no figure: `name` is a message of `bench_lib.text.reasons`, `fields` are what it is filled with."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    name: str
    fields: dict[str, str | int | float] = {}

    def __str__(self) -> str:
        """The English sentence."""
        return reasons.sentence(self.name, self.fields, "en")


class ReasonedError(Exception):
    """An error that carries the reason why there is no figure, in `reason`; `str()` gives it in English.

    It takes the arguments of `because`.
    """

    def __init__(self, name: str, /, **fields: str | int | float) -> None:
        self.reason = because(name, **fields)
        super().__init__(str(self.reason))


def because(name: str, /, **fields: str | int | float) -> Reason:
    """The reason of this name, filled with these fields."""
    return Reason(name=name, fields=fields)


def say(reason: Reason | None) -> str:
    """The reason in the report's language; nothing where there is none."""
    return reasons.sentence(reason.name, reason.fields, language.chosen) if reason else ""
