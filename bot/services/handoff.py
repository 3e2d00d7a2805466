"""Who owns a conversation: the bot, the queue, or a person; every change moves the epoch.

Each change by staff is one conditional statement: of several people who press at the same moment
one wins, and the others learn who did. What the bot wrote in an earlier epoch is dropped where it
would leave (bot/gateways/delivery.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update

from bot.domain.handoff_reasons import reason as known_reason
from bot.domain.rights import may
from bot.errors import PilebotError
from bot.replies import Say, Written
from bot.services import audit, feedback, understood
from bot.services.audit import Actor
from bot.services.handoff_packet import packet
from bot.services.marks import mark
from bot.services.outbound import tell
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationLabel, Incident
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff
from bot.store.upsert import insert

ANSWERABLE: Final = timedelta(hours=23, minutes=55)  # WhatsApp's window, as delivery counts it


class Beaten(PilebotError):
    """The conversation is not what this page showed any more; the message names who has it."""

    def __init__(self, conversation: Conversation, owner_name: str) -> None:
        nobody = {
            "bot": "The bot has this conversation.",
            "queue": "This conversation is waiting in the queue.",
        }
        who = nobody.get(conversation.owner, f"{owner_name} has this conversation.")
        super().__init__(who)
        self.owner = conversation.owner
        self.owner_name = owner_name


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


# --- by the bot and the rider --------------------------------------------------------------------


def to_queue(work: UnitOfWork, conversation: Conversation, *, reason: str) -> None:
    """Put a conversation into the staff queue; the bot is silent from here on.

    What the bot has already said stays said; what it says in the same transaction is its goodbye
    and must be told before this call, as it carries the epoch of the time it was written. A chat
    that people have already only gets more urgent.
    """
    known = known_reason(reason)
    if conversation.owner != "bot":
        if known.priority < conversation.priority:
            conversation.priority = known.priority
            conversation.handoff_reason = reason
            _label(work, conversation.id, known.label)
        return
    told = packet(work, conversation, reason=reason)
    conversation.owner = "queue"
    conversation.epoch += 1
    conversation.handoff_reason = reason
    conversation.priority, conversation.skill = known.priority, known.skill
    conversation.queued_at = work.now
    conversation.waiting_since = work.now
    conversation.status, conversation.snoozed_until, conversation.resolved_at = "open", None, None
    conversation.dialog = {}
    _label(work, conversation.id, known.label)
    mark(work, conversation.id, "queued", known.title, body=told)


def to_bot(work: UnitOfWork, conversation: Conversation) -> None:
    """The rider turns back to the bot, whose dialog is idle."""
    mark(work, conversation.id, "handed_back", "The rider went back to the bot.")
    _idle(conversation)
    conversation.epoch += 1


def _idle(conversation: Conversation) -> None:
    conversation.owner, conversation.owner_id = "bot", None
    conversation.handoff_reason = conversation.skill = None
    conversation.priority = 3
    conversation.queued_at = conversation.claimed_at = conversation.waiting_since = None
    conversation.status, conversation.snoozed_until = "open", None
    conversation.dialog = {}
    conversation.fallbacks = 0


# --- by staff ------------------------------------------------------------------------------------


def claim(work: UnitOfWork, actor: Actor, conversation_id: int) -> Conversation:
    """Take a conversation over from the bot or the queue. Raises Beaten where a person has it."""
    before = work.session.get_one(Conversation, conversation_id)
    told = packet(work, before, reason="claimed") if before.owner == "bot" else {}
    if before.owner == "bot":
        rider = work.session.get_one(Rider, before.rider_id)
        understood.person_took_over(work, conversation_id, rider)
    waited = before.waiting_since
    _move(
        work,
        conversation_id,
        Conversation.owner.in_(("bot", "queue")),
        owner="human", owner_id=actor.staff_id, claimed_at=work.now, dialog={}, status="open",
        snoozed_until=None, resolved_at=None,
    )  # fmt: skip
    if waited is not None:
        told["waited_s"] = int((work.now - waited).total_seconds())
    mark(work, conversation_id, "claimed", "Took over", actor=actor, body=told)
    audit.record(work, actor, "claim", f"conversation:{conversation_id}")
    conversation = _fresh(work, conversation_id)
    introduce(work, actor, conversation)
    return conversation


def introduce(work: UnitOfWork, actor: Actor, conversation: Conversation) -> None:
    """The rider is told once who answers now, while WhatsApp takes free words."""
    heard = conversation.last_whatsapp_at
    if conversation.last_channel == "whatsapp" and (heard is None or work.now - heard > ANSWERABLE):
        return
    tell(
        work,
        conversation,
        Say(
            "{name} from our team is with you now and answers here.",
            {"name": Written(first_name(actor.name))},
        ),
        key=f"joined:{conversation.id}:{conversation.epoch}",
        author="system",
    )


def transfer(
    work: UnitOfWork,
    actor: Actor,
    conversation_id: int,
    to: int,
    *,
    epoch: int,
    note: str = "",
) -> Conversation:
    """Pass one's own conversation on, as it was seen. Raises Beaten and NotPossible."""
    receiver = _able(work, to)
    _move(
        work,
        conversation_id,
        Conversation.owner == "human",
        Conversation.owner_id == actor.staff_id,
        Conversation.epoch == epoch,
        owner_id=to, claimed_at=work.now, status="open", snoozed_until=None,
    )  # fmt: skip
    return _passed_on(work, actor, conversation_id, receiver, note, forced=False)


