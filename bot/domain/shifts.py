"""Shifts: who works when, by the desk's local week; pure.

Minutes of a local day: when clocks change, a shift still begins and ends by the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY_MIN: Final = 24 * 60
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Shift:
    """One weekday (0 = Monday) of somebody; one that ends at or before its begin goes over
    midnight."""

    staff_id: int
    weekday: int
    begins_min: int
    ends_min: int

    def on(self, day: date, tz: str) -> tuple[datetime, datetime]:
        """Begin and end of the one that begins on a local day."""
        over = self.ends_min <= self.begins_min
        return _at(day, self.begins_min, tz), _at(day + timedelta(days=over), self.ends_min, tz)


def _at(day: date, minutes: int, tz: str) -> datetime:
    whole, rest = divmod(minutes, DAY_MIN)
    local = datetime.combine(day + timedelta(days=whole), time(rest // 60, rest % 60), ZoneInfo(tz))
    return local.astimezone(UTC)


def on_shift(shifts: Iterable[Shift], now: datetime, tz: str) -> dict[int, datetime]:
    """Who works at this moment, and until when."""
    today = now.astimezone(ZoneInfo(tz)).date()
    found: dict[int, datetime] = {}
    for shift in shifts:
        for day in (today - timedelta(days=1), today):
            if day.weekday() != shift.weekday:
                continue
            begin, end = shift.on(day, tz)
            if begin <= now < end:
                found[shift.staff_id] = max(end, found.get(shift.staff_id, end))
    return found


def next_shift(shifts: Sequence[Shift], now: datetime, tz: str) -> tuple[int, datetime] | None:
    """Whose shift begins next, and when; None where nobody has one."""
    today = now.astimezone(ZoneInfo(tz)).date()
    begins = [
        (shift.on(day, tz)[0], shift.staff_id)
        for shift in shifts
        for ahead in range(_WEEK + 1)
        if (day := today + timedelta(days=ahead)).weekday() == shift.weekday
    ]
    at, staff_id = min((each for each in begins if each[0] > now), default=(None, 0))
    return (staff_id, at) if at is not None else None
