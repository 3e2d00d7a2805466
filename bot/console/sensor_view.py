"""What sockets measure as the pile page shows it: values, a line over the day, limits, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.sensing import UNITS, Limits
from bot.services import fault_words
from bot.services.sensing import Sensor
from bot.store.sensing import PileAlarm, SensorAlarm
from bot.store.stations import Evse, Pile

LINE: Final = (240, 48)  # the drawing's width and height
_ALARMS: Final = 30
_BY: Final = {
    "alarm": "the pile", "status": "its status", "limit": "our limits", "meter": "its meter",
}  # fmt: skip
_TABLE: Final = 48  # rows of the table beside it
_TONES: Final = {"": ("fine", "good"), "warn": ("look at it", "warn"), "stop": ("too much", "bad")}


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of value at one socket."""

    socket: str
    kind: str
    value: str
    at: datetime
    span: str  # lowest to highest of the day
    limits: str
    badge: tuple[str, str]
    points: str
    heading: str  # where it is going, "" when nowhere
    meets: bool  # a limit, within a month
    rows: list[tuple[datetime, str]]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that was wrong, from beginning to end; `id` where staff may call it over."""

    socket: str
    told: str
    by: str
    tone: str
    at: datetime
    cleared_at: datetime | None
    id: int | None = None

    @property
    def lasted(self) -> str:
        """ "12 min", "3 h 05 min", of one that is over."""
        if self.cleared_at is None:
            return ""
        minutes = int((self.cleared_at - self.at).total_seconds()) // 60
        if minutes < 60:
            return f"{minutes} min"
        return f"{minutes // 60} h {minutes % 60:02} min"


def lines(found: Sequence[Sensor]) -> list[Line]:
    """Every sensor of a pile."""
    return [_line(each) for each in found]


def _line(sensor: Sensor) -> Line:
    unit = UNITS[sensor.kind]
    step = max(1, len(sensor.points) // _TABLE)
    return Line(
        socket=sensor.evse.code,
        kind=sensor.kind.capitalize(),
        value=_value(sensor.last, unit),
        at=sensor.last_at,
        span=f"{_value(sensor.low, unit)} to {_value(sensor.high, unit)}",
        limits=told_limits(sensor.limits, unit),
        badge=_TONES[sensor.level],
        points=_points(sensor.points),
        heading=(heading := _heading(sensor, unit))[0],
        meets=heading[1],
        rows=[(at, _value(value, unit)) for at, value in sensor.points[::-1][::step]],
    )


def _heading(sensor: Sensor, unit: str) -> tuple[str, bool]:
    """Where the values go, and whether that meets a limit within a month."""
    if sensor.trend is None or not sensor.trend.steady:
        return "", False
    way = "rises" if sensor.trend.per_hour > 0 else "falls"
    told = f"{way} {_value(abs(sensor.trend.per_hour), unit)} an hour"
    met = sensor.trend.meets(sensor.limits)
    if met is None:
        return told, False
    limit, when = met
    return f"{told}, reaches {_value(limit, unit)} about {when:%-d %b %H:%M} UTC", True


def _value(thousandths: int, unit: str) -> str:
    number = f"{thousandths / 1000:,.1f}"
    return f"{number.removesuffix('.0')} {unit}"


def told_limits(limits: Limits, unit: str) -> str:
    """ "look below 207 V or above 253 V, stop above 264.5 V"."""
    look = [
        f"{word} {_value(limit, unit)}"
        for word, limit in (("below", limits.warn_low), ("above", limits.warn_high))
        if limit is not None
    ]
    parts = [f"look {' or '.join(look)}"] if look else []
    if limits.stop_high is not None:
        parts.append(f"stop above {_value(limits.stop_high, unit)}")
    return ", ".join(parts) or "none"


def _points(points: Sequence[tuple[datetime, int]]) -> str:
    width, height = LINE
    start, whole = points[0][0], (points[-1][0] - points[0][0]).total_seconds() or 1.0
    low = min(value for _, value in points)
    rise = max(value for _, value in points) - low or 1
    return " ".join(
        f"{(at - start).total_seconds() / whole * width:.1f},"
        f"{height - 2 - (value - low) / rise * (height - 4):.1f}"
        for at, value in points
    )


def alarms(
    pile: Pile,
    told: Sequence[tuple[PileAlarm, Evse | None]],
    beyond: Sequence[tuple[SensorAlarm, Evse]],
) -> list[Alarm]:
    """Everything that was wrong: what stands first, then the newest. A value beyond a stop limit is
    an alarm of its own as well; what only wants a look is none."""
    found = [
        Alarm(
            evse.code if evse is not None else "Whole pile", _what(pile, row), _BY[row.source],
            "bad", row.at, row.cleared_at, row.id if row.cleared_at is None else None,
        )
        for row, evse in told
    ] + [
        Alarm(
            evse.code, f"{row.kind.capitalize()} {_value(row.value, UNITS[row.kind])}",
            _BY["limit"], "warn", row.at, row.cleared_at,
        )
        for row, evse in beyond
        if row.level == "warn"
    ]  # fmt: skip
    found.sort(key=lambda each: each.at, reverse=True)
    return sorted(found, key=lambda each: each.cleared_at is not None)[:_ALARMS]


def _what(pile: Pile, row: PileAlarm) -> str:
    said = fault_words.in_english(pile.model, row.code)
    measured = any(each.isdigit() for each in row.value)  # "true" tells nothing
    return f"{said} ({row.value})" if measured else said
