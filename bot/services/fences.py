"""For whom a socket is kept although nobody charges there: the one answer for every door."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from bot.services.booked import ahead, is_on
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile
from bot.store.waiting import LaterStart, Waiter


@dataclass(frozen=True, slots=True)
class Fence:
    """A socket kept for one rider; nobody else may start there before `until`."""

    rider_id: int
    until: datetime
    why: str  # "queue" | "later" | "booking"


def fences(work: UnitOfWork, evse_ids: Collection[int]) -> Mapping[int, Fence]:
    """The sockets among these that are kept, and for whom."""
    found: dict[int, Fence] = {}
    if not evse_ids:
        return found
    later = select(LaterStart).where(
        LaterStart.evse_id.in_(evse_ids), LaterStart.state == "waiting"
    )
    for start in work.session.scalars(later):
        found[start.evse_id] = Fence(start.rider_id, start.starts_at, "later")
    held = select(Waiter).where(Waiter.live, Waiter.evse_id.in_(evse_ids))
    for each in work.session.scalars(held):
        assert each.evse_id is not None
        # A hold whose timer is about to be served counts until it is: nobody slips in between.
        found[each.evse_id] = Fence(each.rider_id, each.held_until or work.now, "queue")
    for evse_id, booking in ahead(work, evse_ids, work.now).items():
        if is_on(booking, work.now):
            found[evse_id] = Fence(booking.rider_id, booking.ends_at, "booking")
    return found


def somebody_waits(work: UnitOfWork, evse_id: int) -> bool:
    """Whether anybody is in line for this socket's connector at its station, asleep or not."""
    return work.session.scalars(_line_of(evse_id).limit(1)).first() is not None


def others_first(work: UnitOfWork, evse_id: int, rider_id: int) -> bool:
    """Whether somebody awake in line comes before this rider at a socket."""
    awake = _line_of(evse_id).where(Waiter.state == "waiting").order_by(Waiter.rank, Waiter.id)
    first = work.session.scalars(awake.limit(1)).first()
    return first is not None and first.rider_id != rider_id


def _line_of(evse_id: int) -> Select[Waiter]:
    return (
        select(Waiter)
        .join(Pile, Pile.station_id == Waiter.station_id)
        .join(Evse, (Evse.pile_id == Pile.id) & (Evse.connector_type == Waiter.connector_type))
        .where(Evse.id == evse_id, Waiter.live)
    )
