"""Who is above: supervisors, and the regional head, who is called when nobody came in time.

Both are managers. The regional head of a station is whom a ticket route (bot/store/cases.py,
CaseRoute) names for it, else for its country; where no manager is named, every manager is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from bot.store.cases import CaseRoute
from bot.store.database import UnitOfWork
from bot.store.staff import Staff
from bot.store.stations import Station


def supervisors(work: UnitOfWork) -> Sequence[Staff]:
    """Every manager."""
    rows = select(Staff).where(Staff.active, Staff.role == "manager")
    return work.session.scalars(rows.order_by(Staff.id)).all()


def heads(work: UnitOfWork, station: Station | None) -> Sequence[Staff]:
    """Who is called about a station."""
    return (_named(work, station) if station is not None else []) or supervisors(work)


def _named(work: UnitOfWork, station: Station) -> list[Staff]:
    routes = work.session.execute(
        select(CaseRoute, Staff)
        .join(Staff, Staff.id == CaseRoute.owner_id)
        .where(Staff.active, Staff.role == "manager")
        .order_by(CaseRoute.id)
    ).all()
    of_station = [staff for route, staff in routes if route.station_id == station.id]
    of_country = [
        staff
        for route, staff in routes
        if route.station_id is None and route.country == station.country
    ]
    return list(dict.fromkeys(of_station or of_country))
