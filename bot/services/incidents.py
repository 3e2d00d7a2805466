"""Safety incidents: opened by riders and piles, acknowledged by one person, closed with a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select, update

from bot.domain.masking import mask_text
from bot.domain.paging import REPORTED_BY
from bot.errors import PilebotError
from bot.services import audit, paging, piles
from bot.services.audit import Actor
from bot.services.marks import mark
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import Incident, IncidentEntry
from bot.store.devices import Command
from bot.store.riders import Conversation, Media
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station

TEXT_MAX: Final = 1000
UNLOCK_TTL_S: Final = 600
EVIDENCE_KEPT: Final = timedelta(days=3 * 365)  # claims after an accident come late
_REFUSED: Final = {
    "rejected": "the pile refused",
    "error": "the pile answered with an error",
    "timeout": "the pile does not answer",
    "expired": "the pile could not be told in time",
    "offline": "the pile is out of contact",
}


class Beaten(PilebotError):
    """Somebody else was faster; the message names them."""


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def open_incident(
    work: UnitOfWork,
    settings: Settings,
    *,
    key: str,
    source: str,
    text: str,
    conversation: Conversation | None = None,
    pile: Pile | None = None,
    session: ChargingSession | None = None,
) -> Incident:
    """Danger was reported, by whom REPORTED_BY names: one incident a report, paged from now on.

    What is reported again of the same conversation, or by the same pile, becomes a line of the
    incident that is open already.
    """
    if pile is not None:  # two reports at one moment become one incident
        work.session.execute(select(Pile.id).where(Pile.id == pile.id).with_for_update())
    known = _same(work, key, conversation, pile)
    if known is not None:
        again(work, known, text, conversation=conversation, pile=pile, session=session)
        return known
    incident = Incident(
        key=key[:160], state="open", at=work.now, source=source, text=text[:TEXT_MAX],
        rider_id=conversation.rider_id if conversation else None,
        conversation_id=conversation.id if conversation else None,
        pile_id=pile.id if pile else None,
        session_id=session.id if session else None,
    )  # fmt: skip
    work.session.add(incident)
    work.session.flush()
    who = REPORTED_BY[source]
    enter(work, incident, "opened", f"{who[0].upper()}{who[1:]} reports danger.")
    _mark(work, incident, "Safety incident opened", step="opened")
    audit.record(
        work, None, "incident_opened", f"incident:{incident.id}",
        after={"source": source, "pile": incident.pile_id},
    )  # fmt: skip
    paging.page_round(work, settings, incident)
    return incident


def _same(
    work: UnitOfWork, key: str, conversation: Conversation | None, pile: Pile | None
) -> Incident | None:
    """The incident that a report belongs to: its own, that of its chat, the pile's alarm."""
    same: list[ColumnElement[bool]] = []
    if conversation is not None:
        same.append(Incident.conversation_id == conversation.id)
        if pile is not None:  # the pile was first to tell
            same.append((Incident.pile_id == pile.id) & Incident.conversation_id.is_(None))
    elif pile is not None:
        same.append(Incident.pile_id == pile.id)
    still_open = (Incident.state != "closed") & or_(*same) if same else Incident.key == key[:160]
    return work.session.scalars(
        select(Incident).where(or_(Incident.key == key[:160], still_open)).order_by(Incident.id)
    ).first()


def again(
    work: UnitOfWork,
    incident: Incident,
    text: str,
    *,
    conversation: Conversation | None,
    pile: Pile | None,
    session: ChargingSession | None,
) -> None:
    """One more report of it: what it knows more is taken over."""
    if conversation is not None and incident.conversation_id is None:
        incident.conversation_id, incident.rider_id = conversation.id, conversation.rider_id
        _mark(work, incident, "Joined to the safety incident of the pile", step="joined")
    if pile is not None and incident.pile_id is None:
        incident.pile_id = pile.id
        enter(work, incident, "again", f"It is pile {pile.number}.")
    if session is not None and incident.session_id is None:
        incident.session_id = session.id
    if text:
        enter(work, incident, "again", text[:TEXT_MAX])


def enter(
    work: UnitOfWork, incident: Incident, kind: str, text: str = "", *, actor: Actor | None = None
) -> None:
    """A line in an incident's log; kinds are listed at IncidentEntry."""
    work.session.add(
        IncidentEntry(
            incident_id=incident.id, at=work.now, kind=kind, text=text,
            staff_id=actor.staff_id if actor else None,
        )
    )  # fmt: skip


def keep_photo(work: UnitOfWork, conversation_id: int, media: Media) -> None:
    """A photo sent while danger is open is evidence: it is kept for long and shown there."""
    incident = work.session.scalars(
        select(Incident)
        .where(Incident.conversation_id == conversation_id, Incident.state != "closed")
        .order_by(Incident.id.desc())
    ).first()
    if incident is None:
        return
    media.expires_at = work.now + EVIDENCE_KEPT
    work.session.flush()
    work.session.add(
        IncidentEntry(
            incident_id=incident.id, at=work.now, kind="photo", text="The rider sent a photo.",
            media_id=media.id,
        )
    )  # fmt: skip


def _mark(
    work: UnitOfWork, incident: Incident, text: str, *, step: str, actor: Actor | None = None
) -> None:
    if incident.conversation_id is not None:
        mark(
            work, incident.conversation_id, "incident", text, actor=actor,
            body={"incident_id": incident.id}, key=f"incident:{incident.id}:{step}",
        )  # fmt: skip


# --- what the pile makes of our orders -----------------------------------------------------------


