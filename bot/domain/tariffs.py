"""What a charge costs: tariff elements, when each applies, and the snapshot pinned to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.restrictions import ANY, Only, Reservation, State, When, dump_only, load_only

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
__all__ = [
    "KINDS", "NO_LIMIT", "UNITS", "Element", "Kind", "Limit", "Tariff", "TariffError", "When",
    "by_calendar", "dump_tariff", "dump_when", "load_tariff", "load_when",
]  # fmt: skip
RESERVABLE: Final[frozenset[Kind]] = frozenset({"flat", "time"})
_SIDES: Final = ("before", "after")
AT_START: Final = State()


class TariffError(ValueError):
    """A tariff cannot be read; the message says which part and why (shown to staff)."""


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
    only: Only = ANY

    @property
    def always(self) -> bool:
        """Whether it applies at any time of any charge."""
        return self.when is None and self.only == ANY


@dataclass(frozen=True, slots=True)
class Limit:
    """A least or most total, before and after tax; where both are set, both hold (OCPI)."""

    before: Decimal | None = None
    after: Decimal | None = None


NO_LIMIT: Final = Limit()


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
    minimum: Limit = NO_LIMIT
    maximum: Limit = NO_LIMIT
    idle_grace_s: int = 0
    idle_cap: Decimal | None = None  # most that idling may cost, in the basis of the prices
    idle_free: When | None = None  # e.g. at night for e-bikes
    idle_if_waited: bool = False  # idling costs only while somebody waits for the place
    zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "zone", ZoneInfo(self.tz))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise TariffError(f"unknown time zone {self.tz!r}") from error

    def element(self, kind: Kind, at: datetime, state: State = AT_START) -> Element | None:
        """The element of a kind that applies to charging at a moment; None means free."""
        local = at.astimezone(self.zone)
        for each in self.elements:
            if each.kind == kind and not each.only.reservation and _applies(each, local, state):
                return each
        return None

    def reservation(self, kind: Kind, at: datetime, *, expired: bool) -> Element | None:
        """The element of a kind ("flat" or "time") for reserving a place; `expired`: nobody came.
        What is set for that goes before what reserving costs anyway."""
        local = at.astimezone(self.zone)
        order: tuple[Reservation, ...] = ("RESERVATION_EXPIRES", "RESERVATION")
        for name in order if expired else order[1:]:
            for each in self.elements:
                own = each.kind == kind and each.only.reservation == name
                if own and _applies(each, local, AT_START):
                    return each
        return None

    @property
    def prices_reservations(self) -> bool:
        """Whether it says anything of reserving; if not, the market's settings do."""
        return any(each.only.reservation for each in self.elements)

    def limit(self, limit: Limit) -> Decimal | None:
        """A limit in the basis of the prices, the one that riders compare a price with."""
        return limit.after if self.includes_tax else limit.before

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
        if not windows and not any(each.only.dated for each in self.elements):
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


def _applies(element: Element, local: datetime, state: State) -> bool:
    when, only = element.when, element.only
    return (when is None or when.applies(local)) and (only is ANY or only.applies(local, state))


def by_calendar(element: Element, local: datetime) -> bool:
    """Whether the date and the hour allow a price, however a charge goes."""
    only = Only(start_date=element.only.start_date, end_date=element.only.end_date)
    return _applies(replace(element, only=only), local, AT_START)


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
        "minimum": _dump_limit(tariff.minimum),
        "maximum": _dump_limit(tariff.maximum),
        "idle_grace_s": tariff.idle_grace_s,
        "idle_cap": _text(tariff.idle_cap),
        "idle_free": dump_when(tariff.idle_free),
        "idle_if_waited": tariff.idle_if_waited,
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
            minimum=_load_limit(given, "minimum"),
            maximum=_load_limit(given, "maximum"),
            idle_grace_s=int(given.get("idle_grace_s") or 0),
            idle_cap=_optional(given.get("idle_cap"), "idle_cap"),
            idle_free=load_when(given.get("idle_free")),
            idle_if_waited=bool(given.get("idle_if_waited")),
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
        **({} if element.only == ANY else {"only": dump_only(element.only)}),
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
    only = _load_only(raw.get("only"))
    if only.reservation and kind not in RESERVABLE:
        raise TariffError(f"reserving can cost a fee or time, not {kind}")
    return Element(
        kind=cast(Kind, kind),
        price=_decimal(raw["price"], "price"),
        per=str(raw["per"]),
        when=load_when(raw.get("when")),
        step=step,
        tax_percent=_optional(raw.get("tax_percent"), "tax_percent"),
        only=only,
    )


def _load_only(raw: Mapping[str, Any] | None) -> Only:
    if not raw:
        return ANY
    try:
        return load_only(raw)
    except ValueError as error:
        raise TariffError(str(error)) from error


def _dump_limit(limit: Limit) -> dict[str, str] | None:
    sides = {"before": limit.before, "after": limit.after}
    return {name: str(value) for name, value in sides.items() if value is not None} or None


def _load_limit(given: Mapping[str, Any], name: str) -> Limit:
    """Plain text is a limit in the basis of the prices."""
    raw = given.get(name)
    if isinstance(raw, Mapping):
        return Limit(*(_optional(raw.get(side), f"{name} {side} tax") for side in _SIDES))
    value = _optional(raw, name)
    return Limit(after=value) if given["includes_tax"] else Limit(before=value)


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
