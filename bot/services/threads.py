"""The work on a conversation apart from who owns it: heard, answered, snoozed, labelled, noted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from bot.domain.handoff_reasons import reason as known_reason
from bot.domain.rights import may
from bot.replies import Reply, dump
from bot.services import case_work, clocks, handoff, wording
from bot.services.audit import Actor
from bot.services.handoff import Beaten, NotPossible, owner_name
from bot.services.marks import mark
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationLabel, ConversationMark, Viewer
from bot.store.outbox import emit
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.upsert import insert

REOPENS_FOR: Final = timedelta(hours=24)
PRESENT_FOR: Final = timedelta(minutes=2)  # without a sign of life, nobody is there
VIEWING_FOR: Final = timedelta(seconds=15)
NOTE_MAX: Final = 4000
_MENTION: Final = re.compile(r"@(\w+)")


# --- lines that come and go ----------------------------------------------------------------------


def heard(work: UnitOfWork, conversation: Conversation, *, for_bot: bool) -> None:
    """A rider's line came: who waits for whom is noted, a resolved chat is reopened.

    Within a day it goes back to the person who resolved it if they are there, else to the queue;
    later it is the bot's. `for_bot`: a button, a sticker's photo, a thank-you, what the bot serves
    in any case: it does not bring people back.
    """
    conversation.last_at = work.now
    if conversation.status == "resolved" and not for_bot:
        _reopen(work, conversation)
    if not for_bot:
        case_work.rider_wrote(work, conversation)
    if conversation.owner == "bot":
        return
    conversation.waiting_since = conversation.waiting_since or work.now
    if conversation.status != "open":
        conversation.status, conversation.snoozed_until = "open", None


def _reopen(work: UnitOfWork, conversation: Conversation) -> None:
    resolved_at, conversation.resolved_at = conversation.resolved_at, None
    conversation.status = "open"
    last = conversation.last_owner_id
    if resolved_at is None or work.now - resolved_at > REOPENS_FOR or last is None:
        return
    conversation.epoch += 1
    conversation.handoff_reason = "reopened"
    staff = work.session.get(Staff, last)
    if staff is not None and is_there(staff, work.now):
        conversation.owner, conversation.owner_id = "human", staff.id
        conversation.claimed_at = work.now
        touched(work, f"staff:{staff.id}")
        text = f"Reopened: the rider wrote, back to {staff.name}"
    else:
        conversation.owner, conversation.queued_at = "queue", work.now
        text = "Reopened: the rider wrote, into the queue"
    mark(work, conversation.id, "reopened", text)


def is_there(staff: Staff, now: datetime) -> bool:
    """Whether somebody can be given a conversation now: chosen state and an open console."""
    seen = staff.seen_at is not None and now - staff.seen_at <= PRESENT_FOR
    at_desk = seen and staff.presence in ("online", "busy")
    return staff.active and at_desk and may(staff.role, "conversation.work")


def say(
    work: UnitOfWork,
    actor: Actor,
    conversation: Conversation,
    replies: Sequence[Reply],
    *,
    key: str,
    template: Mapping[str, Any] | None = None,
    values: Mapping[str, str] | None = None,
    reason: str = "",
) -> None:
    """Send replies of the person who owns the conversation; a repeat of `key` sends nothing twice.

    `template`: send this approved template instead of free words. While danger is open only
    approved words go out (wording.py has `values` and `reason`). Raises Beaten and Locked.
    """
    require_owner(work, actor, conversation)
    incident = wording.may_say(
        work, actor, conversation, replies, values=values or {}, reason=reason
    )
    fresh = False
    for number, reply in enumerate(replies):
        fresh |= emit(
            work,
            key=f"message:agent:{conversation.id}:{key}:{number}",
            lane="worker",
            stream=f"conversation:{conversation.id}",
            kind="message",
            body={
                "conversation_id": conversation.id, "reply": dump(reply), "author": "agent",
                "epoch": None, "staff_id": actor.staff_id,
                **({"template": dict(template)} if template else {}),
            },
        )  # fmt: skip
    if fresh and incident is not None:
        wording.log(work, actor, incident, conversation.rider_id, replies)
    if fresh:
        clocks.human_contact(work, conversation.id, by=actor.name)
        conversation.waiting_since = None
        conversation.last_at = work.now
        conversation.status, conversation.snoozed_until = "waiting_rider", None


def require_owner(work: UnitOfWork, actor: Actor, conversation: Conversation) -> None:
    """Raises Beaten unless this person has the conversation."""
    if conversation.owner != "human" or conversation.owner_id != actor.staff_id:
        raise Beaten(conversation, owner_name(work, conversation))


# --- staff's own lines ---------------------------------------------------------------------------


def note(
    work: UnitOfWork, actor: Actor, conversation: Conversation, text: str, *, key: str
) -> None:
    """A line that only staff see; "@Name" calls somebody to it. Raises NotPossible."""
    text = text.strip()
    if not text:
        raise NotPossible("Write something first.")
    if len(text) > NOTE_MAX:
        raise NotPossible(f"A note has at most {NOTE_MAX} characters.")
    called = mentioned(work, text)
    mark(
        work,
        conversation.id,
        "note",
        text,
        actor=actor,
        body={"mentions": [staff.id for staff in called]},
        key=f"note:{conversation.id}:{key}",
    )
    for staff in called:
        told = Actor(staff.id, staff.role, staff.name)
        once = f"mention:{conversation.id}:{key}:{staff.id}"
        mark(work, conversation.id, "mention", text, actor=told, key=once)
    touched(work, f"conversation:{conversation.id}", *(f"mention:{staff.id}" for staff in called))


def mentioned(work: UnitOfWork, text: str) -> list[Staff]:
    """The active people called by first name or whole name without its spaces."""
    names = {name.casefold() for name in _MENTION.findall(text)}
    if not names:
        return []
    everyone = work.session.scalars(select(Staff).where(Staff.active))
    return [staff for staff in everyone if names & _callable_as(staff)]


def mentions_of(work: UnitOfWork, staff_id: int, *, limit: int = 50) -> list[ConversationMark]:
    """The notes that call somebody, newest first; `body` says whether they are read."""
    found = (
        select(ConversationMark)
        .where(ConversationMark.kind == "mention", ConversationMark.staff_id == staff_id)
        .order_by(ConversationMark.id.desc())
        .limit(limit)
    )
    return list(work.session.scalars(found))


def unread_mentions(work: UnitOfWork, staff_id: int) -> int:
    """How many of the newest calls have not been marked read."""
    return sum(not each.body.get("read") for each in mentions_of(work, staff_id))


def read_mentions(work: UnitOfWork, staff_id: int) -> None:
    """All calls so far are read."""
    for each in mentions_of(work, staff_id):
        if not each.body.get("read"):
            each.body = {**each.body, "read": True}
    touched(work, f"mention:{staff_id}")


def _callable_as(staff: Staff) -> set[str]:
    whole = staff.name.replace(" ", "").casefold()
    return {whole, handoff.first_name(staff.name).casefold()}


# --- status, labels, viewers ---------------------------------------------------------------------


def snooze(work: UnitOfWork, actor: Actor, conversation: Conversation, until: datetime) -> None:
    """Put one's own conversation aside until a moment or the rider's next line."""
    require_owner(work, actor, conversation)
    if until <= work.now:
        raise NotPossible("Choose a time that is still to come.")
    if conversation.handoff_reason == "safety":
        raise NotPossible("A report of danger cannot be snoozed.")
    conversation.status, conversation.snoozed_until = "snoozed", until
    body = {"until": until.isoformat()}
    mark(work, conversation.id, "snoozed", "Snoozed", actor=actor, body=body)


def wake(work: UnitOfWork, actor: Actor, conversation: Conversation) -> None:
    """End one's own snooze early."""
    require_owner(work, actor, conversation)
    if conversation.status == "snoozed":
        conversation.status, conversation.snoozed_until = "open", None


