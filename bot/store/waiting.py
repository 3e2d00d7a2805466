"""The queue at full stations, what was predicted of them, and how a site shares its power."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.domain.waiting import State
from bot.store.base import Base, BigId


class Waiter(Base):
    """One rider in the line of a station and connector; bot/domain/waiting.py decides what happens.

    `rank` orders the line, the lowest first. `evse_id` is the socket held for the rider until
    `held_until`, set only while `state` is offered or coming; two riders never hold the same one.
    """

    __tablename__ = "waiter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # the wish to join
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    connector_type: Mapped[str] = mapped_column(String(24))
    rank: Mapped[int] = mapped_column(BigId)
    state: Mapped[State] = mapped_column(String(10), default="waiting")
    live: Mapped[bool] = mapped_column(default=True)
    joined_at: Mapped[datetime]
    near: Mapped[bool] = mapped_column(default=False)  # was at the station when joining
    misses: Mapped[int] = mapped_column(default=0)  # offers let pass in silence
    offers: Mapped[int] = mapped_column(default=0)
    evse_id: Mapped[int | None] = mapped_column(ForeignKey("evse.id"))
    offered_at: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    reserve_id: Mapped[int | None] = mapped_column(BigId)  # the command that told the pile
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_waiter_station_id", "station_id", "connector_type", "live", "rank"),
        # A rider waits in one line at a time; a socket is held for one rider at a time.
        Index(
            "uq_waiter_live_rider", "rider_id", unique=True,
            sqlite_where=text("live"), postgresql_where=text("live"),
        ),
        Index(
            "uq_waiter_held_evse", "evse_id", unique=True,
            sqlite_where=text("live AND evse_id IS NOT NULL"),
            postgresql_where=text("live AND evse_id IS NOT NULL"),
        ),
    )  # fmt: skip


class QueueEvent(Base):
    """What happened to a place in a line, in order: joined, offered, accepted, missed, …"""

    __tablename__ = "queue_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    waiter_id: Mapped[int] = mapped_column(ForeignKey("waiter.id"), index=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(24))
    evse_id: Mapped[int | None] = mapped_column(BigId)
    staff_id: Mapped[int | None] = mapped_column(BigId)  # who of the staff did it
    reason: Mapped[str] = mapped_column(Text, default="")


class BlockedBay(Base):
    """A rider found somebody in the bay: nobody is offered it before `until`."""

    __tablename__ = "blocked_bay"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    at: Mapped[datetime]
    until: Mapped[datetime]
    key: Mapped[str] = mapped_column(String(160), unique=True)


class FreeEstimate(Base):
    """When a full station was expected to have a free socket, and when it had one.

    What riders are told within five minutes is one estimate: `slot` numbers them.
    """

    __tablename__ = "free_estimate"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    connector_type: Mapped[str] = mapped_column(String(24))
    slot: Mapped[int] = mapped_column(BigId)
    made_at: Mapped[datetime]
    estimate_at: Mapped[datetime]
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"))
    basis: Mapped[str] = mapped_column(String(12))
    actual_at: Mapped[datetime | None]
    error_s: Mapped[int | None]  # actual minus estimate: positive means it took longer

    __table_args__ = (
        UniqueConstraint("station_id", "connector_type", "slot"),
        Index("ix_free_estimate_station_id", "station_id", "actual_at"),
    )


class HourForecast(Base):
    """How full a station was expected to be in an hour, and how full it was, in thousandths of its
    socket hours; `days` is how many like it the forecast is made from."""

    __tablename__ = "hour_forecast"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"))
    hour_at: Mapped[datetime]
    made_at: Mapped[datetime]
    expected: Mapped[int]
    days: Mapped[int]
    actual: Mapped[int | None]

    __table_args__ = (UniqueConstraint("station_id", "hour_at"),)


class Habit(Base):
    """Where and when a rider usually charges, from their own history; told before it if wanted."""

    __tablename__ = "habit"

    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), primary_key=True)
    derived_at: Mapped[datetime]
    usual: Mapped[list[Any]]
    warn: Mapped[bool] = mapped_column(default=False)
    warned: Mapped[list[Any]] = mapped_column(default=list)  # when, newest last


class LaterStart(Base):
    """A start at a later hour: the price is pinned, the socket kept, the money not yet held.

    `state`: waiting → started | cancelled | failed.
    """

    __tablename__ = "later_start"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"))
    offer: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    created_at: Mapped[datetime]
    starts_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_later_start_rider_id", "rider_id", unique=True,
            sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "uq_later_start_evse_id", "evse_id", unique=True,
            sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'"),
        ),
    )  # fmt: skip


class PowerShare(Base):
    """What one running session may draw where its site has a cap.

    `limit_w` is what we want, `sent_w` what the pile was last told by command `command_id`,
    `taken_w` what it said yes to; until then it may draw as before.
    """

    __tablename__ = "power_share"

    session_id: Mapped[int] = mapped_column(ForeignKey("charging_session.id"), primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), index=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"))
    limit_w: Mapped[int]
    sent_w: Mapped[int | None]
    taken_w: Mapped[int | None]
    tries: Mapped[int] = mapped_column(default=0)
    command_id: Mapped[int | None] = mapped_column(BigId)
    refused: Mapped[bool] = mapped_column(default=False)  # the pile does not take limits
    told: Mapped[bool] = mapped_column(default=False)  # the rider knows that it is slower
    updated_at: Mapped[datetime]
