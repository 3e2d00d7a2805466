"""Who owns or runs a site: how they are reached, and which account of the case API is theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select

from bot.domain.contacts import email_address, phone_number
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.cases import PartnerKey, SitePartner
from bot.store.database import UnitOfWork
from bot.store.stations import Station

LONGEST: Final = {"name": 120, "email": 160, "phone": 40, "key": 17}


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def of_station(work: UnitOfWork, station_id: int) -> SitePartner | None:
    """The partner of a site; None where nobody is named."""
    return work.session.get(SitePartner, station_id)


def accounts(work: UnitOfWork, station_id: int) -> Sequence[PartnerKey]:
    """The partners with a living key that may speak of this station."""
    keys = select(PartnerKey).where(PartnerKey.revoked_at.is_(None)).order_by(PartnerKey.name)
    return [key for key in work.session.scalars(keys) if may_see(key, station_id)]


def may_see(key: PartnerKey, station_id: int) -> bool:
    """Whether a partner's account is for this site."""
    return not key.station_ids or station_id in key.station_ids


def change(work: UnitOfWork, actor: Actor, station_id: int, given: Mapping[str, str]) -> bool:
    """Write the partner of a site; everything empty takes it away. Whether anything changed.
    Raises NotPossible."""
    if work.session.get(Station, station_id, with_for_update=True) is None:
        raise NotPossible("There is no such station.")
    known = work.session.get(SitePartner, station_id)
    before = _told(known)
    name = " ".join(given.get("name", "").split())[: LONGEST["name"]]
    email = _email(given.get("email", ""))
    phone = _phone(given.get("phone", ""))
    key_id = _key(work, station_id, given.get("key", ""))
    if not (name or email or phone or key_id):
        if known is None:
            return False
        work.session.delete(known)
        audit.record(work, actor, "site_partner", f"station:{station_id}", before=before)
        return True
    if not name:
        raise NotPossible("Say who it is: the partner's name.")
    row = known or SitePartner(station_id=station_id)
    row.name, row.email, row.phone, row.key_id = name, email, phone, key_id
    if _told(row) == before:
        return False
    row.updated_at = work.now
    work.session.add(row)
    audit.record(
        work, actor, "site_partner", f"station:{station_id}", before=before, after=_told(row)
    )
    return True


def _told(row: SitePartner | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {"name": row.name, "email": row.email, "phone": row.phone, "key": row.key_id}


def _email(typed: str) -> str:
    email = email_address(typed)
    if typed.strip() and email is None:
        raise NotPossible("That is no e-mail address.")
    return email or ""


def _phone(typed: str) -> str:
    phone = phone_number(typed)
    if typed.strip() and phone is None:
        raise NotPossible("Give the phone number with its country code: +358 40 …")
    return phone or ""


def _key(work: UnitOfWork, station_id: int, typed: str) -> int | None:
    if not typed:
        return None
    chosen = [key.id for key in accounts(work, station_id) if str(key.id) == typed]
    if not chosen:
        raise NotPossible("That account is revoked or is not for this station.")
    return chosen[0]
