"""Bays for bookings: which are free when, whether one can be used now, and what is equal to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.availability import SUSPECT_AFTER
from bot.domain.booking_rules import cells, free_starts
from bot.services import repairs, visit_times
from bot.services.booked import facts_of, taken_cells
from bot.services.stations import distance_m
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import LaterStart

AT_ONCE: Final = timedelta(minutes=15)  # who comes this soon needs a bay that is free by now
LATER_TAKES: Final = timedelta(hours=2)  # a charge that starts by itself at a later hour
NEARBY_M: Final = 5_000


@dataclass(frozen=True, slots=True)
class Bay:
    """An EVSE that is free for a stretch of time."""

    evse: Evse
    distance_m: int


def other_charge(work: UnitOfWork, booking: Booking) -> ChargingSession | None:
    """Somebody else's running charge at the booked EVSE."""
    return work.session.scalars(
        select(ChargingSession).where(
            ChargingSession.open,
            ChargingSession.evse_id == booking.evse_id,
            ChargingSession.rider_id != booking.rider_id,
        )
    ).first()


def why_blocked(work: UnitOfWork, settings: Settings, booking: Booking) -> str:
    """Why the booked EVSE cannot be used now, or in its time; "" when it can."""
    since = max(work.now, booking.starts_at)
    if visit_times.in_the_way(work, booking.evse_id, since, booking.ends_at) is not None:
        return "maintenance"
    if other_charge(work, booking) is not None:
        return "busy"
    evse = work.session.get_one(Evse, booking.evse_id)
    pile = evse.pile
    if not (pile.in_service and evse.in_service) or evse.status == "Unavailable":
        return "out_of_service"
    if (broken := _broken(work, booking, evse)) is not None:
        return broken
    silent = pile.seen_at is None or work.now - pile.seen_at > timedelta(
        seconds=settings.silent_after_s
    )
    return "offline" if silent or not pile.online else ""


def _broken(work: UnitOfWork, booking: Booking, evse: Evse) -> str | None:
    """The bay is out of order or under repair: the same to whoever heard of either."""
    if evse.status == "Faulted" or evse.fault_code:
        reason = "fault"
    elif repairs.closed(work, [evse]):
        reason = "repair"
    else:
        return None
    heard = facts_of(booking).blocked
    return heard if heard in ("fault", "repair") else reason


def free_at(
    work: UnitOfWork,
    evses: Iterable[Evse],
    starts_at: datetime,
    ends_at: datetime,
    *,
    but: int | None = None,
) -> list[Evse]:
    """Those that nobody has booked then and that are not known to be out of order; `but`: a
    booking whose own time does not count."""
    some = list(evses)
    taken = taken_cells(work, [each.id for each in some], starts_at, ends_at, but=but)
    soon = starts_at - work.now <= AT_ONCE
    busy = _charging(work, [each.id for each in some]) if soon else set()
    kept = _starts_later(work, [each.id for each in some], starts_at)
    gone = {*taken, *busy, *kept, *repairs.closed(work, some)}
    return [each for each in some if each.id not in gone and _works(each, soon=soon)]


def _starts_later(work: UnitOfWork, evse_ids: Sequence[int], starts_at: datetime) -> set[int]:
    """Where somebody's planned start keeps the socket, and what it begins takes its time."""
    return set(
        work.session.scalars(
            select(LaterStart.evse_id).where(
                LaterStart.state == "waiting",
                LaterStart.evse_id.in_(evse_ids),
                LaterStart.starts_at > starts_at - LATER_TAKES,
            )
        )
    )


def _works(evse: Evse, *, soon: bool) -> bool:
    broken = evse.status in {"Faulted", "Unavailable"} or bool(evse.fault_code)
    in_service = evse.pile.in_service and evse.in_service
    return in_service and not broken and (evse.pile.online or not soon)


def _charging(work: UnitOfWork, evse_ids: Sequence[int]) -> set[int]:
    return set(
        work.session.scalars(
            select(ChargingSession.evse_id).where(
                ChargingSession.open, ChargingSession.evse_id.in_(evse_ids)
            )
        )
    )


def elsewhere(work: UnitOfWork, booking: Booking) -> Bay | None:
    """The nearest bay that is equal to a booked one and free in what is left of its time."""
    here = work.session.get_one(Evse, booking.evse_id)
    starts_at = max(booking.starts_at, work.now)
    return equal_bay(work, here, starts_at, booking.ends_at, but=booking.id)


def equal_bay(
    work: UnitOfWork, here: Evse, starts_at: datetime, ends_at: datetime, *, but: int | None = None
) -> Bay | None:
    """The nearest other EVSE of the same kind, with at least the power, free then."""
    home = here.pile.station
    candidates = work.session.scalars(
        select(Evse)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Pile.kind == here.pile.kind,
            Evse.id != here.id,
            Evse.max_power_w >= here.max_power_w,
            Evse.connector_type == here.connector_type,
        )
    ).all()
    near = [
        Bay(each, away)
        for each in candidates
        if (away := _away(home, each.pile.station)) <= NEARBY_M
        and each.pile.station.currency == home.currency
    ]
    free = free_at(work, [bay.evse for bay in near], starts_at, ends_at, but=but)
    ids = {each.id for each in free}
    usable = [bay for bay in near if bay.evse.id in ids]
    due = repairs.running(work, [bay.evse for bay in usable])  # those that close it are gone

    def order(bay: Bay) -> tuple[bool, int, bool, int]:
        suspect = bay.evse.failed_starts >= SUSPECT_AFTER or bay.evse.id in due
        return suspect, bay.distance_m, bay.evse.pile_id != here.pile_id, bay.evse.id

    return min(usable, key=order, default=None)


def _away(one: Station, other: Station) -> int:
    return 0 if one.id == other.id else distance_m(one.lat, one.lng, other.lat, other.lng)


def next_starts(
    work: UnitOfWork, evse: Evse, starts_at: datetime, length_s: int, *, most: int = 3
) -> list[datetime]:
    """When an EVSE can be booked for this long, from a moment on and within a day."""
    latest = starts_at + timedelta(days=1)
    taken = taken_cells(work, [evse.id], starts_at, latest + timedelta(seconds=length_s))
    return free_starts(
        taken.get(evse.id, set()), length_s=length_s, earliest=starts_at, latest=latest, most=most
    )


def free_for_s(work: UnitOfWork, evse_id: int, starts_at: datetime, most_s: int) -> int:
    """How long an EVSE is not booked from a moment on, at most `most_s`."""
    until = starts_at + timedelta(seconds=most_s)
    taken = taken_cells(work, [evse_id], starts_at, until).get(evse_id)
    if not taken:
        return most_s
    return max(0, (min(taken) - cells(starts_at, until).start) * 300)
