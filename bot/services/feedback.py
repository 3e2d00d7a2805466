"""Asking riders how it was, once and at a good moment; keeping what they say; acting on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from bot.domain import cases as case_rules
from bot.domain import feedback as rules
from bot.domain.feedback import Facts, Kind
from bot.errors import Refused
from bot.services import feedback_words, marks
from bot.services.outbound import tell
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Case
from bot.store.changes import touched
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationLabel, Incident
from bot.store.feedback import Feedback, FeedbackWish
from bot.store.offers import RefundRequest
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Station
from bot.store.upsert import insert

LIVE: Final = "feedback"
LABEL: Final = "low score"
_OPEN_DISPUTES: Final = ("open", "waiting")


# --- asking


def after_receipt(work: UnitOfWork, session_id: int) -> None:
    """A receipt has arrived: in a while it may be asked how the charge was."""
    _plan(work, f"session:{session_id}", {"session_id": session_id, "at": work.now.isoformat()})


def after_conversation(work: UnitOfWork, conversation_id: int) -> None:
    """Somebody of the staff closed a chat: in a while it may be asked how that was."""
    subject = f"conversation:{conversation_id}:{work.now:%Y%m%d%H%M%S}"
    body = {"conversation_id": conversation_id, "at": work.now.isoformat()}
    _plan(work, subject, body)


def _plan(work: UnitOfWork, subject: str, body: dict[str, Any]) -> None:
    stream = ":".join(subject.split(":")[:2])
    inbox.put(
        work,
        source="timer",
        source_id=f"feedback:{subject}",
        stream=stream,
        kind="feedback.timer",
        body={**body, "subject": subject},
        available_at=work.now + rules.AFTER_RECEIPT,
    )


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "feedback.timer": the one moment to ask; when it is no good moment, nothing is asked."""
    since = datetime.fromisoformat(body["at"])
    subject = str(body["subject"])
    if "session_id" in body:
        session = work.session.get_one(ChargingSession, int(body["session_id"]))
        conversation = _conversation(work, session.rider_id)
        if session.state != "settled" or not _may_ask(work, conversation, subject, since):
            return
        kind = rules.next_kind(_asked(work, session.rider_id))
        row = _new(work, settings, kind, subject, session.rider_id, session)
    else:
        conversation = work.session.get_one(
            Conversation, int(body["conversation_id"]), with_for_update=True
        )
        left = conversation.status != "resolved" or conversation.resolved_at != since
        danger = select(Incident.id).where(
            Incident.conversation_id == conversation.id, Incident.at > since - rules.BETWEEN
        )
        incident = work.session.scalars(danger.limit(1)).first() is not None
        if left or not _may_ask(work, conversation, subject, since, after_incident=incident):
            return
        row = _new(work, settings, "csat", subject, conversation.rider_id, None)
    tell(
        work,
        conversation,
        feedback_words.question(row, _place(work, row)),
        key=f"feedback:{row.id}",
        author="bot",
    )


def _may_ask(
    work: UnitOfWork,
    conversation: Conversation,
    subject: str,
    since: datetime,
    *,
    after_incident: bool = False,
) -> bool:
    rider = work.session.get_one(Rider, conversation.rider_id)
    wish = work.session.get(FeedbackWish, rider.id)
    last = select(func.max(Feedback.asked_at)).where(Feedback.rider_id == rider.id)
    known = select(Feedback.id).where(Feedback.subject == subject)
    return rules.may_ask(
        Facts(
            now=work.now,
            since=since,
            last_heard=conversation.last_whatsapp_at or conversation.last_inbound_at,
            last_asked=work.session.scalar(last),
            asked_already=work.session.scalars(known).first() is not None,
            opted_out=rider.muted_at is not None,
            never=wish is not None and wish.never,
            snoozed_until=wish.snoozed_until if wish is not None else None,
            trouble=conversation.owner != "bot" or _in_trouble(work, rider.id),
            after_incident=after_incident,
        )
    )


def _in_trouble(work: UnitOfWork, rider_id: int) -> bool:
    """An open case, incident or dispute of a rider."""
    open_rows = (
        select(Case.id).where(Case.rider_id == rider_id, Case.status.in_(case_rules.OPEN)),
        select(Incident.id).where(Incident.rider_id == rider_id, Incident.state != "closed"),
        select(RefundRequest.id).where(
            RefundRequest.rider_id == rider_id, RefundRequest.state.in_(_OPEN_DISPUTES)
        ),
    )
    return any(work.session.scalars(query.limit(1)).first() is not None for query in open_rows)


def _asked(work: UnitOfWork, rider_id: int) -> int:
    """How often a rider was asked after a charge."""
    query = select(func.count()).where(
        Feedback.rider_id == rider_id, Feedback.kind != "csat", ~Feedback.by_rider
    )
    return int(work.session.scalar(query) or 0)


