"""When a price applies: daily windows, dates, and how much, how fast, how long was charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

# What a price is for apart from charging itself (OCPI ReservationRestrictionType).
Reservation = Literal["", "RESERVATION", "RESERVATION_EXPIRES"]
RESERVATIONS: Final[tuple[Reservation, ...]] = ("", "RESERVATION", "RESERVATION_EXPIRES")

# Limits by pairs: the field, its unit for people, and how many base units that is.
MEASURES: Final[tuple[tuple[str, str, int], ...]] = (
    ("wh", "kWh", 1000), ("w", "kW", 1000), ("ma", "A", 1000), ("s", "min", 60),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """How a session stands at a moment: Wh and seconds since its start, and what flows. None where
    it is not known: then a price that asks for it does not apply."""

    wh: int = 0
    seconds: int = 0
    w: Fraction | int | None = None
    ma: int | None = None


@dataclass(frozen=True, slots=True)
class When:
    """A daily window in station-local time; `start` after `end` wraps midnight.

    `weekdays` are 0 (Monday) to 6, empty for all; a window that wraps belongs to the day it
    begins on. Without `start` and `end` the whole day is meant.
    """

    weekdays: frozenset[int] = frozenset()
    start: time | None = None
    end: time | None = None

    def applies(self, local: datetime) -> bool:
        """Whether a local moment is inside; the start belongs to the window, the end does not."""
        start, end, clock = self.start or time(0), self.end or time(0), local.time()
        day = local.date()
        if start < end:
            inside = start <= clock < end
        elif clock >= start:  # the evening part of a wrapping window, or a whole day
            inside = True
        else:
            inside, day = clock < end, day - timedelta(days=1)
        return inside and (not self.weekdays or day.weekday() in self.weekdays)


@dataclass(frozen=True, slots=True)
class Only:
    """Further conditions (OCPI TariffRestrictions); all that are set must hold.

    A least value belongs to its range, a most value does not, so that ranges can meet. Energy and
    duration count from the session's start; power is that between two meter readings, current the
    sum over all phases. A price with `reservation` is for reserving, never for charging.
    """

    start_date: date | None = None
    end_date: date | None = None  # the first day after
    min_wh: int | None = None
    max_wh: int | None = None
    min_w: int | None = None
    max_w: int | None = None
    min_ma: int | None = None
    max_ma: int | None = None
    min_s: int | None = None
    max_s: int | None = None
    reservation: Reservation = ""

    def applies(self, local: datetime, state: State) -> bool:
        """Whether all conditions but the reservation hold."""
        day = local.date()
        if self.start_date is not None and day < self.start_date:
            return False
        if self.end_date is not None and day >= self.end_date:
            return False
        return (
            _within(state.wh, self.min_wh, self.max_wh)
            and _within(state.seconds, self.min_s, self.max_s)
            and _within(state.w, self.min_w, self.max_w)
            and _within(state.ma, self.min_ma, self.max_ma)
        )

    @property
    def by_session(self) -> bool:
        """Whether it depends on how the session goes, not on the calendar alone."""
        return any(
            getattr(self, f"{side}_{name}") is not None
            for name, _, _ in MEASURES
            for side in ("min", "max")
        )

    @property
    def dated(self) -> bool:
        """Whether it holds on some days only."""
        return self.start_date is not None or self.end_date is not None


ANY: Final = Only()


def _within(value: Fraction | int | None, least: int | None, most: int | None) -> bool:
    if least is None and most is None:
        return True
    if value is None:
        return False
    return (least is None or value >= least) and (most is None or value < most)


def label(when: When | None, only: Only) -> str:
    """The conditions in signs that need no language and that every typeface has: "22:00–07:00,
    > 10 kWh"; "" for none. Weekdays
    are not in it."""
    parts = []
    if when is not None and (when.start or when.end):
        parts.append("–".join(f"{clock or time(0):%H:%M}" for clock in (when.start, when.end)))
    if only.dated:
        last = only.end_date - timedelta(days=1) if only.end_date else None
        ends = [each.isoformat() if each else "" for each in (only.start_date, last)]
        parts.append("–".join(ends) if ends[0] != ends[1] else ends[0])
    for name, unit, scale in MEASURES:
        parts.append(
            _range(getattr(only, f"min_{name}"), getattr(only, f"max_{name}"), unit, scale)
        )
    return ", ".join(filter(None, parts))


def _range(least: int | None, most: int | None, unit: str, scale: int) -> str:
    low, high = (None if each is None else plain(Decimal(each) / scale) for each in (least, most))
    if low and high:
        return f"{low}–{high} {unit}"
    if low:
        return f"> {low} {unit}"
    return f"< {high} {unit}" if high else ""


def plain(value: Decimal) -> str:
    """A decimal without an exponent or trailing zeros: "25.5", "10", "0"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


