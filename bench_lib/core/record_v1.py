"""Files of version 1 → version 2, before they are validated: the only place that knows version 1.

There a reason was a text: `reason` in Russian, `detail` in English or in the runtime's own words. What fits no version
is left as it is, for the reader to refuse.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench_lib.core.case import Limits
from bench_lib.core.reason import Reason, because

WORDS = Path(__file__).with_suffix(".yaml")


def upgraded_record(text: str) -> str:
    """The JSON of a record of version 1 as one of version 2; anything else as it is."""
    return upgraded(text, upgrade_record)


def upgraded_result(text: str) -> str:
    """The JSON of a result file of version 1 as one of version 2; anything else as it is."""
    return upgraded(text, upgrade_absent)


def upgraded(text: str, upgrade: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """The JSON `text`, its object passed through `upgrade` if it is of version 1."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema_version") != 1:
            return text
        return json.dumps(upgrade(data) | {"schema_version": 2})
    except (ValueError, RecursionError):
        return text


def upgrade_record(data: dict[str, Any]) -> dict[str, Any]:
    """A record: its reasons, those of energy and of trials; one that failed for its speed has its figures again."""
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
        allowed = limits.get("auto_max_error", Limits().auto_max_error) if isinstance(limits, dict) else None
        found["trials"] = [upgrade_trial(trial, allowed) for trial in data["trials"]]
    return found


def upgrade_trial(trial: Any, allowed: Any) -> Any:
    """A trial of `precision: auto`; its English was told anew where its error is above the allowed one."""
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
    """What a result file holds, where each object of `reason` and `detail` alone is a reason."""
    if isinstance(data, list):
        return [upgrade_absent(value) for value in data]
    if not isinstance(data, dict):
        return data
    if set(data) == {"reason", "detail"} and is_text(*data.values()):
        return dumped(told_reason(data["reason"], data["detail"]))
    return {name: upgrade_absent(value) for name, value in data.items()}


def told_reason(reason: str, detail: str) -> Reason | None:
    """The reason in Russian, and in English the first line of the detail (of a traceback the last)."""
    lines = detail.strip().splitlines()
    if not reason or not lines:
        return known_reason(reason) or as_recorded(reason, reason)
    return as_recorded(reason, lines[-1 if lines[0].startswith("Traceback") else 0])


def energy_reason(reason: str) -> Reason | None:
    """Why energy was not counted; the driver's own words are in brackets."""
    begun = f"{words()['driver_tells_no_energy']} ("
    if reason.startswith(begun) and reason.endswith(")"):
        return because("driver_tells_no_energy", error=reason.removeprefix(begun)[:-1])
    return known_reason(reason) or as_recorded(reason, reason)


def known_reason(reason: str) -> Reason | None:
    """The message that a text of version 1 is; None if it is not known."""
    if name := words()["sentences"].get(reason):
        return because(name)
    begun = words()["computed_otherwise"]
    precision = reason.removeprefix(begun)
    if reason.startswith(begun) and precision in ("FP32", "TF32", "FP16", "BF16", "INT8"):
        return because("computed_otherwise", precision=precision)
    return None


def as_recorded(russian: str, english: str) -> Reason | None:
    """The words as they were written; nothing where there are none."""
    return because("as_recorded", ru=russian, en=english) if russian else None


def is_text(*values: Any) -> bool:
    """Whether all are texts."""
    return all(isinstance(value, str) for value in values)


def dumped(reason: Reason | None) -> dict[str, Any] | None:
    """A reason as JSON holds it."""
    return reason.model_dump() if reason else None


@functools.cache
def words() -> dict[str, Any]:
    """The Russian of version 1."""
    return yaml.safe_load(WORDS.read_text(encoding="utf-8"))
