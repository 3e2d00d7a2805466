"""Gathers what the rules of an automatic handoff look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from bot.domain.handoff_rules import Signals
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.devices import Command
from bot.store.riders import Conversation, Message

_BACK: Final = timedelta(minutes=15)
_LINES: Final = 6
_FAILED_STATES: Final = ("rejected", "error", "timeout", "expired")


def signals(
    work: UnitOfWork, conversation: Conversation, *, text: str, intent: str, typed: bool
) -> Signals:
    """The signals of a message that is filed already, as the newest line."""
    lines = work.session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation.id, Message.author == "rider",
            Message.at > work.now - _BACK,
        )
        .order_by(Message.id.desc())
        .limit(_LINES)
    ).all()[1:]  # fmt: skip
    written = [line for line in lines if line.text.strip() and "payload" not in line.body]
    return Signals(
        text=text,
        intent=intent,
        typed=typed,
        earlier=tuple(line.text for line in written),
        intents=tuple(str((line.understood or {}).get("intent", "")) for line in lines),
        failed=_failed(work, conversation),
    )


def _failed(work: UnitOfWork, conversation: Conversation) -> int:
    """Charges whose start failed (each is tried twice by itself) and stops or unlocks that did
    not work, of the last minutes and since people last had the chat."""
    people = select(func.max(ConversationMark.at)).where(
        ConversationMark.conversation_id == conversation.id,
        ConversationMark.kind.in_(("queued", "claimed", "handed_back", "resolved")),
    )
    since = max(work.session.scalar(people) or work.now - _BACK, work.now - _BACK)
    failed = work.session.execute(
        select(Command.kind, Command.session_id)
        .join(ChargingSession, ChargingSession.id == Command.session_id)
        .where(
            ChargingSession.rider_id == conversation.rider_id,
            ChargingSession.started_at.is_(None) | (Command.kind != "start"),
            Command.kind.in_(("start", "stop", "unlock")),
            Command.state.in_(_FAILED_STATES),
            Command.created_at > since,
        )
    ).all()
    starts = {session for kind, session in failed if kind == "start"}
    return len(starts) + sum(kind != "start" for kind, _ in failed)
