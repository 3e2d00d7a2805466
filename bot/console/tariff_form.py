"""Prices as a form without scripts: a row a price, what is empty does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.domain.pricing import Bill
from bot.domain.tariffs import TariffError
from bot.store.stations import TariffVersion

ROWS: Final = 8
SPARE: Final = 2
KINDS: Final = [
    ("", "–"), ("energy:kwh", "Energy, per kWh"), ("time:h", "Charging time, per hour"),
    ("time:min", "Charging time, per minute"), ("flat:start", "Start fee"),
    ("idle:min", "Plugged in after charging, per minute"),
    ("idle:h", "Plugged in after charging, per hour"),
]  # fmt: skip
_DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS: Final = [
    ("", "Every day"), ("0,1,2,3,4", "Monday to Friday"), ("5,6", "Saturday and Sunday"),
    *((str(number), name) for number, name in enumerate(_DAY_NAMES)),
]  # fmt: skip
_PER: Final = {"kwh": "kWh", "h": "h", "min": "min", "start": "start"}
_NAMES: Final = {
    "energy": "Energy", "time": "Charging time", "flat": "Start fee", "idle": "Plugged in after",
    "minimum": "Up to the least price", "maximum": "Above the most", "over_hold": "Not held",
    "waived": "Waived", "plan": "Plan", "coupon": "Coupon",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A price as the form shows it; all text."""

    kind: str = ""
    price: str = ""
    days: str = ""
    start: str = ""
    end: str = ""
    step: str = ""
    tax: str = ""


def rows_of(body: Mapping[str, Any]) -> list[Row]:
    """The prices of a version, and some empty rows."""
    rows = []
    for each in body.get("elements") or ():
        when = each.get("when") or {}
        rows.append(
            Row(
                kind=f"{each['kind']}:{each['per']}",
                price=str(each["price"]),
                days=",".join(str(day) for day in sorted(when.get("weekdays") or ())),
                start=when.get("start") or "",
                end=when.get("end") or "",
                step=str(each.get("step") or ""),
                tax=str(each.get("tax_percent") or ""),
            )
        )
    return rows + [Row()] * max(SPARE, min(ROWS, 4) - len(rows))


def given_rows(form: Mapping[str, str]) -> list[Row]:
    """The rows as they stand in a form that was refused."""
    return [_row(form, number) for number in range(_count(form))]


def days_options(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What can be picked, with the unusual sets of days that the prices have."""
    known = {key for key, _ in DAYS}
    unusual = {row.days for row in rows if row.days not in known}
    return DAYS + [(each, _days(each)) for each in sorted(unusual)]


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """TariffVersion.body of a form. Raises TariffError in words for staff."""
    elements = []
    for number in range(_count(form)):
        row = _row(form, number)
        if not row.kind and not row.price:
            continue
        kind, _, per = row.kind.partition(":")
        if not kind or not row.price:
            raise TariffError(f"Row {number + 1} needs both what is charged for and a price")
        element: dict[str, Any] = {"kind": kind, "per": per, "price": row.price}
        if row.days or row.start or row.end:
            element["when"] = _when(row.days, row.start, row.end, f"Row {number + 1}")
        if row.step.isdecimal() and int(row.step) > 1:
            element["step"] = int(row.step)
        if row.tax:
            element["tax_percent"] = row.tax
        elements.append(element)
    body: dict[str, Any] = {"elements": elements}
    for name in ("minimum", "maximum", "idle_cap"):
        if value := _number(form.get(name, "")):
            body[name] = value
    grace = form.get("idle_grace", "").strip()
    if grace:
        if not grace.isdecimal() or int(grace) > 1440:
            raise TariffError("The free minutes after charging are a whole number up to 1440")
        body["idle_grace_s"] = int(grace) * 60
    start, end = form.get("idle_free_start", "").strip(), form.get("idle_free_end", "").strip()
    if start or end:
        free_days = form.get("idle_free_days", "").strip()
        body["idle_free"] = _when(free_days, start, end, "The free hours after charging")
    return body


def _count(form: Mapping[str, str]) -> int:
    return sum(1 for number in range(50) if f"kind-{number}" in form)


def _row(form: Mapping[str, str], number: int) -> Row:
    def get(name: str) -> str:
        return form.get(f"{name}-{number}", "").strip()[:40]

    price = _number(get("price"))
    return Row(get("kind"), price, get("days"), get("start"), get("end"), get("step"), get("tax"))


def _number(text: str) -> str:
    return text.strip().replace(",", ".")[:20]


def _when(days: str, start: str, end: str, where: str) -> dict[str, Any]:
    if bool(start) != bool(end):
        raise TariffError(f"{where} needs both a first and a last time, or none")
    weekdays = [int(each) for each in days.split(",") if each.isdecimal()]
    return {"weekdays": weekdays, "start": start or None, "end": end or None}


# --- in words ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A price in words."""

    what: str
    price: str
    when: str


def told(body: Mapping[str, Any], currency: str) -> list[Told]:
    """What a version costs, a line a price; then what holds for all."""
    lines = [
        Told(_NAMES.get(e["kind"], e["kind"]), f"{e['price']} {currency}/{_PER[e['per']]}", _of(e))
        for e in body.get("elements") or ()
    ]
    for name, words in (
        ("minimum", "At least"),
        ("maximum", "At most"),
        ("idle_cap", "Plugged in after, at most"),
    ):
        if body.get(name):
            lines.append(Told(words, f"{body[name]} {currency}", ""))
    if grace := body.get("idle_grace_s"):
        lines.append(Told("Plugged in after, free for", f"{grace // 60} min", ""))
    if free := body.get("idle_free"):
        lines.append(Told("Plugged in after", "free", _window(free)))
    return lines


def _of(element: Mapping[str, Any]) -> str:
    return _window(element.get("when") or {})


def _window(when: Mapping[str, Any]) -> str:
    days = ",".join(str(day) for day in sorted(when.get("weekdays") or ()))
    hours = f"{when['start']}–{when['end']}" if when.get("start") and when.get("end") else ""
    return ", ".join(filter(None, (_days(days) if days else "", hours)))


def _days(days: str) -> str:
    known = dict(DAYS)
    names = [_DAY_NAMES[int(each)][:3] for each in days.split(",") if each.isdecimal()]
    return known.get(days) or ", ".join(names)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a preview."""

    what: str
    quantity: str
    price: str
    amount: str


def bill_lines(bill: Bill, scale: int) -> list[Line]:
    """A bill's lines as staff read them; `scale` is the currency's decimals."""
    return [
        Line(
            what=f"{_NAMES.get(each.what, each.what)}{f', {each.window}' if each.window else ''}",
            quantity=_quantity(each.quantity, each.unit),
            price=f"{each.unit_price}/{_PER.get(each.per, each.per)}" if each.unit_price else "",
            amount=f"{each.gross_minor / 10**scale:.{scale}f}",
        )
        for each in bill.lines
    ]


def _quantity(quantity: str, unit: str) -> str:
    if unit == "s":
        return f"{int(quantity) // 60} min"
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
