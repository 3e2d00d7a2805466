"""What a repair puts back into service, and what stays out of it all the same, and why."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from bot.domain import faults
from bot.replies import Say, Written
from bot.services import alarms, audit, incidents, piles, site_news
from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.jobs import Job
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile

COMMAND_TTL_S: Final = 600


def works_again(work: UnitOfWork, actor: Actor, job: Job, pile: Pile) -> None:
    """What was repaired is offered again, unless somebody has to look at it first: no failed start
    or fault of before counts any more."""
    why = held_out(work, pile)
    for evse in pile.evses:
        if job.evse_id in (None, evse.id):
            evse.failed_starts, evse.faults = 0, faults.dump(faults.over(faults.load(evse.faults)))
            if not evse.in_service and not _socket_held_by(work, evse):
                _socket_back(work, job, evse)
    alarms.looked_at(work, pile, work.session.get(Evse, job.evse_id) if job.evse_id else None)
    site_news.changed(work, pile.station_id)
    if pile.in_service or why is not None:
        return
    pile.in_service, pile.out_action_id = True, None
    audit.record(work, actor, "pile.in_service", f"pile:{pile.id}", reason=f"Job {job.id} done")
    piles.command(
        work, key=f"job:{job.id}:in", pile_id=pile.id, kind="change_availability",
        body={"status": "Operative"}, ttl_s=COMMAND_TTL_S,
    )  # fmt: skip


def _socket_back(work: UnitOfWork, job: Job, evse: Evse) -> None:
    evse.in_service = True
    piles.command(
        work, key=f"job:{job.id}:in:{evse.number}", pile_id=evse.pile_id, evse_number=evse.number,
        kind="change_availability", body={"status": "Operative"}, ttl_s=COMMAND_TTL_S,
    )  # fmt: skip


def held_out(work: UnitOfWork, pile: Pile) -> Say | None:
    """Why a pile must not go back into service by a repair alone; None when it may."""
    for incident in incidents.of_pile(work, pile.id):
        return Say("incident {number} about it is not closed yet", {"number": incident.id})
    if not pile.in_service and (who := _ordered_out(work, pile.out_action_id)) is not None:
        return Say("{name} has taken it out of service", {"name": Written(who)})
    return None


def kept_out(work: UnitOfWork, job: Job, pile: Pile) -> Say | None:
    """What a technician is told of a pile or a socket that is not offered although the job is
    done; None when riders are offered it again, as they are by the calendar after a visit."""
    if job.kind == "visit":
        return None
    if not pile.in_service:
        why = held_out(work, pile) or Say("it is put back in the console")
        return Say("Pile {place} stays out of service: {why}.", {"place": pile.number, "why": why})
    out = [each for each in pile.evses if job.evse_id in (None, each.id) and not each.in_service]
    if not out:
        return None
    name = Written(_socket_held_by(work, out[0]) or "Somebody")
    why = Say("{name} has taken it out of service", {"name": name})
    return Say("Socket {place} stays out of service: {why}.", {"place": out[0].code, "why": why})


def in_english(said: Say) -> str:
    """The same for staff, whose pages are in English."""
    values = {
        name: in_english(each) if isinstance(each, Say)
        else each.text if isinstance(each, Written) else str(each)
        for name, each in said.values.items()
    }  # fmt: skip
    return said.text.format(**values)


def _ordered_out(work: UnitOfWork, action_id: int | None) -> str | None:
    """Who of the staff keeps it out."""
    if action_id is None:
        return None
    action = work.session.get_one(StaffAction, action_id)
    return work.session.get_one(Staff, action.asked_by).name


def _socket_held_by(work: UnitOfWork, evse: Evse) -> str:
    """Who of the staff took one socket out; "" where the last order was another."""
    newest = work.session.execute(
        select(StaffAction.kind, Staff.name)
        .join(Staff, Staff.id == StaffAction.asked_by)
        .where(
            StaffAction.pile_id == evse.pile_id, StaffAction.kind.in_(("socket_out", "socket_in")),
            StaffAction.state.not_in(("waiting", "refused")),
            StaffAction.body["evse_id"].as_integer() == evse.id,
        )
        .order_by(StaffAction.id.desc())
    ).first()  # fmt: skip
    return newest.name if newest is not None and newest.kind == "socket_out" else ""
