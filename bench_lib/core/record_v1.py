"""Upgrades files of older versions before they are validated. No other module knows what they were like.

In version 1 a reason was two texts: `reason` in Russian, `detail` in English or in the runtime's own words. Records of
version 2 differ from version 3 in the name of one field. What fits no version is returned unchanged, so that validation
refuses it.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import from_json, to_json

from bench_lib.core.reason import Reason, because

WORDS = Path(__file__).with_suffix(".yaml")
AUTO_MAX_ERROR = 0.01  # the default of the limit of this name, in version 1


def upgraded_record(text: str) -> str:
    """The JSON text of a record, upgraded if it is of version 1 or 2; any other text is returned unchanged."""
    return upgraded(text, {1: lambda data: rename_errors(upgrade_record(data)), 2: rename_errors}, 3)


def upgraded_result(text: str) -> str:
    """The JSON text of a result file, upgraded if it is of version 1; any other text is returned unchanged."""
    return upgraded(text, {1: upgrade_absent}, 2)


def upgraded(text: str, upgrades: dict[int, Callable[[dict[str, Any]], dict[str, Any]]], newest: int) -> str:
    """The JSON `text` upgraded to the `newest` version, by the function for the version of its object.

    The text is returned unchanged if there is no such function.
    """
    try:
        data = from_json(text)  # Pydantic's own reader and writer; json's take seven times as long
        version = data.get("schema_version") if isinstance(data, dict) else None
        if not isinstance(version, int) or version not in upgrades:
            return text
        return to_json(upgrades[version](data) | {"schema_version": newest}).decode()
    except (ValueError, RecursionError):
        return text


def rename_errors(data: dict[str, Any]) -> dict[str, Any]:
    """A record of version 2 with the errors of its trials under the name that they have in version 3."""
    trials = data.get("trials")
    if not isinstance(trials, list):
        return data
    return data | {"trials": [rename_error(trial) for trial in trials]}


def rename_error(trial: Any) -> Any:
    """A trial with its `max_relative_error` under the name `error`; what holds none is returned unchanged."""
    if not isinstance(trial, dict) or "max_relative_error" not in trial:
        return trial
    return {("error" if name == "max_relative_error" else name): value for name, value in trial.items()}


def upgrade_record(data: dict[str, Any]) -> dict[str, Any]:
    """A record with all its reasons in the form of version 2: its own, that of absent energy, those of the trials.

    Version 1 stored a record with an impossible speed as failed. It becomes a measured one again, because version 2
    judges the speed when records are read (`bench_lib.analysis.roofline.judged`).
    """
    found = dict(data)
    reason, detail = (data.get(name, "") for name in ("reason", "detail"))
    if is_text(reason, detail):
        found["reason"] = dumped(told_reason(reason, detail))
        if reason.startswith(words()["impossible_speed"]):
            found |= {"status": "ok", "reason": None, "detail": ""}
    if is_text(data.get("energy_absent", "")):
        found["energy_absent"] = dumped(energy_reason(data.get("energy_absent", "")))
    if isinstance(data.get("trials"), list):
        limits = data.get("limits")
        allowed = limits.get("auto_max_error", AUTO_MAX_ERROR) if isinstance(limits, dict) else None
        found["trials"] = [upgrade_trial(trial, allowed) for trial in data["trials"]]
    return found


def upgrade_trial(trial: Any, allowed: Any) -> Any:
    """A trial of `precision: auto` with its reason in the form of version 2.

    An unknown reason becomes `error_above_allowed` if the trial's error is above `allowed`, the record's limit for it.
    """
    if not isinstance(trial, dict) or not is_text(trial.get("reason", ""), trial.get("detail", "")):
        return trial
    reason, detail, error = trial.get("reason", ""), trial.get("detail", ""), trial.get("max_relative_error")
    numbers = all(isinstance(value, int | float) for value in (error, allowed))
    found = known_reason(reason)
    if reason and not found and numbers and error > allowed:
        found = because("error_above_allowed", error=error, allowed=allowed)
    rest = {name: value for name, value in trial.items() if name != "detail"}
    return rest | {"reason": dumped(found or told_reason(reason, detail))}


def upgrade_absent(data: Any) -> Any:
    """The content of a result file, each object with only the keys `reason` and `detail` turned into a reason."""
    if isinstance(data, list):
        return [upgrade_absent(value) for value in data]
    if not isinstance(data, dict):
        return data
    if set(data) == {"reason", "detail"} and is_text(*data.values()):
        return dumped(told_reason(data["reason"], data["detail"]))
    return {name: upgrade_absent(value) for name, value in data.items()}


def told_reason(reason: str, detail: str) -> Reason | None:
    """The reason for the two texts of version 1; None if `reason` is empty.

    Without a detail, it is the known message, if there is one. Otherwise the texts are kept: `reason` as the Russian
    and, as the English, the first line of `detail` (the last line if it is a traceback).
    """
    lines = detail.strip().splitlines()
    if not reason or not lines:
        return known_reason(reason) or as_recorded(reason, reason)
    return as_recorded(reason, lines[-1 if lines[0].startswith("Traceback") else 0])


def energy_reason(reason: str) -> Reason | None:
    """Why energy was not counted; the driver's own words, in brackets in version 1, become the field `error`."""
    begun = f"{words()['driver_tells_no_energy']} ("
    if reason.startswith(begun) and reason.endswith(")"):
        return because("driver_tells_no_energy", error=reason.removeprefix(begun)[:-1])
    return known_reason(reason) or as_recorded(reason, reason)


def known_reason(reason: str) -> Reason | None:
    """The message that this Russian text of version 1 stands for; None if it is unknown."""
    if name := words()["sentences"].get(reason):
        return because(name)
    begun = words()["computed_otherwise"]
    precision = reason.removeprefix(begun)
    if reason.startswith(begun) and precision in ("FP32", "TF32", "FP16", "BF16", "INT8"):
        return because("computed_otherwise", precision=precision)
    return None


def as_recorded(russian: str, english: str) -> Reason | None:
    """A reason that keeps the texts as they were recorded; None if there is no text."""
    return because("as_recorded", ru=russian, en=english) if russian else None


def is_text(*values: Any) -> bool:
    """Whether all values are strings."""
    return all(isinstance(value, str) for value in values)


def dumped(reason: Reason | None) -> dict[str, Any] | None:
    """A reason as plain data for JSON; None if there is none."""
    return reason.model_dump() if reason else None


@functools.cache
def words() -> dict[str, Any]:
    """The Russian texts of version 1, from the YAML file beside this module."""
    return yaml.safe_load(WORDS.read_text(encoding="utf-8"))
