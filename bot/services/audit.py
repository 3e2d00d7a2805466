"""The audit log: who did, tried or looked at what; each row is chained to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, text

from bot.store.database import UnitOfWork
from bot.store.staff import Audit

GENESIS: Final = "0" * 64
_LOCK: Final = 0x70696C65  # PostgreSQL's advisory lock: rows are chained one after the other


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody of the staff at work, as services know them."""

    staff_id: int
    role: str
    name: str = ""
    session_id: int | None = None
    ip: str = ""


def record(
    work: UnitOfWork,
    actor: Actor | None,
    action: str,
    object_: str = "",
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    key: str | None = None,
) -> Audit:
    """Append a row; `actor` None is the system or a command. `object_` as "conversation:12".

    `before` and `after` hold references and figures only: no names, numbers or texts of riders.
    """
    if work.session.get_bind().dialect.name == "postgresql":
        work.session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    newest = select(Audit.hash).order_by(Audit.id.desc()).limit(1)
    row = Audit(
        at=work.now,
        staff_id=actor.staff_id if actor else None,
        role=actor.role if actor else "",
        session_id=actor.session_id if actor else None,
        ip=actor.ip if actor else "",
        action=action,
        object=object_,
        before=before,
        after=after,
        reason=reason,
        key=key,
        previous=work.session.scalars(newest).first() or GENESIS,
    )
    row.hash = digest(row)
    work.session.add(row)
    work.session.flush()
    return row


def digest(row: Audit) -> str:
    """SHA-256 over all columns but the id and the hash itself."""
    told = [
        row.at.isoformat(), row.staff_id, row.role, row.session_id, row.ip, row.action, row.object,
        row.before, row.after, row.reason, row.key, row.previous,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def first_broken(work: UnitOfWork) -> int | None:
    """The id of the first row that does not fit the chain; None when the log is whole."""
    previous = GENESIS
    for row in work.session.scalars(select(Audit).order_by(Audit.id)).yield_per(500):
        if row.previous != previous or row.hash != digest(row):
            return row.id
        previous = row.hash
    return None


def length(work: UnitOfWork) -> int:
    """How many rows the log has."""
    return work.session.scalar(select(func.count()).select_from(Audit)) or 0
