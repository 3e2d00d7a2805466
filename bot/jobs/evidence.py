"""Photos that come with danger or a case: kept for long; those that nothing waited for are fetched
now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.domain.codes import parse
from bot.errors import GiveUp, Refused
from bot.gateways import whatsapp
from bot.gateways.media import find_media, new_file, store_file
from bot.jobs.drain import Route
from bot.services import case_intake, incidents
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Media, Message
from bot.store.stations import Pile
from bot.understanding import Understanding

log = structlog.get_logger()

KIND: Final = "incident.photo"
_MOST: Final = 5


def keep(work: UnitOfWork, row: Inbox, line: Message, *, danger: bool) -> None:
    """Keep the photo of a rider's line where an incident is open. A report of danger was served
    without looking at its photos: they are asked for now."""
    shown = line.body.get("media") or {}
    if str(shown.get("type", "")).startswith("image/"):
        media = find_media(work, str(shown["url"]).rpartition("/media/")[2].split("/")[0])
        if media is not None:
            incidents.keep_photo(work, line.conversation_id, media)
    elif danger and row.kind == "web.message":
        media = work.session.get(Media, int(row.body.get("media_id") or 0))
        if media is not None:
            incidents.keep_photo(work, line.conversation_id, media)
    elif danger:
        _fetch_later(work, row, line.conversation_id)


def keep_for_case(
    work: UnitOfWork,
    settings: Settings,
    conversation: Conversation,
    line: Message,
    pictures: Sequence[bytes],
    heard: Understanding,
) -> None:
    """A photo that a rider reports with, or sends while people look at their case, joins its file;
    so does the pile that they name."""
    if conversation.owner == "bot" and case_intake.awaits_photo(work, conversation.id) is None:
        return
    code = parse(heard.entity("pile_code") or "")
    if code is not None and conversation.owner != "bot":
        pile = work.session.scalars(select(Pile).where(Pile.number == code.pile_number)).first()
        if pile is not None:
            case_intake.place_named(work, settings, conversation, pile)
    shown = line.body.get("media") or {}
    if not pictures and not str(shown.get("type", "")).startswith("image/"):
        return
    media = (
        find_media(work, str(shown["url"]).rpartition("/media/")[2].split("/")[0])
        if (shown)
        else store_file(work, new_file(pictures[0], "image/jpeg", "photo.jpg"))
    )
    if media is not None:
        case_intake.keep_photo(work, conversation, media, key=str(line.source_key))


def _fetch_later(work: UnitOfWork, row: Inbox, conversation_id: int) -> None:
    pictures = [
        url for url, type_ in whatsapp.read_inbound(row.body).media if type_.startswith("image/")
    ]
    for number, url in enumerate(pictures[:_MOST]):
        inbox.put(
            work,
            source="evidence",
            source_id=f"{row.source_id}:{number}",
            stream=f"evidence:{row.source_id}",
            kind=KIND,
            body={"conversation_id": conversation_id, "url": url},
        )


def route(fetch: Callable[[str], bytes]) -> Route:
    """How inbox kind "incident.photo" is served; `fetch` as in bot/jobs/hearing.py."""

    def prepare(row: Inbox) -> bytes | None:
        try:
            return fetch(row.body["url"])
        except (Refused, GiveUp) as error:
            log.warning("evidence_not_fetched", why=str(error))
            return None

    def apply(work: UnitOfWork, row: Inbox, data: Any) -> None:
        if data is None:
            return
        png = data.startswith(b"\x89PNG")
        file = new_file(data, "image/png" if png else "image/jpeg", "photo.jpg")
        incidents.keep_photo(work, int(row.body["conversation_id"]), store_file(work, file))

    return Route(apply, prepare)
