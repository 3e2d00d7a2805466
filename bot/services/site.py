"""Looking after a station when something there has changed: what was said of it is held against
what came true, whose turn it is gets the socket, and running charges share
the power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.services import earliest, power, stations, waiting
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.stations import Station


def on_look(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "site.look" (bot/services/site_news.py)."""
    station = work.session.get(
        Station, int(body["station_id"]), with_for_update={"key_share": True}
    )
    if station is None:
        return
    earliest.settle(work, stations.view(work, settings, station))
    waiting.end_served(work, settings, station)
    waiting.serve(work, settings, station)
    waiting.remind_full(work, station)
    power.share_out(work, station)
