"""Legal entities: who sells at a station, and what managers change of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select, update

from bot.domain.invoices import Party
from bot.domain.tax_numbers import TaxNumber, examine
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, LegalEntity
from bot.store.stations import Station
from bot.store.upsert import insert

# What may be written of an entity, and how long it may be.
LONGEST: Final = {"name": 120, "address": 200, "country": 2, "tax_id": 24, "contact": 120}
PREFIX: Final = re.compile(r"[A-Z][A-Z0-9]{0,9}")
LIVE: Final = "entities"


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def party(entity: LegalEntity) -> Party:
    """An entity as documents print it."""
    return Party(entity.name, entity.address, entity.country, entity.tax_id, entity.contact)


def of_settings(settings: Settings) -> Party:
    """Who sells where a station names nobody."""
    return Party(
        settings.seller_name, settings.seller_address, settings.default_country,
        settings.seller_tax_id, settings.support_contact,
    )  # fmt: skip


def seller_of(work: UnitOfWork, settings: Settings, station: Station) -> tuple[Party, int | None]:
    """Who sells at a station, and its own limit of simplified invoices; for reading."""
    entity = _chosen(work, settings, station)
    if entity is None:
        return of_settings(settings), None
    return party(entity), entity.simplified_limit_minor


def seller_in(
    work: UnitOfWork, settings: Settings, country: str | None
) -> tuple[Party, int | None]:
    """Who sells what belongs to no station, and the row's id: who sells at all stations of a
    country, else the settings' entity (None: it has no row yet)."""
    chosen = select(Station.legal_entity_id).where(Station.country == country).distinct()
    ids = list(work.session.scalars(chosen)) if country is not None else []
    if len(ids) == 1 and ids[0] is not None:
        return party(work.session.get_one(LegalEntity, ids[0])), ids[0]
    prefix = LegalEntity.prefix == settings.invoice_prefix
    found = work.session.scalars(select(LegalEntity).where(prefix)).first()
    return (party(found), None) if found is not None else (of_settings(settings), None)


def entity_of(work: UnitOfWork, settings: Settings, station: Station) -> LegalEntity:
    """The row of who sells at a station; the settings' entity becomes one when first needed."""
    return _chosen(work, settings, station) or default(work, settings)


def default(work: UnitOfWork, settings: Settings) -> LegalEntity:
    """The entity of the settings as a row; from then on the console changes it."""
    seller = of_settings(settings)
    work.session.execute(
        insert(work, LegalEntity)
        .values(
            name=seller.name[:120], address=seller.address[:200], country=seller.country[:2],
            tax_id=seller.tax_id[:24], contact=seller.contact[:120],
            prefix=settings.invoice_prefix, created_at=work.now, updated_at=work.now,
        )
        .on_conflict_do_nothing(index_elements=["prefix"])
    )  # fmt: skip
    return work.session.scalars(
        select(LegalEntity).where(LegalEntity.prefix == settings.invoice_prefix)
    ).one()


def _chosen(work: UnitOfWork, settings: Settings, station: Station) -> LegalEntity | None:
    if station.legal_entity_id is not None:
        return work.session.get_one(LegalEntity, station.legal_entity_id)
    prefix = LegalEntity.prefix == settings.invoice_prefix
    return work.session.scalars(select(LegalEntity).where(prefix)).first()


# --- what managers do


def every(work: UnitOfWork) -> Sequence[tuple[LegalEntity, int, int]]:
    """All entities with how many stations and invoices each has."""
    stations = _counts(work, select(Station.legal_entity_id, func.count()), Station.legal_entity_id)
    papers = _counts(work, select(Invoice.entity_id, func.count()), Invoice.entity_id)
    rows = work.session.scalars(select(LegalEntity).order_by(LegalEntity.id))
    return [(row, stations.get(row.id, 0), papers.get(row.id, 0)) for row in rows]


