"""When visits keep piles from riders: reading only, so that bookings and offers can ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.booking_rules import cells
from bot.domain.maintenance import AHEAD, overlap
from bot.store.database import UnitOfWork
from bot.store.maintenance import Visit
from bot.store.stations import Evse

TOLD_AHEAD: Final = timedelta(days=14)  # what riders are shown of the calendar


def of_evses(
    work: UnitOfWork, evse_ids: Iterable[int], starts_at: datetime, ends_at: datetime
) -> dict[int, list[Visit]]:
    """The visits that touch a stretch of time, by socket, in order of time."""
    rows = work.session.execute(
        select(Evse.id, Visit)
        .join(Visit, Visit.pile_id == Evse.pile_id)
        .where(
            Evse.id.in_(list(evse_ids)), Visit.state.in_(AHEAD),
            Visit.starts_at < ends_at, Visit.ends_at > starts_at,
        )
        .order_by(Visit.starts_at)
    )  # fmt: skip
    found: dict[int, list[Visit]] = {}
    for evse_id, visit in rows:
        found.setdefault(evse_id, []).append(visit)
    return found


def taken_cells(
    work: UnitOfWork, evse_ids: Iterable[int], starts_at: datetime, ends_at: datetime
) -> dict[int, set[int]]:
    """The same as cells of bookings (bot/domain/booking_rules.py)."""
    wanted = cells(starts_at, ends_at)
    return {
        evse_id: {
            number
            for visit in visits
            for number in cells(visit.starts_at, visit.ends_at)
            if number in wanted
        }
        for evse_id, visits in of_evses(work, evse_ids, starts_at, ends_at).items()
    }


def in_the_way(
    work: UnitOfWork, evse_id: int, starts_at: datetime, ends_at: datetime
) -> Visit | None:
    """The first visit that touches a stretch of time at a socket."""
    return next(iter(of_evses(work, [evse_id], starts_at, ends_at).get(evse_id, ())), None)


def running(work: UnitOfWork, pile_ids: Collection[str], at: datetime) -> dict[str, Visit]:
    """The visits that keep piles from riders at a moment: under way, or whose time has come."""
    rows = work.session.scalars(
        select(Visit).where(
            Visit.pile_id.in_(pile_ids), Visit.state.in_(AHEAD), Visit.starts_at <= at
        )
    )
    return {
        visit.pile_id: visit
        for visit in rows
        if visit.state != "planned" or overlap(at, at + _MOMENT, visit.starts_at, visit.ends_at)
    }


_MOMENT: Final = timedelta(microseconds=1)


def coming(work: UnitOfWork, pile_id: str, at: datetime) -> Visit | None:
    """The visit that is on at a pile, or comes next."""
    return work.session.scalars(
        select(Visit)
        .where(Visit.pile_id == pile_id, Visit.state.in_(AHEAD), Visit.ends_at > at)
        .order_by(Visit.starts_at)
        .limit(1)
    ).first()
