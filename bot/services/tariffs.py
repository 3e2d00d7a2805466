"""Which tariff an EVSE charges by at a moment, and how its prices are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from bot.domain.money import Money, exponent
from bot.domain.pricing import PriceNow, price_now
from bot.domain.restrictions import ANY, When, label
from bot.domain.tariffs import Element, Tariff, load_tariff
from bot.errors import GiveUp
from bot.replies import Moment, Rate, Say, Value
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station, TariffVersion
from bot.store.stations import Tariff as TariffRow

LATER: Final = 3  # prices a kind that the charge may yet come to: more make no one wiser

# EU AFIR: energy, then minutes, then the session, then the rest.
_SENTENCES: Final = {
    "energy": Say("Energy: {price}"),
    "time": Say("Charging time: {price}"),
    "flat": Say("Start fee: {price}"),
    "idle": Say("Staying plugged in after charging: {price}, {minutes} minutes are free"),
}


def tariff_for(work: UnitOfWork, evse: Evse, at: datetime) -> Tariff:
    """The immutable snapshot that applies to an EVSE at a moment: the newest version that is
    valid, completed from its station. Raises GiveUp when there is none (staff must set prices)."""
    version = work.session.scalars(
        select(TariffVersion)
        .where(TariffVersion.tariff_id == evse.tariff_id, TariffVersion.valid_from <= at)
        .order_by(TariffVersion.valid_from.desc(), TariffVersion.id.desc())
        .limit(1)
    ).first()
    if version is None:
        raise GiveUp(f"EVSE {evse.code} has no valid tariff version")
    name = work.session.scalars(select(TariffRow.name).where(TariffRow.id == evse.tariff_id)).one()
    return snapshot(version.body, evse.pile.station, name=name, version=str(version.id))


def snapshot(body: Mapping[str, Any], station: Station, *, name: str, version: str) -> Tariff:
    """A version's body with what it leaves to the station. Raises TariffError."""
    return load_tariff(
        body,
        name=name,
        version=version,
        currency=station.currency,
        tz=station.tz,
        tax_percent=station.tax_percent,
        includes_tax=station.prices_include_tax,
    )


def rate(tariff: Tariff, element: Element) -> Rate:
    """An element's price as a reply value."""
    return Rate(str(element.price), tariff.currency, element.per)


def price_lines(tariff: Tariff, at: datetime, power_w: int | None = None) -> tuple[Say, ...]:
    """What applies to a charge from `at` on, one line a price, what the charge itself may bring,
    what changes next by the clock, and the least and the most it can cost."""
    now = price_now(tariff, at, power_w)
    free = not (now.elements or now.then or now.later)
    lines = _lines(tariff, now.elements, now.later)
    lines += _limits(tariff)
    if now.changes_at is not None:
        lines.append(_change(tariff, now))
    return tuple([Say("Charging here is free.")] if free else lines)


def _change(tariff: Tariff, now: PriceNow) -> Say:
    """What changes next: the price of energy where that is all, else that something does."""
    assert now.changes_at is not None
    moment = Moment(now.changes_at, tariff.tz)
    energy = [each for each in now.then if each.kind == "energy"]
    others = [each for each in (*now.then, *now.elements) if each.kind != "energy"]
    alone = all(each in now.then and each in now.elements for each in others)
    if energy and alone:
        price = rate(tariff, energy[0])
        return Say("From {time}: {price}", {"time": moment, "price": price})
    return Say("Prices change at {time}.", {"time": moment})


def _lines(tariff: Tariff, now: Sequence[Element], later: Sequence[Element]) -> list[Say]:
    found: list[Say] = []
    for kind, sentence in _SENTENCES.items():
        for each in now:
            if each.kind == kind:
                found.append(_priced(tariff, each, sentence, first=True))
        rest = [each for each in later if each.kind == kind]
        found += [_priced(tariff, each, sentence, first=False) for each in rest[:LATER]]
    return found


