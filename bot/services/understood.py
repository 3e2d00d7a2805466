"""The feedback loop: keep messages that were understood with doubt or wrongly, for labelling.

Kept with the consent of the terms only, masked, for 90 days, and not of riders who opted out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from bot.domain.masking import mask_text
from bot.store.database import UnitOfWork
from bot.store.riders import Message, Rider
from bot.store.understood import Understood
from bot.understanding import Understanding

KEPT: Final = timedelta(days=90)
UNSURE: Final = 0.5  # confidence below which a message is worth a look
RIGHT_AFTER: Final = timedelta(
    minutes=3
)  # a next step this soon says something of the last message
_MAX_CHARS: Final = 600
_READ: Final = ("rasa", "keywords")  # engines that read text; buttons and photos teach nothing


def note(
    work: UnitOfWork, rider: Rider, message: Message, heard: Understanding, *, guess: str | None
) -> None:
    """Keep this message where it is doubtful, and the one before it where this one corrects it.

    `guess` is the intent offered where the understanding is unclear.
    """
    if rider.muted_at is not None or rider.welcomed_at is None:
        return
    before = _before(work, message)
    if before is not None:
        why = _correction(before, heard)
        if why is not None:
            hint = heard.intent if why != "person" and heard.intent not in _NO_HINT else None
            _keep(work, rider, before, why, hint=hint)
    if heard.engine in _READ and (heard.intent == "unclear" or heard.confidence < UNSURE):
        work.session.flush()
        _keep(work, rider, message, "unsure", hint=guess)


_NO_HINT: Final = frozenset(("deny", "affirm", "unclear", "answer", "out_of_scope"))


def _before(work: UnitOfWork, message: Message) -> Message | None:
    """The rider's text just before, where it is recent."""
    work.session.flush()
    query = (
        select(Message)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.id < message.id,
            Message.author == "rider",
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    before = work.session.scalars(query).first()
    if before is None or message.at - before.at > RIGHT_AFTER or not before.text.strip():
        return None
    read = (before.understood or {}).get("engine") in _READ and "payload" not in before.body
    return before if read else None


def _correction(before: Message, heard: Understanding) -> str | None:
    meant = str((before.understood or {}).get("intent"))
    if heard.intent == "human_handoff" and meant != "human_handoff":
        return "person"
    if heard.engine == "button":
        offered = heard.intent not in ("answer", meant)
        return "corrected" if meant == "unclear" and offered else None
    if heard.intent == "deny" and meant not in ("deny", "affirm"):
        return "corrected"
    return "rephrased" if meant == "unclear" and heard.intent not in _NO_HINT else None


def _keep(work: UnitOfWork, rider: Rider, message: Message, why: str, *, hint: str | None) -> None:
    known = work.session.scalars(
        select(Understood).where(Understood.message_id == message.id)
    ).first()
    if known is not None:  # a correction tells more than doubt
        known.why, known.hint = why, hint or known.hint
        return
    understood = message.understood or {}
    work.session.add(
        Understood(
            message_id=message.id,
            rider_id=rider.id,
            at=message.at,
            text=mask_text(message.text)[:_MAX_CHARS],
            lang=rider.lang,
            intent=str(understood.get("intent", "unclear")),
            confidence=float(understood.get("confidence", 0.0)),
            why=why,
            hint=hint,
        )
    )


def person_took_over(work: UnitOfWork, conversation_id: int, rider: Rider) -> None:
    """Somebody of the staff took the chat: the rider's last message was perhaps not understood."""
    last = work.session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "rider")
        .order_by(Message.id.desc())
        .limit(1)
    ).first()
    if last is None or rider.muted_at is not None or rider.welcomed_at is None:
        return
    read = (last.understood or {}).get("engine") in _READ
    if read and last.text.strip() and work.now - last.at <= RIGHT_AFTER:
        _keep(work, rider, last, "person", hint=None)


def forget(work: UnitOfWork, rider_id: int) -> None:
    """Remove all of a rider's kept messages: opted out, or erased."""
    work.session.execute(delete(Understood).where(Understood.rider_id == rider_id))


def tidy(work: UnitOfWork) -> None:
    """Delete what is past its 90 days, and what belongs to riders who opted out since."""
    muted = select(Rider.id).where(Rider.muted_at.is_not(None))
    work.session.execute(delete(Understood).where(Understood.at < work.now - KEPT))
    work.session.execute(delete(Understood).where(Understood.rider_id.in_(muted)))


def review(work: UnitOfWork, limit: int = 1000) -> Sequence[Understood]:
    """What waits for a label, the least sure first."""
    query = select(Understood).order_by(Understood.confidence, Understood.id).limit(limit)
    return work.session.scalars(query).all()


def labelled(work: UnitOfWork, ids: Sequence[int]) -> None:
    """These have their label now: they are in the training data and need not be kept."""
    work.session.execute(delete(Understood).where(Understood.id.in_(ids)))