def force(
    work: UnitOfWork, actor: Actor, conversation_id: int, to: int, *, reason: str
) -> Conversation:
    """A manager gives a conversation to somebody, whoever has it. Raises NotPossible."""
    receiver = _able(work, to)
    if not reason.strip():
        raise NotPossible("Give a reason: it is shown to both and kept in the audit log.")
    _move(
        work,
        conversation_id,
        owner="human", owner_id=to, claimed_at=work.now, status="open", snoozed_until=None,
        resolved_at=None, dialog={},
    )  # fmt: skip
    return _passed_on(work, actor, conversation_id, receiver, reason, forced=True)


def _passed_on(
    work: UnitOfWork,
    actor: Actor,
    conversation_id: int,
    receiver: Staff,
    note: str,
    *,
    forced: bool,
) -> Conversation:
    body = {"to": receiver.id, "note": note, "forced": forced}
    text = f"{'Assigned' if forced else 'Passed on'} to {receiver.name}"
    mark(work, conversation_id, "transferred", text, actor=actor, body=body)
    action = "assign" if forced else "transfer"
    audit.record(
        work, actor, action, f"conversation:{conversation_id}", after={"to": receiver.id},
        reason=note if forced else "",
    )  # fmt: skip
    touched(work, f"staff:{receiver.id}")
    return _fresh(work, conversation_id)


def requeue(
    work: UnitOfWork,
    actor: Actor | None,
    conversation_id: int,
    *,
    reason: str = "released",
    note: str = "",
) -> Conversation:
    """Put a person's conversation back into the queue; `actor` None is the clock (the agent went
    offline, nobody answered). Raises Beaten where it is not that person's any more."""
    now_has = work.session.get_one(Conversation, conversation_id)
    guards = [Conversation.owner == "human", Conversation.epoch == now_has.epoch]
    if actor is not None:
        guards.append(Conversation.owner_id == actor.staff_id)
    known = known_reason(reason)
    _move(
        work,
        conversation_id,
        *guards,
        owner="queue", owner_id=None, last_owner_id=now_has.owner_id, claimed_at=None,
        queued_at=now_has.waiting_since or work.now, status="open", snoozed_until=None,
        waiting_since=now_has.waiting_since or work.now,
    )  # fmt: skip
    kind = "queued" if actor else "returned"
    mark(work, conversation_id, kind, known.title, actor=actor, body={"note": note})
    if actor is not None:
        audit.record(work, actor, "requeue", f"conversation:{conversation_id}")
    return _fresh(work, conversation_id)