def reopen(work: UnitOfWork, actor: Actor, conversation_id: int) -> Conversation:
    """Take a resolved conversation up again oneself. Raises Beaten."""
    conversation = handoff.claim(work, actor, conversation_id)
    mark(work, conversation_id, "reopened", "Reopened", actor=actor)
    return conversation


def add_label(work: UnitOfWork, actor: Actor, conversation_id: int, label: str) -> None:
    """Put a label on; once. Raises NotPossible for an empty or long one."""
    label = " ".join(label.casefold().split())
    if not 1 <= len(label) <= 40:
        raise NotPossible("A label has 1 to 40 characters.")
    added = work.session.execute(
        insert(work, ConversationLabel)
        .values(conversation_id=conversation_id, label=label, at=work.now)
        .on_conflict_do_nothing(index_elements=["conversation_id", "label"])
        .returning(ConversationLabel.label)
    ).first()
    if added is not None:
        mark(work, conversation_id, "labelled", f"Label: {label}", actor=actor)
        touched(work, f"conversation:{conversation_id}")


def remove_label(work: UnitOfWork, actor: Actor, conversation_id: int, label: str) -> None:
    """Take a label off."""
    work.session.execute(
        delete(ConversationLabel).where(
            ConversationLabel.conversation_id == conversation_id, ConversationLabel.label == label
        )
    )
    mark(work, conversation_id, "labelled", f"Label removed: {label}", actor=actor)
    touched(work, f"conversation:{conversation_id}")


