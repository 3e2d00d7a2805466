"""Bookings, the cells of time they occupy, what was changed in them, and rules by station."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Booking(Base):
    """One slot at one EVSE for one rider.

    `state` and `facts` are bot/domain/booking.py's: its pure `advance` is the only writer. The
    columns beside them are what other code asks for.
    """

    __tablename__ = "booking"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # the yes that called for it
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"))
    state: Mapped[str] = mapped_column(String(12), index=True)
    live: Mapped[bool] = mapped_column(default=True)  # PENDING or RESERVED
    facts: Mapped[dict[str, Any]]
    tariff: Mapped[dict[str, Any]]  # the price shown at the yes, honoured at the start
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"), index=True)
    forgiven: Mapped[bool] = mapped_column(default=False)  # counts for no ladder any more
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_booking_rider_id", "rider_id", "created_at"),
        Index("ix_booking_evse_id", "evse_id", "starts_at"),
        # A rider has one live booking.
        Index(
            "uq_booking_live_rider",
            "rider_id",
            unique=True,
            sqlite_where=text("live"),
            postgresql_where=text("live"),
        ),
    )


class BookingCell(Base):
    """Five minutes of an EVSE that are somebody's: the database itself lets no two have them."""

    __tablename__ = "booking_cell"

    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)


class BookingChange(Base):
    """What happened to a booking, when and by whom: written once, never changed."""

    __tablename__ = "booking_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)
    key: Mapped[str] = mapped_column(String(160))
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(16))  # booked, moved, canceled, no_show, arrived, …
    by: Mapped[str] = mapped_column(String(24))  # rider, staff:3, clock, payment, pile
    body: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("booking_id", "key"),)


class BookingRules(Base):
    """Where a station differs from its market: `body` holds fields of
    bot/domain/booking_rules.py's Rules."""

    __tablename__ = "booking_rules"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    body: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