# --- JSON: as people write it, amounts as text in kWh, kW, A; seconds and days as they are

_JSON: Final[Mapping[str, tuple[str, int]]] = {
    "min_wh": ("min_kwh", 1000), "max_wh": ("max_kwh", 1000), "min_w": ("min_kw", 1000),
    "max_w": ("max_kw", 1000), "min_ma": ("min_a", 1000), "max_ma": ("max_a", 1000),
    "min_s": ("min_s", 1), "max_s": ("max_s", 1),
}  # fmt: skip
NAMES: Final = frozenset(name for name, _ in _JSON.values()) | {
    "start_date", "end_date", "reservation",
}  # fmt: skip


def dump_only(only: Only) -> dict[str, str | int]:
    """The conditions that are set, for JSON; `load_only` reads it."""
    found: dict[str, str | int] = {}
    for each in fields(only):
        value = getattr(only, each.name)
        if value is None or value == "":
            continue
        if each.name in _JSON:
            name, scale = _JSON[each.name]
            found[name] = value if scale == 1 else plain(Decimal(value) / scale)
        else:
            found[each.name] = value.isoformat() if isinstance(value, date) else value
    return found


def load_only(raw: Mapping[str, object]) -> Only:
    """The conditions in a JSON body. Raises ValueError in words that name the field."""
    if unknown := set(raw) - NAMES:
        raise ValueError(f"{sorted(unknown)[0]} is not known")
    reservation = raw.get("reservation") or ""
    if reservation not in RESERVATIONS:
        raise ValueError(f"reservation is RESERVATION or RESERVATION_EXPIRES, not {reservation!r}")
    amounts = {field: _amount(raw.get(name), name, scale) for field, (name, scale) in _JSON.items()}
    for name, _, _ in MEASURES:
        low, high = amounts[f"min_{name}"], amounts[f"max_{name}"]
        if low is not None and high is not None and low >= high:
            raise ValueError(f"{_JSON[f'max_{name}'][0]} must be above {_JSON[f'min_{name}'][0]}")
    start, end = (_day(raw.get(name), name) for name in ("start_date", "end_date"))
    if start is not None and end is not None and start >= end:
        raise ValueError("end_date must be after start_date: it is the first day without")
    return Only(start_date=start, end_date=end, reservation=reservation, **amounts)


def _amount(raw: object, name: str, scale: int) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, float | bool) or not isinstance(raw, str | int | Decimal):
        raise ValueError(f"{name} must be a decimal written as text, not {raw!r}")
    try:
        value = Decimal(raw) * scale
    except ArithmeticError as error:
        raise ValueError(f"{name} is not a number: {raw!r}") from error
    if not value.is_finite() or not 0 <= value < 10**9:
        raise ValueError(f"{name} is out of range: {raw!r}")
    if value != value.to_integral_value():
        raise ValueError(f"{name} is finer than can be measured: {raw!r}")
    return int(value)


def _day(raw: object, name: str) -> date | None:
    if raw is None or raw == "":
        return None
    try:
        return date.fromisoformat(str(raw))
    except ValueError as error:
        raise ValueError(f"{name} is a date like 2026-12-24, not {raw!r}") from error
