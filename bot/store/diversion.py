"""Riders who were shown the way from a pile that does not work to ones that do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Diversion(Base):
    """One offer of alternatives to one rider; asked again soon, it is the same offer.

    `why` is what was wrong: "fault" and "outage" while they were to charge, else the availability
    that was told ("faulted", "not_confirmed", …). `stations` are the ids of the ways shown, nearest
    first; `taken_by`: "start" | "booking" | "later".
    """

    __tablename__ = "diversion"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"))
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(16))
    stations: Mapped[list[Any]]
    taken_at: Mapped[datetime | None]
    taken_by: Mapped[str] = mapped_column(String(8), default="")
    taken_evse_id: Mapped[int | None] = mapped_column(ForeignKey("evse.id"))

    __table_args__ = (
        Index("ix_diversion_rider_id", "rider_id", "at"),
        Index("ix_diversion_pile_id", "pile_id", "at"),
    )
