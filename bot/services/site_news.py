"""Saying that something changed at a station: whoever waits there, was told a time, or shares its
power is looked after next, in the station's own stream, by bot/services/site.py."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile

KIND = "site.look"


def stream(station_id: int) -> str:
    """The stream that serves a station: one worker at a time."""
    return f"site:{station_id}"


def changed(work: UnitOfWork, station_id: int) -> None:
    """Look after a station when this transaction has committed; many changes are one look."""
    inbox.put(
        work,
        source="site",
        source_id=str(station_id),
        stream=stream(station_id),
        kind=KIND,
        body={"station_id": station_id},
        coalesce=True,
    )


def later(work: UnitOfWork, station_id: int, why: str, at: datetime) -> None:
    """Look after a station when something there will have changed by itself."""
    inbox.put(
        work, source="site", source_id=f"{station_id}:{why}"[:150], stream=stream(station_id),
        kind=KIND, body={"station_id": station_id}, available_at=at, coalesce=True,
    )  # fmt: skip


def evse_changed(work: UnitOfWork, evse_id: int) -> None:
    """`changed` for the station of an EVSE."""
    station_id = work.session.scalar(
        select(Pile.station_id)
        .join(Evse, Evse.pile_id == Pile.id)
        .where(Evse.id == evse_id)
    )  # fmt: skip
    if station_id is not None:
        changed(work, station_id)


def pile_changed(work: UnitOfWork, pile_id: str) -> None:
    """`changed` for the station of a pile."""
    station_id = work.session.scalar(select(Pile.station_id).where(Pile.id == pile_id))
    if station_id is not None:
        changed(work, station_id)
