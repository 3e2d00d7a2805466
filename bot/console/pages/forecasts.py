"""How good forecasts were: when sockets were free against what riders were told, and hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort
from sqlalchemy import func, select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.connectors import CONNECTORS
from bot.domain.forecast import ENOUGH, FEW_DAYS, Exactness, exactness
from bot.store.database import UnitOfWork
from bot.store.stations import Station
from bot.store.waiting import FreeEstimate, HourForecast

NEWEST = 60
WIDTH, HEIGHT, PAD = 720, 176, 8
BACK, AHEAD = timedelta(hours=48), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Score:
    """How far what was said of a station was off."""

    station_id: int
    name: str
    exact: Exactness
    open: int  # not yet come true


@dataclass(frozen=True, slots=True)
class Told:
    """One estimate and what came true, by the station's clock."""

    made: str
    connector: str
    estimate: str
    actual: str
    error_min: int | None
    basis: str


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour's forecast and outcome, in percent."""

    at: str
    expected: int
    actual: int | None
    days: int
    few: bool


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /forecasts /forecasts/<station_id>."""

    @routes.page("/forecasts", right="station.read")
    def page() -> Any:
        with console.store.read() as work:
            scores = _scores(work)
        errors = sum(each.exact.count for each in scores)
        return console.page("forecasts", scores=scores, count=errors, enough=ENOUGH)

    @routes.page("/forecasts/<int:station_id>", right="station.read")
    def one(station_id: int) -> Any:
        with console.store.read() as work:
            station = work.session.get(Station, station_id)
            if station is None:
                abort(404)
            hours = _hours(work, station)
            values: dict[str, Any] = {
                "station": station,
                "told": _told(work, station),
                "exact": exactness(_errors(work, station.id)),
                "hours": hours,
                "off": _mean_error(hours),
                "lines": {
                    "expected": _points([each.expected for each in hours]),
                    "actual": _points([each.actual for each in hours]),
                },
                "few_days": FEW_DAYS,
            }
        size = {"width": WIDTH, "height": HEIGHT}
        return console.page("forecast", size=size, **values)


def _errors(work: UnitOfWork, station_id: int) -> list[int]:
    rows = work.session.scalars(
        select(FreeEstimate.error_s)
        .where(FreeEstimate.station_id == station_id, FreeEstimate.error_s.is_not(None))
        .order_by(FreeEstimate.id.desc())
        .limit(200)
    )
    return [each for each in rows if each is not None]


def _scores(work: UnitOfWork) -> list[Score]:
    waiting = dict(
        work.session.execute(
            select(FreeEstimate.station_id, func.count())
            .where(FreeEstimate.actual_at.is_(None))
            .group_by(FreeEstimate.station_id)
        ).all()
    )
    stations = work.session.execute(select(Station.id, Station.name).order_by(Station.name))
    return [
        Score(id_, name, exactness(_errors(work, id_)), waiting.get(id_, 0))
        for id_, name in stations
    ]


def _told(work: UnitOfWork, station: Station) -> list[Told]:
    zone = ZoneInfo(station.tz)

    def clock(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%d.%m. %H:%M}" if at else "–"

    rows = work.session.scalars(
        select(FreeEstimate)
        .where(FreeEstimate.station_id == station.id)
        .order_by(FreeEstimate.id.desc())
        .limit(NEWEST)
    )
    return [
        Told(
            clock(each.made_at), CONNECTORS.get(each.connector_type, each.connector_type),
            clock(each.estimate_at), clock(each.actual_at),
            None if each.error_s is None else round(each.error_s / 60), each.basis,
        )
        for each in rows
    ]  # fmt: skip


def _hours(work: UnitOfWork, station: Station) -> list[Hour]:
    zone = ZoneInfo(station.tz)
    rows = work.session.scalars(
        select(HourForecast)
        .where(
            HourForecast.station_id == station.id,
            HourForecast.hour_at > work.now - BACK,
            HourForecast.hour_at < work.now + AHEAD,
        )
        .order_by(HourForecast.hour_at)
    )
    return [
        Hour(
            f"{each.hour_at.astimezone(zone):%a %H:%M}", round(each.expected / 10),
            None if each.actual is None else round(each.actual / 10), each.days,
            each.days < FEW_DAYS,
        )
        for each in rows
    ]  # fmt: skip


def _mean_error(hours: list[Hour]) -> int | None:
    """Percentage points, over the hours that are over."""
    off = [abs(each.actual - each.expected) for each in hours if each.actual is not None]
    return round(sum(off) / len(off)) if off else None


def _points(values: list[int | None] | list[int]) -> str:
    step = (WIDTH - 2 * PAD) / max(1, len(values) - 1)
    return " ".join(
        f"{PAD + number * step:.1f},{HEIGHT - PAD - value * (HEIGHT - 2 * PAD) / 100:.1f}"
        for number, value in enumerate(values)
        if value is not None
    )
