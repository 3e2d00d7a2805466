"""Which tariff an EVSE charges by at a moment, and how its prices are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.domain.pricing import price_now
from bot.domain.tariffs import Element, Tariff, load_tariff
from bot.errors import GiveUp
from bot.replies import Moment, Rate, Say, Value
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station, TariffVersion
from bot.store.stations import Tariff as TariffRow

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


def price_lines(tariff: Tariff, at: datetime) -> tuple[Say, ...]:
    """What applies at `at`, one line a price, and what changes next."""
    now = price_now(tariff, at)
    lines = _lines(tariff, now.elements)
    if now.changes_at is not None:
        kinds = {each.kind for each in now.elements} | {each.kind for each in now.then}
        energy = [each for each in now.then if each.kind == "energy"]
        moment = Moment(now.changes_at, tariff.tz)
        if "energy" in kinds and energy and energy[0] not in now.elements:
            price = rate(tariff, energy[0])
            lines.append(Say("From {time}: {price}", {"time": moment, "price": price}))
        else:
            lines.append(Say("Prices change at {time}.", {"time": moment}))
    return tuple(lines or [Say("Charging here is free.")])


def _lines(tariff: Tariff, elements: Sequence[Element]) -> list[Say]:
    found = []
    for kind, sentence in _SENTENCES.items():
        for each in elements:
            if each.kind == kind:
                values: dict[str, Value] = {"price": rate(tariff, each)}
                if kind == "idle":
                    values["minutes"] = tariff.idle_grace_s // 60
                found.append(Say(sentence.text, values))
    return found


def headline(work: UnitOfWork, evse: Evse, at: datetime) -> Rate | None:
    """The one price for a list of places: energy, else time, else the start; None when free."""
    tariff = tariff_for(work, evse, at)
    now = price_now(tariff, at)
    for kind in ("energy", "time", "flat"):
        for each in now.elements:
            if each.kind == kind:
                return rate(tariff, each)
    return None
