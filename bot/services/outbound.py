"""Telling a rider something: replies become outbox rows in the transaction that calls for them."""

from __future__ import annotations

from sqlalchemy import select

from bot.replies import Replies, as_sequence, dump
from bot.store.database import UnitOfWork
from bot.store.outbox import emit
from bot.store.riders import Conversation


def conversation_of(work: UnitOfWork, rider_id: int) -> Conversation:
    """The rider's one conversation; made when the rider was first heard."""
    return work.session.scalars(select(Conversation).where(Conversation.rider_id == rider_id)).one()


def tell(
    work: UnitOfWork,
    conversation: Conversation,
    replies: Replies | None,
    *,
    key: str,
    author: str = "auto",
) -> None:
    """Emit replies in order. `key` names their cause; a repeat of it says nothing twice.

    Author "bot" is fenced: dropped at delivery when a person has taken the chat over since.
    "auto" (facts: receipt, session ended), "agent" and "system" go out whoever owns the chat.
    """
    for number, reply in enumerate(as_sequence(replies)):
        emit(
            work,
            key=f"message:{key}:{number}",
            lane="worker",
            stream=f"conversation:{conversation.id}",
            kind="message",
            body={
                "conversation_id": conversation.id,
                "reply": dump(reply),
                "author": author,
                "epoch": conversation.epoch if author == "bot" else None,
            },
        )


def tell_rider(work: UnitOfWork, rider_id: int, replies: Replies | None, *, key: str) -> None:
    """Tell a rider an automatic fact, whoever owns the chat."""
    tell(work, conversation_of(work, rider_id), replies, key=key)
