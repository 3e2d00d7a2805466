"""When a full station will have a free socket: told with its age and its usual error, kept with
what came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, update

from bot.domain.availability import Availability
from bot.domain.forecast import (
    ENOUGH,
    Exactness,
    Free,
    Past,
    Running,
    SocketNow,
    Typical,
    exactness,
    free_after,
    free_times,
    typical,
)
from bot.services.fences import Fence, fences
from bot.services.stations import EvseView, StationView
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert
from bot.store.waiting import FreeEstimate

HISTORY: Final = timedelta(days=90)
_NEWEST: Final = 400  # charges looked at
SLOT_S: Final = 300  # what is told within this is one estimate
_OUTCOMES: Final = 200


@dataclass(frozen=True, slots=True)
class Earliest:
    """The next free socket of a connector at a full station."""

    at: datetime
    evse_id: int
    socket: int  # its number at the pile
    pile: str  # the pile's number
    tz: str
    exact: Exactness


def full_connectors(view: StationView) -> list[str]:
    """The connectors of a station of which none can be used now but some will, in order."""
    usable = {each.evse.connector_type for each in view.usable}
    found = []
    for each in view.evses:
        kind = each.evse.connector_type
        comes = each.state in (Availability.BUSY, Availability.RESERVED)
        if comes and kind not in usable and kind not in found:
            found.append(kind)
    return found


def earliest(
    work: UnitOfWork, settings: Settings, view: StationView, connector: str, *, ahead: int = 0
) -> Earliest | None:
    """When somebody with `ahead` others in line gets a socket; None where nobody can say.

    What is said to the first in line is kept, to be held against what comes true.
    """
    mine = [each for each in view.evses if each.evse.connector_type == connector]
    if not mine:
        return None
    usual = usual_at(work, view, mine, connector)
    free = free_after(free_times(_sockets(work, mine), usual, work.now), ahead, usual)
    if free is None:
        return None
    if ahead == 0:
        _keep(work, view.station.id, connector, free)
    evse = next(each.evse for each in mine if each.evse.id == free.evse_id)
    return Earliest(
        free.at, free.evse_id, evse.number, evse.pile.number, view.station.tz,
        exact(work, view.station.id),
    )  # fmt: skip


def usual_at(
    work: UnitOfWork, view: StationView, mine: Sequence[EvseView], connector: str
) -> Typical:
    """How long charges last here around this hour; the whole network's where that is too little."""
    kind = mine[0].pile.kind
    past = _past(work, Evse.id.in_([each.evse.id for each in mine]))
    if len(past) < ENOUGH:
        past = _past(work, (Evse.connector_type == connector) & (Pile.kind == kind))
    return typical(past, at=work.now, zone=ZoneInfo(view.station.tz), kind=kind)


def _past(work: UnitOfWork, where: ColumnElement[bool]) -> list[Past]:
    rows = work.session.execute(
        select(
            ChargingSession.created_at,
            ChargingSession.ended_at,
            ChargingSession.meter_wh,
            ChargingSession.meter_start_wh,
        )
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            where,
            ~ChargingSession.open,
            ChargingSession.started_at.is_not(None),
            ChargingSession.ended_at > work.now - HISTORY,
        )
        .order_by(ChargingSession.id.desc())
        .limit(_NEWEST)
    )
    return [
        Past(began, max(0, int((ended - began).total_seconds())), (last or 0) - (first or 0))
        for began, ended, last, first in rows
        if ended is not None
    ]


def _sockets(work: UnitOfWork, mine: Sequence[EvseView]) -> list[SocketNow]:
    ids = [each.evse.id for each in mine]
    sessions = {
        each.evse_id: each
        for each in work.session.scalars(
            select(ChargingSession).where(ChargingSession.open, ChargingSession.evse_id.in_(ids))
        )
    }
    kept = fences(work, ids)
    return [_socket(work, each, sessions.get(each.evse.id), kept) for each in mine]


def _socket(
    work: UnitOfWork,
    each: EvseView,
    session: ChargingSession | None,
    kept: Mapping[int, Fence],
) -> SocketNow:
    evse = each.evse
    booked = ((each.booking.starts_at, each.booking.ends_at),) if each.booking else ()
    if session is not None:
        return SocketNow(evse.id, _running(session, evse), booked=booked)
    fence = kept.get(evse.id)
    if fence is not None:
        return SocketNow(evse.id, None, kept_until=fence.until)
    if each.state is Availability.PLUGGED:  # a vehicle is in that nobody charges
        since = evse.status_at or work.now
        plugged = Running(since, evse.allowed_w, flow="ev", flow_at=since)
        return SocketNow(evse.id, plugged, booked=booked)
    return SocketNow(evse.id, None)


def _running(session: ChargingSession, evse: Evse) -> Running:
    flow_at = session.facts.get("flow_at")
    return Running(
        began=session.created_at,
        max_power_w=evse.allowed_w,
        energy_wh=(session.meter_wh or 0) - (session.meter_start_wh or 0),
        power_w=session.power_w,
        flow=str(session.facts.get("flow") or ""),
        flow_at=datetime.fromisoformat(flow_at) if flow_at else None,
        ending=session.state == "stopping",
    )


def _keep(work: UnitOfWork, station_id: int, connector: str, free: Free) -> None:
    slot = int(work.now.timestamp()) // SLOT_S
    work.session.execute(
        insert(work, FreeEstimate)
        .values(
            station_id=station_id, connector_type=connector, slot=slot, made_at=work.now,
            estimate_at=free.at, evse_id=free.evse_id, basis=free.basis,
        )
        .on_conflict_do_nothing(index_elements=["station_id", "connector_type", "slot"])
    )  # fmt: skip
    touched(work, "forecast")


def settle(work: UnitOfWork, view: StationView) -> None:
    """Hold what was said of this station against a socket that is free now, whoever gets it."""
    free = {
        each.evse.connector_type
        for each in view.evses
        if each.evse.status in ("Available", "Reserved")
        and each.state in (Availability.FREE, Availability.RESERVED)
    }
    if not free:
        return
    open_ = work.session.scalars(
        select(FreeEstimate).where(
            FreeEstimate.station_id == view.station.id,
            FreeEstimate.connector_type.in_(free),
            FreeEstimate.actual_at.is_(None),
        )
    ).all()
    for each in open_:
        error_s = int((work.now - each.estimate_at).total_seconds())
        work.session.execute(
            update(FreeEstimate)
            .where(FreeEstimate.id == each.id, FreeEstimate.actual_at.is_(None))
            .values(actual_at=work.now, error_s=error_s)
        )
        touched(work, "forecast")


def exact(work: UnitOfWork, station_id: int) -> Exactness:
    """How far what was said of a station was off; of all stations where it has too few outcomes."""
    own = _errors(work, FreeEstimate.station_id == station_id)
    return exactness(own if len(own) >= ENOUGH else _errors(work))


def _errors(work: UnitOfWork, *where: ColumnElement[bool]) -> list[int]:
    return list(
        work.session.scalars(
            select(FreeEstimate.error_s)
            .where(FreeEstimate.error_s.is_not(None), *where)
            .order_by(FreeEstimate.id.desc())
            .limit(_OUTCOMES)
        )
    )
