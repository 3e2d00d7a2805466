"""Browser sessions of staff: revocable rows, idle and absolute limits by role; only hashes kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from bot.store.database import UnitOfWork
from bot.store.staff import Staff, StaffSession

ABSOLUTE: Final = timedelta(hours=12)
_IDLE: Final = {"finance": timedelta(minutes=30), "admin": timedelta(minutes=30)}
_IDLE_OTHERS: Final = timedelta(hours=8)
_SEEN_EVERY: Final = timedelta(minutes=1)


def open_session(
    work: UnitOfWork, staff: Staff, *, second_factor: bool, ip: str = "", browser: str = ""
) -> str:
    """A new session's token; without the second factor it opens nothing but that form."""
    token = secrets.token_urlsafe(32)
    work.session.add(
        StaffSession(
            staff_id=staff.id,
            token_hash=_hash(token),
            created_at=work.now,
            seen_at=work.now,
            expires_at=work.now + ABSOLUTE,
            totp_at=work.now if second_factor else None,
            ip=ip[:64],
            browser=browser[:160],
        )
    )
    return token


def find_session(work: UnitOfWork, token: str) -> tuple[Staff, StaffSession] | None:
    """The person and session behind a token, if both are still good; second factor or not."""
    if not token:
        return None
    found = work.session.execute(
        select(Staff, StaffSession)
        .join(StaffSession, StaffSession.staff_id == Staff.id)
        .where(StaffSession.token_hash == _hash(token))
    ).first()
    if found is None:
        return None
    staff, session = found
    return None if _is_over(staff, session, work.now) else (staff, session)


def is_good(work: UnitOfWork, session_id: int) -> bool:
    """Whether a session that was good a while ago still is: for what stays open long."""
    found = work.session.execute(
        select(Staff, StaffSession)
        .join(StaffSession, StaffSession.staff_id == Staff.id)
        .where(StaffSession.id == session_id)
    ).first()
    return found is not None and not _is_over(found[0], found[1], work.now)


def is_idle(staff: Staff, session: StaffSession, now: datetime) -> bool:
    """Whether a session was unused for longer than its role allows."""
    return now - session.seen_at > _IDLE.get(staff.role, _IDLE_OTHERS)


def seen(work: UnitOfWork, session_id: int) -> None:
    """Note that a session is in use; at most once a minute, so that reading stays cheap."""
    work.session.execute(
        update(StaffSession)
        .where(StaffSession.id == session_id, StaffSession.seen_at < work.now - _SEEN_EVERY)
        .values(seen_at=work.now)
    )


def revoke(
    work: UnitOfWork, *, staff_id: int, session_id: int | None = None, but: int | None = None
) -> int:
    """End one session of a person, or all, or all `but` one; answers how many."""
    statement = update(StaffSession).where(
        StaffSession.staff_id == staff_id, StaffSession.revoked_at.is_(None)
    )
    if session_id is not None:
        statement = statement.where(StaffSession.id == session_id)
    if but is not None:
        statement = statement.where(StaffSession.id != but)
    ended = work.session.execute(statement.values(revoked_at=work.now).returning(StaffSession.id))
    return len(ended.all())


def _is_over(staff: Staff, session: StaffSession, now: datetime) -> bool:
    ended = session.revoked_at is not None or session.expires_at <= now
    return ended or not staff.active or is_idle(staff, session, now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
