"""A conversation: transcript, head, composer; and the fragments that keep them live."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from flask import Response, abort, render_template, request, url_for

from bot.console import chat, ticket_view, word_lock
from bot.console.canned_values import values_for
from bot.console.composing import ACTIONS
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.cases import CLASSES, TOPICS
from bot.gateways import templates
from bot.gateways.media import find_media
from bot.services import canned, threads, wording
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Message, Rider

_SHOWN: Final = {
    "image/jpeg", "image/png", "image/webp", "application/pdf",
    "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr",
}  # fmt: skip
_TOKEN: Final = re.compile(r"/media/([A-Za-z0-9_-]{16,48})")


def add_routes(routes: Routes, console: Console) -> None:
    """Routes under /conversations/<id>; takeover and composer have those that change something."""

    @routes.page("/conversations/<int:conversation_id>", right="conversation.read")
    def page(conversation_id: int) -> Any:
        draft = chat.Draft(mode=request.args.get("mode", "reply"))
        return show(console, conversation_id, draft)

    @routes.page("/conversations/<int:conversation_id>/transcript", right="conversation.read")
    def transcript(conversation_id: int) -> Any:
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            shown = chat.lines(console, work, conversation, _before())
            may_retry = chat.owner_of(work, console.me(), conversation).mine
        return render_template(
            "console/transcript.html", shown=shown, may_retry=may_retry, id=conversation_id,
            packet=None,
        )  # fmt: skip

    @routes.page("/conversations/<int:conversation_id>/head", right="conversation.read")
    def head(conversation_id: int) -> Any:
        with console.store.read() as work:
            values = _head_values(console, work, conversation_id)
        return render_template("console/conversation_head.html", **values)

    @routes.page("/conversations/<int:conversation_id>/window", right="conversation.read")
    def window(conversation_id: int) -> Any:
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            owner = chat.owner_of(work, console.me(), conversation)
            shown = chat.window_of(work, conversation)
        return render_template("console/conversation_window.html", window=shown, head=owner)

    @routes.page("/conversations/<int:conversation_id>/viewers", right="conversation.read")
    def viewers(conversation_id: int) -> Any:
        with console.store.read() as work:
            chat.readable(console, work, conversation_id)
            me = console.me().staff_id
            there = threads.viewers_of(work, conversation_id, but=me)
        return render_template("console/conversation_viewers.html", head={"viewers": there})

    @routes.page(
        "/conversations/<int:conversation_id>/media/<int:message_id>", right="conversation.read"
    )
    def media(conversation_id: int, message_id: int) -> Any:
        """A message's file, for those who may read the conversation."""
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            message = work.session.get(Message, message_id)
            if message is None or message.conversation_id != conversation.id:
                abort(404)
            token = _TOKEN.search(str(message.body.get("media", {}).get("url", "")))
            found = find_media(work, token[1]) if token else None
            if found is None:
                abort(404)
        return _file(found.data, found.content_type)

    @routes.page("/conversations/<int:conversation_id>/canned", right="conversation.read")
    def canned_list(conversation_id: int) -> Any:
        """Canned replies that fit what was typed after `/`, filled for this rider."""
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            found = canned_replies(console, work, conversation, request.args.get("q", ""))
        return render_template("console/canned_list.html", found=found)

    @routes.action("/conversations/<int:conversation_id>/viewing", right="conversation.read")
    def viewing(conversation_id: int) -> Any:
        """A sign of life from an open page, every few seconds."""
        actor = console.me().actor()
        with console.store.begin() as work:
            chat.readable(console, work, conversation_id)
            if request.form.get("state") == "left":
                threads.left(work, actor, conversation_id)
            else:
                typing = request.form.get("state") == "typing"
                threads.is_viewing(work, actor, conversation_id, typing=typing)
        return "", 204


def show(
    console: Console,
    conversation_id: int,
    draft: chat.Draft,
    *,
    problem: str = "",
    preview: Any = None,
    status: int = 200,
) -> Any:
    """The whole page; `problem` says why something was refused, with the draft kept."""
    with console.store.read() as work:
        values = _head_values(console, work, conversation_id)
        conversation: Conversation = values.pop("conversation")
        head = values["head"]
        shown = chat.lines(console, work, conversation, _before())
        rider = work.session.get_one(Rider, conversation.rider_id)
        values |= {
            "shown": shown,
            "packet": chat.packet_of(shown.lines) if head.owner != "bot" else None,
            "window": chat.window_of(work, conversation),
            "templates": templates.offered(console.settings, rider.lang),
            "canned": canned_replies(console, work, conversation, ""),
            "known_labels": threads.known_labels(work),
            "lock": word_lock.shown(console, work, conversation),
        }
    if head.owner != "human" or not head.mine:
        draft.mode = "note"
    draft.key = secrets.token_urlsafe(12)
    while len(draft.options) < 3:
        draft.options.append({"title": "", "detail": "", "action": ""})
    panel = chat.rider_panel_url(head.rider_id)
    return console.page(
        "conversation", status, **values, draft=draft, problem=problem, preview=preview,
        actions=ACTIONS, may_retry=head.mine, id=conversation_id, panel=panel,
        own_reason=request.form.get("own_reason", ""),
    )  # fmt: skip


def _head_values(console: Console, work: UnitOfWork, conversation_id: int) -> dict[str, Any]:
    conversation = chat.readable(console, work, conversation_id)
    me = console.me()
    return {
        "conversation": conversation,
        "head": chat.head(work, me, conversation),
        "colleagues": chat.colleagues(work, me) if me.may("conversation.work") else [],
        "back": url_for("console.inbox_page"),
        "tickets": ticket_view.of_conversation(work, conversation),
        "ticket_topics": [
            (code, f"{CLASSES[one.class_]}: {one.title}") for code, one in TOPICS.items()
        ],
        "now": work.now,
    }


def canned_replies(
    console: Console, work: UnitOfWork, conversation: Conversation, typed: str
) -> list[dict[str, Any]]:
    """Canned replies with their variables filled, and what is missing."""
    rider = work.session.get_one(Rider, conversation.rider_id)
    values = values_for(work, console.settings, console.me(), conversation)
    found = []
    locked = wording.lock_of(work, conversation) is not None
    for each in canned.find(work, typed, rider.lang, only_approved=locked):
        text, missing = canned.fill(each.text, values)
        found.append(
            {"id": each.id, "shortcut": each.shortcut, "lang": each.lang, "text": text,
             "missing": missing, "options": each.options}
        )  # fmt: skip
    return found


def _before() -> int | None:
    return request.args.get("before", type=int)


def _file(data: bytes, content_type: str) -> Response:
    content_type = content_type.split(";")[0].strip()
    shown = content_type in _SHOWN
    response = Response(data, content_type=content_type if shown else "application/octet-stream")
    response.headers["Content-Disposition"] = "inline" if shown else "attachment"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=300"
    return response