def _new(
    work: UnitOfWork,
    settings: Settings,
    kind: Kind,
    subject: str,
    rider_id: int,
    session: ChargingSession | None,
    *,
    by_rider: bool = False,
) -> Feedback:
    low, high = rules.SCALES[settings.nps_scale] if kind == "nps" else rules.STARS
    evse = work.session.get_one(Evse, session.evse_id) if session is not None else None
    row = Feedback(
        kind=kind, subject=subject, rider_id=rider_id, by_rider=by_rider,
        session_id=session.id if session is not None else None,
        station_id=evse.pile.station_id if evse is not None else None,
        scale_low=low, scale_high=high, asked_at=work.now,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    return row


def _conversation(work: UnitOfWork, rider_id: int) -> Conversation:
    query = select(Conversation).where(Conversation.rider_id == rider_id)
    return work.session.scalars(query.with_for_update()).one()


def _place(work: UnitOfWork, row: Feedback) -> str:
    station = work.session.get(Station, row.station_id) if row.station_id else None
    return station.name if station is not None else ""


# --- what riders answer


def question_unasked(work: UnitOfWork, settings: Settings, rider_id: int) -> Feedback:
    """The question about the site of the rider's last real charge, for who wants to rate it.

    Raises Refused where there is none.
    """
    query = (
        select(ChargingSession)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id, ~ChargingSession.open)
        .where(Bill.created_at > work.now - rules.RATE_WITHIN)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    )
    session = work.session.scalars(query).first()
    if session is None:
        raise Refused("You can rate a station after you have charged there.")
    subject = f"session:{session.id}"
    known = select(Feedback).where(Feedback.kind == "stars", Feedback.subject == subject)
    found = work.session.scalars(known).first()
    if found is not None:
        return found
    return _new(work, settings, "stars", subject, rider_id, session, by_rider=True)


def own(work: UnitOfWork, rider_id: int, feedback_id: int) -> Feedback:
    """One of the rider's own questions, locked. Raises Refused for another's."""
    row = work.session.get(Feedback, feedback_id, with_for_update=True)
    if row is None or row.rider_id != rider_id:
        raise Refused("That question is not open any more.")
    return row


def answer(work: UnitOfWork, row: Feedback, score: int) -> None:
    """Keep a score; a later one replaces it. Raises Refused for one that is not on the scale."""
    if not rules.fits(score, row.scale_low, row.scale_high):
        raise Refused(
            "Please choose a number from {low} to {high}.",
            {"low": row.scale_low, "high": row.scale_high},
        )
    before, row.score, row.answered_at = row.score, score, work.now
    if row.kind == "stars" and row.station_id is not None and before != score:
        station = work.session.get_one(Station, row.station_id, with_for_update=True)
        station.rating_tenths = rules.rated(
            station.rating_tenths, station.rating_count, score, before=before
        )
        station.rating_count += before is None
    if rules.is_low(_kind(row), score):
        _follow_up(work, row)
    touched(work, LIVE)


def _kind(row: Feedback) -> Kind:
    return "nps" if row.kind == "nps" else "stars" if row.kind == "stars" else "csat"


def _follow_up(work: UnitOfWork, row: Feedback) -> None:
    """Staff find the chat under a label, and what was said in it."""
    conversation = _conversation(work, row.rider_id)
    work.session.execute(
        insert(work, ConversationLabel)
        .values(conversation_id=conversation.id, label=LABEL, at=work.now)
        .on_conflict_do_nothing(index_elements=["conversation_id", "label"])
    )
    what = {"nps": "would recommend us", "stars": "stars for the station"}.get(row.kind, "stars")
    marks.mark(
        work,
        conversation.id,
        "labelled",
        f"Low score: {row.score} of {row.scale_high} ({what}, {row.subject})",
        key=f"feedback:{row.id}:{row.score}",
    )
    touched(work, f"conversation:{conversation.id}")


def say_why(work: UnitOfWork, row: Feedback, reason: str) -> None:
    """Keep the reason of a low score."""
    if reason in rules.REASONS:
        row.reason = reason
        touched(work, LIVE)


def add_tag(work: UnitOfWork, row: Feedback, tag: str) -> None:
    """Keep what was noticed of a place; each once."""
    if tag in rules.TAGS and tag not in row.tags:
        row.tags = [*row.tags, tag]
        touched(work, LIVE)


def add_words(work: UnitOfWork, row: Feedback, text: str) -> None:
    """Keep a comment."""
    row.text = text[:1000]
    touched(work, LIVE)


def wish(work: UnitOfWork, rider_id: int, *, never: bool) -> None:
    """Not now, or never again."""
    row = work.session.get(FeedbackWish, rider_id)
    if row is None:
        row = FeedbackWish(rider_id=rider_id, never=False)
        work.session.add(row)
    row.never = never
    row.snoozed_until = None if never else work.now + rules.SNOOZE
    work.session.flush()


# --- for staff


def answers(
    work: UnitOfWork,
    *,
    first: datetime,
    last: datetime,
    station_id: int | None = None,
    limit: int | None = None,
) -> Sequence[Feedback]:
    """What was answered in a time, newest first."""
    query = (
        select(Feedback)
        .where(Feedback.answered_at >= first, Feedback.answered_at < last)
        .order_by(Feedback.answered_at.desc(), Feedback.id.desc())
    )
    if station_id is not None:
        query = query.where(Feedback.station_id == station_id)
    return work.session.scalars(query.limit(limit)).all()


def asked_in(work: UnitOfWork, first: datetime, last: datetime) -> int:
    """How many questions were asked in a time: what the answers are a part of."""
    query = select(func.count()).where(Feedback.asked_at >= first, Feedback.asked_at < last)
    return int(work.session.scalar(query) or 0)
