"""Who of the staff works on the spot, and how they are reached in their own chat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from sqlalchemy import func, select

from bot.domain import paging as rules
from bot.domain.desk_rules import CONNECTED_S
from bot.domain.jobs import TAKEN, Worker, score_tenths
from bot.services import riders
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.riders import Rider, RiderAddress
from bot.store.staff import Staff

ROLES = ("technician",)
SHOWN: Final = timedelta(days=90)


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


@dataclass(frozen=True, slots=True)
class Score:
    """How a technician does: `tenths` of a star of `rated` visits, of all time; the rest lately."""

    name: str
    reachable: bool
    tenths: int | None
    rated: int
    in_hand: int
    visits: int
    way_s: int | None  # the median time from accepting to checking in
    last_at: datetime | None


def scores(work: UnitOfWork) -> list[Score]:
    """Every active technician, the best rated first."""
    of: dict[int, list[Job]] = defaultdict(list)
    for job in work.session.scalars(select(Job).where(Job.technician_id.is_not(None))):
        of[job.technician_id or 0].append(job)
    rows = work.session.scalars(
        select(Staff).where(Staff.active, Staff.role.in_(ROLES)).order_by(Staff.name)
    )
    found = [_score(each, of[each.id], work.now - SHOWN) for each in rows]
    return sorted(found, key=lambda each: (each.tenths is None, -(each.tenths or 0), each.name))


def _score(staff: Staff, mine: Sequence[Job], since: datetime) -> Score:
    stars = [each.stars for each in mine if each.stars is not None]
    lately = [each for each in mine if each.done_at is not None and each.done_at >= since]
    ways = [
        int((each.arrived_at - each.accepted_at).total_seconds())
        for each in lately
        if each.arrived_at is not None and each.accepted_at is not None
    ]
    return Score(
        name=staff.name, reachable=bool(number_of(staff)), tenths=score_tenths(stars),
        rated=len(stars), in_hand=sum(each.state in TAKEN for each in mine), visits=len(lately),
        way_s=int(median(ways)) if ways else None,
        last_at=max((each.done_at for each in mine if each.done_at is not None), default=None),
    )  # fmt: skip


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
