"""Which conversations somebody of the staff may read: the rows behind conversation_scope."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from bot.domain.rights import conversation_scope
from bot.services.audit import Actor
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark, Incident
from bot.store.riders import Conversation


def visible(actor: Actor) -> ColumnElement[bool]:
    """A condition on Conversation; lists, searches and counts are narrowed by it.

    Everybody sees own work and what a note calls them to; an agent also the queue and what the bot
    has in hand; a technician what is linked to an incident or waits for technical skill; finance
    what money was held for.
    """
    called = select(ConversationMark.conversation_id).where(
        ConversationMark.staff_id == actor.staff_id, ConversationMark.kind == "mention"
    )
    own = or_(
        Conversation.owner_id == actor.staff_id,
        Conversation.last_owner_id == actor.staff_id,
        Conversation.id.in_(called),
    )
    match conversation_scope(actor.role):
        case "all":
            return true()
        case "queue":
            with_bot = and_(Conversation.owner == "bot", Conversation.status != "resolved")
            return or_(own, Conversation.owner == "queue", with_bot)
        case "linked":
            incident = exists().where(Incident.conversation_id == Conversation.id)
            return or_(own, Conversation.skill == "technical", incident)
        case "money":
            paid = exists().where(Hold.rider_id == Conversation.rider_id)
            return or_(own, Conversation.skill == "finance", paid)
    return false()


def may_read(work: UnitOfWork, actor: Actor, conversation_id: int) -> bool:
    """Whether this conversation is within somebody's reach; False also when there is none."""
    found = select(Conversation.id).where(Conversation.id == conversation_id, visible(actor))
    return work.session.scalars(found).first() is not None
