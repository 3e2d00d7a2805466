"""Prices in words for staff: each element as a sentence, a week in bands, the lines of a bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from bot.domain.pricing import Bill
from bot.domain.restrictions import MEASURES, Only, State, When, load_only, plain
from bot.domain.tariffs import Element, Tariff
from bot.store.stations import TariffVersion

DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS: Final = [
    ("", "Every day"), ("0,1,2,3,4", "Monday to Friday"), ("5,6", "Saturday and Sunday"),
    *((str(number), name) for number, name in enumerate(DAY_NAMES)),
]  # fmt: skip
PER: Final = {"kwh": "kWh", "h": "h", "min": "min", "start": "start"}
_NAMES: Final = {
    "energy": "Energy", "time": "Charging time", "flat": "Start fee", "idle": "Plugged in after",
    "minimum": "Up to the least price", "maximum": "Above the most", "over_hold": "Not held",
    "rounding": "Rounded down", "waived": "Waived", "coupon": "Coupon", "plan": "Plan",
    "paid_before": "Least price, paid before",
}  # fmt: skip
_RESERVED: Final = {"RESERVATION": "Reserving", "RESERVATION_EXPIRES": "Booked and not come"}
_UNTIL: Final = {"wh": "the first {} kWh", "s": "the first {} min"}
_FROM: Final = {"wh": "after the first {} kWh", "s": "after {} min"}
_FLOW: Final = {"w": ("kW", "power"), "ma": ("A", "current")}


@dataclass(frozen=True, slots=True)
class Told:
    """A price in words."""

    what: str
    price: str
    when: str


def told(body: Mapping[str, Any], currency: str) -> list[Told]:
    """What a version costs, a line a price; then what holds for all."""
    lines = []
    for each in body.get("elements") or ():
        only = load_only(each.get("only") or {})
        what = _RESERVED.get(only.reservation) or _NAMES.get(each["kind"], each["kind"])
        price = f"{each['price']} {currency}/{PER[each['per']]}"
        lines.append(Told(what, price, _conditions(each, only)))
    for name, words in (("minimum", "At least"), ("maximum", "At most")):
        lines += [Told(words, *_limit(each, currency)) for each in _limits(body.get(name))]
    if body.get("idle_cap"):
        lines.append(Told("Plugged in after, at most", f"{body['idle_cap']} {currency}", ""))
    if grace := body.get("idle_grace_s"):
        lines.append(Told("Plugged in after, free for", f"{grace // 60} min", ""))
    if free := body.get("idle_free"):
        lines.append(Told("Plugged in after", "free", _window(free)))
    if body.get("idle_if_waited"):
        lines.append(Told("Plugged in after", "only while somebody waits", ""))
    return lines


def _limits(raw: Any) -> list[tuple[str, str]]:
    if not raw:
        return []
    if isinstance(raw, Mapping):
        return [(str(raw[side]), f"{side} tax") for side in ("before", "after") if raw.get(side)]
    return [(str(raw), "")]


def _limit(limit: tuple[str, str], currency: str) -> tuple[str, str]:
    return f"{limit[0]} {currency}", limit[1]


def _conditions(element: Mapping[str, Any], only: Only) -> str:
    return ", ".join(filter(None, (_window(element.get("when") or {}), *_ranges(only))))


def _window(when: Mapping[str, Any]) -> str:
    days = ",".join(str(day) for day in sorted(when.get("weekdays") or ()))
    start, end = when.get("start"), when.get("end")
    hours = f"{start or '00:00'}–{end or '24:00'}" if start or end else ""
    return ", ".join(filter(None, (days_named(days) if days else "", hours)))


def days_named(days: str) -> str:
    """Weekdays in words: "Monday to Friday", "Tue, Thu"."""
    known = dict(DAYS)
    names = [DAY_NAMES[int(each)][:3] for each in days.split(",") if each.isdecimal()]
    return known.get(days) or ", ".join(names)


def _ranges(only: Only) -> list[str]:
    """Dates and thresholds in words."""
    found = []
    if only.start_date and only.end_date:
        last = only.end_date - timedelta(days=1)
        found.append(f"from {only.start_date} to {last}")
    elif only.start_date:
        found.append(f"from {only.start_date} on")
    elif only.end_date:
        found.append(f"until {only.end_date - timedelta(days=1)}")
    for name, unit, scale in MEASURES:
        low, high = getattr(only, f"min_{name}"), getattr(only, f"max_{name}")
        least, most = (None if each is None else _number(each, scale) for each in (low, high))
        if name in _FLOW:
            found += _flow(least, most, unit, _FLOW[name][1])
        elif least and most:
            found.append(f"from {least} to {most} {unit}")
        elif most:
            found.append(_UNTIL[name].format(most))
        elif least:
            found.append(_FROM[name].format(least))
    return found


def _flow(least: str | None, most: str | None, unit: str, what: str) -> list[str]:
    if least and most:
        return [f"{what} of {least} to under {most} {unit}"]
    if least:
        return [f"{what} of {least} {unit} or more"]
    return [f"{what} under {most} {unit}"] if most else []


def _number(value: int, scale: int) -> str:
    return plain(Decimal(value) / scale)


_VERBS: Final = {
    "energy": "Each kWh costs", "time": "Charging costs", "idle": "Staying plugged in costs",
    "flat": "Starting costs",
}  # fmt: skip


def sentence(element: Element, currency: str) -> str:
    """A price as one plain sentence."""
    verb = _VERBS[element.kind]
    if element.only.reservation == "RESERVATION":
        verb = "Keeping a booked place costs"
    elif element.only.reservation:
        verb = "Not coming to a booking costs"
    price = "nothing" if not element.price else f"{element.price} {currency}"
    per = {"h": " an hour", "min": " a minute"}.get(element.per, "") if element.price else ""
    when = element.when or When()
    window = {
        "weekdays": when.weekdays, "start": when.start and f"{when.start:%H:%M}",
        "end": when.end and f"{when.end:%H:%M}",
    }  # fmt: skip
    conditions = [each for each in (_window(window), *_ranges(element.only)) if each]
    step = ""
    if element.step > 1:
        unit = "Wh" if element.kind == "energy" else "s"
        step = f", counted in steps of {element.step} {unit}"
    tax = "" if element.tax_percent is None else f", taxed at {plain(element.tax_percent)} %"
    said = f"{verb} {price}{per}{step}{tax}"
    return f"{said}: {'; '.join(conditions)}." if conditions else f"{said}, always."


# --- the week ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Band:
    """Hours of a day with one price; `tone` 0 is free, 1 the cheapest, 5 the dearest."""

    start: str
    end: str
    price: str
    x: int  # minutes from midnight,
    width: int  # and how many
    tone: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the week in bands."""

    name: str
    bands: Sequence[Band]


