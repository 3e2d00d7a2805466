"""Figures kept by the hour: how stations were used, how long people were at the desk."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base


class StationHour(Base):
    """A station in one UTC hour, counted by bot/services/station_figures.py.

    `sockets_s` is what there was to use (sockets times seconds), `away_s` of it was out of
    contact, `occupied_s` of it was charging or plugged in. `sessions` and `energy_wh` count where
    a charge ended.
    """

    __tablename__ = "station_hour"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    sockets_s: Mapped[int]
    away_s: Mapped[int]
    occupied_s: Mapped[int]
    sessions: Mapped[int]
    energy_wh: Mapped[int]


class StaffHour(Base):
    """How many seconds of a UTC hour somebody was at the desk, ready to take conversations."""

    __tablename__ = "staff_hour"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    online_s: Mapped[int]