def labels_of(work: UnitOfWork, conversation_id: int) -> list[str]:
    """The labels of a conversation."""
    found = select(ConversationLabel.label).where(
        ConversationLabel.conversation_id == conversation_id
    )
    return list(work.session.scalars(found.order_by(ConversationLabel.label)))


def known_labels(work: UnitOfWork) -> list[str]:
    """Labels in use, and those that come by themselves."""
    used = work.session.scalars(select(ConversationLabel.label).distinct().limit(200))
    own = (known_reason(name).label for name in ("safety", "fault", "refund", "dispute", "angry"))
    return sorted({*used, *filter(None, own)})


def is_viewing(work: UnitOfWork, actor: Actor, conversation_id: int, *, typing: bool) -> None:
    """A sign of life from an open page; others are told only when who or what changes."""
    before = work.session.get(Viewer, (conversation_id, actor.staff_id))
    news = before is None or before.expires_at <= work.now or before.typing != typing
    values = {"typing": typing, "expires_at": work.now + VIEWING_FOR}
    work.session.execute(
        insert(work, Viewer)
        .values(conversation_id=conversation_id, staff_id=actor.staff_id, **values)
        .on_conflict_do_update(index_elements=["conversation_id", "staff_id"], set_=values)
    )
    if news:
        touched(work, f"viewers:{conversation_id}")


def left(work: UnitOfWork, actor: Actor, conversation_id: int) -> None:
    """A page was closed."""
    gone = work.session.execute(
        delete(Viewer)
        .where(Viewer.conversation_id == conversation_id, Viewer.staff_id == actor.staff_id)
        .returning(Viewer.staff_id)
    ).first()
    if gone is not None:
        touched(work, f"viewers:{conversation_id}")


def viewers_of(work: UnitOfWork, conversation_id: int, *, but: int) -> list[tuple[str, bool]]:
    """Who else has a conversation open, and whether they type."""
    found = work.session.execute(
        select(Staff.name, Viewer.typing)
        .join(Viewer, Viewer.staff_id == Staff.id)
        .where(
            Viewer.conversation_id == conversation_id, Viewer.staff_id != but,
            Viewer.expires_at > work.now,
        )
        .order_by(Staff.name)
    )  # fmt: skip
    return [(name, typing) for name, typing in found]