def week(tariff: Tariff, now: datetime) -> tuple[str, list[Day]]:
    """What the bands are of, and those of seven days from today on, by the main price: that at the
    start of a charge."""
    kind = next((each.kind for each in tariff.elements if each.kind in {"energy", "time"}), None)
    if kind is None:
        return "", []
    today = now.astimezone(tariff.zone).date()
    monday = today + timedelta(days=-today.weekday() % 7)
    days = []
    for number in range(7):
        day = monday + timedelta(days=number)
        start, end = (
            datetime.combine(each, time(0), tzinfo=tariff.zone).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        days.append(_bands(tariff, kind, start, end))
    prices = sorted({price for each in days for _, price in each if price})
    tones = {price: 1 + 4 * n // max(1, len(prices) - 1) for n, price in enumerate(prices)}
    named = [Day(DAY_NAMES[number][:3], _drawn(bands, tones)) for number, bands in enumerate(days)]
    return ("Energy, per kWh" if kind == "energy" else "Charging time"), named


def _bands(tariff: Tariff, kind: Any, start: datetime, end: datetime) -> list[tuple[int, Decimal]]:
    """(minute of the day, price) where the price changes."""
    found: list[tuple[int, Decimal]] = []
    for at in (start, *tariff.boundaries(start, end)):
        element = tariff.element(kind, at, State())
        price = Decimal(0) if element is None else element.price
        if element is not None and element.per == "min":
            price *= 60
        local = at.astimezone(tariff.zone)
        if not found or found[-1][1] != price:
            found.append((local.hour * 60 + local.minute, price))
    return found


def _drawn(bands: Sequence[tuple[int, Decimal]], tones: Mapping[Decimal, int]) -> list[Band]:
    ends = [minute for minute, _ in bands[1:]] + [1440]
    return [
        Band(
            f"{minute // 60:02}:{minute % 60:02}", f"{end // 60:02}:{end % 60:02}",
            plain(price) if price else "free", minute, max(0, end - minute), tones.get(price, 0),
        )
        for (minute, price), end in zip(bands, ends, strict=True)
    ]  # fmt: skip


# --- bills and versions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bill as staff read it."""

    what: str
    quantity: str
    price: str
    amount: str
    tax: str


def bill_lines(bill: Bill, scale: int) -> list[Line]:
    """A bill's lines as staff read them; `scale` is the currency's decimals."""
    return [
        Line(
            what=", ".join(filter(None, (
                _NAMES.get(each.what, each.what), days_named(each.days) if each.days else "",
                each.window,
            ))),
            quantity=_quantity(each.quantity, each.unit),
            price=f"{each.unit_price}/{PER.get(each.per, each.per)}" if each.unit_price else "",
            amount=amount(each.gross_minor, scale),
            tax=each.tax_percent,
        )
        for each in bill.lines
    ]  # fmt: skip


def amount(minor: int, scale: int) -> str:
    """Minor units in major ones, exact: "7.90"."""
    return str(Decimal(minor).scaleb(-scale))


def _quantity(quantity: str, unit: str) -> str:
    if unit == "s":
        return f"{int(quantity) // 60}:{int(quantity) % 60:02} min"
    return f"{quantity} kWh" if unit == "kwh" else ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the list; `state` is "now", "ahead" or "past"."""

    id: int
    valid_from: Any
    state: str
    lines: Sequence[Told]


def listed(found: Sequence[TariffVersion], now: Any, currency: str) -> list[Version]:
    """Versions, the last first, each with whether it counts now."""
    current = next((each.id for each in found if each.valid_from <= now), None)
    return [
        Version(
            each.id, each.valid_from,
            "ahead" if each.valid_from > now else "now" if each.id == current else "past",
            told(each.body, currency),
        )
        for each in found
    ]  # fmt: skip
