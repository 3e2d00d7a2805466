"""Prices as a form without scripts: a row a price, what is empty does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bot.console.tariff_words import DAYS, days_named
from bot.domain.restrictions import load_only
from bot.domain.tariffs import TariffError, load_tariff

ROWS: Final = 50
SPARE: Final = 2
KINDS: Final = [
    ("", "–"), ("energy:kwh", "Energy, per kWh"), ("time:h", "Charging time, per hour"),
    ("time:min", "Charging time, per minute"), ("flat:start", "Start fee"),
    ("idle:min", "Plugged in after charging, per minute"),
    ("idle:h", "Plugged in after charging, per hour"),
]  # fmt: skip
RESERVING: Final = [
    ("", "Charging"), ("RESERVATION", "Keeping a booked place"),
    ("RESERVATION_EXPIRES", "A booking nobody came to"),
]  # fmt: skip
# Conditions of a row: name, label, and how it is typed.
MORE: Final = (
    ("min_kwh", "After kWh", "decimal"), ("max_kwh", "Up to kWh", "decimal"),
    ("min_kw", "From kW", "decimal"), ("max_kw", "Under kW", "decimal"),
    ("min_a", "From A", "decimal"), ("max_a", "Under A", "decimal"),
    ("min_min", "After minutes", "numeric"), ("max_min", "Up to minutes", "numeric"),
    ("from_day", "First day", "date"), ("to_day", "Last day", "date"),
    ("tax", "Tax, %", "decimal"), ("step", "Step, Wh or s", "numeric"),
)  # fmt: skip
_LIMITS: Final = ("min_kwh", "max_kwh", "min_kw", "max_kw", "min_a", "max_a")


class FormError(TariffError):
    """What cannot be read, by the field's name; "" stands for the whole form."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(next(iter(problems.values())))
        self.problems = dict(problems)


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
    reservation: str = ""
    min_kwh: str = ""
    max_kwh: str = ""
    min_kw: str = ""
    max_kw: str = ""
    min_a: str = ""
    max_a: str = ""
    min_min: str = ""
    max_min: str = ""
    from_day: str = ""
    to_day: str = ""

    @property
    def more(self) -> bool:
        """Whether it has conditions beyond days and hours."""
        return bool(self.reservation) or any(getattr(self, name) for name, _, _ in MORE)


_NUMBERS: Final = {"price", "tax", *_LIMITS}


def rows_of(body: Mapping[str, Any]) -> list[Row]:
    """The prices of a version, and some empty rows."""
    rows = [_row_of(each) for each in body.get("elements") or ()]
    return rows + [Row()] * SPARE


def _row_of(element: Mapping[str, Any]) -> Row:
    when, only = element.get("when") or {}, element.get("only") or {}
    step = element.get("step") or 1
    last = only.get("end_date")
    return Row(
        kind=f"{element['kind']}:{element['per']}",
        price=str(element["price"]),
        days=",".join(str(day) for day in sorted(when.get("weekdays") or ())),
        start=when.get("start") or "",
        end=when.get("end") or "",
        step=str(step) if step > 1 else "",
        tax=str(element.get("tax_percent") or ""),
        reservation=only.get("reservation") or "",
        **{name: str(only.get(name) or "") for name in _LIMITS},
        min_min=_minutes(only.get("min_s")),
        max_min=_minutes(only.get("max_s")),
        from_day=only.get("start_date") or "",
        to_day=str(date.fromisoformat(last) - timedelta(days=1)) if last else "",
    )


def _minutes(seconds: int | None) -> str:
    if not seconds:
        return ""
    return f"{seconds // 60}" if seconds % 60 == 0 else f"{seconds // 60}:{seconds % 60:02}"


def given_rows(form: Mapping[str, str]) -> list[Row]:
    """The rows as they stand in a form that was refused or looked at; two are empty for more."""
    rows = [_row(form, number) for number in range(_count(form))]
    empty = sum(not (row.kind or row.price) for row in rows)
    return (rows + [Row()] * max(0, SPARE - empty))[:ROWS]


