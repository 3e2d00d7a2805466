"""Every table in one import: what the migrations and `create_all` need to see."""

from bot.store.base import Base
from bot.store.charging import (
    Bill,
    ChargingSession,
    Hold,
    LedgerEntry,
    Refund,
    Series,
)
from bot.store.devices import Command, PileEvent
from bot.store.limits import RateWindow
from bot.store.messaging import ContentTemplate
from bot.store.queues import Inbox, Outbox
from bot.store.riders import (
    Conversation,
    Media,
    Message,
    Rider,
    RiderAddress,
    WebLogin,
    WebSession,
)
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion

__all__ = [
    "Base", "Bill", "ChargingSession", "Command", "ContentTemplate", "Conversation", "Evse",
    "Hold", "Inbox", "LedgerEntry", "Media", "Message", "Outbox", "Pile", "PileEvent",
    "RateWindow", "Refund", "Rider", "RiderAddress", "Series", "Station", "Tariff",
    "TariffVersion", "WebLogin", "WebSession",
]  # fmt: skip