def _counts(work: UnitOfWork, query: Any, by: Any) -> dict[int | None, int]:
    return {row[0]: int(row[1]) for row in work.session.execute(query.group_by(by))}


def save(
    work: UnitOfWork, actor: Actor, entity_id: int | None, values: Mapping[str, str]
) -> LegalEntity:
    """Change an entity, or make one. What was issued before stays as it is. Raises NotPossible."""
    given, limit, prefix = _checked(values)
    if entity_id is None:
        taken = select(LegalEntity.id).where(LegalEntity.prefix == prefix)
        if work.session.scalars(taken).first() is not None:
            raise NotPossible(f"Another entity already numbers its invoices {prefix}-…")
        entity = LegalEntity(
            **given, prefix=prefix, simplified_limit_minor=limit,
            created_at=work.now, updated_at=work.now,
        )  # fmt: skip
        work.session.add(entity)
        work.session.flush()
        audit.record(work, actor, "entity_make", f"entity:{entity.id}", after=dict(given))
    else:
        entity = _locked(work, entity_id)
        before = {name: getattr(entity, name) for name in (*given, "simplified_limit_minor")}
        for name, value in given.items():
            setattr(entity, name, value)
        entity.simplified_limit_minor = limit
        after = {name: getattr(entity, name) for name in before}
        if after != before:
            entity.updated_at = work.now
            audit.record(
                work, actor, "entity_change", f"entity:{entity.id}", before=before, after=after
            )
    touched(work, LIVE)
    return entity


def give_stations(
    work: UnitOfWork, actor: Actor, entity_id: int, station_ids: Sequence[int]
) -> None:
    """These stations, and no others, sell for an entity; the rest fall back to the settings'."""
    entity = _locked(work, entity_id)
    mine = Station.legal_entity_id == entity.id
    before = sorted(work.session.scalars(select(Station.id).where(mine)))
    work.session.execute(
        update(Station).where(mine, Station.id.not_in(station_ids)).values(legal_entity_id=None)
    )
    work.session.execute(
        update(Station).where(Station.id.in_(station_ids)).values(legal_entity_id=entity.id)
    )
    after = sorted(work.session.scalars(select(Station.id).where(mine)))
    if before != after:
        audit.record(
            work, actor, "entity_stations", f"entity:{entity.id}",
            before={"stations": before}, after={"stations": after},
        )  # fmt: skip
        touched(work, LIVE, *(f"station:{each}" for each in {*before, *after}))


def _locked(work: UnitOfWork, entity_id: int) -> LegalEntity:
    entity = work.session.get(LegalEntity, entity_id, with_for_update=True)
    if entity is None:
        raise NotPossible("There is no such legal entity.")
    return entity


def _checked(values: Mapping[str, str]) -> tuple[dict[str, str], int | None, str]:
    given = {name: values.get(name, "").strip() for name in LONGEST}
    for name, longest in LONGEST.items():
        if len(given[name]) > longest:
            raise NotPossible(f"“{given[name][:30]}…” is too long: {longest} characters at most.")
    given["country"] = given["country"].upper()
    if not given["name"] or not given["address"]:
        raise NotPossible("Name and address cannot be empty: they stand on every document.")
    if not re.fullmatch("[A-Z]{2}", given["country"]):
        raise NotPossible("The country is two letters, as FI or GB.")
    if given["tax_id"]:
        number = examine(given["tax_id"], given["country"])
        if not isinstance(number, TaxNumber):
            raise NotPossible("That is not how VAT numbers of that country look.")
        given["tax_id"] = number.text
    prefix = values.get("prefix", "").strip().upper()
    if not PREFIX.fullmatch(prefix):
        raise NotPossible("The prefix is one to ten capitals or digits and begins with a capital.")
    limit = values.get("simplified_limit", "").strip()
    if limit and not (limit.isdecimal() and len(limit) < 8):
        raise NotPossible("The limit is a whole amount, or empty for the country's rule.")
    return given, int(limit) * 100 if limit else None, prefix
