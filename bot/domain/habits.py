"""Where and when somebody usually charges, from what they did; and when to speak of it, seldom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

ENOUGH: Final = 3  # charges before anything is called a habit
MOST: Final = 3
AHEAD: Final = timedelta(minutes=60)  # told this long before the hour at most ...
NOT_LATER: Final = timedelta(minutes=20)  # ... and this long at least
A_WEEK: Final = 3  # messages in seven days


@dataclass(frozen=True, slots=True)
class Visit:
    """One charge: where, and when by the station's clock."""

    station_id: int
    local: datetime


@dataclass(frozen=True, slots=True)
class Usual:
    """A station and an hour that a rider often charges at; `weekend`: Saturdays and Sundays."""

    station_id: int
    hour: int
    weekend: bool
    count: int

    def dump(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "station_id": self.station_id, "hour": self.hour, "weekend": self.weekend,
            "count": self.count,
        }  # fmt: skip


def habits(visits: Sequence[Visit]) -> list[Usual]:
    """The places and hours of a history, the most frequent first; hours within one of each other
    are one habit. What happened once is none."""
    if len(visits) < ENOUGH:
        return []
    counted = Counter(
        (each.station_id, each.local.hour, each.local.weekday() >= 5) for each in visits
    )
    found: list[Usual] = []
    for (station_id, hour, weekend), _ in sorted(
        counted.items(), key=lambda each: (-each[1], each[0])
    ):
        near = [
            key
            for key in counted
            if key[0] == station_id
            and key[2] == weekend
            and min((key[1] - hour) % 24, (hour - key[1]) % 24) <= 1
        ]
        count = sum(counted[key] for key in near)
        if count < 2:
            continue
        for key in near:
            del counted[key]
        found.append(Usual(station_id, hour, weekend, count))
    return sorted(found, key=lambda each: (-each.count, each.station_id, each.hour))[:MOST]


def next_hour(usual: Usual, zone: tzinfo, now: datetime) -> datetime | None:
    """When a habit's hour begins today, if it is about to; None at any other time."""
    local = now.astimezone(zone)
    begins = local.replace(hour=usual.hour, minute=0, second=0, microsecond=0)
    soon = NOT_LATER <= begins.astimezone(now.tzinfo) - now <= AHEAD
    return begins if soon and (local.weekday() >= 5) == usual.weekend else None


def may_tell(told: Sequence[datetime], now: datetime) -> bool:
    """At most once in twelve hours and three times in seven days."""
    week = [each for each in told if now - each < timedelta(days=7)]
    return len(week) < A_WEEK and all(now - each >= timedelta(hours=12) for each in week)
