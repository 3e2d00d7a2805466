"""The line of a full station: joining it, whose turn it is, and everything that can happen on it.

Whoever changes a line holds its station's row, so that one freed socket makes one offer and the
order is kept; the database's unique keys have the last word. Rows are locked in this order:
station, EVSEs, waiters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from bot.domain import waiting as on
from bot.domain.availability import Availability
from bot.domain.waiting import LIVE
from bot.errors import PilebotError, Refused
from bot.replies import Say
from bot.services import nearest, stations
from bot.services.audit import Actor
from bot.services.diversion import is_broken
from bot.services.earliest import Earliest, earliest
from bot.services.fences import others_first, somebody_waits
from bot.services.offers import refuse_rider
from bot.services.outbound import tell_rider
from bot.services.stations import EvseView
from bot.services.waiting_effects import (
    TIMER,
    apply,
    in_line,
    make_spot,
    note,
    number_of,
    rules,
    set_timer,
    to_front,
)
from bot.services.waiting_words import LEAVE, Spot, words
from bot.settings import Settings
from bot.store.cases import Outage, OutageRider
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.devices import Command
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import BlockedBay, Waiter

log = structlog.get_logger(__name__)

NEAR_M: Final = 300  # somebody this close is at the station
WORTH_A_TURN: Final = timedelta(minutes=20)
STARTING_S: Final = 60  # a hold that runs out while its rider's charge starts waits for that


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


# --- by the rider


def join(
    work: UnitOfWork,
    settings: Settings,
    *,
    rider: Rider,
    station: Station,
    connector: str,
    near: bool,
    key: str,
) -> Waiter:
    """Put a rider at the end of a line; a repeat of `key` returns the place that stands.

    Raises Refused when the rider charges already, owes money or stands in another line.
    """
    _lock(work, station.id)
    known = work.session.scalars(select(Waiter).where(Waiter.key == key)).first()
    if known is not None:
        return known
    mine = place_of(work, rider.id)
    if mine is not None:
        if (mine.station_id, mine.connector_type) == (station.id, connector):
            return mine
        there = work.session.get_one(Station, mine.station_id)
        raise Refused(
            "You are in line at {station} already. Please leave that line first.",
            {"station": there.name},
            [LEAVE],
        )
    refuse_rider(work, rider)
    awake = select(Waiter.id).where(*in_line(station.id, connector), Waiter.state == "waiting")
    first = work.session.scalars(awake.limit(1)).first() is None
    last = select(func.max(Waiter.rank)).where(*in_line(station.id, connector))
    waiter = Waiter(
        key=key, rider_id=rider.id, station_id=station.id, connector_type=connector, near=near,
        rank=(work.session.scalar(last) or 0) + 1, joined_at=work.now,
    )  # fmt: skip
    work.session.add(waiter)
    work.session.flush()
    note(work, waiter, "joined")
    if first:  # else a free socket is somebody else's, who is served as it becomes free
        serve(work, settings, station)
    return waiter


def happen(
    work: UnitOfWork, settings: Settings, waiter: Waiter, event: on.Event, *,
    actor: Actor | None = None, reason: str = "",
) -> None:  # fmt: skip
    """Let something happen to a place, one writer at a time."""
    station = _lock(work, waiter.station_id)
    work.session.refresh(waiter, with_for_update=True)
    apply(work, settings, station, waiter, event, actor=actor, reason=reason)


def place_of(work: UnitOfWork, rider_id: int) -> Waiter | None:
    """The rider's place in a line, or None."""
    return work.session.scalars(
        select(Waiter).where(Waiter.rider_id == rider_id, Waiter.live)
    ).first()


def spot(work: UnitOfWork, settings: Settings, waiter: Waiter) -> Spot:
    """How a place stands, with what is expected."""
    station = work.session.get_one(Station, waiter.station_id)
    number = number_of(work, waiter)
    seen: Earliest | None = None
    if waiter.state in ("waiting", "snoozed"):
        view = stations.view(work, settings, station)
        seen = earliest(work, settings, view, waiter.connector_type, ahead=number - 1)
    return make_spot(work, station, waiter, waiter.evse_id, number, seen)


