"""What a pile measures beside energy: limits, when a value is wrong, where it is heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Kind = Literal["voltage", "current", "power", "temperature"]
KINDS: Final[tuple[Kind, ...]] = ("voltage", "current", "power", "temperature")
UNITS: Final[Mapping[str, str]] = {
    "voltage": "V", "current": "A", "power": "W", "temperature": "°C",
}  # fmt: skip

CODES: Final[Mapping[str, str]] = {  # of the alarm that a value beyond its limit raises
    "voltage": "OVER_VOLTAGE", "current": "OVER_CURRENT", "power": "OVER_POWER",
    "temperature": "OVER_TEMP",
}  # fmt: skip

Level = Literal["", "warn", "stop"]
RANK: Final[Mapping[str, int]] = {"": 0, "warn": 1, "stop": 2}
# A value that wavers around a limit must not raise the alarm each minute.
BACK_PERCENT: Final = 3
LEAST_POINTS: Final = 6  # fewer tell no trend
STEADY: Final = 50  # percent: a line that explains less is no trend
LEAST_SPAN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """In thousandths of the unit; None: no limit. Outside `warn_*` somebody should look at it,
    above `stop_high` charging must end."""

    warn_low: int | None = None
    warn_high: int | None = None
    stop_high: int | None = None


# Per kind of pile. Voltage: EN 50160, 230 V -10/+10 % (DC piles measure the vehicle's battery);
# current and power follow the socket (`defaults`); temperature: contact parts of EN 62196 plugs
# may rise 50 K above 40 °C, so 90 °C ends it and 70 °C is early enough to look.
_VOLTAGE: Final = {
    "ebike_box": Limits(207_000, 253_000, 264_500),
    "ac": Limits(207_000, 253_000, 264_500),
    "dc": Limits(None, 960_000, 1_000_000),
}
_TEMPERATURE: Final = Limits(None, 70_000, 90_000)
_MAINS_V: Final = 230


def defaults(pile_kind: str, max_power_w: int) -> dict[Kind, Limits]:
    """Limits of a socket that nobody has set any for."""
    amperes = max_power_w * 1000 // _MAINS_V  # of one phase: the most careful reading
    current = Limits(None, amperes * 110 // 100, amperes * 125 // 100)
    if pile_kind == "dc":  # its voltage, and so its current, is the vehicle's
        current = Limits()
    return {
        "voltage": _VOLTAGE.get(pile_kind, Limits()),
        "current": current,
        "power": Limits(None, max_power_w * 1100, max_power_w * 1250),
        "temperature": _TEMPERATURE,
    }


def judge(limits: Limits, value: int, before: Level = "") -> Level:
    """What a value means; what was wrong `before` stays so until it is clearly inside again."""
    level = _outside(limits, value)
    if RANK[before] <= RANK[level]:
        return level
    eased = Limits(
        _inwards(limits.warn_low, up=True),
        _inwards(limits.warn_high, up=False),
        _inwards(limits.stop_high, up=False),
    )
    still = _outside(eased, value)
    return still if RANK[still] <= RANK[before] else before


def _outside(limits: Limits, value: int) -> Level:
    if limits.stop_high is not None and value >= limits.stop_high:
        return "stop"
    if limits.warn_high is not None and value >= limits.warn_high:
        return "warn"
    return "warn" if limits.warn_low is not None and value <= limits.warn_low else ""


def _inwards(limit: int | None, *, up: bool) -> int | None:
    if limit is None:
        return None
    margin = abs(limit) * BACK_PERCENT // 100
    return limit + margin if up else limit - margin


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through values: its rise in thousandths an hour, where it ends, and how much
    of what the values do it explains, in percent."""

    per_hour: int
    last: int
    at: datetime
    explains: int = 100

    @property
    def steady(self) -> bool:
        """The values go that way, rather than up and down with the charges."""
        return self.per_hour != 0 and self.explains >= STEADY

    def reaches(self, limit: int | None) -> datetime | None:
        """When the line meets a limit ahead of it; None when it does not go there, or not within a
        month."""
        if limit is None or (limit - self.last) * self.per_hour <= 0:
            return None
        hours = -(-abs(limit - self.last) // abs(self.per_hour))
        return self.at + timedelta(hours=hours) if hours <= 31 * 24 else None

    def meets(self, limits: Limits) -> tuple[int, datetime] | None:
        """The nearest limit that the values go towards, and when they are there: upwards the limits
        above, downwards the one below."""
        ahead = (limits.warn_high, limits.stop_high) if self.per_hour > 0 else (limits.warn_low,)
        met = [(at, each) for each in ahead if (at := self.reaches(each)) and each is not None]
        return (min(met)[1], min(met)[0]) if met else None


def trend(points: Sequence[tuple[datetime, int]]) -> Trend | None:
    """The least-squares line through (moment, thousandths) in order of time; None for too few."""
    if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < LEAST_SPAN:
        return None
    start = points[0][0]
    xs = [int((at - start).total_seconds()) for at, _ in points]
    ys = [value for _, value in points]
    n, sum_x, sum_y = len(points), sum(xs), sum(ys)
    over = n * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum_x * sum_y
    under = n * sum(x * x for x in xs) - sum_x * sum_x
    per_hour = over * 3600 // under
    last = (sum_y + (over * (n * xs[-1] - sum_x)) // under) // n
    spread = n * sum(y * y for y in ys) - sum_y * sum_y
    explains = 100 * over * over // (under * spread) if spread else 100
    return Trend(per_hour, last, points[-1][0], explains)


def worth_keeping(minute: datetime, low: int, high: int, before: tuple[datetime, int, int]) -> bool:
    """Whether values tell more than what is kept of their minute: (minute, low, high) before."""
    return minute != before[0] or low < before[1] or high > before[2]
