"""What sockets measure as the pile page shows it: last values, a line over the day, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.sensing import UNITS, Limits
from bot.services.sensing import Sensor
from bot.store.sensing import SensorAlarm
from bot.store.stations import Evse

LINE: Final = (240, 48)  # the drawing's width and height
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
    rows: list[tuple[datetime, str]]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A value that was beyond a limit."""

    socket: str
    told: str
    tone: str
    at: datetime
    cleared_at: datetime | None


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
        heading=_heading(sensor, unit),
        rows=[(at, _value(value, unit)) for at, value in sensor.points[::-1][::step]],
    )


def _heading(sensor: Sensor, unit: str) -> str:
    """A rise that meets a limit within a month is worth a sentence."""
    if sensor.trend is None or sensor.kind != "temperature":
        return ""
    when = sensor.trend.reaches(sensor.limits.warn_high)
    if when is None:
        return ""
    rise = _value(sensor.trend.per_hour, unit)
    return f"rises {rise} an hour, reaches its limit about {when:%-d %b %H:%M} UTC"


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


def alarms(found: Sequence[tuple[SensorAlarm, Evse]]) -> list[Alarm]:
    """Alarms, newest first."""
    return [
        Alarm(
            evse.code,
            f"{alarm.kind.capitalize()} {_value(alarm.value, UNITS[alarm.kind])}",
            _TONES[alarm.level][1],
            alarm.at,
            alarm.cleared_at,
        )
        for alarm, evse in found
    ]
