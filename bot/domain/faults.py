"""How often a socket fails: a fault that is told twice, or by status and alarm, is one; pure rules.

A fault begins with the first that tells of it and goes on until all of them have taken it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

Teller = Literal["status", "alarm"]
DAY: Final = timedelta(days=1)
_KEPT: Final = 20  # more than anybody counts to


@dataclass(frozen=True, slots=True)
class Faults:
    """When the faults of the last day began, and who tells of the one that stands."""

    times: tuple[datetime, ...] = ()
    standing: frozenset[Teller] = frozenset()

    def lately(self, now: datetime) -> int:
        """How many began within a day."""
        return sum(now - each < DAY for each in self.times)


def told(faults: Faults, teller: Teller, now: datetime) -> tuple[Faults, bool]:
    """A status or an alarm tells of a fault: whether it is a new one."""
    new = not faults.standing
    times = faults.times
    if new:
        times = (*(each for each in times if now - each < DAY), now)[-_KEPT:]
    return Faults(times, faults.standing | {teller}), new


def taken_back(faults: Faults, teller: Teller) -> Faults:
    """An alarm is cleared, or a status is well again: the latter takes back alarms as well, as
    not every pile clears them, where the status had told of the fault at all."""
    if teller == "status" and "status" in faults.standing:
        return over(faults)
    return replace(faults, standing=faults.standing - {teller})


def over(faults: Faults) -> Faults:
    """Repaired: whatever is told next is another fault."""
    return replace(faults, standing=frozenset())


def dump(faults: Faults) -> dict[str, Any]:
    """As the socket's row keeps it."""
    return {
        "times": [each.isoformat() for each in faults.times],
        "standing": sorted(faults.standing),
    }


def load(kept: Mapping[str, Any]) -> Faults:
    """What `dump` kept; nothing of a socket that never failed."""
    times = tuple(datetime.fromisoformat(each) for each in kept.get("times", ()))
    return Faults(times, frozenset(kept.get("standing", ())))