def line(work: UnitOfWork, station_id: int) -> Sequence[Waiter]:
    """Everybody in the lines of a station, by connector and in order."""
    return work.session.scalars(
        select(Waiter)
        .where(Waiter.station_id == station_id, Waiter.live)
        .order_by(Waiter.connector_type, Waiter.rank, Waiter.id)
    ).all()


def length(work: UnitOfWork, station_id: int, connector: str) -> int:
    """How many are in a line."""
    counted = select(func.count()).select_from(Waiter).where(*in_line(station_id, connector))
    return work.session.scalar(counted) or 0


def end_served(work: UnitOfWork, settings: Settings, station: Station) -> None:
    """Whose energy flows at this station is in no line any more, here or elsewhere."""
    rows = work.session.execute(
        select(Waiter, ChargingSession.evse_id)
        .join(ChargingSession, ChargingSession.rider_id == Waiter.rider_id)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Waiter.live,
            Pile.station_id == station.id,
            ChargingSession.open,
            ChargingSession.started_at.is_not(None),
        )
    ).all()
    for waiter, evse_id in rows:
        # Another station's row is not locked: nothing is offered there in this transaction.
        home = work.session.get_one(Station, waiter.station_id)
        _refreshed(work, settings, home, waiter, on.Started(work.now, evse_id))


# --- by staff


def move_to_front(
    work: UnitOfWork, settings: Settings, waiter: Waiter, *, actor: Actor, reason: str
) -> None:
    """Nobody in this line goes before this rider from now on."""
    station = _lock(work, waiter.station_id)
    work.session.refresh(waiter, with_for_update=True)
    if not waiter.live:
        raise NotPossible("This rider is no longer in line.")
    to_front(work, waiter)
    note(work, waiter, "to_front", actor=actor, reason=reason)
    serve(work, settings, station)


# --- whose turn it is


def serve(work: UnitOfWork, settings: Settings, station: Station) -> None:
    """Offer every free socket of a station to whoever is first in its line and awake."""
    waiters = [each for each in line(work, station.id) if each.state in LIVE]
    if not waiters:
        return
    wanted = {each.connector_type for each in waiters}
    evses = work.session.scalars(
        select(Evse)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(Pile.station_id == station.id, Evse.connector_type.in_(wanted))
        .order_by(Evse.id)
        .with_for_update(key_share=True, of=Evse)
        .execution_options(populate_existing=True)
    ).all()
    views = {each.id: stations.evse_view(work, settings, each) for each in evses}
    lost = [w for w in waiters if w.evse_id in views and _lost(views[w.evse_id].state)]
    for waiter in lost:
        _refreshed(work, settings, station, waiter, on.SocketLost(work.now))
    for connector in sorted(wanted):
        alike = [each for each in views.values() if each.evse.connector_type == connector]
        if alike and all(is_broken(each) for each in alike):
            turns = [w for w in waiters if w.connector_type == connector and w not in lost]
            _tell_none_left(work, settings, station, alike[0], turns)
    blocked = _blocked_bays(work, list(views))
    for connector in sorted(wanted):
        free = [
            each.evse
            for each in sorted(views.values(), key=lambda view: view.suspect)
            if each.evse.connector_type == connector
            and each.state is Availability.FREE
            and each.evse.id not in blocked
            and not _booked_soon(work, each)
        ]
        awake = [w for w in line(work, station.id) if w.state == "waiting"]
        turns = [each for each in awake if each.connector_type == connector]
        for evse, waiter in zip(free, turns, strict=False):
            _refreshed(work, settings, station, waiter, on.Offer(work.now, evse.id))


def _tell_none_left(
    work: UnitOfWork, settings: Settings, station: Station, view: EvseView,
    waiters: Sequence[Waiter],
) -> None:  # fmt: skip
    """Tell everybody in a line, once a place, that nothing there works now, and what does
    elsewhere; not whoever has heard it of the outage that runs."""
    heard = set(
        work.session.scalars(
            select(OutageRider.rider_id)
            .join(Outage, Outage.id == OutageRider.outage_id)
            .where(Outage.open_key.is_not(None))
        )
    )
    unheard = [each for each in waiters if each.rider_id not in heard]
    if not unheard:
        return
    connectors, here = [view.evse.connector_type], [station.id]
    ways = nearest.ways(work, settings, view.pile, connectors=connectors, but=here, limit=1)
    for waiter in unheard:
        told = make_spot(work, station, waiter, None, number_of(work, waiter), None)
        told = replace(told, nearby=ways[0] if ways else None)
        key = f"queue:{waiter.id}:none_left"
        tell_rider(work, waiter.rider_id, words("none_left", told), key=key)