def command_answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """Inbox kind "command.result": a pile in danger stopped, or did not."""
    if command.kind not in ("stop", "change_availability", "unlock"):
        return
    outcome = str(body["outcome"])
    for incident in of_pile(work, command.pile_id):
        if command.created_at < incident.at:
            continue
        if outcome == "accepted":
            enter(work, incident, "order_done", f"{_order(command)}: the pile obeys.")
        elif outcome in _REFUSED:
            told = f"{_order(command)}: {_REFUSED[outcome]}. {on_the_spot(work, incident)}"
            enter(work, incident, "order_failed", told)


def _order(command: Command) -> str:
    if command.kind == "stop":
        return "Stop of the charge"
    if command.kind == "unlock":
        return f"Unlocking socket {command.evse_number}"
    out = command.body.get("status") == "Inoperative"
    return "Out of service" if out else "Back into service"


def charge_ended(work: UnitOfWork, session: ChargingSession) -> None:
    """The pile reports that a charge is over: where danger ended it, its cable is let go, so that
    the vehicle can be moved when the fire service says so. Never before: it may carry current."""
    evse = work.session.get_one(Evse, session.evse_id)
    known = [each for each in of_pile(work, evse.pile_id) if session.created_at <= each.at]
    if not known or evse.pile.in_service:
        return
    piles.command(
        work, key=f"danger-unlock:{session.id}", pile_id=evse.pile_id, kind="unlock",
        evse_number=evse.number, body={}, ttl_s=UNLOCK_TTL_S,
    )  # fmt: skip


def on_the_spot(work: UnitOfWork, incident: Incident) -> str:
    """What to do there when the pile does not obey: the station's own words, else the rule."""
    station = station_of(work, incident)
    note = station.emergency_note.strip() if station else ""
    return note or "Switch it off at the station's isolator and keep people away."


def station_of(work: UnitOfWork, incident: Incident) -> Station | None:
    """Where it is; None while nobody knows which pile."""
    if incident.pile_id is None:
        return None
    return work.session.get_one(Pile, incident.pile_id).station


def of_pile(work: UnitOfWork, pile_id: str) -> Sequence[Incident]:
    """The incidents of a pile that are not closed."""
    return work.session.scalars(
        select(Incident).where(Incident.pile_id == pile_id, Incident.state != "closed")
    ).all()


def is_open_for(work: UnitOfWork, conversation_id: int) -> bool:
    """Whether a danger reported in a conversation is not closed yet."""
    rows = select(Incident.id).where(
        Incident.conversation_id == conversation_id, Incident.state != "closed"
    )
    return work.session.scalars(rows).first() is not None


def unclosed(work: UnitOfWork) -> Sequence[Incident]:
    """All incidents that are not closed, those nobody has acknowledged first."""
    order = (Incident.state != "open", Incident.at.desc())
    return work.session.scalars(
        select(Incident).where(Incident.state != "closed").order_by(*order)
    ).all()


# --- by staff ------------------------------------------------------------------------------------


def acknowledge(work: UnitOfWork, actor: Actor, incident_id: int) -> Incident:
    """Take an incident on: paging ends. One person wins. Raises Beaten with the winner's name."""
    now = {"acknowledged_by": actor.staff_id, "acknowledged_at": work.now}
    incident = _move(work, incident_id, Incident.state == "open", state="acknowledged", **now)
    enter(work, incident, "acknowledged", "Acknowledged; paging ends.", actor=actor)
    _mark(work, incident, "Safety incident acknowledged", step="acknowledged", actor=actor)
    audit.record(work, actor, "incident_acknowledge", f"incident:{incident_id}")
    return incident


def close(work: UnitOfWork, actor: Actor, incident_id: int, *, cause: str, fix: str) -> Incident:
    """End an incident with its cause and what was done. Raises Beaten and NotPossible."""
    cause, fix = cause.strip()[:TEXT_MAX], fix.strip()[:TEXT_MAX]
    if not cause or not fix:
        raise NotPossible("Say what the cause was and what was done about it.")
    values: dict[str, Any] = {"closed_by": actor.staff_id, "closed_at": work.now}
    still_open = Incident.state.in_(("open", "acknowledged"))
    incident = _move(work, incident_id, still_open, state="closed", cause=cause, fix=fix, **values)
    if incident.acknowledged_at is None:
        incident.acknowledged_by, incident.acknowledged_at = actor.staff_id, work.now
    enter(work, incident, "closed", f"Cause: {cause} Done: {fix}", actor=actor)
    _mark(work, incident, "Safety incident closed", step="closed", actor=actor)
    audit.record(work, actor, "incident_close", f"incident:{incident_id}", reason=mask_text(cause))
    return incident


def note(work: UnitOfWork, actor: Actor, incident_id: int, text: str) -> None:
    """Write into the log. Raises NotPossible when there is nothing to write."""
    text = text.strip()[:TEXT_MAX]
    if not text:
        raise NotPossible("Write something first.")
    enter(work, work.session.get_one(Incident, incident_id), "note", text, actor=actor)


def _move(
    work: UnitOfWork, incident_id: int, guard: ColumnElement[bool], **values: Any
) -> Incident:
    """The one statement that changes a state. Raises Beaten when the guard does not hold."""
    moved = work.session.scalars(
        update(Incident)
        .where(Incident.id == incident_id, guard)
        .values(**values)
        .returning(Incident.id)
        .execution_options(synchronize_session=False)
    ).first()
    incident = work.session.get_one(Incident, incident_id, populate_existing=True)
    if moved is None:
        raise Beaten(_who(work, incident))
    touched(work, f"incident:{incident_id}")
    return incident


def _who(work: UnitOfWork, incident: Incident) -> str:
    closed = incident.state == "closed"
    staff_id = incident.closed_by if closed else incident.acknowledged_by
    staff = work.session.get(Staff, staff_id) if staff_id else None
    name = staff.name if staff else "Somebody else"
    return f"{name} has {'closed' if closed else 'acknowledged'} it already."
