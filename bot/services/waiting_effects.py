"""Carrying out what happens to a place in line: rows, holds at piles, timers and words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from bot.domain import waiting as on
from bot.domain.waiting import Place, Rules, advance
from bot.services import cases, nearest, piles, site_news
from bot.services.audit import Actor
from bot.services.earliest import Earliest, exact
from bot.services.outbound import tell_rider
from bot.services.waiting_words import Spot, words
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station
from bot.store.waiting import BlockedBay, QueueEvent, Waiter

log = structlog.get_logger(__name__)

TIMER: Final = "queue.timer"
_TELL_PILE_S: Final = 60


def rules(settings: Settings) -> Rules:
    """The rules as this installation has set them."""
    return Rules(
        settings.queue_near_s, settings.queue_far_s, settings.queue_snooze_s, settings.queue_misses
    )


def apply(
    work: UnitOfWork, settings: Settings, station: Station, waiter: Waiter, event: on.Event, *,
    actor: Actor | None = None, reason: str = "",
) -> None:  # fmt: skip
    before = _place(waiter)
    place, commands = advance(before, event, rules(settings))
    if not commands and place == before:
        return
    held = place.evse_id or before.evse_id
    waiter.state, waiter.live = place.state, place.live
    waiter.misses, waiter.offers = place.misses, place.offers
    waiter.evse_id, waiter.held_until = place.evse_id, place.held_until
    waiter.snoozed_until = place.snoozed_until
    if isinstance(event, on.Offer):
        waiter.offered_at = work.now
    if not place.live and waiter.ended_at is None:
        waiter.ended_at = work.now
    work.session.flush()
    what = type(event).__name__.lower() if place == before else place.state
    noted = note(work, waiter, what, evse_id=held, actor=actor, reason=reason)
    log.info("queue", waiter_id=waiter.id, state=place.state, cause=type(event).__name__)
    for command in commands:
        _carry_out(work, settings, station, waiter, command, noted, held)


def _place(waiter: Waiter) -> Place:
    return Place(
        state=waiter.state,
        near=waiter.near,
        misses=waiter.misses,
        offers=waiter.offers,
        evse_id=waiter.evse_id,
        held_until=waiter.held_until,
        snoozed_until=waiter.snoozed_until,
    )


def _carry_out(
    work: UnitOfWork, settings: Settings, station: Station, waiter: Waiter, command: on.Command,
    noted: QueueEvent, held: int | None,
) -> None:  # fmt: skip
    match command:
        case on.Hold():
            _reserve(work, waiter, command, noted)
        case on.Release():
            _unreserve(work, waiter, command)
        case on.Block():
            _block(work, settings, waiter, command.evse_id, noted)
        case on.SetTimer():
            set_timer(work, waiter, command)
        case on.CancelTimer():
            inbox.cancel(work, source="timer", source_id=f"queue:{waiter.id}:{command.name}")
        case on.ToFront():
            to_front(work, waiter)
        case on.LookAgain():
            site_news.changed(work, station.id)
        case on.Tell():
            _tell(work, settings, station, waiter, command, noted, held)


def _reserve(work: UnitOfWork, waiter: Waiter, command: on.Hold, noted: QueueEvent) -> None:
    """Tell the pile; a longer hold moves the reservation that stands there."""
    evse = work.session.get_one(Evse, command.evse_id)
    body: dict[str, Any] = {
        "id_token": f"rider:{waiter.rider_id}",
        "until": command.until.isoformat(),
    }
    if waiter.reserve_id is not None:
        body["reservation_id"] = waiter.reserve_id
    asked = piles.command(
        work, key=f"queue:{waiter.id}:reserve:{noted.id}", pile_id=evse.pile_id, kind="reserve",
        evse_number=evse.number, body=body, ttl_s=_TELL_PILE_S,
    )  # fmt: skip
    waiter.reserve_id = waiter.reserve_id or asked.id


def _unreserve(work: UnitOfWork, waiter: Waiter, command: on.Release) -> None:
    reserve_id, waiter.reserve_id = waiter.reserve_id, None
    if reserve_id is None or command.used:
        return
    evse = work.session.get_one(Evse, command.evse_id)
    piles.command(
        work, key=f"queue:{waiter.id}:cancel:{reserve_id}", pile_id=evse.pile_id,
        kind="cancel_reservation", evse_number=evse.number, body={"reservation_id": reserve_id},
        ttl_s=_TELL_PILE_S,
    )  # fmt: skip


def _block(
    work: UnitOfWork, settings: Settings, waiter: Waiter, evse_id: int, noted: QueueEvent
) -> None:
    until = work.now + timedelta(seconds=settings.bay_blocked_s)
    work.session.add(
        BlockedBay(
            evse_id=evse_id, rider_id=waiter.rider_id, at=work.now, until=until,
            key=f"queue:{noted.id}",
        )
    )  # fmt: skip
    evse = work.session.get_one(Evse, evse_id)
    # A photo that comes now is evidence of this case by itself (bot/services/case_intake.py).
    cases.open_case(
        work,
        kind="blocked_bay",
        rider_id=waiter.rider_id,
        pile_id=evse.pile_id,
        text=f"Next in line, found the bay of {evse.code} taken.",
        source="whatsapp",
        key=f"queue:{noted.id}",
    )
    # When the bay may be free again, it is offered again.
    inbox.put(
        work, source="timer", source_id=f"queue:bay:{evse_id}", stream=site_news.stream(
            waiter.station_id
        ), kind=site_news.KIND, body={"station_id": waiter.station_id}, available_at=until,
        coalesce=True,
    )  # fmt: skip


def set_timer(work: UnitOfWork, waiter: Waiter, command: on.SetTimer) -> None:
    inbox.put(
        work,
        source="timer",
        source_id=f"queue:{waiter.id}:{command.name}",
        stream=site_news.stream(waiter.station_id),
        kind=TIMER,
        body={"waiter_id": waiter.id, "name": command.name},
        available_at=command.at,
        coalesce=True,
    )


def to_front(work: UnitOfWork, waiter: Waiter) -> None:
    first = work.session.scalar(
        select(func.min(Waiter.rank)).where(*in_line(waiter.station_id, waiter.connector_type))
    )
    waiter.rank = (first or 0) - 1
    work.session.flush()


def _tell(
    work: UnitOfWork, settings: Settings, station: Station, waiter: Waiter, command: on.Tell,
    noted: QueueEvent, held: int | None,
) -> None:  # fmt: skip
    told = make_spot(work, station, waiter, held, number_of(work, waiter), None)
    if command.notice in ("blocked", "lost"):
        told = _with_nearby(work, settings, told, station, held)
    key = f"queue:{noted.id}:{command.notice}"
    tell_rider(work, waiter.rider_id, words(command.notice, told), key=key)


def make_spot(
    work: UnitOfWork, station: Station, waiter: Waiter, held: int | None, number: int,
    seen: Earliest | None,
) -> Spot:  # fmt: skip
    evse = work.session.get(Evse, held) if held is not None else None
    return Spot(
        station_id=station.id,
        station=station.name,
        tz=station.tz,
        connector=waiter.connector_type,
        number=number,
        evse=evse.code if evse else "",
        until=waiter.held_until or waiter.snoozed_until,
        expected=seen.at if seen else None,
        exact=seen.exact if seen else exact(work, station.id),
        now=work.now,
    )


def _with_nearby(
    work: UnitOfWork, settings: Settings, told: Spot, station: Station, evse_id: int | None
) -> Spot:
    """The nearest free socket of the same sort, for whoever does not want to wait."""
    if evse_id is None:
        return told
    pile = work.session.get_one(Evse, evse_id).pile
    connectors, here = [told.connector], [station.id]
    for way in nearest.ways(work, settings, pile, connectors=connectors, but=here, limit=1):
        return replace(told, nearby=way)
    return told


def note(
    work: UnitOfWork, waiter: Waiter, what: str, *, evse_id: int | None = None,
    actor: Actor | None = None, reason: str = "",
) -> QueueEvent:  # fmt: skip
    row = QueueEvent(
        waiter_id=waiter.id, at=work.now, what=what, evse_id=evse_id,
        staff_id=actor.staff_id if actor else None, reason=reason,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    return row


def in_line(station_id: int, connector: str) -> tuple[Any, ...]:
    return (
        Waiter.station_id == station_id,
        Waiter.connector_type == connector,
        Waiter.live,
    )


def number_of(work: UnitOfWork, waiter: Waiter) -> int:
    """The number in line: those who hold a socket are out of the way already."""
    if waiter.state in on.HOLDING:
        return 1
    ahead = (
        select(func.count())
        .select_from(Waiter)
        .where(
            *in_line(waiter.station_id, waiter.connector_type),
            Waiter.state.not_in(on.HOLDING),
            (Waiter.rank < waiter.rank) | ((Waiter.rank == waiter.rank) & (Waiter.id < waiter.id)),
        )
    )
    return 1 + (work.session.scalar(ahead) or 0)
