"""How full stations are by hour: forecasts kept with what came true, and hints to quieter hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from bot.domain.forecast import (
    BUSY,
    HourView,
    hour_forecast,
    quieter,
    share_taken,
)
from bot.services.stations import StationView
from bot.store.charging import ChargingSession
from bot.store.database import Store, UnitOfWork
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert
from bot.store.waiting import HourForecast

AHEAD_H: Final = 24
HINT_H: Final = 8
HISTORY: Final = timedelta(days=57)
HOUR: Final = timedelta(hours=1)

Spans = list[tuple[datetime, datetime]]


def _spans(work: UnitOfWork, station_id: int, since: datetime) -> Spans:
    """When sockets of a station were taken, the running charges up to now."""
    rows = work.session.execute(
        select(ChargingSession.created_at, ChargingSession.ended_at)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Pile.station_id == station_id,
            ChargingSession.created_at < work.now,
            (ChargingSession.ended_at.is_(None)) | (ChargingSession.ended_at > since),
        )
    )
    return [(began, ended or work.now) for began, ended in rows]


def _known_since(work: UnitOfWork, station_id: int) -> datetime:
    first = work.session.scalar(
        select(func.min(ChargingSession.created_at))
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(Pile.station_id == station_id)
    )
    return first or work.now


def forecasts(work: UnitOfWork, station: Station, hours: int) -> list[HourView]:
    """The next hours of a station, the one that runs now first."""
    spans = _spans(work, station.id, work.now - HISTORY)
    since = _known_since(work, station.id)
    sockets = sum(len(pile.evses) for pile in station.piles)
    begin = work.now.replace(minute=0, second=0, microsecond=0)
    return [
        hour_forecast(
            spans, sockets=sockets, hour_at=begin + number * HOUR, zone=ZoneInfo(station.tz),
            known_since=since, now=work.now,
        )
        for number in range(hours)
    ]  # fmt: skip


def quieter_at(work: UnitOfWork, view: StationView) -> datetime | None:
    """The soonest hour that usually is clearly quieter, where it is busy now."""
    if not view.evses:
        return None
    taken = 1000 * (len(view.evses) - len(view.usable)) // len(view.evses)
    if taken < BUSY:
        return None
    found = quieter(forecasts(work, view.station, HINT_H)[1:], now_share=taken)
    return found.hour_at if found else None


def keep_books(store: Store) -> None:
    """Write the forecasts of the hours ahead and the outcomes of those that are over; runs from
    the clock, harmless when done twice."""
    with store.read() as work:
        ids = list(work.session.scalars(select(Station.id).order_by(Station.id)))
    for station_id in ids:
        with store.begin() as work:
            station = work.session.get(Station, station_id)
            if station is not None:
                _settle(work, station)
                _foresee(work, station)


def _foresee(work: UnitOfWork, station: Station) -> None:
    newest = work.session.scalar(
        select(func.max(HourForecast.hour_at)).where(HourForecast.station_id == station.id)
    )
    last = work.now.replace(minute=0, second=0, microsecond=0) + AHEAD_H * HOUR
    if newest is not None and newest >= last:
        return
    for each in forecasts(work, station, AHEAD_H + 1)[1:]:
        work.session.execute(
            insert(work, HourForecast)
            .values(
                station_id=station.id, hour_at=each.hour_at, made_at=work.now,
                expected=each.expected, days=each.days,
            )
            .on_conflict_do_nothing(index_elements=["station_id", "hour_at"])
        )  # fmt: skip


def _settle(work: UnitOfWork, station: Station) -> None:
    over = work.session.scalars(
        select(HourForecast).where(
            HourForecast.station_id == station.id,
            HourForecast.actual.is_(None),
            HourForecast.hour_at <= work.now - HOUR,
        )
    ).all()
    if not over:
        return
    spans = _spans(work, station.id, min(each.hour_at for each in over))
    sockets = sum(len(pile.evses) for pile in station.piles)
    for each in over:
        share = share_taken(spans, sockets, each.hour_at, each.hour_at + HOUR)
        work.session.execute(
            update(HourForecast).where(HourForecast.id == each.id).values(actual=share)
        )
