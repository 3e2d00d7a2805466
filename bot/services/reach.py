"""Which conversations somebody of the staff may read: the rows behind conversation_scope."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, and_, cast, exists, false, or_, select, true

from bot.domain.rights import case_teams, conversation_scope, may
from bot.services.audit import Actor
from bot.store.cases import Case, CaseLink
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark, Incident
from bot.store.riders import Conversation


def visible(actor: Actor) -> ColumnElement[bool]:
    """A condition on Conversation; lists, searches and counts are narrowed by it.

    Everybody sees own work and what a note calls them to; an agent also the queue and what the bot
    has in hand; a technician what is linked to an incident or a technical case or waits for
    technical skill; finance what money was held for and cases about money.
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
            return or_(own, Conversation.skill == "technical", incident, _of_cases(actor))
        case "money":
            paid = exists().where(Hold.rider_id == Conversation.rider_id)
            return or_(own, Conversation.skill == "finance", paid, _of_cases(actor))
    return false()


def case_visible(actor: Actor) -> ColumnElement[bool]:
    """A condition on Case: own ones, and those of the teams that a role reads."""
    teams = case_teams(actor.role)
    if teams is None:
        return true() if may(actor.role, "case.read") else false()
    return or_(Case.owner_id == actor.staff_id, Case.team.in_(sorted(teams)))


def _of_cases(actor: Actor) -> ColumnElement[bool]:
    """Conversations that a case within reach is tied to."""
    tied = select(CaseLink.ref).join(Case, Case.id == CaseLink.case_id)
    refs = tied.where(CaseLink.kind == "conversation", case_visible(actor))
    return cast(Conversation.id, String).in_(refs)


def may_read(work: UnitOfWork, actor: Actor, conversation_id: int) -> bool:
    """Whether this conversation is within somebody's reach; False also when there is none."""
    found = select(Conversation.id).where(Conversation.id == conversation_id, visible(actor))
    return work.session.scalars(found).first() is not None


def may_read_case(work: UnitOfWork, actor: Actor, case_id: int) -> bool:
    """Whether this case is within somebody's reach; False also when there is none."""
    found = select(Case.id).where(Case.id == case_id, case_visible(actor))
    return work.session.scalars(found).first() is not None
