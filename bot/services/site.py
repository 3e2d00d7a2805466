"""Looking after a station when something there has changed: what was said of it is held against
what came true, whose turn it is gets the socket, and running charges share
the power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bot.services import (
    booking_trouble,
    charging,
    earliest,
    later,
    power,
    stations,
    waiting,
)
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.stations import Evse, Pile, Station


def on_look(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "site.look" (bot/services/site_news.py)."""
    station = work.session.get(Station, int(body["station_id"]), with_for_update=ALONE)
    if station is None:
        return
    booking_trouble.recheck_station(work, settings, station.id)
    earliest.settle(work, stations.view(work, settings, station))
    later.end_overtaken(work, station)
    waiting.end_served(work, settings, station)
    waiting.serve(work, settings, station)
    waiting.remind_full(work, station)
    _tell_tariffs(work, station)
    power.share_out(work, station)


def _tell_tariffs(work: UnitOfWork, station: Station) -> None:
    """Charges whose idle fee depends on whether anybody waits hear when that changes."""
    running = work.session.execute(
        select(ChargingSession.evse_id, ChargingSession.facts)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(Pile.station_id == station.id, ChargingSession.open)
    ).all()
    for evse_id, facts in running:
        waits = waiting.somebody_waits(work, evse_id)
        if waits != (facts.get("waited_at") is not None):
            charging.somebody_waits(work, evse_id, waits=waits)