def _priced(tariff: Tariff, element: Element, sentence: Say, *, first: bool) -> Say:
    """A price, with the energy, power or duration it is for where it depends on them."""
    by_session = replace(element.only, start_date=None, end_date=None)
    condition = label(None, by_session)
    values: dict[str, Value] = {"price": rate(tariff, element), "condition": condition}
    if condition:
        values["price"] = Say(_UNDER, dict(values))
    elif not first:
        values["price"] = Say("otherwise {price}", dict(values))
    if element.kind == "idle" and first:
        return _idle(tariff, Say(sentence.text, values | {"minutes": tariff.idle_grace_s // 60}))
    if element.kind == "idle":
        return Say("Staying plugged in: {price}", values)
    return Say(sentence.text, values)


def _idle(tariff: Tariff, first: Say) -> Say:
    """The idle fee with all that softens it."""
    parts = [first]
    if tariff.idle_cap is not None:
        parts.append(Say("at most {amount}", {"amount": _money(tariff, tariff.idle_cap)}))
    if tariff.idle_free is not None:
        parts.append(Say("free {hours}", {"hours": hours(tariff.idle_free)}))
    if tariff.idle_if_waited:
        parts.append(Say("only while somebody waits for the place"))
    return listed(parts)


def _limits(tariff: Tariff) -> list[Say]:
    lines = []
    for limit, sentence in (
        (tariff.minimum, Say("At least {amount} for the whole charge")),
        (tariff.maximum, Say("At most {amount} for the whole charge")),
    ):
        amount = tariff.limit(limit) or limit.after or limit.before
        if amount:
            lines.append(Say(sentence.text, {"amount": _money(tariff, amount)}))
    return lines


def _money(tariff: Tariff, amount: Decimal) -> Money:
    return Money(int(amount.scaleb(exponent(tariff.currency))), tariff.currency)


# Put together alike in every language.
_RANGE: Final = "{first}–{last}"
_UNDER: Final = "{price} ({condition})"
_AND_HOURS: Final = "{days} {hours}"

_DAYS: Final = (
    Say("Mon"), Say("Tue"), Say("Wed"), Say("Thu"), Say("Fri"), Say("Sat"), Say("Sun"),
)  # fmt: skip


def days(numbers: Iterable[int]) -> Say:
    """Weekdays, Monday first; those in a row as a range."""
    runs: list[list[int]] = []
    for day in sorted(numbers):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    parts = []
    for run in runs:
        ends: dict[str, Value] = {"first": _DAYS[run[0]], "last": _DAYS[run[-1]]}
        parts.append(Say(_RANGE, ends) if len(run) > 1 else _DAYS[run[0]])
    return enumerated(parts)


def hours(when: When) -> Say:
    """A daily window: "Mon–Fri 22:00–07:00"."""
    clock = label(when, ANY)
    if not when.weekdays:
        return Say(clock)
    return Say(_AND_HOURS, {"days": days(when.weekdays), "hours": clock})


def conditions(weekdays: str, window: str) -> Say:
    """What a line of a bill is for, as it stands there: days "0,1" and all else in signs."""
    numbers = [int(each) for each in weekdays.split(",") if each.isdecimal()]
    return listed([*([days(numbers)] if numbers else []), *([Say(window)] if window else [])])


def listed(parts: Sequence[Say]) -> Say:
    """Parts of a sentence after each other, joined as the rider's language does."""
    said = parts[0]
    for each in parts[1:]:
        said = Say("{first}, {then}", {"first": said, "then": each})
    return said


def enumerated(names: Sequence[Say]) -> Say:
    """Names of the same kind after each other, as the rider's language writes a list."""
    said = names[0]
    for each in names[1:]:
        said = Say("{names}, {name}", {"names": said, "name": each})
    return said


def headline(work: UnitOfWork, evse: Evse, at: datetime) -> Rate | None:
    """The one price for a list of places; None when free."""
    return main_price(tariff_for(work, evse, at), at)


def main_price(tariff: Tariff, at: datetime) -> Rate | None:
    """The one price to name of a tariff: energy, else time, else the start; None when free."""
    now = price_now(tariff, at)
    for kind in ("energy", "time", "flat"):
        for each in now.elements:
            if each.kind == kind:
                return rate(tariff, each)
    return None
