"""How reports become cases: what the context tells of them, and those that nobody had to make."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.cases import OPEN, TOPICS
from bot.replies import Amount, Say
from bot.services import case_merge, cases, clocks
from bot.services.incidents import EVIDENCE_KEPT
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case, CaseLink
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import Incident
from bot.store.riders import Conversation, Media
from bot.store.stations import Evse, Pile

PHOTO_AWAITED: Final = timedelta(hours=1)  # after the report of a taken bay
_ON_THE_SPOT: Final = timedelta(hours=24)  # a report about a pile means the charge of today
_ABOUT_MONEY: Final = timedelta(days=60)  # a bill is doubted weeks later, too


def from_chat(
    work: UnitOfWork,
    conversation: Conversation,
    *,
    code: str,
    text: str,
    key: str,
    pile: Pile | None = None,
) -> Case:
    """A rider's own report, with the charge and the pile that it is most likely about."""
    session = meant_session(work, conversation.rider_id, code, pile)
    return cases.open_case(
        work, kind=TOPICS[code].kind, code=code, rider_id=conversation.rider_id,
        pile_id=pile.id if pile else None, session_id=session.id if session else None, text=text,
        source=conversation.last_channel, key=key,
    )  # fmt: skip


def meant_session(
    work: UnitOfWork, rider_id: int, code: str, pile: Pile | None
) -> ChargingSession | None:
    """The rider's newest charge, at the pile where one is named, that a report can be about."""
    newest = (
        select(ChargingSession)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    )
    if pile is not None:
        newest = newest.join(Evse, Evse.id == ChargingSession.evse_id).where(
            Evse.pile_id == pile.id
        )
    session = work.session.scalars(newest).first()
    if session is None or TOPICS[code].class_ == "service":
        return None if session is None or not session.open else session
    back = _ABOUT_MONEY if TOPICS[code].class_ == "fee" else _ON_THE_SPOT
    ended = session.ended_at or work.now
    return session if work.now - ended <= back else None


def power_lost(work: UnitOfWork, session: ChargingSession, evse: Evse) -> Case:
    """A charge broke off by our fault: nobody has to report it, and a person calls back."""
    case = cases.open_case(
        work, kind="fault", code="power_lost", rider_id=session.rider_id, pile_id=evse.pile_id,
        session_id=session.id, text=f"Power was lost in charge {session.id} at {evse.code}.",
        source="pile", key=f"session:{session.id}:fault",
    )  # fmt: skip
    limit = clocks.policy(work, "urgent").limit_s
    tell_rider(
        work, session.rider_id,
        Say(
            "This is case {case}. A person contacts you within {limit}. Write CASE {case} to see "
            "how it is.",
            {"case": case.id, "limit": Amount(limit, "s")},
        ),
        key=f"case:{case.id}:power:{session.id}",
    )  # fmt: skip
    return case


def danger(
    work: UnitOfWork, settings: Settings, incident: Incident, *, channel: str, key: str,
    code: str = "hazard",
) -> Case:  # fmt: skip
    """Words of danger: the case of the incident, with the clock of a person's call.

    Where the pile is named later, the case that lacked it is the same."""
    case = _lacked_its_pile(work, settings, incident) or cases.open_case(
        work, kind="incident", code=code, rider_id=incident.rider_id,
        pile_id=incident.pile_id, session_id=incident.session_id, text=incident.text or "Danger",
        source=channel, key=f"danger:{key}",
    )  # fmt: skip
    cases.link(work, case, "incident", str(incident.id), quiet=True)
    return case


def _lacked_its_pile(work: UnitOfWork, settings: Settings, incident: Incident) -> Case | None:
    linked = select(CaseLink.case_id).where(
        CaseLink.kind == "incident", CaseLink.ref == str(incident.id)
    )
    found = work.session.scalars(
        select(Case)
        .where(Case.id.in_(linked), Case.status.in_(OPEN), Case.merged_into.is_(None))
        .order_by(Case.id)
    ).first()
    if found is None or (found.pile_id or incident.pile_id) != incident.pile_id:
        return None
    if found.pile_id is None and incident.pile_id is not None:
        found.pile_id = incident.pile_id
        cases.set_timer(work, found.id, "begin", work.now)
        return case_merge.same_matter(work, settings, found)
    return found


def place_named(
    work: UnitOfWork, settings: Settings, conversation: Conversation, pile: Pile
) -> None:
    """The rider named the pile after the report: the case that lacked it has it now, or is the one
    that was open about that pile."""
    for case in cases.of_conversation(work, conversation.id):
        if case.pile_id is None and case.status in ("new", "assigned", "waiting_rider"):
            case.pile_id, case.updated_at = pile.id, work.now
            session = meant_session(work, conversation.rider_id, case.code, pile)
            case.session_id = case.session_id or (session.id if session else None)
            cases.entry(work, case, "note", f"The rider names pile {pile.number}")
            cases.set_timer(work, case.id, "begin", work.now)
            case_merge.same_matter(work, settings, case)


def keep_photo(work: UnitOfWork, conversation: Conversation, media: Media, *, key: str) -> None:
    """A rider's photo is evidence of the newest case that people still work on."""
    open_ones = [
        each for each in cases.of_conversation(work, conversation.id) if each.status in OPEN
    ]
    if not open_ones:
        return
    media.expires_at = work.now + EVIDENCE_KEPT
    work.session.flush()
    cases.entry(
        work, open_ones[0], "photo", "The rider sent a photo.", media_id=media.id,
        key=f"photo:{key}",
    )  # fmt: skip


def awaits_photo(work: UnitOfWork, conversation_id: int) -> Case | None:
    """The case of a taken bay that a rider was just asked for a photo of, by the bot."""
    since = work.now - PHOTO_AWAITED
    return next(
        (
            each
            for each in cases.of_conversation(work, conversation_id)
            if each.kind == "blocked_bay" and each.status in OPEN and each.created_at > since
        ),
        None,
    )


def by_staff(
    work: UnitOfWork, conversation: Conversation, *, code: str, text: str, key: str
) -> Case:
    """A case that somebody of the staff opens for the rider they speak with."""
    session = meant_session(work, conversation.rider_id, code, None)
    return cases.open_case(
        work, kind=TOPICS[code].kind, code=code, rider_id=conversation.rider_id,
        session_id=session.id if session else None, text=text, source="console", key=key,
    )  # fmt: skip