def rest_of(body: Mapping[str, Any], *, includes_tax: bool) -> dict[str, str]:
    """What holds for all prices, as the form has it."""
    free = body.get("idle_free") or {}
    given = {"idle_cap": str(body.get("idle_cap") or "")}
    for name in ("minimum", "maximum"):
        limit = body.get(name) or {}
        if not isinstance(limit, Mapping):
            limit = {"after" if includes_tax else "before": limit}
        given |= {f"{name}_{side}": str(limit.get(side) or "") for side in ("before", "after")}
    grace = body.get("idle_grace_s") or 0
    return given | {
        "idle_grace": str(grace // 60) if grace else "",
        "idle_free_start": free.get("start") or "",
        "idle_free_end": free.get("end") or "",
        "idle_free_days": ",".join(str(day) for day in sorted(free.get("weekdays") or ())),
        "idle_if_waited": "1" if body.get("idle_if_waited") else "",
    }


def days_options(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What can be picked, with the unusual sets of days that the prices have."""
    known = {key for key, _ in DAYS}
    unusual = {row.days for row in rows if row.days not in known}
    return DAYS + [(each, days_named(each)) for each in sorted(unusual)]


# --- reading -------------------------------------------------------------------------------------


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """TariffVersion.body of a form. Raises FormError with what is wrong in each field."""
    problems: dict[str, str] = {}
    elements = []
    for number in range(_count(form)):
        row = _row(form, number)
        if row == Row(days=row.days):
            continue
        if element := _element(row, number, problems):
            elements.append(element)
    body: dict[str, Any] = {"elements": elements}
    for name in ("minimum", "maximum"):
        sides = {side: _amount(form, f"{name}_{side}", problems) for side in ("before", "after")}
        if found := {side: value for side, value in sides.items() if value}:
            body[name] = found
    if cap := _amount(form, "idle_cap", problems):
        body["idle_cap"] = cap
    grace = form.get("idle_grace", "").strip()
    if grace and (not grace.isdecimal() or int(grace) > 1440):
        problems["idle_grace"] = "The free minutes after charging are a whole number up to 1440"
    elif grace:
        body["idle_grace_s"] = int(grace) * 60
    start, end = form.get("idle_free_start", "").strip(), form.get("idle_free_end", "").strip()
    if start or end:
        days = form.get("idle_free_days", "").strip()
        if window := _when(days, start, end, "idle_free_start", problems):
            body["idle_free"] = window
    if form.get("idle_if_waited"):
        body["idle_if_waited"] = True
    if problems:
        raise FormError(problems)
    return body


def _element(row: Row, number: int, problems: dict[str, str]) -> dict[str, Any] | None:
    kind, _, per = row.kind.partition(":")
    if not kind or not row.price:
        which = "kind" if not kind else "price"
        what = f"Row {number + 1} needs both what is charged for and a price"
        problems[f"{which}-{number}"] = what
        return None
    element: dict[str, Any] = {"kind": kind, "per": per, "price": row.price}
    if row.days or row.start or row.end:
        when = _when(row.days, row.start, row.end, f"start-{number}", problems)
        element |= {"when": when} if when else {}
    if row.step and not (row.step.isdecimal() and 1 <= int(row.step) <= 1_000_000):
        problems[f"step-{number}"] = "A step is a whole number: Wh of energy, seconds of time"
    elif row.step and int(row.step) > 1:
        element["step"] = int(row.step)
    if row.tax:
        element["tax_percent"] = row.tax
    if only := _only(row, number, problems):
        element["only"] = only
    _try(element, row, number, problems)
    return element


def _only(row: Row, number: int, problems: dict[str, str]) -> dict[str, Any]:
    only: dict[str, Any] = {name: value for name in _LIMITS if (value := getattr(row, name))}
    for name, key in (("min_min", "min_s"), ("max_min", "max_s")):
        text = getattr(row, name)
        minutes, _, seconds = text.partition(":")
        if text and minutes.isdecimal() and (seconds or "0").isdecimal():
            only[key] = int(minutes) * 60 + int(seconds or 0)
        elif text:
            problems[f"{name}-{number}"] = "Minutes are a whole number, or like 7:30"
    if row.from_day:
        only["start_date"] = row.from_day
    if row.to_day:
        try:
            only["end_date"] = str(date.fromisoformat(row.to_day) + timedelta(days=1))
        except (ValueError, OverflowError):
            problems[f"to_day-{number}"] = "A day is like 2026-12-24"
    if row.reservation:
        only["reservation"] = row.reservation
    return only


_FIELDS: Final = {
    "min_kwh": "min_kwh", "max_kwh": "max_kwh", "min_kw": "min_kw", "max_kw": "max_kw",
    "min_a": "min_a", "max_a": "max_a", "min_s": "min_min", "max_s": "max_min",
    "start_date": "from_day", "end_date": "to_day", "reserving": "reservation",
    "tax_percent": "tax", "cannot read": "start",
}  # fmt: skip


def _try(element: Mapping[str, Any], row: Row, number: int, problems: dict[str, str]) -> None:
    """Whether a row can be read by itself; what cannot stands at its field."""
    try:
        load_only(element.get("only") or {})
        load_tariff(
            {"elements": [element]}, currency="EUR", tz="UTC", tax_percent="0", includes_tax=True
        )
    except ValueError as error:
        text = str(error)
        found = sorted((text.index(key), -len(key), _FIELDS[key]) for key in _FIELDS if key in text)
        name = found[0][2] if found else "price"
        text = "The last day is before the first" if name == "to_day" else text
        problems.setdefault(f"{name}-{number}", text)
    if row.tax and Decimal(100) < _decimal(row.tax):
        problems.setdefault(f"tax-{number}", "A tax rate lies between 0 and 100 %")


def _decimal(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def _amount(form: Mapping[str, str], name: str, problems: dict[str, str]) -> str:
    text = _number(form.get(name, ""))
    if not text:
        return ""
    try:
        value = Decimal(text)
    except InvalidOperation:
        problems[name] = f"{text!r} is not a number"
        return ""
    if not value.is_finite() or value < 0:
        problems[name] = "An amount must not be negative"
        return ""
    return text


def numbers(form: Mapping[str, str]) -> list[int]:
    """The rows of a form that are prices, in order."""
    rows = ((number, _row(form, number)) for number in range(_count(form)))
    return [number for number, row in rows if row != Row(days=row.days)]


def _count(form: Mapping[str, str]) -> int:
    return sum(1 for number in range(ROWS) if f"kind-{number}" in form)


def _row(form: Mapping[str, str], number: int) -> Row:
    found = {}
    for each in fields(Row):
        text = form.get(f"{each.name}-{number}", "").strip()[:40]
        found[each.name] = _number(text) if each.name in _NUMBERS else text
    return Row(**found)


def _number(text: str) -> str:
    return text.strip().replace(",", ".")[:20]


def _when(
    days: str, start: str, end: str, name: str, problems: dict[str, str]
) -> dict[str, Any] | None:
    if bool(start) != bool(end):
        problems[name] = "Give both a first and a last time, or none"
        return None
    weekdays = [int(each) for each in days.split(",") if each.isdecimal()]
    return {"weekdays": weekdays, "start": start or None, "end": end or None}
