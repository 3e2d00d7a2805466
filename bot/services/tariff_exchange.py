"""Tariffs as OCPI documents: what a version says, and a document as a proposal for approval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.domain.ocpi_tariffs import Imported, OcpiError, export, parse, read, to_json
from bot.domain.rights import may
from bot.services import tariff_changes
from bot.services.audit import Actor
from bot.services.tariff_changes import NotPossible
from bot.services.tariffs import snapshot
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.staff import Staff
from bot.store.stations import Tariff, TariffProposal, TariffVersion

LONGEST: Final = 500_000  # characters of a document


def named(work: UnitOfWork, name: str) -> Tariff:
    """A tariff by its name. Raises NotPossible."""
    tariff = work.session.scalars(select(Tariff).where(Tariff.name == name)).first()
    if tariff is None:
        known = ", ".join(work.session.scalars(select(Tariff.name).order_by(Tariff.name)))
        raise NotPossible(f"There is no tariff {name!r}. There are: {known or 'none'}")
    return tariff


def document(
    work: UnitOfWork, settings: Settings, tariff: Tariff, version_id: int | None = None
) -> str:
    """A version (None: that which counts now) as OCPI JSON. Raises NotPossible."""
    versions = tariff_changes.versions(work, tariff.id)
    stations = tariff_changes.stations_of(work, tariff.id)
    if not stations:
        raise NotPossible("No station uses this tariff, so nothing tells its time zone and tax.")
    version = _chosen(versions, version_id, work.now)
    station = stations[0]
    name = f"{tariff.id}-{version.id}"
    found = export(
        snapshot(version.body, station, name=tariff.name, version=str(version.id)),
        id_=name, country=station.country, party=settings.ocpi_party,
        valid_from=version.valid_from, updated=version.valid_from, kept=version.body.get("ocpi"),
    )  # fmt: skip
    return to_json(found) + "\n"


def _chosen(versions: Any, version_id: int | None, now: datetime) -> TariffVersion:
    if version_id is None:
        found = tariff_changes.current(versions, now)
    else:
        found = next((each for each in versions if each.id == version_id), None)
    if found is None:
        raise NotPossible("There is no such version.")
    return found


def understood(work: UnitOfWork, tariff: Tariff, text: str) -> Imported:
    """What a document says for a tariff. Raises OcpiError with the path of every wrong field,
    NotPossible where it is not for this tariff."""
    if len(text) > LONGEST:
        raise NotPossible("That is too long for a tariff.")
    stations = tariff_changes.stations_of(work, tariff.id)
    if not stations:
        raise NotPossible("No station uses this tariff, so nothing tells its tax.")
    objects = parse(text)
    if len(objects) != 1:
        raise NotPossible(f"Give one tariff at a time: this holds {len(objects)}.")
    station = stations[0]
    found = read(
        objects[0], tax_percent=station.tax_percent, includes_tax=station.prices_include_tax
    )
    if found.currency != tariff.currency:
        what = f"this tariff is in {tariff.currency}, not {found.currency}"
        raise OcpiError([("$.currency", what)])
    return found


def propose(
    work: UnitOfWork,
    actor: Actor,
    tariff: Tariff,
    found: Imported,
    *,
    reason: str,
    key: str,
    without: bool = False,
) -> TariffProposal:
    """Ask for the prices of a document; another person approves. Unknown fields are left out only
    `without` them was agreed to. Raises NotPossible."""
    if found.unknown and not without:
        raise NotPossible(f"Nobody knows these fields: {', '.join(found.unknown)}.")
    valid_from = max(found.valid_from or work.now, work.now)
    body: Mapping[str, Any] = found.body
    return tariff_changes.propose(
        work, actor, tariff.id, body=body, valid_from=valid_from, reason=reason, key=key
    )


def actor_of(work: UnitOfWork, login: str) -> Actor:
    """Somebody who may propose prices, for the command line. Raises NotPossible."""
    staff = work.session.scalars(select(Staff).where(Staff.login == login.lower())).first()
    if staff is None or not staff.active or not may(staff.role, "tariff.edit"):
        raise NotPossible(f"{login} is no account that may propose prices.")
    return Actor(staff.id, staff.role, staff.name)
