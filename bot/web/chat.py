"""The web chat's HTTP side: what the front end polls and what it sends.

Polling is short (about once a second while somebody writes): a long poll would hold one of the
few threads that also take the webhooks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, request, url_for
from sqlalchemy import ColumnElement, exists, func, or_, select
from werkzeug.wrappers import Response as AnyResponse

from bot.domain.cards import hide_cards
from bot.errors import Refused
from bot.gateways.media import new_file, store_file
from bot.replies import Say
from bot.services.outbound import conversation_of
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Message, Rider
from bot.web.context import Site
from bot.web.texts import chat_texts

PAGE_SIZE = 60
OVERLAP = timedelta(seconds=15)  # PostgreSQL may commit a lower id later: ask twice for the newest
TYPING_FOR = timedelta(seconds=30)
PHOTO_KEPT = timedelta(days=1)
TEXT_MAX = 1600
MESSAGES_PER_MINUTE = 40
SLOW_DOWN = Say("Please slow down a little.")
_CLIENT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"RIFF", "image/webp", "webp"),
)


def add_routes(routes: Blueprint, site: Site) -> None:
    """Put the chat page and its JSON on the site."""

    @routes.get("/chat")
    def chat() -> AnyResponse:
        rider = site.browser.rider()
        if rider is None:
            return redirect(url_for("site.login"))
        lang = site.browser.language()
        page = {
            "messages": url_for("site.messages"),
            "login": url_for("site.login"),
            "csrf": site.browser.csrf(),
            "key": f"rider-{rider.id}",
            "name": site.settings.brand,
            "locale": "en-GB" if lang == "en" else lang,
            "texts": chat_texts(lang),
            "max_bytes": site.settings.media_max_bytes,
        }
        response = make_response(site.page("chat", page=page))
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/chat/messages")
    def messages() -> Response:
        rider = _rider(site)
        with site.store.read() as work:
            conversation = conversation_of(work, rider.id)
            if before := request.args.get("before"):
                answer = _earlier(work, site, conversation, _number(before))
            else:
                after = _number(request.args.get("after") or "0")
                answer = _news(work, site, conversation, after)
        response = jsonify(answer)
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.post("/chat/messages")
    def send() -> tuple[Response, int]:
        rider = _rider(site)
        site.browser.check_csrf()
        request.max_content_length = site.settings.media_max_bytes + 65_536
        try:
            client_id, body, photo = _read(site)
        except Refused as refused:
            return jsonify(error=site.text(refused.text, **refused.values)), 422
        with site.store.begin() as work:
            if _too_fast(work, rider):
                return jsonify(error=site.text(SLOW_DOWN.text)), 429
            fresh = _file(work, rider, client_id, body, photo)
        return jsonify(accepted=True, repeated=not fresh), 200 if not fresh else 202


def _rider(site: Site) -> Rider:
    rider = site.browser.rider()
    if rider is None:
        abort(make_response(jsonify(error="logged out"), 401))
    return rider


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        abort(make_response(jsonify(error="not a message id"), 400))
    return int(text)


# What is shown


def _news(work: UnitOfWork, site: Site, conversation: Conversation, after: int) -> dict[str, Any]:
    """Messages after a cursor, or the newest page when it is 0, with ticks and typing."""
    if after:
        recent = or_(Message.id > after, Message.at >= work.now - OVERLAP)
        rows = _rows(work, conversation, recent)
    else:
        rows = _rows(work, conversation)
    answer: dict[str, Any] = {
        "messages": _shown(work, site, conversation, rows),
        "cursor": str(max([after, *(row.id for row in rows)])),
        "typing": _is_typing(work, conversation),
        "ticks": _ticks(work, conversation),
    }
    if not after:
        answer["earlier"] = len(rows) == PAGE_SIZE
    return answer


def _earlier(
    work: UnitOfWork, site: Site, conversation: Conversation, before: int
) -> dict[str, Any]:
    rows = _rows(work, conversation, Message.id < before)
    shown = _shown(work, site, conversation, rows)
    return {"messages": shown, "earlier": len(rows) == PAGE_SIZE}


def _rows(
    work: UnitOfWork, conversation: Conversation, *only: ColumnElement[bool]
) -> Sequence[Message]:
    newest = (
        select(Message)
        .where(Message.conversation_id == conversation.id, *only)
        .order_by(Message.id.desc())
        .limit(PAGE_SIZE)
    )
    return list(reversed(work.session.scalars(newest).all()))


def _answered_up_to(work: UnitOfWork, conversation: Conversation) -> int:
    """The id of the last thing we said: the rider's lines before it have been read."""
    last = select(func.max(Message.id)).where(
        Message.conversation_id == conversation.id, Message.author != "rider"
    )
    return work.session.scalar(last) or 0


def _ticks(work: UnitOfWork, conversation: Conversation) -> dict[str, str]:
    """The state of the rider's last lines, which changes after they were shown."""
    answered = _answered_up_to(work, conversation)
    last = (
        select(Message.id)
        .where(Message.conversation_id == conversation.id, Message.author == "rider")
        .order_by(Message.id.desc())
        .limit(10)
    )
    ids = work.session.scalars(last).all()
    return {str(id_): "read" if id_ < answered else "delivered" for id_ in ids}


