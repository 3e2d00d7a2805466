"""Who of the staff works on the spot, and how they are reached in their own chat."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select

from bot.domain import paging as rules
from bot.domain.desk_rules import CONNECTED_S
from bot.domain.jobs import TAKEN, Worker
from bot.services import riders
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.riders import Rider, RiderAddress
from bot.store.staff import Staff

ROLES = ("technician",)


def workers(work: UnitOfWork) -> list[Worker]:
    """Every technician with a number in their account, with what they have in hand."""
    load: Counter[int] = Counter()
    last: dict[int, datetime] = {}
    for staff_id, state, accepted in work.session.execute(
        select(Job.technician_id, Job.state, func.max(Job.accepted_at))
        .where(Job.technician_id.is_not(None))
        .group_by(Job.technician_id, Job.id, Job.state)
    ):
        if staff_id is None:
            continue
        load[staff_id] += state in TAKEN
        if accepted is not None:
            last[staff_id] = max(accepted, last.get(staff_id, accepted))
    rows = work.session.scalars(
        select(Staff).where(Staff.active, Staff.role.in_(ROLES)).order_by(Staff.id)
    )
    return [
        Worker(each.id, load[each.id], last.get(each.id), _present(work, each))
        for each in rows
        if number_of(each)
    ]


def _present(work: UnitOfWork, staff: Staff) -> bool:
    heard = staff.seen_at
    connected = heard is not None and (work.now - heard).total_seconds() <= CONNECTED_S
    return staff.presence == "online" and connected


def number_of(staff: Staff) -> str:
    """Their WhatsApp number, of the address for emergencies; "" where that is another kind."""
    try:
        address = rules.read_address(staff.page_address) if staff.page_address else None
    except rules.WrongAddress:
        return ""
    return address.to if address is not None and address.channel in ("whatsapp", "sms") else ""


def chat_of(work: UnitOfWork, staff: Staff) -> int | None:
    """The rider row of a technician's own number: jobs come into the same chat as anything else."""
    number = number_of(staff)
    return riders.rider_for(work, "whatsapp", number, name=staff.name).id if number else None


def of_rider(work: UnitOfWork, rider: Rider) -> Staff | None:
    """The technician who writes from this rider's number; None for everybody else."""
    numbers = set(
        work.session.scalars(
            select(RiderAddress.value).where(
                RiderAddress.rider_id == rider.id, RiderAddress.kind == "whatsapp"
            )
        )
    )
    if not numbers:
        return None
    able = select(Staff).where(Staff.active, Staff.role.in_((*ROLES, "manager")))
    return next((each for each in work.session.scalars(able) if number_of(each) in numbers), None)
