"""Partners' keys for the case API: made once, shown once, kept as hashes, revoked for good."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.cases import PartnerKey
from bot.store.database import UnitOfWork
from bot.store.limits import allow

SCOPES: Final = {"cases:write": "Report cases", "cases:read": "Read what became of them"}
PER_MINUTE: Final = 60
_PREFIX: Final = "pbk_"


class NotPossible(PilebotError):
    """A key cannot be like that; the message says why, for staff to read."""


def make(
    work: UnitOfWork,
    actor: Actor | None,
    name: str,
    *,
    scopes: Sequence[str],
    station_ids: Sequence[int] = (),
) -> tuple[PartnerKey, str]:
    """A new key and its secret, which is told this once. Raises NotPossible."""
    name = " ".join(name.split())[:80]
    if not name:
        raise NotPossible("Name the partner.")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise NotPossible(f"Choose of {', '.join(SCOPES)}.")
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = PartnerKey(
        name=name, key_hash=_hash(secret), hint=secret[:10], scopes=sorted(set(scopes)),
        station_ids=sorted(set(station_ids)), created_at=work.now,
        created_by=actor.staff_id if actor else None,
    )  # fmt: skip
    work.session.add(key)
    work.session.flush()
    audit.record(
        work, actor, "partner_key", f"partner:{key.id}",
        after={"scopes": key.scopes, "stations": key.station_ids},
    )  # fmt: skip
    return key, secret


def revoke(work: UnitOfWork, actor: Actor | None, key_id: int) -> None:
    """A key opens nothing any more. Raises NotPossible when it did not before."""
    gone = work.session.execute(
        update(PartnerKey)
        .where(PartnerKey.id == key_id, PartnerKey.revoked_at.is_(None))
        .values(revoked_at=work.now)
        .returning(PartnerKey.id)
    ).first()
    if gone is None:
        raise NotPossible("There is no such key, or it is revoked already.")
    audit.record(work, actor, "partner_revoke", f"partner:{key_id}")


def find(work: UnitOfWork, secret: str) -> PartnerKey | None:
    """The key of a secret; None for a wrong or revoked one."""
    rows = select(PartnerKey).where(
        PartnerKey.key_hash == _hash(secret), PartnerKey.revoked_at.is_(None)
    )
    return work.session.scalars(rows).first()


def used(work: UnitOfWork, key: PartnerKey) -> bool:
    """Note a use; False when the partner asks too often."""
    key.used_at = work.now
    return allow(work, f"partner:{key.id}", limit=PER_MINUTE, window=timedelta(minutes=1))


def listed(work: UnitOfWork) -> Sequence[PartnerKey]:
    """Every key, the living ones first."""
    return work.session.scalars(
        select(PartnerKey).order_by(PartnerKey.revoked_at.is_not(None), PartnerKey.id.desc())
    ).all()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()  # 256 random bits need no salt
