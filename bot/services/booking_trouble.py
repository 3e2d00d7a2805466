"""What piles, visits and other people's charges mean for those who have booked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.domain import booking_facts as on
from bot.domain.booking_facts import Event
from bot.services import booking_bays
from bot.services.booked import facts_of
from bot.services.booking_changes import happen, lock
from bot.settings import Settings
from bot.store import inbox
from bot.store.bookings import Booking
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile

TROUBLE_AHEAD: Final = timedelta(hours=2)  # bookers who come this soon hear of a broken bay


def charge_ended(work: UnitOfWork, session: ChargingSession) -> None:
    """A charge is over: where that concerns a booking, it hears of it in a turn of its own."""
    concerned = select(Booking.id).where(
        (Booking.session_id == session.id) | (Booking.live & (Booking.evse_id == session.evse_id))
    )
    if work.session.scalars(concerned).first() is not None:
        inbox.put(
            work,
            source="session",
            source_id=f"over:{session.id}",
            stream=f"evse:{session.evse_id}",
            kind="session.over",
            body={"session_id": session.id},
        )


def on_session_over(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "session.over": what is left of its slot is free, and who waits for the bay hears it."""
    session = work.session.get_one(ChargingSession, int(body["session_id"]))
    booking = work.session.scalars(select(Booking).where(Booking.session_id == session.id)).first()
    if booking is not None:
        lock(work, booking)
        happen(work, booking, on.Left(work.now), key=f"left:{session.id}")
    evse = work.session.get_one(Evse, session.evse_id)
    recheck(work, settings, evse.pile_id, evse.number)


def rehome(work: UnitOfWork, *, pile_id: str, reason: str) -> list[Booking]:
    """Offer those who booked at a pile that cannot be used soon another bay, or their money back.
    `reason`: "fault", "out_of_service", "offline", "reported"."""
    found = _soon_at(work, pile_id, None)
    for booking in found:
        lock(work, booking)
        happen(work, booking, on.Blocked(work.now, reason), key=f"{work.now.isoformat()}")
    return found


def recheck(
    work: UnitOfWork, settings: Settings, pile_id: str, evse_number: int | None = None
) -> None:
    """A pile's state has changed: bookers who come soon hear of what concerns them."""
    for booking in _soon_at(work, pile_id, evse_number):
        why = booking_bays.why_blocked(work, settings, booking)
        blocked = facts_of(booking).blocked
        if why == blocked or (blocked == "reported" and why):
            continue
        waits = why in {"busy", "offline"} and work.now < booking.starts_at
        if waits:  # it may well be free by then: the start decides
            continue
        lock(work, booking)
        event: Event = on.Blocked(work.now, why) if why else on.Unblocked(work.now)
        if why or blocked != "reported":
            happen(work, booking, event, key=work.now.isoformat())


def maintenance_changed(work: UnitOfWork, settings: Settings, pile_id: str) -> None:
    """The calendar of a pile is different: whoever booked in the time of a visit is offered another
    bay, however far ahead, and whoever was in the way of none any more hears that it stands."""
    work.session.flush()
    for booking in _live_at(work, pile_id):
        blocked = facts_of(booking).blocked
        why = booking_bays.why_blocked(work, settings, booking)
        if why == "maintenance" and blocked != why:
            event: Event = on.Blocked(work.now, why)
        elif blocked == "maintenance" and why != blocked:
            event = on.Unblocked(work.now)
        else:
            continue
        lock(work, booking)
        happen(work, booking, event, key=f"maintenance:{work.now.isoformat()}")


def recheck_station(work: UnitOfWork, settings: Settings, station_id: int) -> None:
    """`recheck` for every pile of a station where somebody comes soon: whatever put a pile back,
    or took it out, has said no more than that something changed there."""
    rows = (
        select(Evse.pile_id, Evse.number)
        .join(Booking, Booking.evse_id == Evse.id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Pile.station_id == station_id,
            Booking.live,
            Booking.starts_at <= work.now + TROUBLE_AHEAD,
        )
        .distinct()
    )
    for pile_id, number in work.session.execute(rows).all():
        recheck(work, settings, pile_id, number)


def _live_at(work: UnitOfWork, pile_id: str) -> list[Booking]:
    rows = (
        select(Booking)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(Evse.pile_id == pile_id, Booking.live)
        .order_by(Booking.id)
    )
    return list(work.session.scalars(rows))


def _soon_at(work: UnitOfWork, pile_id: str, evse_number: int | None) -> list[Booking]:
    rows = (
        select(Booking)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(
            Evse.pile_id == pile_id,
            Booking.live,
            Booking.starts_at <= work.now + TROUBLE_AHEAD,
        )
        .order_by(Booking.id)
    )
    if evse_number is not None:
        rows = rows.where(Evse.number == evse_number)
    return list(work.session.scalars(rows))
