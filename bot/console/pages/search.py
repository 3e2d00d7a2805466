"""Search over riders, messages, piles and bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import request
from sqlalchemy import select

from bot.console import worklist
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import shown_name, shown_text
from bot.services import finding
from bot.store.database import UnitOfWork
from bot.store.riders import Message, Rider

_AROUND: Final = 60  # characters shown on each side of what was searched for


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that holds the words: the part before, the words, the part behind."""

    conversation_id: int
    message_id: int
    name: str
    author: str
    at: datetime
    before: str
    words: str
    behind: str


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /search."""

    @routes.page("/search", right="conversation.read")
    def page() -> Any:
        asked = finding.clean(request.args.get("q", ""))
        actor = console.me().actor()
        with console.store.read() as work:
            found = finding.search(work, actor, asked)
            values: dict[str, Any] = {
                "rows": worklist.rows_of(work, found.chats),
                "hits": _hits(work, found.messages, asked),
                "bills": [(bill, chat.id) for bill, chat in found.bills],
            }
        if found.by_phone:
            with console.store.begin() as work:
                finding.note_phone_search(work, actor, len(found.chats))
        return console.page("search", asked=asked, found=found, **values)


def _hits(work: UnitOfWork, messages: Sequence[Message], asked: str) -> list[Hit]:
    chats = finding.conversations_of(work, messages)
    ids = {chat.rider_id for chat in chats.values()}
    riders = {one.id: one for one in work.session.scalars(select(Rider).where(Rider.id.in_(ids)))}
    return [_hit(one, riders[chats[one.conversation_id].rider_id], asked) for one in messages]


def _hit(message: Message, rider: Rider, asked: str) -> Hit:
    text = " ".join(shown_text(message.text).split())
    at = text.casefold().find(asked.casefold())
    start = max(0, at)
    end = start + len(asked) if at >= 0 else start
    lead = text[max(0, start - _AROUND) : start]
    return Hit(
        conversation_id=message.conversation_id,
        message_id=message.id,
        name=shown_name(rider),
        author={"rider": "Rider", "agent": "Staff"}.get(message.author, "Bot"),
        at=message.at,
        before=("… " if start > _AROUND else "") + lead,
        words=text[start:end],
        behind=text[end : end + _AROUND] + (" …" if len(text) > end + _AROUND else ""),
    )
