"""Files we serve: stored under an unguessable name, reachable until they expire."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import select

from bot.gateways.strip import strip
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Media

KEPT_FOR = timedelta(days=30)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,48}")


@dataclass(frozen=True, slots=True)
class File:
    """A file on its way into the database; its address is known before it is stored."""

    token: str
    content_type: str
    name: str
    data: bytes


def new_file(data: bytes, content_type: str, name: str) -> File:
    """A file with a fresh token of 192 random bits; photos lose what they tell of their maker."""
    if content_type.startswith("image/"):
        data = strip(data)
    return File(secrets.token_urlsafe(24), content_type, name[:120], data)


def store_file(work: UnitOfWork, file: File, *, kept_for: timedelta = KEPT_FOR) -> Media:
    """The row of a file; its id is known after the next flush."""
    media = Media(
        token=file.token,
        content_type=file.content_type,
        name=file.name,
        data=file.data,
        created_at=work.now,
        expires_at=work.now + kept_for,
    )
    work.session.add(media)
    return media


def find_media(work: UnitOfWork, token: str) -> Media | None:
    """The file of a token, unless it expired."""
    if not _TOKEN.fullmatch(token):
        return None
    return work.session.scalars(
        select(Media).where(Media.token == token, Media.expires_at > work.now)
    ).first()


def media_url(settings: Settings, token: str, name: str) -> str:
    """The public address; WhatsApp shows the last part of it as a document's name."""
    return f"{settings.public_url.rstrip('/')}/media/{token}/{quote(name, safe='')}"
