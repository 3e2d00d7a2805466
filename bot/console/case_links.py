"""What a ticket is linked to, told for its export: what happened, when, and the amounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.console.view import shown_text
from bot.services import case_readers
from bot.store.bookings import Booking
from bot.store.cases import Case, CaseLink, Outage
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.desk import Incident, IncidentEntry
from bot.store.jobs import Job, JobEntry
from bot.store.stations import Evse, Pile

Names = Mapping[int, str]
Keep = Callable[[int | None, str], str | None]  # media id, where to → the name in the archive
Told = dict[str, Any]


def told(work: UnitOfWork, case: Case, link: CaseLink, names: Names, keep: Keep) -> Told:
    """One link in full; what is gone by now keeps its number."""
    head: Told = {"kind": link.kind, "ref": link.ref, "linked_at": _at(link.at)}
    tell = _TELLERS.get(link.kind)
    if link.kind == case_readers.KIND:
        reader = next(each for each in case_readers.readers(work, case) if each.ref == link.ref)
        return head | {"name": reader.name, "reads": reader.way}
    if tell is None or not link.ref.isdecimal():
        return head
    return head | (tell(work, int(link.ref), names, keep) or {"gone": True})


def _at(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def money(minor: int | None, currency: str | None) -> Told | None:
    """An amount as whole units of the currency's smallest coin."""
    return None if minor is None else {"minor": minor, "currency": currency}


def _charge(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    session = work.session.get(ChargingSession, number)
    if session is None:
        return None
    evse = work.session.get_one(Evse, session.evse_id)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == number)).first()
    holds = work.session.scalars(select(Hold).where(Hold.session_id == number).order_by(Hold.id))
    return {
        "state": session.state, "socket": evse.code, "pile": evse.pile.number,
        "station": evse.pile.station.name, "agreed_at": _at(session.created_at),
        "started_at": _at(session.started_at), "stop_asked_at": _at(session.stop_requested_at),
        "ended_at": _at(session.ended_at), "meter_start_wh": session.meter_start_wh,
        "meter_end_wh": session.meter_wh, "meter_at": _at(session.meter_at),
        "tariff": session.tariff, "bill": _bill(work, bill) if bill else None,
        "payments": [
            {"state": hold.state, "purpose": hold.purpose, "at": _at(hold.created_at),
             "held": money(hold.amount_minor, hold.currency)}
            for hold in holds
        ],
    }  # fmt: skip


def _bill(work: UnitOfWork, bill: Bill) -> Told:
    notes = work.session.scalars(
        select(CreditNote).where(CreditNote.bill_id == bill.id).order_by(CreditNote.id)
    )
    return {
        "number": bill.number, "at": _at(bill.created_at),
        "total": money(bill.total_minor, bill.currency), "body": bill.body,
        "credit_notes": [
            {"number": note.number, "at": _at(note.created_at), "reason": note.reason,
             "amount": money(note.total_minor, note.currency)}
            for note in notes
        ],
    }  # fmt: skip


def _refund(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    refund = work.session.get(Refund, number)
    if refund is None:
        return None
    hold = work.session.get_one(Hold, refund.hold_id)
    return {
        "state": refund.state, "at": _at(refund.created_at), "reason": shown_text(refund.reason),
        "amount": money(refund.amount_minor, refund.currency), "of": hold.subject,
        "paid": money(hold.amount_minor, hold.currency),
    }  # fmt: skip


def _job(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    job = work.session.get(Job, number)
    if job is None:
        return None
    lines = select(JobEntry).where(JobEntry.job_id == number).order_by(JobEntry.id)
    pile = work.session.get_one(Pile, job.pile_id)
    return {
        "what": job.kind, "state": job.state, "pile": pile.number,
        "fault_code": job.fault_code, "text": shown_text(job.text),
        "technician": names.get(job.technician_id or 0, ""), "opened_at": _at(job.created_at),
        "accepted_at": _at(job.accepted_at), "on_way_at": _at(job.on_way_at),
        "arrived_at": _at(job.arrived_at), "arrived_m_from_station": job.arrived_m,
        "done_at": _at(job.done_at), "cause": shown_text(job.cause), "fix": shown_text(job.fix),
        "parts": job.parts, "stars": job.stars,
        "file": _lines(work.session.scalars(lines).all(), names, keep, f"jobs/{number}"),
    }  # fmt: skip


def _incident(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    found = work.session.get(Incident, number)
    if found is None:
        return None
    rows = select(IncidentEntry).where(IncidentEntry.incident_id == number)
    log = work.session.scalars(rows.order_by(IncidentEntry.id)).all()
    return {
        "state": found.state, "at": _at(found.at), "reported_by": found.source,
        "text": shown_text(found.text), "pile": found.pile_id,
        "acknowledged_by": names.get(found.acknowledged_by or 0, ""),
        "acknowledged_at": _at(found.acknowledged_at), "escalated_at": _at(found.escalated_at),
        "rounds_of_pages": found.rounds, "closed_by": names.get(found.closed_by or 0, ""),
        "closed_at": _at(found.closed_at), "cause": shown_text(found.cause),
        "fix": shown_text(found.fix),
        "log": _lines(log, names, keep, f"incidents/{number}"),
    }  # fmt: skip


def _lines(
    rows: Sequence[JobEntry | IncidentEntry], names: Names, keep: Keep, folder: str
) -> list[Told]:
    return [
        {"at": _at(each.at), "kind": each.kind, "by": names.get(each.staff_id or 0, ""),
         "text": shown_text(each.text), "photo": keep(each.media_id, f"{folder}/{each.id}")}
        for each in rows
    ]  # fmt: skip


def _outage(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    found = work.session.get(Outage, number)
    if found is None:
        return None
    return {"scope": found.scope, "at": _at(found.at), "ended_at": _at(found.ended_at),
            "piles": found.piles, "riders_told": found.told}  # fmt: skip


def _booking(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    found = work.session.get(Booking, number)
    if found is None:
        return None
    return {"state": found.state, "starts_at": _at(found.starts_at), "ends_at": _at(found.ends_at),
            "booked_at": _at(found.created_at), "ended_at": _at(found.ended_at)}  # fmt: skip


def _case(work: UnitOfWork, number: int, names: Names, keep: Keep) -> Told | None:
    found = work.session.get(Case, number)
    if found is None:
        return None
    return {"status": found.status, "code": found.code, "opened_at": _at(found.created_at),
            "closed_at": _at(found.closed_at)}  # fmt: skip


_TELLERS: Final[Mapping[str, Callable[[UnitOfWork, int, Names, Keep], Told | None]]] = {
    "session": _charge, "refund": _refund, "job": _job, "incident": _incident, "outage": _outage,
    "booking": _booking, "case": _case,
}  # fmt: skip
