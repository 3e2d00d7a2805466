"""Who owns a conversation: the bot, the queue, or a person; every change moves the epoch."""

from __future__ import annotations

from bot.store.database import UnitOfWork
from bot.store.riders import Conversation


def to_queue(work: UnitOfWork, conversation: Conversation, *, reason: str) -> None:
    """Put a conversation into the staff queue; the bot is silent from here on.

    What the bot has already said stays said; what it says in the same transaction is its goodbye
    and must be told before this call, as it carries the epoch of the time it was written.
    """
    if conversation.owner != "bot":
        return
    conversation.owner = "queue"
    conversation.epoch += 1
    conversation.handoff_reason = reason
    conversation.queued_at = work.now
    conversation.dialog = {}


def to_bot(work: UnitOfWork, conversation: Conversation) -> None:
    """Give a conversation back to the bot with an idle dialog."""
    conversation.owner = "bot"
    conversation.owner_id = None
    conversation.epoch += 1
    conversation.handoff_reason = None
    conversation.queued_at = None
    conversation.dialog = {}
    conversation.fallbacks = 0
