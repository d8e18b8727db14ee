"""How much a case's figures differ from process to process: measured by its own processes, or known from elsewhere."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench_lib.core.intervals import ASSUMED_SD
from bench_lib.core.record import Record
from bench_lib.results.crowding import is_crowded
from bench_lib.results.verdicts import SelfCheck, host_paced

Source = Literal["crowded", "unknown", "assumed", "check", "processes"]
WEAKEST_FIRST: tuple[Source, ...] = get_args(Source)
NOT_KNOWN: tuple[Source, ...] = ("crowded", "unknown")
Checked = Literal["none", "all", "host", "device"]


@dataclass(frozen=True)
class Spread:
    """The relative sd between processes that a case's intervals allow for, beyond what its own processes show.

    `source` says where the spread is from: the case's own `processes` (then `sd` is 0), the `check` that `bench
    selfcheck` made of a case with the same pace, or `assumed`. It is `unknown`, and `sd` infinite, where the host sets
    the case's pace, or may do so, and it was measured by one process, or beside other cases. Such a case has no
    interval, and nothing about it is decided: three runs of one such case, on GPUs of one kind, gave 4.60, 2.25 and
    2.88 times the baseline's speed, so no small spread may be assumed. The same holds for a `crowded` case, one of
    whose processes was measured while others computed on its cores or were on its GPU: beside one process that
    computed on two cores, PyTorch took 9.5 times as long as alone.
    """

    sd: float
    source: Source


OWN, ASSUMED = Spread(0.0, "processes"), Spread(ASSUMED_SD, "assumed")
UNKNOWN, CROWDED = Spread(math.inf, "unknown"), Spread(math.inf, "crowded")


def spread_of(
    processes: int, host_paced: bool | None, company: int, checked: SelfCheck | None, crowded: bool = False
) -> Spread:
    """The spread of a case that so many `processes` measured, with at most `company` others running on its host.

    `host_paced` is None where that is not known. `checked` is the check whose value holds for cases of its pace, None
    if there is none. `crowded` says whether one of its processes was, see `bench_lib.results.crowding`.
    """
    if crowded:
        return CROWDED
    if host_paced is not False and (company or (processes == 1 and checked is None)):
        return UNKNOWN
    if processes != 1:
        return OWN
    return ASSUMED if checked is None else Spread(checked.process_sd, "check")


def checked_paces(check: SelfCheck | None, paces: Mapping[str, bool | None]) -> Checked:
    """For which cases the check's spread between processes can be used: a value of `CaseTable.checked`.

    `paces` says for each case, by id, whether the host sets its pace (None: not known).
    """
    if check is None:
        return "none"
    pace = check.host_paced
    if pace is None:
        pace = paces.get(check.case.id, None if check.machine["gpu"] else False)
    if pace is None or pace not in paces.values():  # an old file lacks it, and its case is not in this run
        return "none"
    return "all" if set(paces.values()) == {pace} else "host" if pace else "device"


PACES: dict[Checked, tuple[bool, ...]] = {"none": (), "all": (True, False), "host": (True,), "device": (False,)}


def spreads(
    check: SelfCheck | None, measured: Mapping[str, Sequence[Record]], company: Mapping[str, int]
) -> tuple[Checked, dict[str, Spread]]:
    """For which cases the check holds, and the spread of each.

    `measured` holds the records of each case's processes, `company` the most others beside them, both by its id.
    """
    paces = {name: host_paced(records) for name, records in measured.items()}
    checked = checked_paces(check, paces)
    found = {}
    for name, records in measured.items():
        usable = check if paces[name] in PACES[checked] else None
        is_crowded_case = any(map(is_crowded, records))
        found[name] = spread_of(len(records), paces[name], company[name], usable, is_crowded_case)
    return checked, found
