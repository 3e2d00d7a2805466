"""A rider's photo of a broken pile, seen by a person: the pile goes out, somebody is sent to repair
it, and the first who showed this fault is thanked."""

from __future__ import annotations

from sqlalchemy import select, update

from bot.services import (
    audit,
    booking_trouble,
    case_work,
    cases,
    compensation,
    jobs,
    piles,
    site_news,
)
from bot.services.audit import Actor
from bot.services.case_work import NotPossible
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.stations import Evse, Pile

COMMAND_TTL_S = 600  # as in bot/services/safety.py: told when the pile is back


def confirm(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, entry_id: int
) -> Case:
    """The photo shows a fault: the pile goes out of service and a technician is asked, unless it
    was repaired since; who was first to show it gets the coupon, once for the fault, whoever took
    the pile out. Raises NotPossible."""
    case = _reviewed(work, actor, case_id, entry_id, "The photo shows a fault")
    if case.pile_id is None:
        raise NotPossible("Say which pile it is first.")
    audit.record(
        work, actor, "case_photo", f"case:{case.id}", after={"pile": case.pile_id, "fault": True}
    )
    photo = work.session.get_one(CaseEntry, entry_id)
    job = _repaired_since(work, case.pile_id, photo)
    if job is None:
        job = _send(work, case, entry_id)
        _take_out(work, case, case.pile_id, entry_id)
    else:
        cases.entry(work, case, "status", f"Repaired since: job {job.id}")
    cases.entry(work, case, "money", compensation.for_photo(work, case, job))
    return case


def _repaired_since(work: UnitOfWork, pile_id: str, photo: CaseEntry) -> Job | None:
    """The repair that ended after a photo came: it shows what is no more."""
    done = select(Job).where(
        Job.pile_id == pile_id, Job.kind == "repair", Job.state == "done", Job.done_at >= photo.at
    )
    return work.session.scalars(done.order_by(Job.done_at)).first()


def _send(work: UnitOfWork, case: Case, entry_id: int) -> Job:
    session = work.session.get(ChargingSession, case.session_id) if case.session_id else None
    evse = work.session.get(Evse, session.evse_id) if session is not None else None
    pile = work.session.get_one(Pile, case.pile_id)
    return jobs.open_job(
        work, kind="repair", pile=pile, evse=evse if evse and evse.pile_id == pile.id else None,
        case=case, text=f"A rider's photo shows a fault; it is in ticket {case.id}.",
        key=f"photo:{entry_id}",
    )  # fmt: skip


def _take_out(work: UnitOfWork, case: Case, pile_id: str, entry_id: int) -> None:
    """Out of service from now on; one that is already stays so."""
    flipped = work.session.scalars(
        update(Pile)
        .where(Pile.id == pile_id, Pile.in_service)
        .values(in_service=False, out_action_id=None)
        .returning(Pile.id)
        .execution_options(synchronize_session="fetch")
    ).first()
    touched(work, f"pile:{pile_id}")
    site_news.pile_changed(work, pile_id)
    if flipped is None:
        cases.entry(work, case, "status", "The pile was out of service already")
        return
    piles.command(
        work, key=f"case:{case.id}:out:{entry_id}", pile_id=pile_id,
        kind="change_availability", body={"status": "Inoperative"}, ttl_s=COMMAND_TTL_S,
    )  # fmt: skip
    booking_trouble.rehome(work, pile_id=pile_id, reason="out_of_service")


def reject(work: UnitOfWork, actor: Actor, case_id: int, entry_id: int) -> Case:
    """The photo shows no fault. Raises NotPossible."""
    case = _reviewed(work, actor, case_id, entry_id, "The photo shows no fault")
    audit.record(work, actor, "case_photo", f"case:{case.id}", after={"fault": False})
    return case


def _reviewed(work: UnitOfWork, actor: Actor, case_id: int, entry_id: int, text: str) -> Case:
    case = case_work.locked(work, case_id)
    photo = work.session.get(CaseEntry, entry_id)
    if photo is None or photo.case_id != case_id or photo.kind != "photo":
        raise NotPossible("There is no such photo.")
    if photo.body.get("reviewed"):
        raise NotPossible("Somebody has looked at this photo already.")
    photo.body = {**photo.body, "reviewed": text}
    cases.entry(work, case, "reviewed", text, actor=actor)
    return case
