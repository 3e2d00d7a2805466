"""What is booked where: reading only, so that stations and offers can tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.booking_facts import BookingFacts, load_booking
from bot.domain.booking_rules import cells
from bot.domain.tariffs import Tariff, load_tariff
from bot.services import site_news, visit_times
from bot.store.bookings import Booking, BookingCell
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

SEEN_AHEAD: Final = timedelta(hours=12)  # what whoever comes by is told of

Freed = Callable[[UnitOfWork, int, datetime], None]
_WHEN_FREED: Final[list[Freed]] = []


def when_freed(listener: Freed) -> None:
    """Call `listener(work, evse_id, at)` whenever booked time at an EVSE becomes anybody's."""
    if listener not in _WHEN_FREED:
        _WHEN_FREED.append(listener)


def slot_freed(work: UnitOfWork, evse_id: int, at: datetime) -> None:
    """Booked time at an EVSE is anybody's from `at` on: whoever waits for it is next."""
    touched(work, f"pile:{work.session.get_one(Evse, evse_id).pile_id}")
    site_news.evse_changed(work, evse_id)
    for listener in _WHEN_FREED:
        listener(work, evse_id, at)


def facts_of(booking: Booking) -> BookingFacts:
    """The facts of a booking."""
    return load_booking(booking.facts)


def ahead(work: UnitOfWork, evse_ids: Iterable[int], at: datetime) -> dict[int, Booking]:
    """For each EVSE the live booking that is on, or comes next within `SEEN_AHEAD`."""
    rows = work.session.scalars(
        select(Booking)
        .where(
            Booking.live,
            Booking.evse_id.in_(list(evse_ids)),
            Booking.ends_at > at,
            Booking.starts_at <= at + SEEN_AHEAD,
        )
        .order_by(Booking.starts_at.desc())
    )
    return {row.evse_id: row for row in rows}


def is_on(booking: Booking, at: datetime) -> bool:
    """Whether the EVSE is kept for the booker by now."""
    return booking.live and facts_of(booking).kept_from <= at < booking.ends_at


def booked_now(work: UnitOfWork, evse_id: int, at: datetime) -> Booking | None:
    """The booking that keeps an EVSE at a moment, from a little before its start."""
    booking = ahead(work, [evse_id], at).get(evse_id)
    return booking if booking is not None and is_on(booking, at) else None


def next_booking(work: UnitOfWork, evse_id: int, at: datetime) -> Booking | None:
    """The live booking that is on or comes next at an EVSE, however far ahead."""
    return work.session.scalars(
        select(Booking)
        .where(Booking.live, Booking.evse_id == evse_id, Booking.ends_at > at)
        .order_by(Booking.starts_at)
        .limit(1)
    ).first()


def live_of(work: UnitOfWork, rider_id: int) -> Booking | None:
    """The rider's one booking that is to come."""
    return work.session.scalars(
        select(Booking).where(Booking.live, Booking.rider_id == rider_id)
    ).first()


def mine_here(work: UnitOfWork, rider_id: int, evse_id: int, at: datetime) -> Booking | None:
    """The rider's own booking at this EVSE, when its time has come."""
    booking = live_of(work, rider_id)
    if booking is None or booking.evse_id != evse_id or booking.state != "RESERVED":
        return None
    return booking if facts_of(booking).opens_at <= at < booking.ends_at else None


def taken_cells(
    work: UnitOfWork, evse_ids: Iterable[int], starts_at: datetime, ends_at: datetime,
    *, but: int | None = None,
) -> dict[int, set[int]]:  # fmt: skip
    """The cells that are a booking's or a planned visit's in a stretch of time, by EVSE; `but`:
    not this booking's."""
    wanted, evse_ids = cells(starts_at, ends_at), list(evse_ids)
    rows = select(BookingCell.evse_id, BookingCell.number).where(
        BookingCell.evse_id.in_(evse_ids),
        BookingCell.number >= wanted.start,
        BookingCell.number < wanted.stop,
    )
    if but is not None:
        rows = rows.where(BookingCell.booking_id != but)
    found = visit_times.taken_cells(work, evse_ids, starts_at, ends_at)
    for evse_id, number in work.session.execute(rows):
        found.setdefault(evse_id, set()).add(number)
    return found


def tariff_of(booking: Booking) -> Tariff:
    """The price that the booker was shown."""
    return load_tariff(booking.tariff)


def bookings_of(work: UnitOfWork, rider_id: int, *, most: int = 10) -> list[Booking]:
    """The rider's bookings, the newest first."""
    return list(
        work.session.scalars(
            select(Booking)
            .where(Booking.rider_id == rider_id)
            .order_by(Booking.live.desc(), Booking.starts_at.desc())
            .limit(most)
        )
    )
