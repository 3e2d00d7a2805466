"""Piles that are made ready in the console, and the test charges of their sockets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class PileSetup(Base):
    """A pile that was added in the console: out of service until somebody lets it go live."""

    __tablename__ = "pile_setup"

    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), primary_key=True)
    added_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    added_at: Mapped[datetime]
    live_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    live_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")  # why it went live with steps undone


class SocketTest(Base):
    """A charge without a rider and without a price, to see that a socket delivers energy.

    `state`: starting → running → stopping → passed | failed; starting may fail at once.
    """

    __tablename__ = "socket_test"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    command_id: Mapped[int | None] = mapped_column(BigId, index=True)  # the start order
    transaction_id: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12), default="starting")
    why: Mapped[str] = mapped_column(Text, default="")  # it failed
    start_wh: Mapped[int | None] = mapped_column(BigId)  # the meter's register
    energy_wh: Mapped[int] = mapped_column(default=0)
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    over_at: Mapped[datetime | None]
