"""Whom an outage touches, and the pile of it by which it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from sqlalchemy import select

from bot.domain import codes
from bot.services import stations
from bot.store.bookings import Booking
from bot.store.cases import Case
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Message
from bot.store.stations import Evse, Pile
from bot.store.waiting import Waiter

SOON: Final = timedelta(hours=3)  # bookings that begin within this are touched
JUST_NOW: Final = timedelta(minutes=15)  # who asked for a pile may be on the way to it
_REPORTED: Final = ("new", "assigned", "waiting_site")


def touched_by(work: UnitOfWork, pile_ids: Sequence[str]) -> dict[int, str]:
    """Riders and a pile each: who charges there, has booked it for soon, stands in the line for
    its connector, has reported something of it, or asked for it or its station just now."""
    charging = (
        select(ChargingSession.rider_id, Evse.pile_id)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(ChargingSession.open, Evse.pile_id.in_(pile_ids))
    )
    booked = (
        select(Booking.rider_id, Evse.pile_id)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(Booking.live, Evse.pile_id.in_(pile_ids), Booking.starts_at <= work.now + SOON)
    )
    waiting = (
        select(Waiter.rider_id, Pile.id)
        .join(Pile, Pile.station_id == Waiter.station_id)
        .join(Evse, Evse.pile_id == Pile.id)
        .where(Waiter.live, Pile.id.in_(pile_ids), Evse.connector_type == Waiter.connector_type)
        .distinct()
    )
    reported = (
        select(Case.rider_id, Pile.id)
        .join(Pile, Pile.id == Case.pile_id)
        .where(Pile.id.in_(pile_ids), Case.status.in_(_REPORTED))
    )
    found: dict[int, str] = {}
    for rows in (charging, booked, waiting, reported):
        for rider_id, pile_id in work.session.execute(rows):
            if rider_id is not None:
                found.setdefault(rider_id, pile_id)
    return _asked(work, pile_ids) | found


def _asked(work: UnitOfWork, pile_ids: Sequence[str]) -> dict[int, str]:
    """Who named one of these piles, or its station, in the last minutes."""
    piles = work.session.execute(
        select(Pile.id, Pile.number, Pile.station_id).where(Pile.id.in_(pile_ids))
    ).all()
    by_number = {number: pile_id for pile_id, number, _ in piles}
    by_station = {str(station_id): pile_id for pile_id, _, station_id in piles}
    lines = work.session.execute(
        select(Conversation.rider_id, Message.body, Message.understood)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.author == "rider", Message.at >= work.now - JUST_NOW)
    )
    found: dict[int, str] = {}
    for rider_id, body, understood in lines:
        number, station_id = _named(work, body or {}, understood or {})
        pile_id = by_number.get(number) or by_station.get(station_id)
        if pile_id is not None:
            found[rider_id] = pile_id
    return found


def _named(
    work: UnitOfWork, body: Mapping[str, Any], understood: Mapping[str, Any]
) -> tuple[str, str]:
    """The pile's number and the station's id in a line: tapped, photographed or typed."""
    wish = dict(parse_qsl(str(body.get("payload") or "").partition("?")[2]))
    said = understood.get("entities", {})
    code = wish.get("pile") or wish.get("spot", "").removeprefix("pile:") or said.get("pile_code")
    read = codes.examine(str(code)) if code else None
    station_id = wish.get("station", "")
    if not station_id and (name := said.get("station_name")):
        station = stations.named(work, str(name))
        station_id = str(station.id) if station is not None else ""
    return read.pile_number if isinstance(read, codes.PileCode) else "", station_id