def hand_back(
    work: UnitOfWork,
    actor: Actor,
    conversation_id: int,
    *,
    epoch: int,
    settled: Sequence[str],
    note: str = "",
) -> Conversation:
    """Give one's own conversation back to the bot: what was settled stays as a mark, the dialog
    is idle, and the bot says nothing until the rider writes. Raises Beaten, and NotPossible while
    danger is not closed by a manager."""
    _refuse_open_incident(work, work.session.get_one(Conversation, conversation_id))
    _move(work, conversation_id, *_mine(actor, epoch), **_idle_values(actor))
    body = {"settled": list(settled), "note": note}
    mark(work, conversation_id, "handed_back", "Back with the bot", actor=actor, body=body)
    audit.record(work, actor, "hand_back", f"conversation:{conversation_id}")
    return _fresh(work, conversation_id)


def resolve(
    work: UnitOfWork, actor: Actor, conversation_id: int, *, epoch: int, note: str = ""
) -> Conversation:
    """Close one's own conversation; a rider who writes within a day comes back to this person.

    Raises Beaten, and NotPossible while danger is not closed by a manager.
    """
    conversation = work.session.get_one(Conversation, conversation_id)
    _refuse_open_incident(work, conversation)
    values = _idle_values(actor) | {"status": "resolved", "resolved_at": work.now}
    _move(work, conversation_id, *_mine(actor, epoch), **values)
    mark(work, conversation_id, "resolved", "Resolved", actor=actor, body={"note": note})
    feedback.after_conversation(work, conversation_id)
    audit.record(work, actor, "resolve", f"conversation:{conversation_id}")
    return _fresh(work, conversation_id)


def _refuse_open_incident(work: UnitOfWork, conversation: Conversation) -> None:
    open_one = select(Incident.id).where(
        Incident.conversation_id == conversation.id, Incident.state != "closed"
    )
    if work.session.scalars(open_one).first() is not None:
        raise NotPossible("A safety incident of this conversation is open: a manager closes it.")


def _mine(actor: Actor, epoch: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Conversation.owner == "human",
        Conversation.owner_id == actor.staff_id,
        Conversation.epoch == epoch,
    )


def _idle_values(actor: Actor) -> dict[str, Any]:
    return {
        "owner": "bot", "owner_id": None, "last_owner_id": actor.staff_id, "dialog": {},
        "fallbacks": 0, "handoff_reason": None, "skill": None, "priority": 3, "queued_at": None,
        "claimed_at": None, "waiting_since": None, "status": "open", "snoozed_until": None,
    }  # fmt: skip


def _move(
    work: UnitOfWork, conversation_id: int, *guards: ColumnElement[bool], **values: Any
) -> None:
    """The one statement that changes an owner. Raises Beaten when a guard does not hold."""
    moved = work.session.scalars(
        update(Conversation)
        .where(Conversation.id == conversation_id, *guards)
        .values(epoch=Conversation.epoch + 1, **values)
        .returning(Conversation.rider_id)
        .execution_options(synchronize_session=False)
    ).first()
    if moved is None:
        conversation = _fresh(work, conversation_id)
        raise Beaten(conversation, owner_name(work, conversation))
    touched(work, f"conversation:{conversation_id}", f"rider:{moved}")


def _fresh(work: UnitOfWork, conversation_id: int) -> Conversation:
    return work.session.get_one(Conversation, conversation_id, populate_existing=True)


def _able(work: UnitOfWork, staff_id: int) -> Staff:
    """Somebody who may work on conversations."""
    staff = work.session.get(Staff, staff_id)
    if staff is None or not staff.active or not may(staff.role, "conversation.work"):
        raise NotPossible("That person cannot take conversations.")
    return staff


def _label(work: UnitOfWork, conversation_id: int, label: str | None) -> None:
    if label is None:
        return
    work.session.execute(
        insert(work, ConversationLabel)
        .values(conversation_id=conversation_id, label=label, at=work.now)
        .on_conflict_do_nothing(index_elements=["conversation_id", "label"])
    )


def owner_name(work: UnitOfWork, conversation: Conversation) -> str:
    """The name of the person who has a conversation, else ""."""
    if conversation.owner_id is None:
        return ""
    staff = work.session.get(Staff, conversation.owner_id)
    return staff.name if staff else "Somebody"


def first_name(name: str) -> str:
    """What riders are told of somebody's name."""
    return name.split()[0] if name.split() else "Somebody"
