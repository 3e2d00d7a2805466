"""When piles are looked after: local hours that daylight saving cannot shift, and what is due when.

A plan says "every so many days" or "after so many charges", whichever comes first, at an hour of
the station's own clock. Source: features.md D16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

STATES: Final[Mapping[str, str]] = {
    "planned": "Planned", "waiting": "Waits for a charge to end", "on": "Under way",
    "done": "Done", "missed": "Nobody came", "cancelled": "Cancelled",
}  # fmt: skip
AHEAD: Final = ("planned", "waiting", "on")  # its time is nobody else's

SHORTEST: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=12)
FURTHEST: Final = timedelta(days=400)
JOB_AHEAD: Final = timedelta(hours=24)  # technicians are asked this long before
MORE: Final = timedelta(minutes=15)  # a visit that is not done at its end goes on in such steps
MADE_AHEAD: Final = timedelta(days=30)  # plans put visits into the calendar this long before
CYCLES_AHEAD: Final = timedelta(days=3)  # charges are counted up: the visit is this soon
A_DAY: Final = 3  # visits that plans put on one day; more move to the next
_LAST_MINUTE: Final = 20 * 60  # of the local day: nobody is sent later


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's rhythm; `minute` is the local time of day it begins at."""

    every_days: int | None
    every_cycles: int | None
    minute: int
    length_min: int


def moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A local time of day as UTC. One that the clocks skip is as much later as they skip; of one
    that comes twice the first is meant."""
    clock = time(minute // 60, minute % 60)
    return datetime.combine(day, clock, zone).astimezone(UTC)


def why_not(starts_at: datetime, ends_at: datetime, now: datetime) -> str:
    """Why a visit cannot be then; "" when it can."""
    if starts_at < now:
        return "That time is over already."
    if starts_at - now > FURTHEST:
        return f"A visit can be planned {FURTHEST.days} days ahead at most."
    if not SHORTEST <= ends_at - starts_at <= LONGEST:
        return "A visit takes 15 minutes at least and 12 hours at most."
    return ""


def due(plan: Plan, *, last: date, cycles: int, today: date) -> date | None:
    """The day of the next visit: `last` is that of the last one, or of when the plan was made;
    `cycles` are the charges since. Never before tomorrow; None when nothing is due yet."""
    days = []
    if plan.every_days is not None:
        days.append(last + timedelta(days=plan.every_days))
    if plan.every_cycles is not None and cycles >= plan.every_cycles:
        days.append(today + CYCLES_AHEAD)
    return max(min(days), today + timedelta(days=1)) if days else None


def place(
    plan: Plan, day: date, zone: ZoneInfo, taken: Mapping[date, int]
) -> tuple[datetime, datetime]:
    """The first time from a day on that technicians have room for: so many visits a day, one after
    the other. `taken` are the visits that stand on a day already."""
    while True:
        number = taken.get(day, 0)
        minute = plan.minute + number * plan.length_min
        if number < A_DAY and (number == 0 or minute <= _LAST_MINUTE):
            starts_at = moment(day, minute, zone)
            return starts_at, starts_at + timedelta(minutes=plan.length_min)
        day += timedelta(days=1)


def overlap(
    starts_at: datetime, ends_at: datetime, other_starts: datetime, other_ends: datetime
) -> bool:
    """Whether two stretches of time share a moment."""
    return starts_at < other_ends and other_starts < ends_at