def _shown(
    work: UnitOfWork, site: Site, conversation: Conversation, rows: Sequence[Message]
) -> list[dict[str, Any]]:
    """Rows in the form of docs/chat-message.md; `client_id` names what this browser sent."""
    answered = _answered_up_to(work, conversation)
    shown = []
    for row in rows:
        own = row.author == "rider"
        message = {
            "kind": "text",
            "text": row.text,
            **row.body,
            "id": str(row.id),
            "at": row.at.isoformat(),
            "author": row.author,
            "direction": "in" if own else "out",
            "status": ("read" if row.id < answered else "delivered") if own else row.status,
        }
        if media := message.get("media"):
            message["media"] = {**media, "url": _own_path(site, media.get("url", ""))}
        if row.source_key and row.source_key.startswith("web:"):
            message["client_id"] = row.source_key.removeprefix("web:")
        shown.append(message)
    return shown


def _own_path(site: Site, url: str) -> str:
    """Our own files by path only, so that they load under every name this site has."""
    return url.removeprefix(site.settings.public_url.rstrip("/"))


def _is_typing(work: UnitOfWork, conversation: Conversation) -> bool:
    """Whether something the rider just sent is being worked on by the bot."""
    if conversation.owner != "bot":
        return False
    waiting = exists().where(
        Inbox.stream == f"rider:{conversation.rider_id}",
        Inbox.state == "open",
        Inbox.available_at <= work.now,
        Inbox.created_at >= work.now - TYPING_FOR,
    )
    return bool(work.session.scalar(select(waiting)))


# What is sent


def _read(site: Site) -> tuple[str, dict[str, Any], bytes | None]:
    """The client's id, the inbox body and the photo. Raises Refused for what cannot be one."""
    upload = request.files.get("photo")
    sent: Any = request.form if request.mimetype == "multipart/form-data" else None
    if sent is None:
        sent = request.get_json(silent=True)
    if not hasattr(sent, "get"):
        raise Refused("That message could not be read.")
    client_id = sent.get("id")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise Refused("That message could not be read.")
    body: dict[str, Any] = {}
    for name, longest in (("text", TEXT_MAX), ("payload", 256)):
        value = sent.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or "\x00" in value:
            raise Refused("That message could not be read.")
        if len(value) > longest:
            raise Refused("That message is too long. Please send it in parts.")
        body[name] = value
    if "text" in body:
        body["text"], hidden = hide_cards(body["text"])
        if hidden:
            body["card_hidden"] = True
    if sent.get("lat") is not None or sent.get("lng") is not None:
        body["location"] = _location(sent.get("lat"), sent.get("lng"))
    photo = upload.read() if upload is not None else None
    if photo is not None and len(photo) > site.settings.media_max_bytes:
        limit = site.settings.media_max_bytes // 1_000_000
        raise Refused(
            "That photo is too large. Please send one below {limit} MB.", {"limit": limit}
        )
    if photo is not None and _kind(photo) is None:
        raise Refused("That is not a photo. Please choose a JPEG, PNG or WebP picture.")
    said = body.get("text", "").strip() or body.get("payload") or "location" in body
    if photo is None and not said:
        raise Refused("That message is empty.")
    return client_id, body, photo


def _location(lat: Any, lng: Any) -> dict[str, float]:
    try:
        place = {"lat": float(lat), "lng": float(lng)}
    except (TypeError, ValueError, OverflowError):
        raise Refused("That location could not be read.") from None
    inside = abs(place["lat"]) <= 90 and abs(place["lng"]) <= 180
    if not inside or not all(map(math.isfinite, place.values())):
        raise Refused("That location could not be read.")
    return place


def _kind(photo: bytes) -> tuple[str, str] | None:
    """Content type and ending by the first bytes; what a client says of its file is not asked."""
    for magic, content_type, ending in _MAGIC:
        if photo.startswith(magic) and (ending != "webp" or photo[8:12] == b"WEBP"):
            return content_type, ending
    return None


def _too_fast(work: UnitOfWork, rider: Rider) -> bool:
    recent = select(func.count()).where(
        Inbox.stream == f"rider:{rider.id}",
        Inbox.source == "web",
        Inbox.created_at > work.now - timedelta(minutes=1),
    )
    return (work.session.scalar(recent) or 0) >= MESSAGES_PER_MINUTE


def _file(
    work: UnitOfWork, rider: Rider, client_id: str, body: dict[str, Any], photo: bytes | None
) -> bool:
    """Put the message into the inbox with its photo; False when it is there already."""
    known = exists().where(Inbox.source == "web", Inbox.source_id == client_id)
    if work.session.scalar(select(known)):
        return False
    if photo is not None:
        kind = _kind(photo)
        assert kind is not None, "checked when the message was read"
        content_type, ending = kind
        file = new_file(photo, content_type, f"photo.{ending}")
        media = store_file(work, file, kept_for=PHOTO_KEPT)
        work.session.flush()
        body["media_id"] = media.id
    fresh = inbox.put(
        work,
        source="web",
        source_id=client_id,
        stream=f"rider:{rider.id}",
        kind="web.message",
        body=body,
    )
    if not fresh and photo is not None:
        work.session.delete(media)
    return fresh
