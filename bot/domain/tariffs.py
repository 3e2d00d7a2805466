"""What a charge costs: tariff elements, when each applies, and the snapshot pinned to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Kind = Literal["energy", "time", "idle", "flat"]
KINDS: Final[tuple[Kind, ...]] = ("energy", "time", "idle", "flat")

# What one price stands for, and how many of the kind's base units (Wh, s, starts) that is.
UNITS: Final[Mapping[str, int]] = {"kwh": 1000, "h": 3600, "min": 60, "start": 1}
_UNITS_OF: Final[Mapping[Kind, tuple[str, ...]]] = {
    "energy": ("kwh",),
    "time": ("h", "min"),
    "idle": ("h", "min"),
    "flat": ("start",),
}


class TariffError(ValueError):
    """A tariff cannot be read; the message says which part and why (shown to staff)."""


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
class Element:
    """One price: `price` in major units per `per`; the first applying element of a kind wins.

    `step` (Wh or seconds) rounds the session's total of the kind up, once (OCPI step_size).
    `tax_percent` differs from the tariff's own only where the law has several rates.
    """

    kind: Kind
    price: Decimal
    per: str
    when: When | None = None
    step: int = 1
    tax_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """An immutable price list with everything a bill needs to be recomputed years later."""

    name: str
    currency: str
    tz: str
    tax_percent: Decimal
    includes_tax: bool
    elements: tuple[Element, ...]
    version: str = ""  # TariffVersion.id, as text
    minimum: Decimal | None = None  # of the total, in the basis of the prices
    maximum: Decimal | None = None
    idle_grace_s: int = 0
    idle_cap: Decimal | None = None  # most that idling may cost, in the basis of the prices
    idle_free: When | None = None  # e.g. at night for e-bikes
    zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "zone", ZoneInfo(self.tz))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise TariffError(f"unknown time zone {self.tz!r}") from error

    def element(self, kind: Kind, at: datetime) -> Element | None:
        """The element of a kind that applies at a moment; None means free."""
        local = at.astimezone(self.zone)
        for each in self.elements:
            if each.kind == kind and (each.when is None or each.when.applies(local)):
                return each
        return None

    def tax_of(self, element: Element) -> Decimal:
        """The tax rate of an element, in percent."""
        return self.tax_percent if element.tax_percent is None else element.tax_percent

    def boundaries(self, start: datetime, end: datetime) -> list[datetime]:
        """The moments strictly between `start` and `end` where any price may change, ascending.

        Walks local days, so 23- and 25-hour days come out right. A local time that the clock
        skips is the moment of the jump; one that comes twice gives both moments.
        """
        windows = [each.when for each in self.elements if each.when is not None]
        if self.idle_free is not None:
            windows.append(self.idle_free)
        if not windows:
            return []
        clocks = {time(0)}  # weekdays change at midnight
        for window in windows:
            clocks |= {clock for clock in (window.start, window.end) if clock is not None}
        day = start.astimezone(self.zone).date() - timedelta(days=1)
        last = end.astimezone(self.zone).date() + timedelta(days=1)
        found: set[datetime] = set()
        while day <= last:
            for clock in clocks:
                found |= self._moments(day, clock)
            day += timedelta(days=1)
        return sorted(moment for moment in found if start < moment < end)

    def _moments(self, day: date, clock: time) -> set[datetime]:
        both = set()
        for fold in (0, 1):
            local = datetime.combine(day, clock, tzinfo=self.zone).replace(fold=fold)
            both.add(local.astimezone(UTC))
        return both | self._jump(both)

    def _jump(self, moments: set[datetime]) -> set[datetime]:
        """Where the clock changes between two readings of one wall time, that change as well."""
        low, high = min(moments), max(moments)
        if low == high:
            return set()
        before = low - timedelta(hours=2)
        after = high + timedelta(hours=2)
        offset = before.astimezone(self.zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            if middle.astimezone(self.zone).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return {after.replace(microsecond=0)}


def dump_tariff(tariff: Tariff) -> dict[str, Any]:
    """The JSON form, for TariffVersion.body and ChargingSession.tariff; `load_tariff` reads it."""
    return {
        "name": tariff.name,
        "version": tariff.version,
        "currency": tariff.currency,
        "tz": tariff.tz,
        "tax_percent": str(tariff.tax_percent),
        "includes_tax": tariff.includes_tax,
        "elements": [_dump_element(each) for each in tariff.elements],
        "minimum": _text(tariff.minimum),
        "maximum": _text(tariff.maximum),
        "idle_grace_s": tariff.idle_grace_s,
        "idle_cap": _text(tariff.idle_cap),
        "idle_free": dump_when(tariff.idle_free),
    }


def load_tariff(body: Mapping[str, Any], **station: Any) -> Tariff:
    """The tariff in a JSON body; `station` gives what a TariffVersion leaves to the station
    (currency, tz, tax_percent, includes_tax, name, version). Raises TariffError.
    """
    given = {**station, **{name: value for name, value in body.items() if value is not None}}
    try:
        elements = tuple(_load_element(each) for each in given["elements"])
        return Tariff(
            name=str(given.get("name", "")),
            version=str(given.get("version", "")),
            currency=str(given["currency"]),
            tz=str(given["tz"]),
            tax_percent=_decimal(given["tax_percent"], "tax_percent"),
            includes_tax=bool(given["includes_tax"]),
            elements=elements,
            minimum=_optional(given.get("minimum"), "minimum"),
            maximum=_optional(given.get("maximum"), "maximum"),
            idle_grace_s=int(given.get("idle_grace_s") or 0),
            idle_cap=_optional(given.get("idle_cap"), "idle_cap"),
            idle_free=load_when(given.get("idle_free")),
        )
    except KeyError as error:
        raise TariffError(f"{error.args[0]} is missing") from error


def _dump_element(element: Element) -> dict[str, Any]:
    return {
        "kind": element.kind,
        "price": str(element.price),
        "per": element.per,
        "when": dump_when(element.when),
        "step": element.step,
        "tax_percent": _text(element.tax_percent),
    }


def _load_element(raw: Mapping[str, Any]) -> Element:
    kind = raw["kind"]
    if kind not in KINDS:
        raise TariffError(f"unknown element {kind!r}: one of {', '.join(KINDS)}")
    if raw["per"] not in _UNITS_OF[cast(Kind, kind)]:
        raise TariffError(f"{kind} cannot be priced per {raw['per']!r}")
    step = int(raw.get("step") or 1)
    if step < 1:
        raise TariffError("step must be at least 1")
    return Element(
        kind=cast(Kind, kind),
        price=_decimal(raw["price"], "price"),
        per=str(raw["per"]),
        when=load_when(raw.get("when")),
        step=step,
        tax_percent=_optional(raw.get("tax_percent"), "tax_percent"),
    )


def dump_when(when: When | None) -> dict[str, Any] | None:
    """The JSON form of a window; `load_when` reads it."""
    if when is None:
        return None
    return {
        "weekdays": sorted(when.weekdays),
        "start": when.start and when.start.isoformat("minutes"),
        "end": when.end and when.end.isoformat("minutes"),
    }


def load_when(raw: Mapping[str, Any] | None) -> When | None:
    """The window in a JSON body. Raises TariffError."""
    if raw is None:
        return None
    try:
        start, end = (
            None if raw.get(name) is None else time.fromisoformat(raw[name])
            for name in ("start", "end")
        )
        weekdays = frozenset(int(day) for day in raw.get("weekdays") or ())
    except (TypeError, ValueError) as error:
        raise TariffError(f"cannot read the times {dict(raw)!r}") from error
    if not weekdays <= frozenset(range(7)):
        raise TariffError("weekdays are 0 (Monday) to 6")
    return When(weekdays, start, end)


def _decimal(raw: object, name: str) -> Decimal:
    """An exact, non-negative decimal; floats are refused because they are not exact."""
    if isinstance(raw, float | bool) or not isinstance(raw, str | int | Decimal):
        raise TariffError(f"{name} must be a decimal written as text, not {raw!r}")
    try:
        value = Decimal(raw)
    except InvalidOperation as error:
        raise TariffError(f"{name} is not a number: {raw!r}") from error
    if not value.is_finite() or value < 0:
        raise TariffError(f"{name} must not be negative: {raw!r}")
    return value


def _optional(raw: object, name: str) -> Decimal | None:
    return None if raw is None else _decimal(raw, name)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
