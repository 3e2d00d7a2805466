"""What the maintenance calendar shows: visits by local day, as a list and as weeks, and forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.maintenance import STATES, moment
from bot.store.maintenance import Visit
from bot.store.stations import Pile

TONES: Final = {
    "planned": ("info", "calendar"), "waiting": ("warn", "hourglass"), "on": ("accent", "wrench"),
    "done": ("good", "check"), "missed": ("bad", "triangle-alert"), "cancelled": ("neutral", "x"),
}  # fmt: skip
CERTIFIED: Final = {  # how a certificate stands
    "valid": ("valid", "good", "check"), "due": ("ends soon", "warn", "clock"),
    "expired": ("has ended", "bad", "triangle-alert"),
}  # fmt: skip
WEEKS: Final = 5


class WrongField(ValueError):
    """A field of a form cannot be read; the message says which, for staff."""


@dataclass(frozen=True, slots=True)
class Line:
    """A visit as it is listed; times by the station's clock."""

    visit: Visit
    pile: Pile
    day: date
    hours: str
    badge: tuple[str, str, str]
    changed: str  # what the last change replaced, "" for none

    @property
    def can_undo(self) -> bool:
        """Whether its last change can be taken back."""
        return self.visit.before is not None and self.visit.state in ("planned", "cancelled")


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the calendar."""

    day: date
    today: bool
    lines: Sequence[Line]


def line(visit: Visit, pile: Pile) -> Line:
    """One visit."""
    zone = ZoneInfo(pile.station.tz)
    starts, ends = visit.starts_at.astimezone(zone), visit.ends_at.astimezone(zone)
    tone, icon = TONES[visit.state]
    return Line(
        visit, pile, starts.date(), f"{starts:%H:%M}–{ends:%H:%M}",
        (STATES[visit.state], tone, icon), _before(visit, zone),
    )  # fmt: skip


def _before(visit: Visit, zone: ZoneInfo) -> str:
    if visit.before is None or visit.state == "cancelled":
        return ""
    if visit.before["starts_at"] == visit.starts_at.isoformat():
        return ""
    was = datetime.fromisoformat(visit.before["starts_at"]).astimezone(zone)
    return f"moved from {was:%a %-d %b %H:%M}"


def by_day(lines: Sequence[Line]) -> Mapping[date, Sequence[Line]]:
    """The same by local day, in order."""
    found: dict[date, list[Line]] = {}
    for each in sorted(lines, key=lambda each: each.visit.starts_at):
        found.setdefault(each.day, []).append(each)
    return found


def weeks(lines: Sequence[Line], monday: date, today: date) -> Sequence[Sequence[Cell]]:
    """Five weeks from a Monday on, a cell a day."""
    days = by_day([each for each in lines if each.visit.state != "cancelled"])
    return [
        [
            Cell(day, day == today, days.get(day, ()))
            for day in (monday + timedelta(days=7 * week + number) for number in range(7))
        ]
        for week in range(WEEKS)
    ]


def monday_of(text: str, today: date) -> date:
    """The Monday of the week of a date in an address; of this week where it is none."""
    try:
        day = date.fromisoformat(text)
        return day - timedelta(days=day.weekday())
    except (ValueError, OverflowError):
        return today - timedelta(days=today.weekday())


def around(monday: date) -> tuple[datetime, datetime]:
    """The weeks' bounds, wide enough for every zone."""
    since = datetime.combine(monday, time(), UTC)
    return since - timedelta(days=1), since + timedelta(days=7 * WEEKS + 1)


def read_times(form: Mapping[str, str], pile: Pile) -> tuple[datetime, datetime]:
    """Day, hour and length of a form, by the station's clock. Raises WrongField."""
    try:
        day = date.fromisoformat(form.get("day", ""))
    except ValueError as error:
        raise WrongField("Give the day, like 2026-12-01.") from error
    starts_at = moment(day, read_minute(form.get("hour", "")), ZoneInfo(pile.station.tz))
    return starts_at, starts_at + timedelta(minutes=read_number(form.get("length", ""), "minutes"))


def read_minute(text: str) -> int:
    """A time of day in minutes. Raises WrongField."""
    try:
        clock = time.fromisoformat(text)
    except ValueError as error:
        raise WrongField("Give the time, like 10:00.") from error
    return clock.hour * 60 + clock.minute


def read_number(text: str, what: str) -> int:
    """A whole number. Raises WrongField."""
    if not text.strip().isdecimal() or len(text.strip()) > 7:
        raise WrongField(f"Give the {what} as a whole number.")
    return int(text.strip())


def read_maybe(text: str, what: str) -> int | None:
    """The same; None for an empty field."""
    return read_number(text, what) if text.strip() else None
