"""Letting a rider into the web chat: one-time links, browser sessions; only hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import select, update

from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Rider, WebLogin, WebSession

LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(days=30)


def make_login_link(work: UnitOfWork, settings: Settings, rider: Rider) -> str:
    """A link that logs this rider's browser in once within 15 minutes; older ones stop working."""
    work.session.execute(
        update(WebLogin)
        .where(WebLogin.rider_id == rider.id, WebLogin.used_at.is_(None))
        .values(used_at=work.now)
    )
    token = secrets.token_urlsafe(24)
    work.session.add(
        WebLogin(
            rider_id=rider.id,
            token_hash=_hash(token),
            created_at=work.now,
            expires_at=work.now + LINK_LASTS,
        )
    )
    return f"{settings.public_url.rstrip('/')}/login/{token}"


def link_is_good(work: UnitOfWork, token: str) -> bool:
    """Whether a link would log somebody in; looking does not use it up."""
    found = select(WebLogin.id).where(
        WebLogin.token_hash == _hash(token),
        WebLogin.used_at.is_(None),
        WebLogin.expires_at > work.now,
    )
    return work.session.scalars(found).first() is not None


def use_link(work: UnitOfWork, token: str) -> int | None:
    """The rider id of a good link, which is used up now; None for any other.

    One conditional update: of parallel uses exactly one gets the rider.
    """
    return work.session.scalars(
        update(WebLogin)
        .where(
            WebLogin.token_hash == _hash(token),
            WebLogin.used_at.is_(None),
            WebLogin.expires_at > work.now,
        )
        .values(used_at=work.now)
        .returning(WebLogin.rider_id)
        .execution_options(synchronize_session=False)
    ).first()


def open_session(work: UnitOfWork, rider_id: int) -> str:
    """A new browser session; the returned token is for its cookie."""
    token = secrets.token_urlsafe(32)
    work.session.add(
        WebSession(
            rider_id=rider_id,
            token_hash=_hash(token),
            created_at=work.now,
            expires_at=work.now + SESSION_LASTS,
        )
    )
    return token


def session_rider(work: UnitOfWork, token: str) -> Rider | None:
    """Whose browser session this is, or None when it is unknown, over or revoked."""
    return work.session.scalars(
        select(Rider)
        .join(WebSession, WebSession.rider_id == Rider.id)
        .where(
            WebSession.token_hash == _hash(token),
            WebSession.revoked_at.is_(None),
            WebSession.expires_at > work.now,
        )
    ).first()


def close_session(work: UnitOfWork, token: str) -> None:
    """Log this browser out."""
    work.session.execute(
        update(WebSession).where(WebSession.token_hash == _hash(token)).values(revoked_at=work.now)
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