def _booked_soon(work: UnitOfWork, view: EvseView) -> bool:
    """Whether somebody's booking leaves too little time to be worth a turn."""
    return view.booking is not None and view.booking.starts_at - work.now < WORTH_A_TURN


def _lost(state: Availability) -> bool:
    """Whether what is held cannot be used. A charge there is the rider's own, about to begin."""
    return state in (
        Availability.FAULTED, Availability.IN_REPAIR, Availability.OUT_OF_SERVICE,
        Availability.NOT_CONFIRMED,
    )  # fmt: skip


def _refreshed(
    work: UnitOfWork, settings: Settings, station: Station, waiter: Waiter, event: on.Event
) -> None:
    work.session.refresh(waiter, with_for_update=True)
    apply(work, settings, station, waiter, event)


def _blocked_bays(work: UnitOfWork, evse_ids: Sequence[int]) -> set[int]:
    return set(
        work.session.scalars(
            select(BlockedBay.evse_id).where(
                BlockedBay.evse_id.in_(evse_ids), BlockedBay.until > work.now
            )
        )
    )


def remind_full(work: UnitOfWork, station: Station) -> None:
    """Tell whose vehicle is full, once and politely, that others wait for its socket."""
    full = work.session.execute(
        select(ChargingSession, Evse)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Pile.station_id == station.id,
            ChargingSession.open,
            ChargingSession.state == "suspended",
        )
    )
    for session, evse in full:
        if session.facts.get("flow") == "ev" and somebody_waits(work, evse.id):
            told = Say(
                "Others are waiting for a socket at {station}. Your vehicle is full, so please "
                "free {evse} when you can. Thank you.",
                {"station": station.name, "evse": evse.code},
            )
            tell_rider(work, session.rider_id, told, key=f"session:{session.id}:others_wait")


# --- what comes in


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "queue.timer": a hold or a snooze is over."""
    waiter = work.session.get(Waiter, int(body["waiter_id"]))
    if waiter is None:
        return
    name = str(body["name"])
    station = _lock(work, waiter.station_id)
    work.session.refresh(waiter, with_for_update=True)
    if name == "hold" and waiter.evse_id is not None and _starting(work, waiter):
        set_timer(work, waiter, on.SetTimer(name, work.now + timedelta(seconds=STARTING_S)))
        return
    apply(work, settings, station, waiter, on.TimeUp(work.now, name))


def _starting(work: UnitOfWork, waiter: Waiter) -> bool:
    running = select(ChargingSession.id).where(
        ChargingSession.rider_id == waiter.rider_id,
        ChargingSession.evse_id == waiter.evse_id,
        ChargingSession.open,
    )
    return work.session.scalars(running).first() is not None


def reservation_answered(
    work: UnitOfWork, settings: Settings, command: Command, body: Mapping[str, Any]
) -> None:
    """Kind "command.result" of a "reserve": a pile that cannot keep the socket because it is out
    of order loses it. One that knows no reservations is fenced off by us alone."""
    if body["outcome"] != "rejected" or body.get("reason") not in ("Faulted", "Unavailable"):
        return
    waiter = work.session.scalars(
        select(Waiter).where(Waiter.live, Waiter.reserve_id == command.id)
    ).first()
    if waiter is not None:
        happen(work, settings, waiter, on.SocketLost(work.now))


def _lock(work: UnitOfWork, station_id: int) -> Station:
    return work.session.get_one(Station, station_id, with_for_update=ALONE)


__all__ = [
    "TIMER", "end_served", "happen", "join", "length", "line", "move_to_front",
    "number_of", "on_timer", "others_first", "place_of", "remind_full", "reservation_answered",
    "rules", "serve", "somebody_waits", "spot",
]  # fmt: skip
